"""Passwords: which are taken, and how they are kept and checked (Argon2id, by pwdlib)."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from leadflow.errors import Unavailable, UsageError

if TYPE_CHECKING:
    from pwdlib.hashers.argon2 import Argon2Hasher

LENGTH_MIN = 12
LENGTH_MAX = 256
"""Characters; nobody makes this process hash a book."""
HASHINGS_MAX = 2
"""Hashes computed at once in one process: each takes 64 MiB for about a tenth of a second."""
HASHING_WAIT_S = 10.0

_COMMON = """
123456789012 1234567890123 12345678901234 123456123456 111111111111 000000000000 qwertyuiop12
qwertyuiop123 qwertyuiopasd 1qaz2wsx3edc 1q2w3e4r5t6y qwerty123456 123456qwerty passwordpassword
password1234 password12345 password123456 password123! administrator admin123456789 adminadminadmin
iloveyou1234 iloveyouiloveyou welcome12345 welcome123456 letmeinletmein changemechangeme
changeme1234 correcthorsebatterystaple leadflow1234 leadflow12345 leadflow123456 leadflowleadflow
woaini1314520 woaini520520 woaini123456 a123456789012 abcdefghijkl abcd12345678 abc123456789
asdfghjkl123 qazwsxedcrfv zxcvbnm12345 asdfasdfasdf abcabcabcabc q1w2e3r4t5y6 123qwe123qwe
5201314520131
"""
COMMON = frozenset(_COMMON.split())
"""The commonest of twelve characters and more, as lists of leaked passwords have them; in small letters."""


class Passwords:
    """Hashes and checks passwords, a few at a time."""

    def __init__(self, hasher: Argon2Hasher | None = None) -> None:
        # The command line knows of accounts at every start, and seldom hashes a password.
        from pwdlib import PasswordHash
        from pwdlib.hashers.argon2 import Argon2Hasher

        self._hash = PasswordHash((hasher or Argon2Hasher(),))
        self._room = threading.BoundedSemaphore(HASHINGS_MAX)
        self._nobodys: str | None = None

    def hashed(self, password: str) -> str:
        """What is kept of a password. Raises Unavailable where too many are being hashed."""
        with self._turn():
            return self._hash.hash(_normal(password))

    def check(self, password: str, kept: str | None) -> tuple[bool, str | None]:
        """Whether it is the password, and what to keep instead, where parameters have changed since.

        Without a kept hash it takes as long, and is never right. Raises Unavailable as `hashed` does.
        """
        if len(password) > LENGTH_MAX:
            password = ""
        with self._turn():
            if kept is None:
                self._hash.verify(_normal(password), self._dummy())
                return False, None
            return self._hash.verify_and_update(_normal(password), kept)

    def _dummy(self) -> str:
        if self._nobodys is None:
            self._nobodys = self._hash.hash("nobody has this password")
        return self._nobodys

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._room.acquire(timeout=HASHING_WAIT_S):
            raise Unavailable("too many people are signing in at once", do="Try again in a few seconds.")
        try:
            yield
        finally:
            self._room.release()


def refuse_weak(password: str, name: str) -> None:
    """Raise UsageError for a password that is too short, too long, the name, or among the commonest."""
    what, length = None, len(_normal(password))
    known = _normal(password).casefold()
    if length < LENGTH_MIN:
        what = f"the password is too short: it needs at least {LENGTH_MIN} characters"
    elif length > LENGTH_MAX:
        what = f"the password is too long: it may have at most {LENGTH_MAX} characters"
    elif known == name.casefold() or known.replace(name.casefold(), "") == "":
        what = "the password is the name"
    elif known in COMMON or len(set(known)) < 4:
        what = "the password is one that everybody tries first"
    if what is not None:
        raise UsageError(what, do="Take several words that have nothing to do with each other.")


def _normal(password: str) -> str:
    # The same characters typed on two keyboards may come composed or decomposed (NIST SP 800-63B, 5.1.1.2).
    return unicodedata.normalize("NFKC", password)

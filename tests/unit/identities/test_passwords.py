"""Which passwords are taken, and how they are checked."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from leadflow.errors import Unavailable, UsageError
from leadflow.identities import passwords
from leadflow.identities.passwords import COMMON, Passwords, refuse_weak
from tests.people import OTHER, PASSWORD, WEAK


def test_a_password_is_kept_hashed_by_argon2id_and_checked() -> None:
    kept = Passwords().hashed(PASSWORD)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,")
    assert PASSWORD not in kept
    assert Passwords().check(PASSWORD, kept) == (True, None)
    assert Passwords().check(OTHER, kept) == (False, None)


def test_a_hash_with_other_parameters_is_renewed() -> None:
    old = Passwords(WEAK).hashed(PASSWORD)
    right, renewed = Passwords(Argon2Hasher(time_cost=2, memory_cost=16, parallelism=1)).check(PASSWORD, old)
    assert right
    assert renewed is not None
    assert "m=16,t=2,p=1" in renewed
    assert Passwords(WEAK).check(OTHER, old) == (False, None)


def test_composed_and_decomposed_letters_are_the_same() -> None:
    kept = Passwords(WEAK).hashed("Ünter den Linden 5")
    assert Passwords(WEAK).check("U\u0308nter den Linden 5", kept)[0]


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("elf letters", "too short"),
        ("", "too short"),
        ("x" * 257, "too long"),
        ("Wang.Xiaoming", "is the name"),
        ("wang.xiaomingWANG.XIAOMING", "is the name"),
        ("QWERTYUIOP123", "everybody"),
        ("aaaaaaaaaaaaa", "everybody"),
        ("121212121212", "everybody"),
    ],
)
def test_weak_passwords_are_refused_without_being_repeated(password: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as told:
        refuse_weak(password, "wang.xiaoming")
    assert password == "" or password not in str(told.value)


def test_a_good_password_is_taken_and_every_common_one_is_long_enough_to_matter() -> None:
    refuse_weak(PASSWORD, "wang")
    refuse_weak("张三的猫不喜欢下雨天气呀", "wang")
    assert all(len(word) >= passwords.LENGTH_MIN and word == word.lower() for word in COMMON)


class Counted:
    """A hasher that counts what it does."""

    def __init__(self) -> None:
        self.verified = 0

    def hash(self, password: Any, *, salt: Any = None) -> str:
        return WEAK.hash(password, salt=salt)

    def verify(self, password: Any, kept: Any) -> bool:
        self.verified += 1
        return WEAK.verify(password, kept)

    def identify(self, kept: Any) -> bool:
        return True

    def check_needs_rehash(self, kept: Any) -> bool:
        return False


def test_checking_without_a_kept_hash_does_the_same_work_and_is_never_right() -> None:
    counted = Counted()
    checked = Passwords(counted)  # type: ignore[arg-type]
    assert checked.check("nobody has this password", None) == (False, None)
    assert checked.check(OTHER, None) == (False, None)
    assert checked.check(PASSWORD, WEAK.hash(PASSWORD)) == (True, None)
    assert counted.verified == 3


def test_few_passwords_are_hashed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most, guard, full = [0], [0], threading.Lock(), threading.Event()

    class Slow(Counted):
        def verify(self, password: Any, kept: Any) -> bool:
            with guard:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                if inside[0] == passwords.HASHINGS_MAX:
                    full.set()
            # As many as may be are in here at once; whoever comes beside them is seen.
            assert full.wait(120)
            time.sleep(0.02)
            with guard:
                inside[0] -= 1
            return False

    checked = Passwords(Slow())  # type: ignore[arg-type]
    threads = [threading.Thread(target=checked.check, args=(OTHER, "$kept")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == passwords.HASHINGS_MAX
    monkeypatch.setattr(passwords, "HASHING_WAIT_S", 0.01)
    for _ in range(passwords.HASHINGS_MAX):
        checked._room.acquire()
    with pytest.raises(Unavailable):
        checked.check(OTHER, "$kept")

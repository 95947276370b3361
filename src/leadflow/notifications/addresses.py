"""Where notifications may go: the form of an address. Which machines: `leadflow.network`."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from leadflow.errors import UsageError
from leadflow.network import why_not

URL_MAX = 2_000
_VISIBLE = re.compile(r"[\x21-\x7e]+")
ALLOW = "LEADFLOW_NOTIFY_PRIVATE=allow lets webhooks go there."


class Target(NamedTuple):
    """A webhook's address in its parts."""

    secure: bool
    host: str
    port: int
    path: str
    """With the query."""


def target_of(url: str, *, private: bool) -> Target:
    """The parts of a webhook's URL. `private` permits plain http and addresses inside the network.

    Raises UsageError for what is no URL or may not be connected to, without repeating the URL: it may hold a
    secret.
    """
    if len(url) > URL_MAX or not _VISIBLE.fullmatch(url):
        what = f"a webhook's URL has at most {URL_MAX} visible ASCII characters"
        raise UsageError(what, do="Write other characters as %XX, and a host's name in its xn-- form.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError("this is no URL of a webhook", do="Write https://host/path.") from error
    if parts.scheme not in ("https", "http") or not parts.hostname or port == 0:
        raise UsageError("this is no URL of a webhook", do="Write https://host/path.")
    if "@" in parts.netloc or parts.fragment:
        raise UsageError("a webhook's URL has neither a user nor a #fragment", do="Write https://host/path.")
    secure = parts.scheme == "https"
    if not secure and not private:
        raise UsageError("a webhook needs https", do=f"Over plain http anybody could read it. {ALLOW}")
    if not private and (why := why_not(parts.hostname)) is not None:
        raise UsageError(f"a webhook may not go to {parts.hostname}: {why}", do=ALLOW)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(secure, parts.hostname, port or (443 if secure else 80), path)


def mail_address(text: str) -> str:
    """An e-mail address, checked by its syntax. Raises UsageError."""
    # It takes a moment to import, and most commands know no address.
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise UsageError(f"this is no e-mail address: {error}") from error
    return found.normalized


def shown(way: str, address: str) -> str:
    """An address for lists, messages and log lines: of a URL the host alone, its path may be a secret."""
    if way != "webhook":
        return address
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}/…"

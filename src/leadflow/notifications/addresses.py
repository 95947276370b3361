"""Where notifications may go: the form of an address, and which machines a webhook may connect to.

Whoever subscribes chooses an address, and this process connects to it from inside the company's network. So
the address that is connected to is looked at, not only the name: a name may mean another one by then.
https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import NamedTuple
from urllib.parse import urlsplit

from leadflow.errors import UsageError

URL_MAX = 2_000
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
ALLOW = "LEADFLOW_NOTIFY_PRIVATE=allow lets webhooks go there."


class Refused(Exception):
    """None of a receiver's addresses may be connected to; the text says why, for people."""


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


def why_not(address: str) -> str | None:
    """Why an IP address may not be connected to; None for a public one, and for a name."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    inner = _inside(found)
    if inner.is_loopback or inner.is_unspecified:
        return "that is this machine itself"
    if inner.is_link_local:
        return "that address is link-local"
    if inner.is_multicast or not inner.is_global:
        return "that address is not a public one"
    return None


def _inside(
    found: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 one stands for, where it stands for one."""
    if isinstance(found, ipaddress.IPv4Address):
        return found
    if found in _NAT64:
        return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1] or found


def connect(host: str, port: int, timeout_s: float, *, private: bool) -> socket.socket:
    """A connection to the first of the host's addresses that may be connected to and answers.

    Raises Refused if none may be, OSError if none answers.
    """
    problem: OSError | None = None
    refused = ""
    for kind, _, number, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        address = str(place[0])
        if not private and (why := why_not(address)) is not None:
            refused = f"{host} is {address}: {why}"
            continue
        link = socket.socket(kind, socket.SOCK_STREAM, number)
        try:
            link.settimeout(timeout_s)
            link.connect(place)
            return link
        except OSError as error:
            link.close()
            problem = error
    if problem is None:
        raise Refused(refused or f"{host} has no address")
    raise problem

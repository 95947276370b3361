"""Which machines may be connected to where somebody else chose the address: webhooks, vendors' services.

Whoever subscribes or sets up an inlet chooses an address, and this process connects to it from inside the
company's network. So the address that is connected to is looked at, not only the name: a name may mean
another one by then.
https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_TUNNELS = (ipaddress.ip_network("2002::/16"), ipaddress.ip_network("2001::/32"))
"""6to4 and Teredo lead to whatever IPv4 address they name, by relays that nobody runs any more; versions of
Python differ in whether these are public. https://www.rfc-editor.org/rfc/rfc7526"""


class Refused(Exception):
    """None of a receiver's addresses may be connected to; the text says why, for people."""


class Place(NamedTuple):
    """One address of a host, as sockets take it."""

    family: int
    protocol: int
    address: Any


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
    if inner.is_multicast or not inner.is_global or any(inner in net for net in _TUNNELS):
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
    return found.ipv4_mapped or found


def places(host: str, port: int, *, private: bool) -> Iterator[Place]:
    """The host's addresses that may be connected to, in their order; looked up at this moment.

    Raises Refused at the end if there was none, OSError for a name that is not known.
    """
    refused, any_ = "", False
    for family, _, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        found = str(address[0])
        if not private and (why := why_not(found)) is not None:
            refused = f"{host} is {found}: {why}"
            continue
        any_ = True
        yield Place(family, protocol, address)
    if not any_:
        raise Refused(refused or f"{host} has no address")


def connect(host: str, port: int, timeout_s: float, *, private: bool) -> socket.socket:
    """A connection to the first of the host's addresses that may be connected to and answers.

    Raises Refused if none may be, OSError if none answers.
    """
    problem: OSError | None = None
    for place in places(host, port, private=private):
        link = socket.socket(place.family, socket.SOCK_STREAM, place.protocol)
        try:
            link.settimeout(timeout_s)
            link.connect(place.address)
            return link
        except OSError as error:
            link.close()
            problem = error
    # Whoever has an address that may be connected to ends here with what was wrong about the last.
    assert problem is not None
    raise problem

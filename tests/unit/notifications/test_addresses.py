"""Where webhooks may go: no address inside the network, however it is written or looked up."""

from __future__ import annotations

import socket
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadflow.errors import UsageError
from leadflow.network import Refused, connect, why_not
from leadflow.notifications.addresses import mail_address, shown, target_of
from leadflow.notifications.subscriptions import new_secret
from leadflow.notifications.webhooks import Webhooks
from tests.receivers import Receiver

INSIDE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.8.9.10",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2002:808:808::1",
    "2001:0:808:808::1",
]


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_are_refused(address: str) -> None:
    assert why_not(address)
    if "%" not in address:
        host = f"[{address}]" if ":" in address else address
        with pytest.raises(UsageError, match="may not go to"):
            target_of(f"https://{host}/hook", private=False)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_not(address: str) -> None:
    assert why_not(address) is None


def resolving(monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
    """Every name means these addresses."""

    def look_up(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_a_public_name_that_means_an_address_inside_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The name was looked at when it was subscribed; by now it means this machine, where somebody listens."""
    receiver = Receiver()
    try:
        resolving(monkeypatch, "127.0.0.1", "::ffff:127.0.0.1", "10.0.0.1")
        target = target_of(f"https://hooks.example.com:{receiver.port}/", private=False)
        with pytest.raises(Refused, match=r"hooks\.example\.com is 10\.0\.0\.1"):
            connect(target.host, target.port, 1, private=False)
        url = f"https://hooks.example.com:{receiver.port}/"
        answer = Webhooks().send(url, [new_secret()], "east/1/x", "{}", datetime.now(UTC))
        assert answer.outcome == "hopeless"
        assert "LEADFLOW_NOTIFY_PRIVATE=allow" in (answer.problem or "")
        assert receiver.received == []
        connect(target.host, receiver.port, 1, private=True).close()
    finally:
        receiver.close()


def test_of_several_addresses_only_public_ones_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, "127.0.0.1", "8.8.8.8")
    tried: list[Any] = []

    class Socket:
        def __init__(self, *_: Any) -> None:
            pass

        def settimeout(self, seconds: float) -> None:
            pass

        def connect(self, place: Any) -> None:
            tried.append(place)

    monkeypatch.setattr(socket, "socket", Socket)
    connect("hooks.example.com", 443, 1, private=False)
    assert tried == [("8.8.8.8", 443)]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "https://host:0/",
        "https://host:99999/",
        "https://[::1/",
        "//host/x",
        "https://h/\r\nX: y",
        "https://h/" + "a" * 2_000,
        "javascript:alert(1)",
        "https://a@h/",
        "https://h/#f",
    ],
)
def test_what_is_no_url(url: str) -> None:
    for private in (False, True):
        with pytest.raises(UsageError):
            target_of(url, private=private)


def test_the_parts_of_a_url() -> None:
    assert target_of("https://h.example/a?b=c", private=False) == (True, "h.example", 443, "/a?b=c")
    assert target_of("http://h.example:81", private=True) == (False, "h.example", 81, "/")


def test_what_may_be_a_secret_is_not_shown() -> None:
    assert shown("webhook", "https://hooks.example.com/T0/very-secret?key=x") == "https://hooks.example.com/…"
    assert shown("email", "wang@example.com") == "wang@example.com"


@pytest.mark.parametrize(
    "text", ["wang", "wang@", "a@b\r\nBcc: c@d.com", "wang@example.com, li@example.com", ""]
)
def test_what_is_no_e_mail_address(text: str) -> None:
    with pytest.raises(UsageError):
        mail_address(text)
    assert mail_address("Wang@Example.com") == "Wang@example.com"


PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            ["https://", "http://", "[", "]", "::", "@", ":", "%", "/", "?", "#", ".", "xn--", "0x7f"]
        ),
        st.text(max_size=5),
        st.ip_addresses().map(str),
    ),
    max_size=8,
).map("".join)


@given(PIECES, st.booleans())
def test_whatever_is_written_is_an_address_or_a_clear_no(text: str, private: bool) -> None:
    for read in (lambda: target_of(text, private=private), lambda: mail_address(text)):
        with suppress(UsageError):
            read()
    if not private:
        with suppress(UsageError):
            target = target_of(f"https://{text}", private=False)
            assert target.secure
            assert why_not(target.host) is None


@given(st.ip_addresses())
def test_no_address_that_is_not_global_may_be_connected_to(address: IPv4Address | IPv6Address) -> None:
    if not address.is_global:
        assert why_not(str(address))


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.1", "017700000001"])
def test_other_ways_to_write_this_machine_are_found_when_connecting(host: str) -> None:
    with pytest.raises(Refused, match="this machine itself"):
        connect(host, 9, 1, private=False)

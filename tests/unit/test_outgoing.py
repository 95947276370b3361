"""Vendors' services are asked at public addresses alone, unless the operator says otherwise."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from leadflow.errors import Unavailable, UsageError
from leadflow.incoming.outgoing import Out, why_not_asked
from leadflow.incoming.vendors import Vendors, check_asked
from leadflow.intake.channels.base import Inlet
from leadflow.intake.channels.meta import MetaOptions
from leadflow.network import Refused
from tests.vendors import TOKEN, Vendor, vendors


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "NO_PROXY",
        "no_proxy",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with vendors() as played:
        played.leads = {"1": {"id": "1", "field_data": []}}
        yield played


def inlet(address: str) -> Inlet:
    return Inlet("fb", "meta", "meta_ads", credentials={"access_token": TOKEN}, options=options(address))


def options(address: str) -> MetaOptions:
    return MetaOptions(graph_url=address)


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1/graph",
        "https://10.1.2.3:8443/graph",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/graph",
        "https://[::ffff:10.0.0.1]/graph",
        "http://graph.example.com/v1",
    ],
)
def test_an_address_inside_or_without_tls_is_refused_when_it_is_set_and_when_it_is_asked(
    address: str,
) -> None:
    with pytest.raises(UsageError, match="graph_url may not be asked") as refused:
        check_asked(options(address))
    assert "LEADFLOW_VENDOR_PRIVATE=allow" in (refused.value.do or "")
    with Vendors() as asking, pytest.raises(UsageError, match="the Graph API may not be asked"):
        asking.fields(inlet(address), "1")


def test_the_vendors_own_addresses_may_be_asked() -> None:
    check_asked(MetaOptions())
    assert why_not_asked("https://api.baidu.com/json/sms/service") is None


def test_a_name_that_means_an_address_inside_by_now_is_not_connected_to(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was a public one when the inlet was opened; somebody listens on this machine."""
    port = int(vendor.address.rpartition(":")[2])

    def look_up(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    address = f"https://graph.example.com:{port}/graph"
    check_asked(options(address))
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    out = Out(private=False)
    with pytest.raises(Refused, match=r"graph\.example\.com is 127\.0\.0\.1: that is this machine itself"):
        out.ask("GET", address)
    out.close()
    with Vendors() as asking, pytest.raises(UsageError, match="may not be asked"):
        asking.fields(inlet(address), "1")
    assert vendor.asked == []


def test_a_public_address_that_does_not_answer_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard connects to what was looked up, by its number: nothing is looked up a second time."""
    asked: list[Any] = []

    def look_up(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in ("10.0.0.1", "8.8.8.8")]

    def connecting(address: Any, *_: Any, **__: Any) -> socket.socket:
        asked.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket, "create_connection", connecting)
    with Vendors() as asking, pytest.raises(Unavailable, match="cannot be reached"):
        asking.fields(inlet("https://graph.example.com/v1"), "1")
    assert asked == [("8.8.8.8", 443)]


def test_the_operator_may_allow_it_and_redirects_are_never_followed(vendor: Vendor) -> None:
    with Vendors(private=True) as asking:
        assert asking.fields(inlet(f"{vendor.address}/graph"), "1") == {"id": "1", "field_data": []}
    out = Out(private=True)
    vendor.redirects = "http://127.0.0.1:9/elsewhere"
    assert out.ask("GET", f"{vendor.address}/graph/1")[0] == 302
    out.close()


def test_a_proxy_of_the_environment_connects_except_where_there_is_none_for_a_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            link, _ = server.accept()
            with link:
                asked.append(link.recv(4096).split(b"\r\n")[0])
                link.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        proxy = threading.Thread(target=refuse, daemon=True)
        proxy.start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "inside.example.com")
        out = Out(private=False)
        with pytest.raises(httpx.ProxyError):
            out.ask("GET", "https://graph.example.com/v1")
        proxy.join()
    assert asked == [b"CONNECT graph.example.com:443 HTTP/1.1"]

    def look_up(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    for address in ("https://inside.example.com/v1", "https://10.0.0.1/v1"):
        with pytest.raises(Refused):
            out.ask("GET", address)
    out.close()

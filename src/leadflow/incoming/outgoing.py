"""Asking services over HTTP whose addresses somebody set up: only machines that may be connected to.

The address is looked at when it is connected to. Where the environment names a proxy for it (`HTTPS_PROXY`,
`NO_PROXY`), the proxy connects, and what it permits holds.
"""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from leadflow.network import Refused, places, why_not

TIMEOUT_S = 10.0
"""For a connection, and between two pieces of an answer."""
WHOLE_S = 60.0
"""For a whole answer."""
ANSWER_BYTES_MAX = 32 * 1024 * 1024
ALLOW = "LEADFLOW_VENDOR_PRIVATE=allow lets it."


class TooMuch(Exception):
    """An answer that is longer, or takes longer, than any of these services needs."""


class Out:
    """Clients for machines that may be connected to. Safe to use from several threads."""

    def __init__(self, *, private: bool) -> None:
        """`private` permits plain http and addresses inside the network."""
        self._private = private
        if private:
            self._direct = httpx.Client(timeout=TIMEOUT_S, follow_redirects=False)
        else:
            self._direct = httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, transport=_guarded())
        proxy = urllib.request.getproxies().get("https")
        self._proxy = None
        if proxy is not None and not private:
            self._proxy = httpx.Client(
                timeout=TIMEOUT_S, follow_redirects=False, proxy=proxy, trust_env=False
            )

    def close(self) -> None:
        """Close the connections."""
        for client in (self._direct, self._proxy):
            if client is not None:
                client.close()

    def ask(self, method: str, address: str, **more: Any) -> tuple[int, bytes]:
        """Status and body of the answer; redirects are not followed.

        Raises Refused for a machine that may not be connected to, TooMuch, httpx.HTTPError, httpx.InvalidURL.
        """
        client = self._direct
        if not self._private:
            if (why := why_not_asked(address)) is not None:
                raise Refused(why)
            if self._proxy is not None and not urllib.request.proxy_bypass(httpx.URL(address).host):
                client = self._proxy
        ends = time.monotonic() + WHOLE_S
        body = bytearray()
        with client.stream(method, address, **more) as answer:
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > ANSWER_BYTES_MAX or time.monotonic() > ends:
                    raise TooMuch
        return answer.status_code, bytes(body)


def why_not_asked(address: str) -> str | None:
    """Why a service at this address may not be asked; None for one that may, as far as its name says."""
    url = httpx.URL(address)
    if url.scheme != "https":
        return "what is asked there holds secrets, and over plain http anybody could read them"
    why = why_not(url.host)
    return None if why is None else f"{url.host}: {why}"


class _Backend(httpcore.SyncBackend):
    """Connects where it may be connected to."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address that may be connected to and answers."""
        problem: Exception | None = None
        try:
            for place in places(host, port, private=False):
                try:
                    return super().connect_tcp(
                        str(place.address[0]), port, timeout, local_address, socket_options
                    )
                except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                    problem = error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        assert problem is not None
        raise problem


def _guarded() -> httpx.HTTPTransport:
    """A transport of httpx whose connections are looked at."""
    transport = httpx.HTTPTransport()
    # httpx has no public way to say how to connect; where it keeps its pool otherwise one day, this raises.
    transport._pool.close()
    transport._pool = httpcore.ConnectionPool(
        ssl_context=httpx.create_ssl_context(), network_backend=_Backend()
    )
    return transport

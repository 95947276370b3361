"""Connections of Kafka's client that leave nothing behind when they fail, and say why they did."""

from __future__ import annotations

import selectors
import socket
import traceback
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from kafka.net import KafkaNetClient, KafkaNetSocket
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector


def told(error: BaseException) -> str:
    """An error with its name, which the client's own have in their words already."""
    name, words = type(error).__name__, str(error)
    return words if name in words else f"{name}: {words}"


class Sockets(KafkaNetSocket):  # type: ignore[misc]
    """Sockets that are closed when they do not connect; the client leaves them to Python's garbage.

    It finds its kinds of sockets by the scheme of a proxy's address; this one needs no proxy.
    """

    SCHEMES = ("leadflow",)

    async def sock_connect(
        self, net: Any, sock: socket.socket, sockaddr: Any, timeout_at: float | None = None
    ) -> socket.socket:
        try:
            connected: socket.socket = await super().sock_connect(net, sock, sockaddr, timeout_at=timeout_at)
        except BaseException:
            with suppress(KeyError, ValueError):
                net.unregister_event(sock, selectors.EVENT_READ | selectors.EVENT_WRITE)
            sock.close()
            raise
        return connected


class Connections(KafkaConnectionManager):  # type: ignore[misc]
    """The client's own connections, told of each one that fails (kafka-python 3.0).

    The client leaves the socket of such a one in a circle of the error and its frames, until Python looks for
    garbage. A quiet process hardly does, and a decider never does for what was frozen: while brokers were
    away, each process kept one more socket each second, until it was allowed no more of them.
    """

    why = ""
    """Why the last connection that failed did so."""

    async def _connect(self, node: Any, conn: Any, **options: Any) -> None:
        conn.init_future.add_errback(self._failed)
        await super()._connect(node, conn, **options)

    def _failed(self, error: BaseException) -> None:
        self.why = told(error)
        for one in _chain(error):
            # The sockets go with the variables that held them. What still runs keeps its own.
            traceback.clear_frames(one.__traceback__)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those while handling which it was raised."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


class Client(KafkaNetClient):  # type: ignore[misc]
    """What producers, consumers and admin clients talk through."""

    def __init__(self, **configs: Any) -> None:
        net = NetworkSelector(**configs)
        proxy = configs.get("proxy_url") or f"{Sockets.SCHEMES[0]}:"
        self.connections = Connections(net, **{**configs, "proxy_url": proxy})
        super().__init__(net, self.connections)

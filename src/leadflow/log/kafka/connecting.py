"""Connections of Kafka's client that leave nothing behind when they fail, and say why they did."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any

from kafka.net import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector


def told(error: BaseException) -> str:
    """An error with its name, which the client's own have in their words already."""
    name, words = type(error).__name__, str(error)
    return words if name in words else f"{name}: {words}"


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
        self.connections = Connections(net, **configs)
        super().__init__(net, self.connections)

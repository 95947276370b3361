"""A TCP proxy that brokers can be told to be reached through, and that cuts connections where it hurts."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from typing import Literal

from local_kafka import HOST

END_TXN = 26
"""https://kafka.apache.org/protocol#The_Messages_EndTxn"""
ANSWERED_S = 1.0
Cut = Literal["request", "answer"]


class Proxy:
    """Passes everything on, but for the ends of transactions that are to be cut."""

    def __init__(self, port: int, to_port: int) -> None:
        self.port = port
        self.cuts: list[Cut] = []
        """What is to be lost next: the request to end a transaction, or its answer."""
        self.done: list[Cut] = []
        self._to_port = to_port
        self._over = False
        self._server = socket.create_server((HOST, port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while not self._over:
            with contextlib.suppress(OSError):
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            broker = socket.create_connection((HOST, self._to_port))
        except OSError:
            client.close()
            return
        for one in (client, broker):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lost = threading.Event()
        threading.Thread(target=self._back, args=(broker, client, lost), daemon=True).start()
        with contextlib.suppress(OSError), client, broker:
            while frame := _frame(client):
                cut = self._cut_of(frame)
                if cut == "request":
                    break
                if cut == "answer":
                    lost.set()
                broker.sendall(frame)
                if cut == "answer":
                    # The broker gets it; whoever sent it will not hear of that.
                    client.shutdown(socket.SHUT_RDWR)
                    time.sleep(ANSWERED_S)
                    break

    def _cut_of(self, frame: bytes) -> Cut | None:
        (key,) = struct.unpack(">h", frame[4:6])
        if key != END_TXN or not self.cuts:
            return None
        self.done.append(self.cuts.pop(0))
        return self.done[-1]

    @staticmethod
    def _back(broker: socket.socket, client: socket.socket, lost: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while (data := broker.recv(65_536)) and not lost.is_set():
                client.sendall(data)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._over = True
        self._server.close()


def _frame(source: socket.socket) -> bytes:
    """One whole request, with its length; nothing at the end."""
    head = _exactly(source, 4)
    return head + _exactly(source, struct.unpack(">i", head)[0]) if len(head) == 4 else b""


def _exactly(source: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size and (part := source.recv(size - len(found))):
        found += part
    return found

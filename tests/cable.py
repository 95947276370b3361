"""A cable to a server that can be pulled out: what a test's browser is connected by."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any


class Cable:
    """Listens on a port of its own, and hands on what comes to another, until it is cut."""

    def __init__(self, to: tuple[str, int]) -> None:
        self._to = to
        self._place = ("127.0.0.1", 0)
        self._guard = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listening: socket.socket | None = None
        self.deaf = False
        """What is asked arrives, and no answer comes back."""
        self.mend()

    @property
    def address(self) -> str:
        """Where to connect to."""
        return f"http://{self._place[0]}:{self._place[1]}"

    def mend(self) -> None:
        """Be whole (again), at the same place."""
        found = socket.create_server(self._place, reuse_port=False)
        self._place = found.getsockname()
        self._listening = found
        threading.Thread(target=self._accept, args=(found,), daemon=True).start()

    def cut(self) -> None:
        """Nobody gets through, and who was through is thrown out."""
        assert self._listening is not None
        # Closing alone would leave the thread that accepts waiting.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._guard:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Cable:
        return self

    def __exit__(self, *_: Any) -> None:
        self.cut()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                here, _ = listening.accept()
                there = socket.create_connection(self._to)
            except OSError:
                return
            with self._guard:
                self._open |= {here, there}
            for source, target, answers in ((here, there, False), (there, here, True)):
                threading.Thread(target=self._pump, args=(source, target, answers), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if answers and self.deaf:
                    break
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            with self._guard:
                self._open.discard(one)
            one.close()

"""Readers of server-sent events, each in a thread of its own."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from tests.doors import Door

WAIT_S = 180
EVENTS = "/v1/pools/east/events"


class Message(dict[str, str]):
    """An event of a stream: id, event, data."""

    @property
    def fact(self) -> Any:
        return json.loads(self["data"])


def messages(lines: Iterator[str]) -> Iterator[Message]:
    """Events as a browser reads them."""
    found = Message()
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            found[name or "comment"] = value.removeprefix(" ")
            continue
        yield found
        found = Message()


class Listener:
    """A reader in a thread of its own."""

    def __init__(self, door: Door, actor: str, **headers: str) -> None:
        self.found: queue.Queue[Message | None] = queue.Queue()
        self.last = ""
        self._token = door.token(actor)
        self._address = door.address
        self._headers = {"Authorization": f"Bearer {self._token}", **headers}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        # The first one says where the stream begins.
        self.next()

    def _run(self) -> None:
        with httpx.stream("GET", self._address + EVENTS, headers=self._headers, timeout=WAIT_S) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            for message in messages(answer.iter_lines()):
                self.found.put(message)
        self.found.put(None)

    def next(self) -> Message | None:
        found = self.found.get(timeout=WAIT_S)
        if found is not None:
            self.last = found.get("id", self.last)
        return found

    def until(self, enough: Callable[[Message], bool]) -> list[Message]:
        """Events with data up to the one that is meant."""
        seen = []
        while (found := self.next()) is not None:
            if "data" in found:
                seen.append(found)
                if enough(found):
                    return seen
        raise AssertionError(f"the stream ended after {seen}")


def types(found: list[Message]) -> list[str]:
    return [one["event"].removeprefix("leadflow.").removesuffix(".v1") for one in found]


def is_fact(name: str) -> Callable[[Message], bool]:
    return lambda found: found["event"] == name

"""The requests of a partition's two topics in one order: by append time; of equals, arrivals come first."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from leadflow.domain.requests import Request


class Arrived(NamedTuple):
    """A record of a request topic, read."""

    timestamp: int
    """When the log received it, in milliseconds since 1970."""
    record: Any
    request: Request | Exception
    """What it asks for, or why it cannot be read: a UsageError, or a bug that reading it met."""


def read_by(read: Callable[[Any], Request], record: Any) -> Request | Exception:
    """The request of a record, or what reading it raises: that counts once it is the record's turn."""
    try:
        return read(record)
    except Exception as problem:
        return problem


def in_order(
    waiting: Mapping[str, deque[Arrived]], at_end: Mapping[str, bool]
) -> Iterator[tuple[str, Arrived]]:
    """Take what waits, each with its topic, as long as it is known which is next.

    `waiting` holds what came of each topic, arrivals first; `at_end` says which topics have been read to
    their ends.
    """
    while (topic := _next_topic(waiting, at_end)) is not None:
        requests = waiting[topic]
        others = [each[0].timestamp for other, each in waiting.items() if each and other != topic]
        before = min(others, default=None)
        yield topic, requests.popleft()
        # What came before all that waits of another topic: of each, the question has the same answer.
        while requests and (before is None or requests[0].timestamp < before):
            yield topic, requests.popleft()


def _next_topic(waiting: Mapping[str, deque[Arrived]], at_end: Mapping[str, bool]) -> str | None:
    """The topic whose request is next; None if that is not known before more has been read."""
    first, found = 0, None
    for topic, requests in waiting.items():
        if requests and (found is None or requests[0].timestamp < first):
            first, found = requests[0].timestamp, topic
        elif not requests and not at_end[topic]:
            return None
    return found

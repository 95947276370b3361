"""Batches of requests one after the other, the next one read while the one before is being written."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from leadflow.domain.requests import Request
from leadflow.outcome import Outcome

Meanwhile = Callable[[], None]
GC_THRESHOLD = (200_000, 100, 100)
"""As deciders have it."""


def read_ahead(
    batches: Iterable[Sequence[Request]],
    submit: Callable[[Sequence[Request], Meanwhile], list[Outcome]],
) -> Iterator[list[Outcome]]:
    """The outcomes of each batch, in order. `submit` calls what it is given when it is about to wait.

    Then the next batch is read beside, in a thread of its own. What reading raises comes after the outcomes
    of all batches before; what `submit` raises is raised at once.
    """
    following = _Following(batches)
    try:
        while (requests := following.take()) is not None:
            yield submit(requests, following.begin)
    finally:
        following.close()


class _Following:
    """The batch after the present one."""

    def __init__(self, batches: Iterable[Sequence[Request]]) -> None:
        self._batches = iter(batches)
        self._beside = ThreadPoolExecutor(1, "leadflow-reading")
        self._reading: Future[Sequence[Request] | None] | None = None

    def begin(self) -> None:
        """Begin to read it, unless that has begun."""
        if self._reading is None:
            self._reading = self._beside.submit(next, self._batches, None)

    def take(self) -> Sequence[Request] | None:
        """The batch once it is read; None after the last one. Raises what reading it raised."""
        self.begin()
        assert self._reading is not None
        requests = self._reading.result()
        self._reading = None
        return requests

    def close(self) -> None:
        """Wait for what is being read."""
        self._beside.shutdown()


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Many objects come to stay, in no circles: with Python's own settings, a seventh of an import's time
    goes into looking through them for garbage."""
    usual = gc.get_threshold()
    gc.set_threshold(*GC_THRESHOLD)
    try:
        yield
    finally:
        gc.set_threshold(*usual)

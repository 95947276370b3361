"""What many ask for at once and what changes seldom: looked up now and then, and never by all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from leadflow.errors import Unavailable

K = TypeVar("K")
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """What was looked up a moment ago. Safe to use from several threads.

    One who asks looks up, whoever else wants the same meanwhile waits for that. What is asked for in the
    second half of its time is looked up anew beside, so that nobody waits as long as it is in use.
    """

    def __init__(self, lasts_s: float, size_max: int = 10_000) -> None:
        """What was looked up is believed for `lasts_s`, counted from when it was asked for."""
        self._lasts_s = lasts_s
        self._size_max = size_max
        self._kept: dict[K, tuple[float, V]] = {}
        self._looking: dict[K, Future[V]] = {}
        self._guard = threading.Lock()
        self._beside = ThreadPoolExecutor(1, "leadflow-look")

    def known(self, key: K, look: Callable[[], V]) -> V | None:
        """What is known; waits for nobody."""
        kept = self._valid(key)
        if kept is None:
            return None
        if kept[0] - time.monotonic() < self._lasts_s / 2 and key not in self._looking:
            mine, other = self._begin(key)
            if other is None:
                self._beside.submit(self._look, key, look, mine)
        return kept[1]

    def get(self, key: K, look: Callable[[], V], *, fresh: bool = False) -> V:
        """What is known; if nothing is, or it has to be `fresh`, what `look` gives. Raises what it raises."""
        if not fresh and (known := self.known(key, look)) is not None:
            return known
        mine, other = self._begin(key, alone=fresh)
        if other is not None:
            return other.result()
        # Whoever looked may have ended since it was asked what is known.
        kept = None if fresh else self._valid(key)
        if kept is None:
            self._look(key, look, mine)
        else:
            mine.set_result(kept[1])
            self._looked(key, mine)
        return mine.result()

    def _valid(self, key: K) -> tuple[float, V] | None:
        """Until when what is known holds, and what that is."""
        kept = self._kept.get(key)
        return None if kept is None or kept[0] <= time.monotonic() else kept

    def last(self, key: K) -> V | None:
        """What was known last, however long ago."""
        kept = self._kept.get(key)
        return None if kept is None else kept[1]

    def _begin(self, key: K, *, alone: bool = False) -> tuple[Future[V], Future[V] | None]:
        """A look of one's own; and that of another who is at it."""
        mine: Future[V] = Future()
        with self._guard:
            other = None if alone else self._looking.get(key)
            if other is None:
                self._looking[key] = mine
        return mine, other

    def _look(self, key: K, look: Callable[[], V], mine: Future[V]) -> None:
        began = time.monotonic()
        try:
            found = look()
        except BaseException as error:
            if not isinstance(error, Unavailable):
                # It holds no longer. What cannot be asked for holds as long as it was to.
                self._kept.pop(key, None)
            mine.set_exception(error)
        else:
            if len(self._kept) >= self._size_max:
                self._kept.clear()
            self._kept[key] = (began + self._lasts_s, found)
            mine.set_result(found)
        finally:
            self._looked(key, mine)

    def _looked(self, key: K, mine: Future[V]) -> None:
        with self._guard:
            if self._looking.get(key) is mine:
                del self._looking[key]

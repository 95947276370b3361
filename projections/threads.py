"""Threads that write. A process that ends does not wait for them, as it does for a ThreadPoolExecutor's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Writers(Executor):
    """So many threads, each of which does one thing at a time."""

    def __init__(self, count: int) -> None:
        self._asked: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"leadflow-projections-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Let a thread that has nothing to do call this."""
        found: Future[_T] = Future()

        def called() -> None:
            try:
                found.set_result(function(*args, **kwargs))
            except BaseException as problem:
                found.set_exception(problem)

        self._asked.put(called)
        return found

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads once what was asked is done."""
        for _ in self._threads:
            self._asked.put(None)
        for thread in self._threads if wait else ():
            thread.join()

    def _work(self) -> None:
        while (asked := self._asked.get()) is not None:
            asked()

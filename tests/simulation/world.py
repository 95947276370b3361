"""A virtual clock, and processes that take turns on it.

Only one of them runs at any moment: it runs until it waits, then whatever is next by the clock goes on. So a
seed gives the same run every time.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from greenlet import getcurrent, greenlet

from tests.team import NOON

MS = 1_000
S = 1_000_000
"""Times are whole microseconds since the beginning."""


class Killed(BaseException):
    """The process that is running has been killed; it does nothing any more."""


class World:
    """The clock, what will happen, and chance."""

    def __init__(self, seed: object) -> None:
        self.chance = random.Random(str(seed))
        self.now = 0
        self.trace: list[str] = []
        self.tracing = False
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def time(self) -> datetime:
        return NOON + timedelta(microseconds=self.now)

    def after(self, delay: int, do: Callable[[], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self._events, (self.now + max(0, delay), next(self._numbers), do))

    def run_until(self, when: int) -> None:
        """Let things happen until then."""
        while self._events and self._events[0][0] <= when:
            at, _, do = heapq.heappop(self._events)
            self.now = max(self.now, at)
            do()
        self.now = when

    def between(self, low: int, high: int) -> int:
        return low + int(self.chance.random() * (high - low + 1))

    def say(self, what: Callable[[], str]) -> None:
        """Note what happened, if a run is looked at."""
        if self.tracing:
            self.trace.append(f"{self.now / S:10.6f} {what()}")


class Process:
    """Something that runs by itself, and can be stopped, continued and killed at any point where it waits."""

    def __init__(self, world: World, name: str, run: Callable[[Process], None]) -> None:
        self.name = name
        self.world = world
        self.killed = False
        self.over = False
        self.problem: BaseException | None = None
        self._frozen = False
        self._later: list[Callable[[], None]] = []
        self._waits = 0
        """Which wait it is in; a wake-up for an earlier one comes too late."""
        self._program = greenlet(lambda: self._main(run))
        self._wake_after(0)

    def _main(self, run: Callable[[Process], None]) -> None:
        try:
            if not self.killed:
                run(self)
        except Killed:
            pass
        except BaseException as problem:
            self.problem = problem
        self.over = True

    def _resume(self) -> None:
        """Let it run until it waits; called by the world."""
        self._waits += 1
        self._program.parent = getcurrent()
        self._program.switch()

    def wait(self, delay: int) -> None:
        """Called by the process itself: let others go on for so long, or until somebody wakes it."""
        if self.killed:
            raise Killed
        self._wake_after(delay)
        assert self._program.parent is not None
        self._program.parent.switch()
        if self.killed:
            raise Killed

    def _wake_after(self, delay: int) -> None:
        this = self._waits

        def wake() -> None:
            if self.over or self._waits != this:
                return
            if self._frozen:
                self._later.append(wake)
            else:
                self._resume()

        self.world.after(delay, wake)

    def wake(self, delay: int = 0) -> None:
        """End its wait early."""
        if not self.over:
            self._wake_after(delay)

    def on_its_side(self, do: Callable[[], None]) -> None:
        """Something that its machine does, whatever its program waits for: later if it is stopped."""
        if self.killed or self.over:
            return
        if self._frozen:
            self._later.append(lambda: self.on_its_side(do))
        else:
            do()

    @property
    def frozen(self) -> bool:
        return self._frozen

    def freeze(self, long: int) -> None:
        self._frozen = True
        self.world.after(long, self._thaw)

    def _thaw(self) -> None:
        self._frozen = False
        later, self._later = self._later, []
        for do in later:
            self.world.after(0, do)

    def kill(self) -> None:
        """It does nothing any more from here on."""
        if not self.over:
            self.killed = True
            self._frozen = False
            self._later.clear()
            self._resume()

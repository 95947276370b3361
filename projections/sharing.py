"""Filling new generations of a long log in several processes, where there are cores for them.

A process folds on one core. Of a long log each of several takes some of the read models; one reads the log
and passes the documents on, as they are and in one order. A helper that is left alone ends: it knows that by
the end of its input, however the other died. What it wrote is then removed like everything unfinished.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from typing import Any

from leadflow.errors import BrokenInvariant, Unavailable
from leadflow.log.reading import Log, Positions
from leadflow.postgres import Database
from projections.base import entry_of
from projections.filling import Targets
from projections.folding import Batch
from projections.reading import Progress, batches, read, without_collector
from projections.rebuilding import Filler

HELPED_FROM = 100_000
"""Facts from which on helpers are worth the second that they need to start."""
PROCESSES_MAX = 3
"""More would mostly decode the same documents once more."""


def fill_new(
    log: Log, database: Database, targets: Targets, size: int, progress: Progress | None = None
) -> None:
    """Fill generations that were just begun to the log's end, and make their keys and indexes.

    Raises ProjectionStopped, and what psycopg raises for a row that Postgres refuses; the generations are
    then good for nothing.
    """
    ends = log.ends()

    @cache
    def goes_on(partition: int) -> bool:
        return log.ends().get(partition, 0) > ends[partition]

    end, reached = sum(ends.values()), dict.fromkeys(ends, 0)
    mine, *others = shares(targets, end)
    with without_collector(), ExitStack() as stack:
        fillers: list[Filler | Helper] = [stack.enter_context(Helper(database.url, each)) for each in others]
        fillers.append(stack.enter_context(Filler(database, mine)))
        # Ends are not all of one moment: a lead's arrival may stand before the end of its partition, and its
        # departure, which was written first, behind that of another. Then the arrival is left for later.
        for batch in batches(read(log, upto=ends, goes_on=goes_on), size):
            for filler in fillers:
                filler.take(batch)
            reached |= batch.ends
            if progress:
                done = sum(reached.values())
                progress(done, max(end, done))
        for filler in fillers:
            filler.finish(reached)
        for filler in fillers:
            filler.wait()


def shares(targets: Targets, facts: int) -> Sequence[Targets]:
    """Which targets each process fills; the first is the one that reads."""
    processes = min(PROCESSES_MAX, _cores(), len(targets)) if facts >= HELPED_FROM else 1
    return [targets[first::processes] for first in range(max(processes, 1))]


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Helper:
    """Another process that fills some of the generations."""

    def __init__(self, url: str, targets: Targets) -> None:
        self._names = ", ".join(projection.name for projection, _ in targets)
        path = os.pathsep.join(map(os.path.abspath, sys.path))
        # In a session of its own, so that an interrupt at the terminal reaches only who began the rebuild.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "projections.sharing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
        self._send((url, targets))

    def take(self, batch: Batch) -> None:
        """Pass a batch on. Raises what the helper has raised until now."""
        self._send([(e.position, e.recorded_at, e.document, e.partition) for e in batch])

    def finish(self, reached: Positions) -> None:
        """Let it write what it holds, how far it is, and what readers need."""
        self._send(dict(reached))

    def wait(self) -> None:
        """Return when it has done all. Raises what it has raised."""
        assert self._process.stdout is not None
        try:
            error = pickle.load(self._process.stdout)
        except (EOFError, pickle.UnpicklingError) as nothing:
            what = f"the process that filled {self._names} ended with code {self._process.wait()}"
            raise Unavailable(what, do="Try again; nothing was changed.") from nothing
        if error is not None:
            raise error

    def _send(self, message: object) -> None:
        assert self._process.stdin is not None
        try:
            pickle.dump(message, self._process.stdin, pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
        except BrokenPipeError:
            self.wait()
            raise

    def __enter__(self) -> Helper:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._process.kill()
        # Communicating closes both pipes, and waits for the end.
        self._process.communicate()


def main() -> None:
    """Fill what standard input names with what it brings, and answer with None or the error."""
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    error: Exception | None = None
    try:
        _fill(sys.stdin.buffer)
    except (EOFError, pickle.UnpicklingError):
        return
    except Exception as raised:
        error = raised
    try:
        answer = pickle.dumps(error)
    except (AttributeError, TypeError, pickle.PicklingError):
        answer = pickle.dumps(BrokenInvariant(f"{type(error).__name__}: {error}"))
    answers.write(answer)
    answers.flush()


def _fill(messages: Any) -> None:
    url, targets = pickle.load(messages)
    with without_collector(), Database(url) as database, Filler(database, targets) as filler:
        while isinstance(message := pickle.load(messages), list):
            filler.take(Batch(entry_of(*place) for place in message))
        filler.finish(message)
        filler.wait()


if __name__ == "__main__":
    main()

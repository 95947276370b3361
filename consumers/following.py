"""Bringing read models along while another process writes much to the embedded log: work for a second core.

`python -m consumers.following` takes what is new until its standard input ends. Its database comes from the
environment variable `LEADFLOW_FOLLOWING_DATABASE`, because an address may hold a password, which has no
place in a list of processes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from leadflow.errors import LeadflowError
from leadflow.log.embedded import EmbeddedLog
from leadflow.postgres import Database
from projections.runner import Projections

DATABASE_VARIABLE = "LEADFLOW_FOLLOWING_DATABASE"
STEPS_BEFORE = 3
"""Of long work, how many steps are done before a process is worth its start."""
PAUSE_S = 0.2
"""Between two times: what has gathered meanwhile is taken together, which costs less."""
T = TypeVar("T")


def followed(url: str, steps: Iterable[T]) -> Iterator[T]:
    """The steps of work that writes to the log. If they are many, a process brings read models along.

    What it does not come to, or cannot do, is left for whoever catches up next, who is then told why.
    """
    following = iter(steps)
    for done, step in enumerate(following, 1):
        yield step
        if done == STEPS_BEFORE:
            with follower(url):
                yield from following


@contextmanager
def follower(url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that takes what is new while the block runs."""
    child = subprocess.Popen(
        [sys.executable, "-m", "consumers.following"],
        stdin=subprocess.PIPE,
        env=os.environ | {DATABASE_VARIABLE: url},
    )
    assert child.stdin is not None
    try:
        yield child
    finally:
        child.stdin.close()
        child.wait()


def main() -> int:
    """Follow until nobody holds the other end of standard input."""
    # Who interrupts the work ends it; this process ends with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ended = threading.Event()

    def watch() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=watch, daemon=True).start()
    url = os.environ[DATABASE_VARIABLE]
    try:
        with EmbeddedLog(url) as log, Database(url) as database:
            projections = Projections(log, database)
            while not ended.wait(PAUSE_S):
                projections.catch_up()
    except LeadflowError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

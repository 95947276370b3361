"""Snapshots beside the decider: a process of its own folds the log and keeps the state.

`python -m consumers.snapshots EVENTS` does it once for every pool that has grown by so many events, then
ends. Its database comes from the environment variable `LEADFLOW_SNAPSHOT_DATABASE`, because an address
may hold a password, which has no place in a list of processes.
"""

from __future__ import annotations

import os
import sys

from leadflow.engine import Engine
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.snapshots import Snapshots

DATABASE_VARIABLE = "LEADFLOW_SNAPSHOT_DATABASE"
NICENESS = 10
"""Snapshots have time; whoever asks the engine beside does not."""


def take(url: str, every: int) -> int:
    """Snapshot every pool that has grown by `every` events since its last; says how many did."""
    with EmbeddedLog(url) as log:
        engine = Engine(log, snapshots=Snapshots(log.database, log.document))
        for pool in log.pools():
            engine.stream(pool)
        return engine.save_snapshots(every)


def main() -> int:
    """Take snapshots once."""
    os.nice(NICENESS)
    take(os.environ[DATABASE_VARIABLE], int(sys.argv[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())

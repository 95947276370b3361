"""The embedded deployment: decider, clock, projector, snapshots and notifier as threads of one process.

`leadflow up` runs this until it is told to stop. Every part can fail without spoiling another: what a
part cannot do is logged, tried again, and stands in `problems`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog

from consumers.group_commit import GroupCommit
from consumers.handover import HandoverServer
from consumers.notifier import PAUSE_S, Notifier
from consumers.operating import Operating
from consumers.snapshots import DATABASE_VARIABLE
from leadflow.engine import SNAPSHOT_EVERY, Engine
from leadflow.errors import LeadflowError, Unavailable
from projections import registry
from projections.runner import Projections

TICK_S = 0.5
"""How often deadlines are asked for: at least once a second."""
PROJECT_S = 0.5
"""How long the projector waits for news before it looks by itself."""
REST_TURNS = 2.0
REST_S_MAX = 0.25
"""After a turn the projector rests for so many times as long as it took, at most so long, unless somebody
waits for what it brings: the fewer its turns, the less of the machine they take from requests."""
LOOK_S = 5.0
"""How often to look where the read models stand, to tell of it."""
SNAPSHOT_S = 30.0
RETRY_S = 2.0
ALL = 0
"""A log on one machine is one partition."""

log_ = structlog.get_logger(__name__)


class Embedded:
    """All parts of one machine's LeadFlow, running."""

    def __init__(
        self,
        home: Path,
        engine: Engine,
        projections: Projections,
        url: str,
        revive: Callable[[], None] | None = None,
        operating: Operating | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        """Start every part. `revive` starts the database again if it went away; `operating` is told what
        happens; without a `notifier` nobody is notified.

        Raises HomeInUse if another engine runs in the data directory.
        """
        self._revive = revive
        self.operating = operating or Operating("engine")
        self.operating.holds([ALL])
        self.engine = engine
        self._notifier = notifier
        self._url = url
        self._snapshot_position = 0
        self._looked = 0.0
        self.projections = projections
        self.problems: dict[str, str] = {}
        """By part: what kept it from working at its last try."""
        self._stop = threading.Event()
        self._awaited = threading.Event()
        self.commits = GroupCommit(engine, self.operating)
        try:
            self._server = HandoverServer(home, self.commits)
        except BaseException:
            self.commits.close()
            raise
        parts: list[tuple[str, Callable[[], None], float]] = [
            ("clock", self._tick, TICK_S),
            ("projector", self._project, 0.0),
            ("snapshots", self._snapshot, SNAPSHOT_S),
        ]
        if notifier is not None:
            parts.append(("notifier", partial(self._notify, notifier), 0.0))
        self._threads = [
            threading.Thread(target=self._repeat, args=part, name=part[0], daemon=True) for part in parts
        ]
        for thread in self._threads:
            thread.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until told to stop; says whether that has happened."""
        return self._stop.wait(timeout_s)

    def stop(self) -> None:
        """Ask every part to end; may be called from a signal handler."""
        self._stop.set()
        self._awaited.set()

    def hurry(self) -> None:
        """Somebody waits for the read models."""
        self._awaited.set()

    def close(self) -> None:
        """End every part: take no more requests, decide what waits, let the projector catch up.

        What is left for the projector after a problem is taken at the next start.
        """
        self.operating.stopping()
        self.stop()
        self._server.stop_listening()
        self.commits.close()
        self._server.close()
        for thread in self._threads:
            thread.join()
        if self._notifier is not None:
            self._notifier.close()
        try:
            self.projections.catch_up()
        except LeadflowError as error:
            log_.error("the read models did not catch up", problem=str(error))

    def _repeat(self, name: str, work: Callable[[], None], pause_s: float) -> None:
        while not self._stop.is_set():
            try:
                work()
                self.problems.pop(name, None)
                self.operating.works(name)
                self._stop.wait(pause_s)
            except Exception as error:
                known = isinstance(error, LeadflowError)
                # What a library says may hold a value, and with it a person's.
                told = str(error) if known else f"a bug: {type(error).__name__}"
                if self.problems.get(name) != told:
                    log_.error("a part cannot work", part=name, problem=told, exc_info=not known)
                self.problems[name] = told
                self.operating.fails(name, told)
                self._stop.wait(RETRY_S)

    def _tick(self) -> None:
        try:
            self.engine.tick()
            self.operating.progress(ALL, self.engine.position, waiting=self.commits.waiting > 0)
            self.operating.stepped("clock")
        except Unavailable:
            if self._revive is not None and not self._stop.is_set():
                self._revive()
            raise

    def _project(self) -> None:
        self.engine.log.wait(PROJECT_S)
        self._awaited.clear()
        began = time.monotonic()
        self.projections.catch_up()
        took_s = time.monotonic() - began
        self.operating.stepped("projector")
        if time.monotonic() - self._looked > LOOK_S:
            self._looked = time.monotonic()
            for name, positions in registry.live_positions(self.projections.database).items():
                self.operating.projected(name, ALL, positions.get(ALL, 0))
        if not self._stop.is_set():
            self._awaited.wait(min(REST_TURNS * took_s, REST_S_MAX))

    def _notify(self, notifier: Notifier) -> None:
        moved = notifier.step()
        self.operating.stepped("notifier")
        if not moved:
            notifier.rest(PAUSE_S)

    def _snapshot(self) -> None:
        end = self.engine.log.end()
        if end - self._snapshot_position < SNAPSHOT_EVERY:
            return
        # A process of its own: packing a large state would hold up every thread of this one.
        child = subprocess.Popen(
            [sys.executable, "-m", "consumers.snapshots", str(SNAPSHOT_EVERY)],
            env=os.environ | {DATABASE_VARIABLE: self._url},
        )
        while child.poll() is None:
            if self._stop.wait(0.2):
                child.terminate()
                child.wait()
                return
        if child.returncode:
            log_.error("snapshots could not be taken", exit_code=child.returncode)
        self._snapshot_position = end

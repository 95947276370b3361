"""Streams in memory: each a fold of its facts, from a snapshot and the rest of the log.

What is held here is only ever a fold of the log. State that ran ahead of what was written is dropped
and folded anew, never patched.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from leadflow.domain.events import Event
from leadflow.domain.evolve import OutOfSequence, evolve, initial
from leadflow.domain.pool import Stream
from leadflow.errors import LogDamaged
from leadflow.log.envelope import GENESIS, decode_full, hash_of, keep_written
from leadflow.log.reading import Log
from leadflow.log.snapshots import Snapshots

SNAPSHOT_EVERY = 5_000
"""Events after which a stream's state is worth another snapshot."""
_VERIFY = "Run `leadflow log verify`."

log_ = structlog.get_logger(__name__)


@dataclass(slots=True)
class Held:
    """A stream's state in memory, at the end of the log as far as read."""

    stream: Stream
    last_hash: str = GENESIS
    snapshot_at: int = 0
    """Sequence of its last snapshot."""


def fold(held: Held, document: bytes) -> Event:
    """Fold the document of a stream's next fact in; gives the fact. Raises LogDamaged."""
    event, prevhash = decode_full(document)
    if prevhash != held.last_hash:
        what = "its hash of the event before does not fit that event"
        raise LogDamaged(what, event=event.id, do=_VERIFY)
    keep_written(event, document)
    try:
        evolve(held.stream, event)
    except OutOfSequence as problem:
        raise LogDamaged(str(problem), event=event.id, do=_VERIFY) from problem
    held.last_hash = hash_of(document)
    return event


class Streams:
    """The streams of one log that were asked for. Not safe for several threads at a time."""

    def __init__(self, log: Log, snapshots: Snapshots | None) -> None:
        self._log = log
        self._snapshots = snapshots
        self._held: dict[str, Held] = {}

    def __getitem__(self, name: str) -> Held:
        """What is held of a stream, as it is."""
        return self._held[name]

    def caught_up(self, name: str) -> Held:
        """A stream with every fact that the log has by now.

        Raises LogDamaged for an event that does not follow the one before, or cannot be read.
        """
        held = self._held.get(name) or self._restored(name) or Held(initial(name))
        try:
            for stored in self._log.read_pool(name, gt=held.stream.sequence):
                fold(held, stored.state)
        except BaseException:
            self.drop([name])
            raise
        self._held[name] = held
        return held

    def drop(self, names: Iterable[str]) -> None:
        """Forget these streams; they are folded from the log when they are next asked for."""
        for name in names:
            self._held.pop(name, None)

    def _restored(self, name: str) -> Held | None:
        """The newest usable snapshot. One that is missing, damaged or unlike the log costs only time."""
        found = self._snapshots.load(name) if self._snapshots is not None else None
        if found is None:
            return None
        document = self._log.document(name, found.sequence)
        if document is None or hash_of(document) != found.last_hash:
            log_.warning("a snapshot does not fit the log and is passed over", pool=name)
            return None
        return Held(found.stream, found.last_hash, found.sequence)

    def save_snapshots(self, every: int) -> int:
        """Keep the state of streams that have grown by `every` events; says of how many."""
        saved = 0
        for held in self._held.values() if self._snapshots is not None else ():
            if held.stream.sequence - held.snapshot_at >= every:
                assert self._snapshots is not None
                self._snapshots.save(held.stream, held.last_hash)
                held.snapshot_at = held.stream.sequence
                saved += 1
        return saved

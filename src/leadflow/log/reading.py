"""What readers need of a log, whatever keeps it: the embedded log and Kafka's fulfil this alike.

A fact's place is its partition and its position there. The embedded log is one partition, 0. Positions grow
within a partition; between partitions there is no order but the one that the facts themselves name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from eventsourcing.persistence import StoredEvent

Positions = Mapping[int, int]
"""By partition, a position; a partition that is missing stands at 0, before its first fact."""


class Row(NamedTuple):
    """A row of the log, with everything that stands beside the document."""

    position: int
    """Place in its partition; grows, may leave out numbers."""
    recorded_at: datetime
    pool: str
    sequence: int
    type: str
    document: bytes
    sha256: bytes | None
    """Of the document when it was written, where the log keeps that."""
    partition: int = 0


class Log(Protocol):
    """A log as its readers see it: committed facts only. Safe to use from several threads.

    Everything here raises Unavailable, within the log's time-outs, if the log is away.
    """

    where: str
    """The log, for messages."""

    def identity(self) -> str:
        """Which log it is, in words that no other log has: what is made of it is kept under them."""
        ...

    def ends(self) -> dict[int, int]:
        """The last position of every partition; 0 for an empty one."""
        ...

    def end(self) -> int:
        """The sum of `ends`: how far the whole log goes, for those who tell how far they are."""
        ...

    def partition_of(self, pool: str) -> int:
        """The partition that a pool lives in."""
        ...

    def last(self, pool: str) -> int:
        """The last sequence of a pool; 0 if it has no facts."""
        ...

    def pools(self) -> list[str]:
        """The pools that have facts, in the order of their ids."""
        ...

    def document(self, pool: str, sequence: int, position: int | None = None) -> bytes | None:
        """The bytes of one fact, if it is there. Where its position is known, it is found sooner."""
        ...

    def documents(
        self, pool: str, sequences: Sequence[int], positions: Sequence[int] | None = None
    ) -> dict[int, bytes]:
        """The bytes of some facts of a pool, by sequence; those that are not there are left out.

        `positions` are the sequences' own, one for each; where they are known, facts are found sooner.
        """
        ...

    def read_pool(self, pool: str, gt: int = 0) -> Iterator[StoredEvent]:
        """A pool's facts after sequence `gt`, in order, up to the end as it is when reached."""
        ...

    def read_partition(
        self, partition: int, gt: int = 0, topics: Sequence[str] = (), until: datetime | None = None
    ) -> Iterator[tuple[int, datetime, StoredEvent]]:
        """A partition's facts after position `gt`, in order: position, when it was written (UTC), fact.

        `topics` keeps to these types, `until` to what was written up to that time.
        """
        ...

    def read_documents(
        self, partition: int, gt: int = 0, topics: Sequence[str] = (), until: datetime | None = None
    ) -> Iterator[tuple[int, datetime, bytes]]:
        """As `read_partition`, of each fact its document alone: for those who read very many."""
        ...

    def read_all(
        self, *, topics: Sequence[str] = (), until: datetime | None = None
    ) -> Iterator[tuple[int, datetime, StoredEvent]]:
        """As `read_partition` from the beginning, one partition after the other."""
        ...

    def read_rows(self) -> Iterator[Row]:
        """Every row, one partition after the other."""
        ...

    def wait(self, timeout_s: float) -> bool:
        """Wait for new facts, at most this long. True says: look again. A thread's first call says so."""
        ...

    def close(self) -> None:
        """Close every connection."""
        ...

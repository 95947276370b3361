"""What a fact's Kafka record holds beside its document, and records as they come back.

The value is the CloudEvents document, byte for byte; the key is the pool's id. What stands in headers is
what belongs to the place, not to the fact: its position, which is contiguous within the partition where
offsets have holes (transactions leave markers), and where the request stood that it answers.
https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/kafka-protocol-binding.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from eventsourcing.persistence import Notification, StoredEvent

from leadflow.errors import LogDamaged
from leadflow.log.envelope import SEQUENCE_DIGITS

CONTENT_TYPE = "application/cloudevents+json; charset=UTF-8"
H_CONTENT_TYPE = "content-type"
H_TYPE = "ce_type"
H_SEQUENCE = "ce_sequence"
H_POSITION = "leadflow-position"
H_ORIGIN = "leadflow-request"
H_REASON = "leadflow-reason"
"""Why a dead letter is one, in words."""
H_RECEIVED = "leadflow-received"
"""When the log received the request that became a dead letter, in milliseconds since 1970."""
H_PART = "leadflow-part"
"""`1/2`, `2/2`: parts of one dead letter's value that is too large for one record with its reason."""
H_WHOLE = "leadflow-whole"
"""The value is a JSON object of the whole record: its key and headers are too large to stand beside it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CONTENT_TYPE = (H_CONTENT_TYPE, CONTENT_TYPE.encode())

Headers = Sequence[tuple[str, bytes]]


def _sized(text: str) -> bytes:
    """As it stands in a record, behind its length: a text of less than 64 bytes."""
    return re.escape(bytes([2 * len(text)]) + text.encode())


_BEFORE_POSITION = re.compile(
    _sized(H_CONTENT_TYPE) + _sized(CONTENT_TYPE)
    + _sized(H_TYPE) + rb".[\w.]+"
    + _sized(H_SEQUENCE) + rb".\d+"
    + _sized(H_POSITION), re.DOTALL,
).match  # fmt: skip
"""The headers of a fact as `message_of` writes them, up to the length of the position."""


class Origin(NamedTuple):
    """Where the request stood that a fact answers."""

    topic: str
    partition: int
    offset: int

    def to_bytes(self) -> bytes:
        """`topic/partition/offset`."""
        return f"{self.topic}/{self.partition}/{self.offset}".encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Origin:
        """Raises ValueError for anything else than `to_bytes` gives."""
        topic, partition, offset = data.decode().rsplit("/", 2)
        return cls(topic, int(partition), int(offset))


class Message(NamedTuple):
    """A record to be written."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Record(NamedTuple):
    """A fact as the log has it."""

    position: int
    """Place in the partition: 1, 2, 3, … without gaps."""
    offset: int
    recorded_at: datetime
    """When the log received it, by the broker's clock."""
    pool: str
    sequence: int
    type: str
    document: bytes
    origin: Origin | None

    @property
    def stored(self) -> StoredEvent:
        """As the event store has it."""
        return StoredEvent(self.pool, self.sequence, self.type, self.document)

    @property
    def notification(self) -> Notification:
        """As the event store's readers get it."""
        return Notification(self.pool, self.sequence, self.type, self.document, self.position)


def message_of(
    event: StoredEvent, position: int, topic: str, partition: int, origin: Origin | None = None
) -> Message:
    """The record of a fact at a position."""
    headers = [
        _CONTENT_TYPE,
        (H_TYPE, event.topic.encode()),
        (H_SEQUENCE, b"%0*d" % (SEQUENCE_DIGITS, event.originator_version)),
        (H_POSITION, b"%d" % position),
    ]
    if origin is not None:
        headers.append((H_ORIGIN, origin.to_bytes()))
    return Message(topic, partition, str(event.originator_id).encode(), event.state, headers)


def record_of(found: Any) -> Record:
    """The fact of a consumer's record. Raises LogDamaged for what LeadFlow did not write."""
    try:
        headers: Mapping[str, bytes] = dict(found.headers)
        origin = headers.get(H_ORIGIN)
        return Record(
            int(headers[H_POSITION]),
            found.offset,
            moment_of(found.timestamp),
            found.key.decode(),
            int(headers[H_SEQUENCE]),
            headers[H_TYPE].decode(),
            bytes(found.value),
            Origin.from_bytes(origin) if origin else None,
        )
    except (KeyError, ValueError, TypeError, AttributeError) as problem:
        raise LogDamaged(
            f"a record is not as LeadFlow writes them: {problem!r}",
            where=f"topic {found.topic}, partition {found.partition}, offset {found.offset}",
            do="See who writes this topic: only the decider may.",
        ) from problem


def position_in(found: Any) -> int:
    """The position of a consumer's record, all else standing in its document too. Raises LogDamaged."""
    block: bytes = found.block
    before = _BEFORE_POSITION(block)
    if before is not None:
        at = before.end() + 1
        digits = block[at : at + (block[at - 1] >> 1)]
        if digits.isdigit():
            return int(digits)
    return record_of(found).position


@lru_cache(maxsize=1_000)
def moment_of(timestamp_ms: int) -> datetime:
    """A record's time stamp, exactly (floats would not be). Those of one transaction mostly share it."""
    return _EPOCH + timedelta(milliseconds=timestamp_ms)

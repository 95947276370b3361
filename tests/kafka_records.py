"""Records as a consumer would give them, without a broker: written into a batch, and read from it."""

from __future__ import annotations

from collections.abc import Iterable

from kafka.record import MemoryRecords, MemoryRecordsBuilder

from leadflow.log.kafka.records import Message
from leadflow.log.kafka.unpacking import Found, records_of

BATCH_BYTES = 1 << 26


def batch_of(messages: Iterable[Message], first: int = 1, codec: int = 0, step_ms: int = 0) -> bytes:
    """A batch of these messages from an offset on, the first of them written in 1970."""
    builder = MemoryRecordsBuilder(magic=2, compression_type=codec, batch_size=BATCH_BYTES, offset=first)
    for number, one in enumerate(messages):
        builder.append(timestamp=number * step_ms, key=one.key, value=one.value, headers=list(one.headers))
    builder.close()
    return bytes(builder.buffer())


def as_read(messages: Iterable[Message], partition: int = 0, first: int = 1) -> list[Found]:
    """The records of these messages, from an offset on."""
    return records_of(MemoryRecords(batch_of(messages, first)).next_batch(), "events", partition)

"""Records out of the batches that a broker sends, with what LeadFlow asks of them and nothing else.

The client's own way takes 29 µs a record: every header is decoded, measured and copied into a tuple, though
most readers want the document and its position. Here a record's headers stay as they are until somebody asks
for them. A header's name that is not UTF-8 is no error: brokers take such names, and whoever can send one
record would stop every reader of its partition for ever; it is written as its escape.
https://kafka.apache.org/documentation/#record
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kafka.consumer.fetcher import Fetcher, IsolationLevel
from kafka.errors import CorruptRecordError

_VARINT_BITS_MAX = 63


class Found:
    """A record as a consumer gives it."""

    __slots__ = ("block", "headers_count", "key", "offset", "partition", "timestamp", "topic", "value")

    def __init__(
        self,
        topic: str,
        partition: int,
        offset: int,
        timestamp: int,
        key: bytes | None,
        value: bytes | None,
        headers_count: int,
        block: bytes,
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.timestamp = timestamp
        """In milliseconds since 1970."""
        self.key = key
        self.value = value
        self.headers_count = headers_count
        self.block = block
        """All headers, as the record has them."""

    @property
    def headers(self) -> list[tuple[str, bytes | None]]:
        """Names and values, in their order. Raises ValueError for what is no headers."""
        found: list[tuple[str, bytes | None]] = []
        block, at = self.block, 0
        for _ in range(self.headers_count):
            size, at = _varint(block, at)
            name = block[at : at + size].decode("utf-8", "backslashreplace")
            at += size
            size, at = _varint(block, at)
            if size < 0:
                found.append((name, None))
                continue
            found.append((name, block[at : at + size]))
            at += size
        if at != len(block):
            raise ValueError(f"the headers take {at} bytes of {len(block)}")
        return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number in Kafka's varying length, and where it ends. Raises ValueError."""
    raw = shift = 0
    try:
        while True:
            byte = data[at]
            at += 1
            raw |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (raw >> 1) ^ -(raw & 1), at
            shift += 7
            if shift > _VARINT_BITS_MAX:
                break
    except IndexError:
        pass
    raise ValueError("a number does not end")


def records_of(batch: Any, topic: str, partition: int) -> list[Found]:
    """The records of a batch of the client's. Raises CorruptRecordError."""
    batch._maybe_uncompress()
    data, at = bytes(batch._buffer), batch._pos
    base, first_ms = batch.base_offset, batch.first_timestamp
    appended_ms = batch.max_timestamp if batch.timestamp_type == batch.LOG_APPEND_TIME else None
    found: list[Found] = []
    try:
        for _ in range(batch.records_count):
            size, at = _varint(data, at)
            end = at + size
            # One byte of attributes, none of which is used; then numbers of which most are one byte.
            delta_ms, at = _varint(data, at + 1)
            delta, at = _varint(data, at)
            key_size = data[at]
            if key_size < 0x80 and not key_size & 1:
                at, key_size = at + 1, key_size >> 1
            else:
                key_size, at = _varint(data, at)
            key = data[at : at + key_size] if key_size >= 0 else None
            at += max(key_size, 0)
            value_size, at = _varint(data, at)
            value = data[at : at + value_size] if value_size >= 0 else None
            count, at = _varint(data, at + max(value_size, 0))
            timestamp = first_ms + delta_ms if appended_ms is None else appended_ms
            if not at <= end <= len(data) or count < 0:
                raise ValueError(f"a record of {size} bytes ends before its parts do")
            found.append(Found(topic, partition, base + delta, timestamp, key, value, count, data[at:end]))
            at = end
    except (IndexError, ValueError) as problem:
        raise CorruptRecordError(
            f"a record of the batch at offset {base} cannot be read: {problem}"
        ) from None
    if at != len(data):
        raise CorruptRecordError(f"behind the records of the batch at offset {base} is something else")
    return found


def _unpack(part: Any, place: Any, batches: Any, *_: object) -> Iterator[Found]:
    """What was fetched of a partition, record by record: nothing of transactions that were aborted."""
    committed = part.isolation_level == IsolationLevel.READ_COMMITTED
    for batch in iter(batches.next_batch, None):
        where = f"the batch at offset {batch.base_offset} of {place.topic}-{place.partition}"
        if batch.magic != 2:
            raise CorruptRecordError(f"{where} is of format {batch.magic}, which brokers no longer write")
        if part.check_crcs and not batch.validate_crc():
            raise CorruptRecordError(f"{where} is not as it was written")
        part.leader_epoch = batch.leader_epoch
        if _is_visible(part, batch, committed):
            for record in records_of(batch, place.topic, place.partition):
                part.next_fetch_offset = record.offset + 1
                yield record
        # The last records of a batch may be gone; the next fetch begins behind them all the same.
        part.next_fetch_offset = batch.next_offset
    part.drain()


def _is_visible(part: Any, batch: Any, committed: bool) -> bool:
    """Whether its records are for readers. https://kafka.apache.org/protocol#The_Messages_Fetch: those of an
    aborted transaction lie between the offset where it began, which came with them, and its marker."""
    if committed and batch.has_producer_id():
        part._consume_aborted_transactions_up_to(batch.last_offset)
        if part._contains_abort_marker(batch):
            part.aborted_producer_ids.discard(batch.producer_id)
        elif part._is_batch_aborted(batch):
            return False
    return not batch.is_control_batch


def install() -> None:
    """Let every consumer of this process read records in this way."""
    Fetcher.PartitionRecords._unpack_records = _unpack

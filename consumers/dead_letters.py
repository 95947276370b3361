"""Dead letters in Kafka: what could not be decided, as it came, with the reason and its place."""

from __future__ import annotations

from typing import Any

import structlog

from leadflow.log.kafka import Message, Origin
from leadflow.log.kafka.client import RECORD_BYTES_MAX
from leadflow.log.kafka.records import H_ORIGIN

H_REASON = "leadflow-reason"
H_RECEIVED = "leadflow-received"
"""When the log received the request, in milliseconds since 1970."""
H_PART = "leadflow-part"
"""`1/2`, `2/2`: parts of one value that is too large for one record with its reason."""
PART_BYTES = RECORD_BYTES_MAX // 2

log_ = structlog.get_logger(__name__)


def dead_letters(topic: str, record: Any, place: Origin, reason: str) -> list[Message]:
    """What keeps a record of the request topics: its key, value and headers, then LeadFlow's own headers.

    Nearly always one; a value that is nearly as large as a record may be comes in parts.
    """
    log_.warning("a request cannot be decided and is kept", **place._asdict(), reason=reason)
    headers = [
        *record.headers,
        (H_REASON, reason.encode()),
        (H_ORIGIN, place.to_bytes()),
        (H_RECEIVED, b"%d" % record.timestamp),
    ]
    value = record.value
    if value is None or len(value) <= PART_BYTES:
        return [Message(topic, place.partition, record.key, value, headers)]
    parts = [bytes(value[at : at + PART_BYTES]) for at in range(0, len(value), PART_BYTES)]
    return [
        Message(topic, place.partition, record.key, part, [*headers, (H_PART, b"%d/%d" % (at, len(parts)))])
        for at, part in enumerate(parts, 1)
    ]

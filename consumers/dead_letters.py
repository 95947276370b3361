"""Dead letters in Kafka: what could not be decided, as it came, with the reason and its place."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import orjson
import structlog

from leadflow.log.kafka import Message, Origin
from leadflow.log.kafka.client import RECORD_BYTES_MAX
from leadflow.log.kafka.records import H_ORIGIN, H_PART, H_REASON, H_RECEIVED, H_WHOLE

OWN_HEADERS = (H_REASON, H_RECEIVED, H_PART, H_WHOLE, H_ORIGIN)
SENDERS = "sender-"
"""What stands before the name of a sender's header that is called as one of LeadFlow's own."""
PART_BYTES = RECORD_BYTES_MAX // 2
BESIDE_BYTES_MAX = 256 * 1024
"""The key and headers of a record that may stand beside each part of its value."""
HEADER_BYTES = 16
"""More than what a header takes beside its name and value."""
REASON_MAX = 4_000
"""Characters of a reason. It may repeat a part of what came, which may be as large as a record."""

log_ = structlog.get_logger(__name__)


def dead_letters(topic: str, record: Any, place: Origin, reason: str) -> list[Message]:
    """What keeps a record of the request topics: its key, value and headers, then LeadFlow's own headers.

    Nearly always one; a value that is nearly as large as a record may be comes in parts, and a record whose
    key and headers are too large to stand in each of them is a value itself. So every record that Kafka has
    taken can be kept. A sender's header that is called as one of LeadFlow's own (it sent a dead letter as it
    stood) gets another name, so that it is taken for what it is.
    """
    if len(reason) > REASON_MAX:
        reason = f"{reason[:REASON_MAX]}…"
    log_.warning("a request cannot be decided and is kept", **place._asdict(), reason=reason)
    own = [
        (H_REASON, reason.encode()),
        (H_ORIGIN, place.to_bytes()),
        (H_RECEIVED, b"%d" % record.timestamp),
    ]
    key, value = record.key, record.value
    headers = [(SENDERS + name if name in OWN_HEADERS else name, text) for name, text in record.headers]
    if _size(key, headers) > BESIDE_BYTES_MAX:
        own.append((H_WHOLE, b"json"))
        key, value, headers = None, orjson.dumps(packed_record(key, value, headers)), []
    headers += own
    if value is None or len(value) <= PART_BYTES:
        return [Message(topic, place.partition, key, value, headers)]
    parts = [bytes(value[at : at + PART_BYTES]) for at in range(0, len(value), PART_BYTES)]
    return [
        Message(topic, place.partition, key, part, [*headers, (H_PART, b"%d/%d" % (at, len(parts)))])
        for at, part in enumerate(parts, 1)
    ]


def _size(key: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> int:
    return len(key or b"") + sum(
        len(name.encode()) + len(text or b"") + HEADER_BYTES for name, text in headers
    )


def packed_record(
    key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes | None]]
) -> dict[str, Any]:
    """A record for JSON: `key`, `value` and `headers` as pairs of name and value; all bytes in Base64."""
    pairs = [[name, _packed(text)] for name, text in headers]
    return {"key": _packed(key), "value": _packed(value), "headers": pairs}


def unpacked(text: str | None) -> bytes | None:
    """Bytes of a record that was packed."""
    return None if text is None else base64.b64decode(text)


def _packed(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()

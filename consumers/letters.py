"""The topic of dead letters, taken into the records: looked at, corrected and sent again from there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from kafka.structs import TopicPartition

from consumers.dead_letters import OWN_HEADERS, packed_record, unpacked
from consumers.doors import ATTRIBUTE, INTAKE_TYPE, command_of, intake_of
from leadflow.domain.requests import Request
from leadflow.errors import UsageError
from leadflow.log.kafka.client import Cluster, translated
from leadflow.log.kafka.reader import PartitionReader
from leadflow.log.kafka.records import (
    CONTENT_TYPE,
    H_CONTENT_TYPE,
    H_ORIGIN,
    H_PART,
    H_REASON,
    H_RECEIVED,
    H_WHOLE,
    Origin,
    moment_of,
)
from leadflow.log.kafka.topics import TopicNames
from leadflow.records import Arrival, DeadLetter, DeadLetters

_MEMBERS: Mapping[str, tuple[str, str]] = {
    "name": ("person", "name"), "phone": ("person", "phones"), "email": ("person", "emails"),
    "wechat": ("person", "wechats"), "note": ("person", "note"), "company": ("company", "name"),
    "industry": ("company", "industry"), "size": ("company", "size"), "region": ("company", "region"),
    "city": ("company", "city"), "channel": ("touch", "channel"), "campaign": ("touch", "campaign"),
    "ref": ("touch", "ref"),
}  # fmt: skip
"""Where the fields that a correction names stand in an arrival."""
NOT_OURS = "it was written straight into the topic of dead letters: no decider has seen it"
_LISTS = ("phones", "emails", "wechats")
_ATTRIBUTES = ("id", "source", "type", "specversion", "time", "authid")

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """A record as it came, before it was a dead letter."""

    value: bytes | None
    key: bytes | None
    headers: Sequence[tuple[str, bytes]]

    @classmethod
    def of(cls, packed: Mapping[str, Any]) -> Kept:
        """The record that `packed_record` packed."""
        headers = [(name, unpacked(text) or b"") for name, text in packed["headers"]]
        return cls(unpacked(packed["value"]), unpacked(packed["key"]), headers)


def collect(cluster: Cluster, names: TopicNames, letters: DeadLetters) -> int:
    """Take what is new in the topic; says how many letters that were. Raises LeadflowError."""
    consumer = cluster.consumer("letters")
    try:
        with translated(cluster.where):
            count = len(consumer.partitions_for_topic(names.dead_letters) or ())
            places = [TopicPartition(names.dead_letters, at) for at in range(count)]
            ends = consumer.end_offsets(places) if places else {}
    finally:
        consumer.close(autocommit=False, timeout_ms=1_000)
    taken = 0
    for place in places:
        begin = letters.next_offset(place.topic, place.partition)
        if begin < ends[place]:
            reader = PartitionReader(cluster, place.topic, place.partition)
            try:
                taken += _collect(reader, begin, int(ends[place]), place, letters)
            finally:
                reader.close()
    return taken


def _collect(
    reader: PartitionReader, begin: int, end: int, place: TopicPartition, letters: DeadLetters
) -> int:
    taken = 0
    found: list[list[Any]] = []
    """Each letter's parts."""
    for page in reader.read(begin, end):
        for record in page:
            if found and _goes_on(found[-1], record):
                found[-1].append(record)
            else:
                found.append([record])
        *whole, last = found  # The last one may go on in the next page.
        after = last[0].offset
        if whole and not letters.take(place.topic, place.partition, (begin, after), map(_arrival, whole)):
            return taken  # Another process takes them.
        begin, taken, found = after if whole else begin, taken + len(whole), [last]
    # The parts of a letter are one transaction: what can be read up to its end has all of them.
    if letters.take(place.topic, place.partition, (begin, end), map(_arrival, found)):
        taken += len(found)
    return taken


def _goes_on(parts: Sequence[Any], record: Any) -> bool:
    """Whether a record is the next part of a letter: of the same request, as many parts, and in order."""
    first, headers = dict(parts[0].headers), dict(record.headers)
    begun, _, parts_count = (first.get(H_PART) or b"").partition(b"/")
    return (
        begun == b"1"
        and headers.get(H_ORIGIN) == first.get(H_ORIGIN)
        and headers.get(H_PART) == b"%d/%s" % (len(parts) + 1, parts_count)
    )


def _read(parts: Sequence[Any]) -> tuple[Kept, Origin, str, datetime]:
    """The record that a letter keeps, where it stood, why it is one and when it came.

    Raises ValueError, KeyError, TypeError or AttributeError where LeadFlow did not write the letter.
    """
    first = parts[0]
    headers = dict(first.headers)
    value = None if first.value is None else b"".join(bytes(part.value) for part in parts)
    if H_WHOLE in headers:
        kept = Kept.of(orjson.loads(value or b""))
    else:
        kept = Kept(value, first.key, [one for one in first.headers if one[0] not in OWN_HEADERS])
    reason = headers.get(H_REASON, b"").decode("utf-8", "replace")
    received = headers.get(H_RECEIVED)
    seen_at = moment_of(int(received)) if received else datetime.now(UTC)
    return kept, Origin.from_bytes(headers[H_ORIGIN]), reason, seen_at


def _arrival(parts: Sequence[Any]) -> Arrival:
    """What the records keep of a letter, which may have come in parts."""
    try:
        kept, origin, reason, seen_at = _read(parts)
    except (ValueError, KeyError, TypeError, AttributeError):
        # It must not keep the letters behind it from being looked at.
        one = parts[0]
        value = None if one.value is None else b"".join(part.value or b"" for part in parts)
        kept = Kept(value, one.key, one.headers)
        origin, reason = Origin(one.topic, one.partition, one.offset), NOT_OURS
        seen_at = moment_of(one.timestamp)
    document = _document(kept)
    content: Any = document
    named: dict[str, str | None] = {"pool": _text(kept.key)}
    if document is not None:
        named["pool"] = _word(document.get("partitionkey")) or named["pool"]
        data = document.get("data")
        touch = data.get("touch") if isinstance(data, dict) else None
        if document.get("type") == INTAKE_TYPE and isinstance(touch, dict):
            named |= {name: _word(touch.get(name)) for name in ("channel", "ref", "campaign", "door")}
            content = data
    else:
        content = None if kept.value is None else kept.value.decode("utf-8", "replace")
    return Arrival(
        original=content,
        problems=[{"field": "record", "message": reason}],
        reason=reason,
        seen_at=seen_at,
        record={**origin._asdict(), **packed_record(kept.key, kept.value, kept.headers)},
        **named,
    )


def kept_record(letter: DeadLetter) -> Kept:
    """The record of a letter that came through Kafka. Raises UsageError for another."""
    record = letter.record
    if record is None:
        raise UsageError(f"dead letter {letter.id} did not come through Kafka")
    return Kept.of(record)


def again(
    letter: DeadLetter, names: TopicNames, document: Any, changes: Mapping[str, str], pool: str | None
) -> Request:
    """The request that a letter is, with its corrections; it keeps its identity, so it is the same one.

    `document` replaces the arrival's data, or everything where it is a whole CloudEvent; `changes` are by
    field or by the CloudEvent's attribute; `pool` is another pool. Raises UsageError with what keeps it from
    being a request.
    """
    kept = kept_record(letter)
    if document is not None or changes or pool is not None:
        kept = _corrected(letter, kept, document, changes, pool)
    arrival = letter.record is not None and letter.record["topic"] == names.intake
    return (intake_of if arrival else command_of)(kept)


def _corrected(
    letter: DeadLetter, kept: Kept, document: Any, changes: Mapping[str, str], pool: str | None
) -> Kept:
    if document is not None and not isinstance(document, dict):
        raise UsageError("a document that takes its place is a JSON object")
    if isinstance(document, dict) and "specversion" in document:
        whole: Document | None = document
    else:
        whole = _document(kept)
        if whole is not None and document is not None:
            whole["data"] = document
    if whole is None:
        raise UsageError(
            f"dead letter {letter.id} is no record with fields",
            do="Give a whole CloudEvent with `--document FILE`.",
        )
    for name, text in changes.items():
        _change(whole, name, text)
    key = _text(kept.key)
    if pool is not None:
        whole["partitionkey"] = key = pool
    return Kept(
        orjson.dumps(whole),
        key.encode() if key is not None else None,
        [(H_CONTENT_TYPE, CONTENT_TYPE.encode())],
    )


def _change(whole: Document, name: str, text: str) -> None:
    if name in _ATTRIBUTES:
        whole[name] = text
        return
    if name not in _MEMBERS:
        known = ", ".join([*_MEMBERS, *_ATTRIBUTES])
        raise UsageError(f"there is no field {name!r}", do=f"There are: {known}.")
    group, member = _MEMBERS[name]
    data = whole.setdefault("data", {})
    part = data.setdefault(group, {}) if isinstance(data, dict) else None
    if not isinstance(part, dict):
        raise UsageError(
            f"the record has no place for {name!r}", do="Give its data anew with `--document FILE`."
        )
    part[member] = [text] if member in _LISTS else text


def _document(kept: Kept) -> Document | None:
    """The CloudEvent of a record, as far as it can be read; None for what is no JSON object."""
    try:
        content = orjson.loads(kept.value or b"")
    except orjson.JSONDecodeError:
        return None
    attributes = dict(_attributes(kept))
    if attributes:
        return attributes | {"data": content}
    return content if isinstance(content, dict) else None


def _attributes(kept: Kept) -> Iterator[tuple[str, str]]:
    for name, text in kept.headers:
        if name.startswith(ATTRIBUTE):
            yield name.removeprefix(ATTRIBUTE), (text or b"").decode("utf-8", "replace")


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _text(data: bytes | None) -> str | None:
    return None if data is None else bytes(data).decode("utf-8", "replace")

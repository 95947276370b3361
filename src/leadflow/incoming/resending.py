"""Sending a dead letter again, corrected: through the same reader as when it came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leadflow.errors import UsageError
from leadflow.intake.arrivals import Arrival, ArrivalReader
from leadflow.intake.attribution import Attribution
from leadflow.intake.channels.base import Inlet
from leadflow.intake.channels.kinds import InletReader, kind_of
from leadflow.intake.mapping import FIELDS, MappingFile
from leadflow.records import DeadLetter


def reader_of(
    letter: DeadLetter,
    mapping: MappingFile,
    inlet: Inlet | None = None,
    attribution: Attribution | None = None,
) -> ArrivalReader:
    """The reader that a dead letter's source has: that of `inlet`, if it came through one.

    Raises UsageError for one without a channel.
    """
    if inlet is not None:
        return InletReader(inlet, attribution, mapping).reader()
    if letter.channel is None:
        raise UsageError(
            f"dead letter {letter.id} came through no known channel", do="Send it anew: `leadflow intake`."
        )
    return ArrivalReader(
        letter.channel, campaign=letter.campaign, door=letter.door, mapping=mapping, attribution=attribution
    )


def corrected(
    letter: DeadLetter,
    document: Any,
    changes: Mapping[str, str],
    mapping: MappingFile | None = None,
    *,
    phone_region: str | None = None,
    inlet: Inlet | None = None,
    attribution: Attribution | None = None,
) -> Arrival:
    """The arrival as it reads with its corrections; it keeps its source reference, so it is the same one.

    `document` replaces what came; `changes` are by field (`phone`, `name`, …) or by column; `inlet` is the
    one that it came through, whose mapping holds unless another is given; `phone_region` (ISO 3166) holds
    instead of the mapping's for phone numbers without a country code. Raises UsageError for a document
    that has no fields, and for a field that is unknown.
    """
    if mapping is None:
        mapping = MappingFile() if inlet is None else kind_of(inlet.kind).mapping(inlet)
    if phone_region is not None:
        mapping = mapping.model_copy(update={"region": phone_region})
    if not isinstance(document, dict):
        raise UsageError(
            f"dead letter {letter.id} is no record with fields",
            do="Give a whole one with `--document FILE`.",
        )
    reader = reader_of(letter, mapping, inlet, attribution)
    plan = reader.plan(tuple(document))
    fixed, columns = dict(document), dict(mapping.columns)
    for name, value in changes.items():
        if name in fixed:
            fixed[name] = value
        elif name in plan.fields:
            fixed[plan.fields[name][0]] = value
        elif name in FIELDS:
            fixed[name], columns[name] = value, name
        else:
            known = ", ".join([*document, *FIELDS])
            raise UsageError(f"there is no field or column {name!r}", do=f"There are: {known}.")
    reader = reader_of(letter, mapping.model_copy(update={"columns": columns}), inlet, attribution)
    arrival = reader.read(fixed)
    if arrival.body is None or letter.ref is None:
        return arrival
    touch = arrival.body.touch.model_copy(update={"ref": letter.ref})
    body = arrival.body.model_copy(update={"touch": touch})
    return Arrival(body, arrival.problems, letter.ref)

"""The kinds of inlets, and what one call brings: arrivals that were read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from leadflow.errors import UsageError
from leadflow.intake.arrivals import Arrival, ArrivalReader
from leadflow.intake.attribution import Attribution
from leadflow.intake.channels import (
    baidu,
    cloud_events,
    douyin,
    google,
    meta,
    standard_webhooks,
    surveys,
    trade_shows,
    website,
)
from leadflow.intake.channels.base import Call, Inlet, Kind, Sent, TooLong
from leadflow.intake.mapping import MappingFile

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        website.KIND,
        baidu.KIND,
        douyin.KIND,
        google.KIND,
        meta.KIND,
        surveys.WENJUANXING,
        surveys.JINSHUJU,
        surveys.TENCENT,
        surveys.TYPEFORM,
        surveys.ANY,
        standard_webhooks.KIND,
        cloud_events.KIND,
        trade_shows.KIND,
    )
}


def kind_of(name: str) -> Kind:
    """The kind of this name. Raises UsageError."""
    if name not in KINDS:
        raise UsageError(f"there is no kind of inlet {name!r}", do=f"There are: {', '.join(KINDS)}.")
    return KINDS[name]


@dataclass(frozen=True, slots=True)
class Incoming:
    """One arrival of a call and what was understood of it."""

    sent: Sent
    arrival: Arrival


class InletReader:
    """Reads what comes to one inlet. It keeps nothing but what columns mean, so one serves for ever."""

    def __init__(
        self, inlet: Inlet, attribution: Attribution | None = None, mapping: MappingFile | None = None
    ) -> None:
        self.inlet = inlet
        self.kind = kind_of(inlet.kind)
        self._reader = ArrivalReader(
            inlet.channel,
            campaign=inlet.campaign,
            door=self.kind.door,
            mapping=mapping or self.kind.mapping(inlet),
            attribution=attribution,
            never=self.kind.never,
        )

    def sent(self, call: Call) -> list[Sent]:
        """The arrivals of a call, once it has proved where it comes from. Raises NotTaken."""
        if len(call.body) > self.kind.body_bytes_max:
            raise TooLong(f"the body has more than {self.kind.body_bytes_max:,} bytes")
        self.kind.authenticate(self.inlet, call)
        return self.kind.read(self.inlet, call)

    def incoming(self, sent: Sent) -> Incoming:
        """What one arrival says. Never raises for its content."""
        reader = self._reader.anew()
        if sent.unreadable is not None:
            problem = sent.unreadable
            arrival = reader.refuse(problem.code, problem.message, str(sent.document), problem.field)
        else:
            arrival = reader.read(sent.document, ref=sent.ref, spare_ref=sent.spare_ref)
        return Incoming(sent, arrival)

    def reader(self) -> ArrivalReader:
        """What reads its documents, counting nothing yet."""
        return self._reader.anew()


Fetch = Callable[[Inlet, str], dict[str, Any]]
"""Gets the fields of a lead that was pushed by its id. Raises LeadflowError."""


def completed(inlet: Inlet, sent: Sent, fetch: Fetch) -> Sent:
    """An arrival of ids only with its fields. Raises what `fetch` does."""
    lead = meta.needs_fields(sent.document) if sent.ids_only else None
    if lead is None:
        return sent
    return Sent(meta.with_fields(sent.document, fetch(inlet, lead)), ref=sent.ref)

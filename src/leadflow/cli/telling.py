"""Facts as sentences for whoever caused them: what happened, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from leadflow.bootstrap.looking import PoolView, corrected_fields
from leadflow.domain import events as f

SHORT_ID = 8
"""Characters of a lead's id that tables show; commands take any six or more."""


def short(lead: str) -> str:
    """The beginning of a lead's id, as tables show it."""
    return lead[:SHORT_ID]


def moment(pool: PoolView, time: datetime) -> str:
    """A moment in the pool's local time, to the minute: `2026-11-24 18:00 (+08:00)`."""
    local = pool.local(time)
    offset = local.strftime("%z")
    return f"{local:%Y-%m-%d %H:%M} ({offset[:3]}:{offset[3:]})"


def span(length: timedelta) -> str:
    """A length of time in its two largest units: `2d 4h`, `35m`; `-1h 5m` for what has passed."""
    minutes = int(abs(length).total_seconds() // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{count}{unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "m")) if count][:2]
    return ("-" if length < timedelta(0) and parts else "") + (" ".join(parts) or "0m")


def tell(pool: PoolView, events: Iterable[f.Event]) -> list[str]:
    """A sentence for each fact of a decision."""
    return [_SENTENCES[type(event.data)](pool, event, event.data) for event in events]


def _until(pool: PoolView, until: datetime | None, *, do: str = "") -> str:
    if until is None:
        return "without a deadline."
    return f"until {moment(pool, until)}" + (f": {do}." if do else ".")


def _past(data: Any) -> str:
    if not getattr(data, "past_calendar", False):
        return ""
    return " The calendar does not reach so far: plain weekdays were counted."


_CONTACT_BY = "log a contact by then"


def _captured(pool: PoolView, event: f.Event, data: f.LeadCaptured) -> str:
    kind = f" ({data.score_class})" if data.score_class else ""
    rule = f", rule {data.rule}" if data.rule else ""
    return f"New lead {event.subject}: score {data.score}{kind}{rule}."


def _touched(pool: PoolView, event: f.Event, data: f.TouchRecorded) -> str:
    owner = f"; {data.owner} keeps it" if data.owner else ""
    return f"Touch of the known lead {event.subject}, by its {data.matched_by}{owner}.{_also(data)}"


def _also(data: f.TouchRecorded | f.LeadTransferredIn) -> str:
    return f" It also matches {', '.join(data.also_matches)}: see `merge`." if data.also_matches else ""


def _assigned(pool: PoolView, event: f.Event, data: f.LeadAssigned) -> str:
    if data.to is None:
        return f"The lead waits in the queue {data.queue}; a manager assigns it."
    how = {"rotation": f" in turn ({data.group})", "timeout": " because nobody took it"}.get(data.mode, "")
    taken = f" It was taken from {data.taken_from}." if data.taken_from else ""
    until = _until(pool, data.until, do=_CONTACT_BY)
    return f"{data.to} got the lead{how} and has it {until}{taken}{_past(data)}"


def _failed(pool: PoolView, event: f.Event, data: f.AssignmentFailed) -> str:
    skipped = ", ".join(f"{c.rep} ({c.skipped})" for c in data.candidates if c.skipped)
    return (
        f"Nobody could be given the lead: {data.reason.replace('_', ' ')}"
        + (f"; passed over: {skipped}" if skipped else "")
        + ". It stays in the public pool, and managers are told."
    )


def _claimed(pool: PoolView, event: f.Event, data: f.LeadClaimed) -> str:
    which = f"lead {event.subject}" if data.chosen else "the lead"
    return f"{data.rep} has {which} {_until(pool, data.until, do=_CONTACT_BY)}{_past(data)}"


def _handed_over(pool: PoolView, event: f.Event, data: f.LeadHandedOver) -> str:
    until = _until(pool, data.until, do=_CONTACT_BY if data.fresh else "")
    return f"The lead went from {data.from_rep} to {data.to}, who has it {until}{_past(data)}"


def _contacted(pool: PoolView, event: f.Event, data: f.ContactLogged) -> str:
    return f"Contact logged for {data.by}: {data.outcome}.{_past(data)}"


def _recycled(pool: PoolView, event: f.Event, data: f.LeadRecycled) -> str:
    reason = data.reason.replace("_", " ")
    return f"The lead is back in the public pool ({reason}); {data.rep} had it."


def _collaborator(pool: PoolView, event: f.Event, data: f.CollaboratorAdded) -> str:
    return f"{data.member} works on the lead with its owner {_until_or_ever(pool, data.expires)}."


def _until_or_ever(pool: PoolView, until: datetime | None) -> str:
    return f"until {moment(pool, until)}" if until else "from now on"


def _protected(pool: PoolView, event: f.Event, data: f.LeadProtected) -> str:
    until = f"until {moment(pool, data.until)}" if data.until else "until it is unprotected"
    return f"{data.rep}'s lead has no deadline {until}."


def _merged(pool: PoolView, event: f.Event, data: f.LeadsMerged) -> str:
    had = f", which {data.absorbed_owner} had," if data.absorbed_owner else ""
    return f"Lead {data.absorbed}{had} is part of lead {event.subject} now, with all its touches."


def _transferred_in(pool: PoolView, event: f.Event, data: f.LeadTransferredIn) -> str:
    into = f"; it is lead {data.into} there" if data.into else ""
    return f"Pool {event.pool} has taken the lead in: score {data.score}{into}.{_also(data)}"


def _converted(pool: PoolView, event: f.Event, data: f.LeadConverted) -> str:
    touches = f"{len(data.touches)} touch{'' if len(data.touches) == 1 else 'es'}"
    return f"The lead is customer {data.customer} now; {data.owner} keeps it. {touches} carried over."


def _changed(pool: PoolView, event: f.Event, data: f.LeadDetailsChanged) -> str:
    fields, gone = corrected_fields(data)
    dropped = f" The {' and '.join(gone)} known before is taken away." if gone else ""
    return f"Changed: {', '.join(fields) or 'nothing'}.{dropped}"


def _reopened(pool: PoolView, event: f.Event, data: f.LeadReopened) -> str:
    why = " because the person came again" if data.cause == "touch" else ""
    return f"The lead is open again{why}, in the public pool."


_SENTENCES: dict[type[f.Fact], Callable[[PoolView, f.Event, Any], str]] = {
    f.LeadCaptured: _captured,
    f.TouchRecorded: _touched,
    f.LeadAssigned: _assigned,
    f.AssignmentFailed: _failed,
    f.LeadClaimed: _claimed,
    f.LeadHandedOver: _handed_over,
    f.ContactLogged: _contacted,
    f.ContactRevealed: lambda pool, event, data: f"It is recorded that {data.by} saw the contact points.",
    f.CollaboratorAdded: _collaborator,
    f.CollaboratorRemoved: lambda pool, event, data: f"{data.member} works on the lead no longer.",
    f.LeadProtected: _protected,
    f.ProtectionEnded: lambda pool, event, data: (
        f"The protection is over; {data.rep} has the lead {_until(pool, data.until)}{_past(data)}"
    ),
    f.LeadRecycled: _recycled,
    f.LeadsMerged: _merged,
    f.LeadTransferredOut: lambda pool, event, data: f"The lead left pool {event.pool} for {data.to_pool}.",
    f.LeadTransferredIn: _transferred_in,
    f.LeadConverted: _converted,
    f.DealRecorded: lambda pool, event, data: (
        f"Deal of {data.value.amount} {data.value.currency} with customer {data.customer}, for {data.owner}."
    ),
    f.DealReversed: lambda pool, event, data: (
        f"{data.owner}'s deal of {data.value.amount} {data.value.currency} with customer {data.customer}"
        " counts no more."
    ),
    f.LeadDisqualified: lambda pool, event, data: f"The lead is closed: {data.code}. A new touch reopens it.",
    f.LeadReopened: _reopened,
    f.LeadDetailsChanged: _changed,
    f.LeadRescored: lambda pool, event, data: f"Its score is {data.score}; it was {data.before}.",
    f.CustomerHandedOver: lambda pool, event, data: (
        f"Customer {data.customer} went from {data.from_rep} to {data.to}."
    ),
}

"""Facts in plain sentences, as an answer to somebody who asks what happened.

A sentence holds no person's name, contact point or free text; a reason that somebody gave is apart
(`reason_given`), for those who may see it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from leadflow.domain import events as e
from leadflow.domain.members import MemberTraits
from leadflow.domain.values import id_of, role_of
from leadflow.views.refusals import refusal_text
from leadflow.wording import many

When = Callable[[datetime | None], str]
"""How a moment is written."""

RECYCLED = {
    "no_first_contact": "no contact that counts was logged before the first deadline",
    "inactive": "the deadline passed without a further contact",
    "held_too_long": "it was held for as long as the policy allows",
    "returned": "{rep} gave it back",
    "withdrawn": "{by} took it from {rep}",
    "rep_left": "{rep} left the team",
}
SKIPPED = {
    "paused": "paused",
    "on_leave": "on leave",
    "off_hours": "outside its hours",
    "at_cap": "holds all it may",
    "region": "not its region",
    "industry": "not its industry",
    "had_it": "had it before",
    "left": "left the team",
    "unknown_rep": "no rep of the pool",
}
FAILED = {
    "no_rule": "no rule of the policy matches",
    "nobody_available": "nobody of the group was available",
    "empty_group": "the group has no rep",
    "no_fallback": "the policy names no fallback group",
    "unknown_rep": "the rule names nobody of this pool",
    "calendar_not_covered": "the calendar does not cover the deadline",
}


def sentence(event: e.Event, when: When, *, protected: bool | None = None) -> str:
    """What a fact says, in words. `protected`: whether the lead was then, so that no deadline ran; None where
    that is not known."""
    if isinstance(event.data, e.ContactLogged):
        return _contacted(event.data, when, protected)
    return _SENTENCES[type(event.data)](event, event.data, when)


def reason_given(event: e.Event) -> str | None:
    """Why somebody did it, or what was noted, in their own words: may hold personal data."""
    person = getattr(event.data, "person", None)
    return (person.reason or person.note) if person is not None else None


def doer(event: e.Event, rep: str | None = None) -> str:
    """Who did it, and for whom."""
    name = id_of(event.actor)
    if role_of(event.actor) == "system":
        return "the clock" if name == "clock" else "LeadFlow"
    return name if rep in (None, name) else f"{name} for {rep}"


def candidates_in_words(candidates: Sequence[e.Candidate], chosen: str | None) -> list[str]:
    """Each rep that a rotation considered: weight, what it had, or why it was passed over."""
    lines = []
    for one in candidates:
        if one.skipped:
            lines.append(f"{one.rep} was passed over: {SKIPPED.get(one.skipped, one.skipped)}")
        else:
            had = f", had {one.had}" if one.had is not None else ""
            lines.append(f"{one.rep} (weight {one.weight}{had})" + (" got it" if one.rep == chosen else ""))
    return lines


# --- the pool, its people, the company ---------------------------------------------------------


def _opened(event: e.Event, data: e.PoolOpened, _: When) -> str:
    clock = " on the clock of its requests" if data.clock == "requests" else ""
    return f"{doer(event)} opened pool {event.pool}{clock}"


def _published(event: e.Event, data: e.PolicyPublished, _: When) -> str:
    return f"{doer(event)} published policy {data.policy.name}, version {data.version}"


def _joined(event: e.Event, data: e.MemberJoined, _: When) -> str:
    return f"{doer(event)} added {data.member} as {data.role}{_traits(data.traits)}"


def _changed(event: e.Event, data: e.MemberChanged, _: When) -> str:
    return f"{doer(event)} changed {data.member}, now {data.role}{_traits(data.traits)}"


def _traits(traits: MemberTraits) -> str:
    """What a member was given, without what people call it."""
    given = traits.model_dump(exclude_none=True)
    parts = [f"{name} {', '.join(given[name])}" for name in ("regions", "industries") if given.get(name)]
    if traits.hours is not None:
        parts.append(f"hours {traits.hours}")
    parts += [f"on leave from {one.first_day} to {one.last_day}" for one in traits.leave or ()]
    if traits.holding_cap is not None:
        parts.append(f"holds at most {traits.holding_cap}")
    return "".join(f"; {part}" for part in parts)


def _paused(event: e.Event, data: e.MemberPaused, when: When) -> str:
    until = f" until {when(data.until)}" if data.until else ""
    if _own(event, data.member):
        return f"{data.member} is paused{until}"
    return f"{doer(event)} paused {data.member}{until}"


def _resumed(event: e.Event, data: e.MemberResumed, _: When) -> str:
    if _own(event, data.member) or role_of(event.actor) == "system":
        return f"{data.member} is back from its pause"
    return f"{doer(event)} ended the pause of {data.member}"


def _left(event: e.Event, data: e.MemberLeft, _: When) -> str:
    return f"{doer(event)} removed {data.member} from the pool"


def _own(event: e.Event, member: str) -> bool:
    return id_of(event.actor) == member


def _routed(event: e.Event, data: e.RoutingPublished, _: When) -> str:
    rows = len(data.table.routes)
    rest = f"{rows} route{'' if rows == 1 else 's'}, else pool {data.table.default}"
    return f"{doer(event)} published routing table {data.version}: {rest}"


def _spent(event: e.Event, data: e.SpendRecorded, _: When) -> str:
    campaign = f", campaign {data.campaign}" if data.campaign else ""
    units = f"; {data.units:,} of the unit {data.unit}" if data.units is not None else ""
    instead = f", instead of fact {data.replaces}" if data.replaces is not None else ""
    spend = f"{data.spend.amount:,} {data.spend.currency}"
    days = f"from {data.first_day} to {data.last_day}"
    return f"{doer(event)} recorded {spend} spent on {data.channel}{campaign} {days}{units}{instead}"


# --- leads ----------------------------------------------------------------------------------


def _captured(event: e.Event, data: e.LeadCaptured, _: When) -> str:
    touch = data.touch
    campaign = f", campaign {touch.campaign}" if touch.campaign else ""
    score = f"score {data.score}" + (f" (class {data.score_class})" if data.score_class else "")
    rule = f"met rule {data.rule}" if data.rule else "met no rule"
    return f"arrived by {touch.channel}{campaign}; {score}; {rule}"


def _touched(event: e.Event, data: e.TouchRecorded, _: When) -> str:
    whose = f", {data.owner}'s" if data.owner else ""
    known = f"known by its {data.matched_by} ({data.status}{whose}){_matching_others(data)}"
    return f"arrived again by {data.touch.channel}, {known}"


def _matching_others(data: e.TouchRecorded | e.LeadTransferredIn) -> str:
    return f"; matches {many(len(data.also_matches), 'other lead')} too" if data.also_matches else ""


def corrected_fields(data: e.LeadDetailsChanged) -> tuple[list[str], list[str]]:
    """The names of the fields that a correction gives, and of those that it takes away."""
    given = [name for name, value in data.company if value not in (None, "")]
    given += [name for name in ("name", "phones", "emails", "wechats") if getattr(data.person, name)]
    return given, [name for name, value in data.company if value == ""]


def _details(event: e.Event, data: e.LeadDetailsChanged, _: When) -> str:
    names, gone = corrected_fields(data)
    dropped = f", and took away the {' and '.join(gone)} known before" if gone else ""
    return f"{doer(event)} corrected {', '.join(names) or 'nothing'}{dropped}"


def _rescored(_: e.Event, data: e.LeadRescored, __: When) -> str:
    return f"scored anew: {data.score} instead of {data.before}"


def _merged(event: e.Event, data: e.LeadsMerged, _: When) -> str:
    return f"{doer(event)} merged lead {data.absorbed[:8]} into it" + (
        f", which {data.absorbed_owner} owned" if data.absorbed_owner else ""
    )


def _assigned(event: e.Event, data: e.LeadAssigned, when: When) -> str:
    if data.queue is not None:
        return f"rule {data.rule} put it into the queue of {data.queue}"
    rule = f", rule {data.rule}" if data.rule else ""
    how = {
        "rotation": f"went to {data.to} by the rotation of {data.group}{rule}",
        "directed": f"was directed to {data.to} by rule {data.rule}",
        "timeout": f"nobody took it in time, so it went to {data.to} by the rotation of {data.group}",
        "manual": f"{doer(event)} assigned it to {data.to}",
    }[data.mode]
    return how + _promise(data.until, when)


def _promise(until: datetime | None, when: When) -> str:
    return f"; promised until {when(until)}" if until else ""


def _failed(_: e.Event, data: e.AssignmentFailed, __: When) -> str:
    whom = f" by rule {data.rule}" if data.rule else ""
    return f"could not be assigned{whom}: {FAILED.get(data.reason, data.reason.replace('_', ' '))}"


def _claimed(event: e.Event, data: e.LeadClaimed, when: When) -> str:
    asked = "asked for the best lead and got it" if data.chosen else "claimed it"
    return f"{doer(event, data.rep)} {asked}{_promise(data.until, when)}"


def _handed_over(event: e.Event, data: e.LeadHandedOver, when: When) -> str:
    return f"{doer(event)} handed it over from {data.from_rep} to {data.to}{_promise(data.until, when)}"


def _contacted(data: e.ContactLogged, when: When, protected: bool | None) -> str:
    means = f" by {data.means}" if data.means else ""
    counts = "" if data.counts else ", which does not count"
    logged = f"{data.by} logged a contact{means}: {data.outcome}{counts}"
    if protected:
        return f"{logged}; protected, so no deadline runs"
    if not data.counts or data.until is None:
        return logged
    # The end of a protection shortens no promise: so this holds with one and without.
    least = "at least " if protected is None else ""
    return f"{logged}; kept {least}until {when(data.until)}"


def _revealed(_: e.Event, data: e.ContactRevealed, __: When) -> str:
    return f"{id_of(data.by) if '/' in data.by else data.by} saw the contact points"


def _collaborator(_: e.Event, data: e.CollaboratorAdded, when: When) -> str:
    return f"{data.member} collaborates" + (f" until {when(data.expires)}" if data.expires else "")


def _collaborator_gone(_: e.Event, data: e.CollaboratorRemoved, __: When) -> str:
    return f"{data.member} collaborates no longer ({data.reason})"


def _protected(event: e.Event, data: e.LeadProtected, when: When) -> str:
    until = f" until {when(data.until)}" if data.until else ""
    return f"{doer(event, data.rep)} protected it from recycling{until}"


def _unprotected(_: e.Event, data: e.ProtectionEnded, when: When) -> str:
    return f"its protection {data.reason}" + (f"; kept until {when(data.until)}" if data.until else "")


def _warned(_: e.Event, data: e.RecycleWarned, when: When) -> str:
    return f"{data.rep} was warned, {data.before} before the deadline of {when(data.until)}"


def _recycled(event: e.Event, data: e.LeadRecycled, _: When) -> str:
    why = RECYCLED[data.reason].format(rep=data.rep, by=doer(event))
    return f"went back from {data.rep} to the public pool: {why}"


def _out(event: e.Event, data: e.LeadTransferredOut, _: When) -> str:
    return f"{doer(event)} transferred it to pool {data.to_pool}"


def _in(_: e.Event, data: e.LeadTransferredIn, __: When) -> str:
    into = f" and joined lead {data.into[:8]}" if data.into else ""
    return f"came from pool {data.from_pool} (fact {data.from_fact}){into}{_matching_others(data)}"


def _converted(event: e.Event, data: e.LeadConverted, _: When) -> str:
    return f"{doer(event, data.owner)} converted it: customer {data.customer} of {data.owner}"


def _deal(event: e.Event, data: e.DealRecorded, _: When) -> str:
    number = f" {data.deal}" if data.deal else ""
    return f"{doer(event, data.owner)} recorded deal{number}: {data.value.amount:,} {data.value.currency}"


def _deal_reversed(event: e.Event, data: e.DealReversed, _: When) -> str:
    number = f" {data.deal}" if data.deal else ""
    whose = "" if data.owner == id_of(event.actor) else f"{data.owner}'s "
    worth = f"{data.value.amount:,} {data.value.currency}"
    return f"{doer(event)} reversed {whose}deal{number} of fact {data.recorded_sequence}: {worth}"


def _disqualified(event: e.Event, data: e.LeadDisqualified, _: When) -> str:
    return f"{doer(event)} closed it as disqualified: {data.code}"


def _reopened(event: e.Event, data: e.LeadReopened, _: When) -> str:
    how = "the person came again" if data.cause == "touch" else f"{doer(event)} reopened it"
    return f"was opened again: {how}"


def _customer(event: e.Event, data: e.CustomerHandedOver, _: When) -> str:
    return f"{doer(event)} handed the customer over from {data.from_rep} to {data.to}"


def _refused(event: e.Event, data: e.RequestRefused, when: When) -> str:
    asked = f"{doer(event, data.rep)} asked {data.request}"
    return f"{asked} and was refused: {refusal_text(data, event, when)}"


_SENTENCES: dict[type[e.Fact], Callable[[e.Event, Any, When], str]] = {
    e.PoolOpened: _opened,
    e.PolicyPublished: _published,
    e.MemberJoined: _joined,
    e.MemberChanged: _changed,
    e.MemberPaused: _paused,
    e.MemberResumed: _resumed,
    e.MemberLeft: _left,
    e.RoutingPublished: _routed,
    e.SpendRecorded: _spent,
    e.LeadCaptured: _captured,
    e.TouchRecorded: _touched,
    e.LeadDetailsChanged: _details,
    e.LeadRescored: _rescored,
    e.LeadsMerged: _merged,
    e.LeadAssigned: _assigned,
    e.AssignmentFailed: _failed,
    e.LeadClaimed: _claimed,
    e.LeadHandedOver: _handed_over,
    e.ContactRevealed: _revealed,
    e.CollaboratorAdded: _collaborator,
    e.CollaboratorRemoved: _collaborator_gone,
    e.LeadProtected: _protected,
    e.ProtectionEnded: _unprotected,
    e.RecycleWarned: _warned,
    e.LeadRecycled: _recycled,
    e.LeadTransferredOut: _out,
    e.LeadTransferredIn: _in,
    e.LeadConverted: _converted,
    e.DealRecorded: _deal,
    e.DealReversed: _deal_reversed,
    e.LeadDisqualified: _disqualified,
    e.LeadReopened: _reopened,
    e.CustomerHandedOver: _customer,
    e.RequestRefused: _refused,
}

"""Until when a lead is its owner's, and why: what a rep is told when it logs a contact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from leadflow.domain import events as f
from leadflow.domain.calendar import CalendarNotCovered, NoWorkingTime, WorkingTime
from leadflow.domain.policy import Calendar, Duration, Policy
from leadflow.domain.values import id_of, role_of
from leadflow.views.leads import LeadView, Views
from leadflow.views.sentences import RECYCLED, When
from leadflow.wording import listed, words
from projections.lead_queries import policy_row
from projections.queries import last_interval

Why = Literal["extended", "longest", "unchanged", "does_not_count", "protected", "customer", "no_deadline"]
_OWN_LEADS_ONLY = ("not_permitted", "not_owned", "not_owner")
"""Refusals to whoever does not own the lead (any more)."""


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What holds for a lead after a contact."""

    owner: str
    why: Why
    until: datetime | None
    """The owner's deadline; None where there is none, as while it is protected."""
    protected_until: datetime | None = None
    after_protection: str | None = None
    """How long the owner has at least once the protection ends."""
    keep_for: str | None = None
    hold_at_most: str | None = None
    at_the_longest: datetime | None = None
    """Until when contacts can extend the deadline."""
    outcome: str
    counting: tuple[str, ...]
    """Outcomes that count."""


def promise_after(views: Views, lead: LeadView, contact: f.Event) -> Promise | None:
    """Until when the lead is its owner's after this contact, and why; None where nobody owns it any more."""
    data = contact.data
    row = policy_row(views.database, lead.pool, contact.policy)
    if lead.owner is None or row is None or not isinstance(data, f.ContactLogged):
        return None
    policy = Policy.model_validate(row["policy"])
    working = WorkingTime(Calendar.model_validate(row["calendar"]), policy.calendar)
    rules = policy.follow_up
    kept = moment_after(working, contact.time, rules.keep_for)
    longest = moment_after(working, lead.since, rules.hold_at_most)
    after_protection = rules.keep_for or rules.first_contact_within
    return Promise(
        owner=lead.owner,
        why=_why(lead, data, kept, longest),
        until=None if lead.protected or lead.status == "converted" else data.until,
        protected_until=lead.protected_until,
        after_protection=words(after_protection) if after_protection else None,
        keep_for=words(rules.keep_for) if rules.keep_for else None,
        hold_at_most=words(rules.hold_at_most) if rules.hold_at_most else None,
        at_the_longest=longest if lead.status == "private" else None,
        outcome=data.outcome,
        counting=tuple(rules.counts),
    )


def moment_after(working: WorkingTime, start: datetime | None, length: Duration | None) -> datetime | None:
    """The moment this long after; None without either, and where the calendar does not say."""
    if start is None or length is None:
        return None
    try:
        return working.add(start, length)[0]
    except (CalendarNotCovered, NoWorkingTime):
        return None


def _why(lead: LeadView, contact: f.ContactLogged, kept: datetime | None, longest: datetime | None) -> Why:
    until = contact.until
    if lead.status == "converted":
        return "customer"
    if lead.protected:
        return "protected"
    if until is None:
        return "no_deadline"
    if not contact.counts:
        return "does_not_count"
    if until == kept:
        return "extended"
    if (kept is not None and until > kept) or (longest is not None and until > longest):
        # The deadline so far is later than what this contact would give.
        return "unchanged"
    return "longest"


def promise_in_words(promise: Promise, when: When) -> str:
    """The promise as the rep needs it: until when, to the minute, and why."""
    one, owner = promise, promise.owner
    until = when(one.until) if one.until else ""
    longest = f" Contacts extend it to {when(one.at_the_longest)} at most." if one.at_the_longest else ""
    match one.why:
        case "customer":
            return f"It is {owner}'s customer: there is no deadline."
        case "protected":
            ends = f"until {when(one.protected_until)}" if one.protected_until else "until it is unprotected"
            then = f"; after that, {owner} has it for {one.after_protection} at least"
            return (
                f"It is {owner}'s, protected {ends}: no deadline runs{then if one.after_protection else ''}."
            )
        case "no_deadline":
            return f"It is {owner}'s without a deadline."
        case "does_not_count":
            return (
                f"It is {owner}'s until {until}, as before: by the policy, {one.outcome} moves no deadline. "
                f"{listed(one.counting, 'or').capitalize()} would; log it by then, or the lead goes back."
            )
        case "unchanged":
            more = f"{one.keep_for} from this contact would end sooner" if one.keep_for else "it is later"
            return f"It is {owner}'s until {until}, as before: {more}.{longest}"
        case "extended":
            return f"It is {owner}'s until {until}: {one.keep_for} from this contact.{longest}"
    limit = f", {one.hold_at_most} after it became {owner}'s" if one.hold_at_most else ""
    return (
        f"It is {owner}'s until {until}: no contact keeps it longer{limit}. "
        "Convert it or have it protected before."
    )


def how_lost(views: Views, refused: f.Event, when: When) -> str | None:
    """Where somebody is refused because the lead is not theirs any more: until when it was, and why.

    Nothing is told of a lead that never was the rep's.
    """
    data = refused.data
    if not isinstance(data, f.RequestRefused) or data.reason not in _OWN_LEADS_ONLY:
        return None
    rep = id_of(refused.actor) if role_of(refused.actor) == "rep" else data.rep
    found = last_interval(views.database, refused.pool, refused.subject, rep) if rep else None
    if found is None:
        return None
    if found["end_reason"] == "handed_over":
        why = f"{id_of(found['end_actor'])} handed it over"
    elif found["end_reason"] in RECYCLED:
        why = RECYCLED[found["end_reason"]].format(rep=rep, by=id_of(found["end_actor"]))
    else:
        why = str(found["end_reason"]).replace("_", " ")
    return (
        f"It was {rep}'s until {when(found['to_time'])}: {why} (fact {refused.pool}/{found['end_sequence']})."
    )

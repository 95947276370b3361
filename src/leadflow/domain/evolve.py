"""Folding facts into a pool's state: `evolve(pool, event)`. No decision is taken here.

One function per fact, found by the fact's class. A fact is folded as it was decided: what a later
policy says does not change what an earlier fact did.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from leadflow.domain import events as e
from leadflow.domain import fold_details, fold_holding
from leadflow.domain import ownership as own
from leadflow.domain.company import CompanyState, evolve_company
from leadflow.domain.members import MemberTraits
from leadflow.domain.pool import RESUME, Member, Pool
from leadflow.domain.stream import NOT_TAKEN_IN, Stream
from leadflow.domain.values import COMPANY_STREAM

CLOCK = "system/clock"
"""The actor of what a deadline decided."""

UNSEEN = frozenset((e.RequestRefused, e.ContactRevealed, e.RecycleWarned, e.AssignmentFailed))
"""Facts about a lead that leave it as whoever looked at it saw it: `if_sequence` still holds."""


class OutOfSequence(Exception):
    """A fact that does not follow the last one: the log or its reader is broken."""


def initial(stream: str) -> Stream:
    """The state of a stream without facts."""
    return CompanyState(stream) if stream == COMPANY_STREAM else Pool(stream)


def evolve(stream: Stream, event: e.Event) -> None:
    """Fold one fact in. Raises OutOfSequence unless it is the stream's next one."""
    name, sequence, time, subject, actor, causation, _, index, _, _, data, digest = event
    if sequence != stream.sequence + 1 or name != stream.id:
        raise OutOfSequence(f"{event.id} does not follow {stream.id}/{stream.sequence}")
    kind = type(data)
    if isinstance(stream, Pool):
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(stream, event, data)
        if kind not in UNSEEN:
            lead = stream.leads.get(subject)
            if lead is not None:
                lead.last = sequence
    elif isinstance(stream, CompanyState):
        evolve_company(stream, event)
    stream.sequence = sequence
    stream.time = max(stream.time, time)
    if index == 1 and actor != CLOCK:
        refused_arrival = isinstance(data, e.RequestRefused) and data.request == "SubmitIntake"
        stream.remember(causation, NOT_TAKEN_IN if refused_arrival else digest, sequence)


# --- the pool, its policy and its people ----------------------------------------------------


def _opened(pool: Pool, event: e.Event, data: e.PoolOpened) -> None:
    pool.clock = data.clock
    pool.opener = event.actor


def _published(pool: Pool, event: e.Event, data: e.PolicyPublished) -> None:
    pool.publish(data.version, data.policy, data.calendar)
    pool.policy_seq, pool.policy_time = event.sequence, event.time
    own.wait_anew(pool)


def _joined(pool: Pool, event: e.Event, data: e.MemberJoined) -> None:
    # Someone who comes back after leaving starts anew, at the end of the order; what a day's limits
    # have counted stays counted.
    before = pool.members.pop(data.member, None)
    member = Member(data.member, data.role, data.traits)
    if before is not None:
        member.keep_counts(before)
    pool.members[data.member] = member
    own.availability_changed(pool, member, event)


def _changed(pool: Pool, event: e.Event, data: e.MemberChanged) -> None:
    member = pool.members[data.member]
    member.role, member.traits = data.role, data.traits
    own.availability_changed(pool, member, event)


def _paused(pool: Pool, event: e.Event, data: e.MemberPaused) -> None:
    member = pool.members[data.member]
    member.paused = event.sequence
    if data.until is not None:
        pool.timer(data.until, event.sequence, RESUME, member.id)
    own.availability_changed(pool, member, event)


def _resumed(pool: Pool, event: e.Event, data: e.MemberResumed) -> None:
    member = pool.members[data.member]
    member.paused = 0
    own.availability_changed(pool, member, event)


def _left(pool: Pool, event: e.Event, data: e.MemberLeft) -> None:
    member = pool.members[data.member]
    member.left = True
    member.traits = MemberTraits()
    own.availability_changed(pool, member, event)


_HANDLERS: dict[type[e.Fact], Callable[[Pool, e.Event, Any], None]] = {
    e.PoolOpened: _opened,
    e.PolicyPublished: _published,
    e.MemberJoined: _joined,
    e.MemberChanged: _changed,
    e.MemberPaused: _paused,
    e.MemberResumed: _resumed,
    e.MemberLeft: _left,
    **fold_details.HANDLERS,
    **fold_holding.HANDLERS,
}

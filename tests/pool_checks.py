"""What must hold of every pool's state, and whether two states are equal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from leadflow.domain import deadlines
from leadflow.domain.calendar import WorkingTime
from leadflow.domain.events import Event
from leadflow.domain.evolve import evolve, initial
from leadflow.domain.ordered import SortedRuns
from leadflow.domain.pool import CONVERTED, LIVE, MEMORISED, PRIVATE, PUBLIC, QUEUE, Lead, Pool, Stream
from leadflow.domain.values import Model, digest

SPEED = (*MEMORISED, "timers", "unclaimed", "fresh", "retry_at", "availability_changed")
"""What a pool keeps to be quick; asking the clock tidies it, so it is compared by what it still means."""


def folded(events: Iterable[Event], stream: str) -> Stream:
    """A fresh state with all the facts folded in."""
    state = initial(stream)
    for event in events:
        evolve(state, event)
    return state


def differences(one: Any, other: Any, path: str = "state") -> Iterator[str]:
    """Every place where two states differ, walking all attributes; the order of dictionaries counts."""
    if type(one) is not type(other):
        yield f"{path}: {type(one).__name__} / {type(other).__name__}"
    elif isinstance(one, Pool):
        yield from _attributes(one, other, path, skip=SPEED)
        yield from differences(meant(one), meant(other), f"{path}.meant")
    elif isinstance(one, dict):
        if list(one) != list(other):
            yield f"{path}: keys {list(one)[:9]} / {list(other)[:9]}"
        for key in one.keys() & other.keys():
            if isinstance(one[key], Lead) and path.endswith("contacts"):
                # Only which lead it is; the leads themselves are compared where they stand.
                yield from differences(one[key].id, other[key].id, f"{path}[{key!r}]")
            else:
                yield from differences(one[key], other[key], f"{path}[{key!r}]")
    elif isinstance(one, (list, tuple, SortedRuns)) and not hasattr(one, "_fields"):
        left, right = list(one), list(other)
        if len(left) != len(right):
            yield f"{path}: {left[:9]} / {right[:9]}"
        for at, (mine, theirs) in enumerate(zip(left, right, strict=False)):
            yield from differences(mine, theirs, f"{path}[{at}]")
    elif isinstance(one, (Model, WorkingTime)) or not _names(one):
        if not isinstance(one, WorkingTime) and one != other:
            yield f"{path}: {one!r} / {other!r}"
    else:
        yield from _attributes(one, other, path)


def _names(value: Any) -> list[str]:
    if type(value).__module__ == "builtins" or type(value).__module__ == "datetime":
        return []
    names = [*getattr(type(value), "__slots__", ()), *getattr(value, "__dict__", ())]
    # A dossier may be written or not; what it says is compared.
    return ["dossier" if name == "told" else name for name in names]


def _attributes(one: Any, other: Any, path: str, skip: tuple[str, ...] = ()) -> Iterator[str]:
    names = [name for name in _names(one) if name not in skip]
    if set(names) != {name for name in _names(other) if name not in skip}:
        yield f"{path}: attributes {names} / {_names(other)}"
    for name in names:
        yield from differences(getattr(one, name), getattr(other, name), f"{path}.{name}")


def meant(pool: Pool) -> dict[str, Any]:
    """The deadlines that still hold, whatever is left over of others."""
    return {
        "timers": sorted(t for t in pool.timers if deadlines._holds(pool, t)),
        "unclaimed": sorted(
            (since, cause, lead_id)
            for since, cause, lead_id in pool.unclaimed
            if (lead := pool.leads[lead_id]).status in (PUBLIC, QUEUE)
            and lead.public_seq == cause
            and not lead.failed.startswith("timeout")
        ),
        "fresh": [
            lead_id
            for lead_id in pool.fresh
            if (lead := pool.leads[lead_id]).status in (PUBLIC, QUEUE) and lead.waiting and not lead.failed
        ],
    }


def check_invariants(pool: Pool) -> None:
    """Every index of the state says what the leads themselves say."""
    leads = pool.leads.values()
    for lead in leads:
        assert (lead.owner is not None) == (lead.status in (PRIVATE, CONVERTED)), (lead.id, lead.status)
        assert bool(lead.dossier) == (lead.status in (*LIVE, "disqualified")), (lead.id, lead.status)
        assert not (lead.waiting and lead.status not in (PUBLIC, QUEUE)), lead.id
        assert not (lead.until and lead.status != PRIVATE), lead.id
        assert not (lead.protected and lead.status != PRIVATE), lead.id
        assert not (lead.collaborators and lead.status != PRIVATE), lead.id
        assert lead.owner not in (lead.collaborators or ()), lead.id
        assert (lead.public_since is not None) == (lead.status in (PUBLIC, QUEUE)), lead.id
    held = {m.id: sorted(m.held) for m in pool.members.values()}
    assert held == {m: sorted(x.id for x in leads if x.status == PRIVATE and x.owner == m) for m in held}
    customers = {m.id: sorted(m.customers) for m in pool.members.values()}
    assert customers == {
        m: sorted(x.id for x in leads if x.status == CONVERTED and x.owner == m) for m in customers
    }
    for member in pool.members.values():
        assert not (member.left and (member.held or member.customers)), member.id
        assert member.protected == sum(1 for lead_id in member.held if pool.leads[lead_id].protected)
    assert [item[2] for item in pool.claimable] == [
        x.id for x in sorted(leads, key=lambda x: (-x.score, x.number)) if x.status == PUBLIC
    ]
    waiting = {(groups, item[1]) for groups, runs in pool.waiting.items() for item in runs}
    assert waiting == {(x.waiting, x.id) for x in leads if x.waiting}
    kinds: dict[tuple[str, ...], dict[tuple[str | None, str | None], int]] = {}
    for lead in leads:
        if lead.waiting:
            of = kinds.setdefault(lead.waiting, {})
            of[lead.region, lead.industry] = of.get((lead.region, lead.industry), 0) + 1
    assert kinds == pool.waiting_kinds
    _check_contacts(pool)


def _check_contacts(pool: Pool) -> None:
    for lead in pool.contacts.values():
        assert pool.leads[lead.id] is lead
        assert lead.status not in ("merged", "transferred"), lead.id
    for lead in pool.leads.values():
        if lead.dossier:
            person = lead.unpack().person
            for kind, values in (
                ("phone", person.phones),
                ("email", person.emails),
                ("wechat", person.wechats),
            ):
                for value in values:
                    assert pool.contacts.get(digest(kind, value)) is lead, (lead.id, kind)

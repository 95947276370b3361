"""The read models of random histories, held against what the naive model of the rules knows of them.

The projections read documents; the model folds the typed facts by itself (`tests/reference/state.py`). More
histories: `LEADFLOW_TEST_SEEDS=500`.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

import pytest

from leadflow.domain.values import format_time
from projections import customers, ownership, pools
from projections.base import Projection, entry_of
from projections.folding import fold
from projections.memory import MemoryRows
from tests.random_requests import POOL, documents
from tests.reference.comparing import ComparedScene
from tests.reference.state import KINDS, LIVE, History, Lead, Member
from tests.reference.unusual import UnusualRequests

SEEDS = int(os.environ.get("LEADFLOW_TEST_SEEDS", "8"))
REQUESTS = 200


def folded(projection: Projection, scene: ComparedScene) -> MemoryRows:
    rows = MemoryRows(projection)
    pairs = enumerate(zip(scene.events, documents(scene), strict=True), 1)
    entries = [entry_of(at, event.time + timedelta(seconds=1), document) for at, (event, document) in pairs]
    fold(projection, entries, rows)
    return rows


def written(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)


def known(lead: Lead) -> dict[str, Any]:
    """What a row of a lead says, as the model knows it."""
    first = lead.touches[0]
    return {
        "status": lead.status,
        "owner": lead.owner,
        "queue": lead.queue,
        "score": lead.score,
        "rule": lead.rule,
        "channel": first.channel,
        "campaign": first.campaign,
        "captured_sequence": lead.born,
        "last_sequence": lead.last,
        "merged_into": lead.merged_into,
        "protected": lead.protected,
        "protected_until": written(lead.protected_until) if lead.protected else None,
        "public_since": written(lead.public_since) if lead.status in ("public", "queue") else None,
        "until": written(lead.until) if lead.status == "private" and not lead.protected else None,
        "collaborators": set(lead.collaborators),
    }


def details(lead: Lead) -> dict[str, Any]:
    """What it says of the person and the company, as long as they are the lead's."""
    points = {kind: sorted(lead.points.get(kind, ())) for kind in KINDS}
    company = {field: lead.company.get(field) for field in ("industry", "size", "region")}
    return {"touches": len(lead.touches), "tries": lead.contacts, **points, **company}


def status_of(member: Member) -> str:
    if not member.present:
        return "left"
    return "paused" if member.paused else "active"


def as_known(row: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    found = {name: row[name] for name in wanted}
    if "collaborators" in found:
        found["collaborators"] = set(found["collaborators"])
    return found | {kind: sorted(found[kind]) for kind in KINDS if kind in found}


def history_of(seed: int) -> tuple[ComparedScene, History]:
    print(f"seed {seed}")
    scene = UnusualRequests(seed).run(REQUESTS).compared
    return scene, scene.history


@pytest.mark.parametrize("seed", range(5000, 5000 + SEEDS))
def test_read_models_say_what_the_rules_say(seed: int) -> None:
    scene, history = history_of(seed)
    tables = folded(pools.PROJECTION, scene).tables
    people = {name: (row["role"], row["status"]) for (_, name), row in tables["members"].items()}
    assert people == {x.id: (x.role, status_of(x)) for x in history.members.values()}
    rows = tables["leads"]
    assert {lead for _, lead in rows} == set(history.leads)
    for lead in history.leads.values():
        row = rows[POOL, lead.id]
        if lead.status not in LIVE:
            row = row | {"until": None, "protected_until": None}
        assert as_known(row, wanted := known(lead)) == wanted, lead
        if lead.status in (*LIVE, "converted", "disqualified"):
            assert as_known(row, wanted := details(lead)) == wanted, lead

    holders = folded(ownership.PROJECTION, scene).tables["holders"]
    owned = {x.id: x.owner for x in history.leads.values() if x.owner is not None}
    assert {lead: row["owner"] for (_, lead), row in holders.items()} == owned

    made = folded(customers.PROJECTION, scene).tables["customers"]
    assert {lead: row["owner"] for (_, lead), row in made.items()} == {
        x.id: x.owner for x in history.leads.values() if x.status == "converted"
    }
    for (_, name), row in made.items():
        lead = history.leads[name]
        assert len(row["touches"]) == len(lead.touches)
        for kind in KINDS:
            assert set(row[kind]) <= set(lead.points.get(kind, ()))

"""What readers of a pool's facts are told of leads that leave their sight: that they are gone, no more."""

from __future__ import annotations

from typing import Any

from leadflow.domain import requests as r
from leadflow.log.envelope import decode
from leadflow.views.disclosure import Stand, moves_of
from tests.doors import Door, door, office_template
from tests.listeners import Listener, Message, is_fact

__all__ = ["door", "office_template"]


def left(found: list[Message]) -> list[str]:
    """The leads that were told to be gone."""
    return [one.fact["subject"] for one in found if one["event"] == "gone"]


def test_a_lead_that_leaves_ones_sight_is_told_to_be_gone(door: Door) -> None:
    people = ("manager/ma", "auditor/an", "rep/wang", "rep/li", "marketing/mei", "support/su")
    leads = [door.office.arrives(f"card-{n}", phone=f"+861380013{n:04}") for n in range(7)]
    claimed, given, passed_on, moved, closed, merged, kept = leads
    queue = door.office.arrives("chief", channel="referral", phone="+8613800139999")
    after = door.app.log.last("east")
    asked: list[tuple[str, r.Body]] = [
        ("rep/wang", r.ClaimLead(lead=claimed)),
        ("manager/ma", r.AssignLead(lead=given, to="li", reason="near")),
        ("rep/wang", r.ClaimLead(lead=passed_on)),
        ("rep/wang", r.AddCollaborator(lead=passed_on, member="su")),
        ("manager/ma", r.HandOverLead(lead=passed_on, to="li", reason="ill")),
        ("rep/li", r.RemoveCollaborator(lead=passed_on, member="su")),
        ("manager/ma", r.TransferLead(lead=moved, to_pool="west", reason="region")),
        ("manager/ma", r.DisqualifyLead(lead=closed, code="spam")),
        ("manager/ma", r.MergeLeads(lead=kept, absorbed=merged)),
        # Never in a rep's sight, before or after; then in one's alone.
        ("manager/ma", r.AssignLead(lead=queue, to="wang", reason="chief")),
        ("manager/ma", r.HandOverLead(lead=queue, to="li", reason="better")),
    ]
    live = {actor: Listener(door, actor) for actor in people}
    for actor, body in asked:
        door.office.ask(actor, body)
    last = door.office.arrives("card-9", phone="+8613800138888")
    end = lambda one: one.fact["subject"] == last  # noqa: E731
    gone_of_all = [moved, closed, merged]
    expected = {
        "manager/ma": [],
        "auditor/an": [],
        "rep/wang": [given, passed_on, *gone_of_all, queue],
        "rep/li": [claimed, passed_on, *gone_of_all],
        "marketing/mei": [claimed, given, passed_on, *gone_of_all],
    }
    for actor, leads_gone in expected.items():
        found = live[actor].until(end)
        assert left(found) == leads_gone, actor
        # Whoever comes back is told the same, but of what it sees again by now.
        back = Listener(door, actor, **{"Last-Event-ID": f"east/{after}"}).until(end)
        seen = {one["lead"] for one in door.as_(actor).get("/v1/pools/east/leads")["items"]}
        assert left(back) == [one for one in leads_gone if one not in seen], actor
        for one in found:
            if one["event"] == "gone":
                assert set(one.fact) == {"id", "type", "time", "subject"}
    assert left(live["support/su"].until(is_fact("gone"))) == [passed_on]


def test_how_leads_stand_by_their_facts_is_how_they_stand(door: Door) -> None:
    """What tells who saw a lead before is folded from facts: it comes to the same as the read model."""
    pool = "east"
    for n in range(4):
        door.office.arrives(f"ad-{n}", channel="baidu_ads", phone=f"+861380013{n:04}")
    mine = door.as_("rep/wang").get("/v1/pools/east/leads?status=private")["items"][0]
    door.office.ask("rep/wang", r.AddCollaborator(lead=mine["lead"], member="su"))
    door.office.ask("rep/wang", r.ConvertLead(lead=mine["lead"]))
    door.office.ask("manager/ma", r.RemoveMember(member="wang", leads_to="li"))
    events = [decode(one.state) for one in door.app.log.read_pool(pool)]
    stands: dict[str, Any] = {}
    for moves in moves_of(events, {}).values():
        for move in moves:
            assert stands.get(move.lead) == move.before
            stands[move.lead] = move.after
    rows = door.app.views.standing(pool, list(stands))
    assert len(rows) == len(stands) == 4
    for lead, row in rows.items():
        assert stands[lead] == Stand(row["status"], row["owner"], frozenset(row["collaborators"]))

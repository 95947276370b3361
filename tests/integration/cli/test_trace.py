"""`trace`: who owned a lead, when, why, who else asked, and what was known at a time."""

from __future__ import annotations

import json
from typing import Any

from tests.sales_week import Shell, leads, shell

__all__ = ["leads", "shell"]


def traced(shell: Shell, *arguments: str) -> Any:
    return json.loads(shell("trace", *arguments, "--json"))


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_it_says_who_claimed_first_with_positions(leads: dict[str, str], shell: Shell) -> None:
    text = squeezed(shell("trace", leads["A"]))
    assert "Who claimed it first? li, by fact east/6 on 2026-10-12 10:05:00." in text
    assert (
        "east/7 10-12 10:05:02 wang asked ClaimLead 2.00 s later and was told: li has the lead already"
        in text
    )
    assert "by fact east/6" in text
    assert "promised until 2026-10-13 10:05" in text
    assert "went back from li to the public pool: no contact that counts was logged" in text
    assert "Now: a customer, owned by wang (converted)." in text


def test_every_owner_stands_with_mode_policy_promise_and_end(leads: dict[str, str], shell: Shell) -> None:
    first, second = traced(shell, leads["A"])["holdings"]
    assert (first["owner"], first["mode"], first["policy"], first["fact"]) == ("li", "claim", 1, "east/6")
    assert first["promised"] == "2026-10-13T02:05:00.000000Z"
    assert (first["end"], first["ended"]) == ("no_first_contact", "2026-10-13T02:05:00.000000Z")
    (attempt,) = first["refused"]
    assert (attempt["rep"], attempt["reason"]) == ("wang", "already_owned")
    assert (attempt["winner"], attempt["winner_fact"]) == ("li", "east/6")
    assert (second["owner"], second["contacts"], second["ended"]) == ("wang", 1, None)


def test_a_rotation_names_every_candidate_and_why_it_was_passed_over(
    leads: dict[str, str], shell: Shell
) -> None:
    (holding,) = traced(shell, leads["B"])["holdings"]
    assert (holding["mode"], holding["rule"], holding["group"]) == ("rotation", "hot", "senior")
    assert holding["candidates"] == ["wang (weight 2, had 0) got it", "li was passed over: paused"]
    assert holding["turn"] == 1
    assert holding["shares_since"] == "east/8"
    assert "li was passed over: paused" in shell("trace", leads["B"])


def test_at_a_time_only_what_was_known_then_counts(leads: dict[str, str], shell: Shell) -> None:
    lead = leads["A"]
    then = traced(shell, lead, "--at", "2026-10-12T18:00")
    assert (then["owner"], then["owner_then"], then["facts_known"]) == ("li", "li", 3)
    assert then["facts_now"] > then["facts_known"]
    assert then["holdings"][0]["ended"] is None
    text = squeezed(shell("trace", lead, "--at", "2026-10-12T18:00"))
    assert "At 2026-10-12 18:00:00: li owned it by fact east/6, promised until 2026-10-13 10:05." in text
    between = traced(shell, lead, "--at", "2026-10-13T10:30")
    assert (between["owner"], between["status"]) == (None, "public")
    assert traced(shell, lead, "--at", "2026-10-01")["facts_known"] == 0
    assert "nothing was known of it" in shell("trace", lead, "--at", "2026-10-01")


def test_a_time_may_name_its_offset_and_a_day_means_its_end(leads: dict[str, str], shell: Shell) -> None:
    lead = leads["A"]
    assert traced(shell, lead, "--at", "2026-10-12T02:04:59Z")["owner"] is None
    assert traced(shell, lead, "--at", "2026-10-12T10:05:00+08:00")["owner"] == "li"
    assert traced(shell, lead, "--at", "2026-10-13")["owner"] == "wang"
    assert "is no time" in shell("trace", lead, "--at", "yesterday", code=2)


def test_brief_leaves_out_the_list_of_all_facts(leads: dict[str, str], shell: Shell) -> None:
    assert "Everything" in shell("trace", leads["A"])
    assert "Everything" not in shell("trace", leads["A"], "--brief")


def test_a_lead_may_be_named_by_the_beginning_of_its_id(leads: dict[str, str], shell: Shell) -> None:
    assert traced(shell, leads["A"][:8])["lead"] == leads["A"]
    assert "no lead" in shell("trace", "ffffffff", code=2)


def test_the_history_is_for_its_owner_for_managers_and_for_auditors(
    leads: dict[str, str], shell: Shell
) -> None:
    lead = leads["A"]
    assert "谈了报价" in shell("--as", "rep/wang", "trace", lead)
    assert "谈了报价" in shell("--as", "manager/ma", "trace", lead)
    seen_by_auditor = shell("--as", "auditor/an", "trace", lead)
    assert "li claimed it" in seen_by_auditor
    assert "谈了报价" not in seen_by_auditor
    for other in ("rep/li", "analyst/an", "marketing/local", "rep/stranger"):
        assert "claimed it" not in shell("--as", other, "trace", lead, code=2)


def test_no_line_is_wider_than_a_page(leads: dict[str, str], shell: Shell) -> None:
    assert max(map(len, shell("trace", leads["A"]).splitlines())) <= 100

"""Commands on leads: what each says, what it refuses, and with which exit code."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.office import Desk, desk, office_template

__all__ = ["desk", "office_template"]


@pytest.fixture
def lead(desk: Desk) -> str:
    return desk.office.arrives("card-1")


def owned(desk: Desk, rep: str = "wang", ref: str = "card-9", phone: str = "+8613900139009") -> str:
    found = desk.office.arrives(ref, phone=phone)
    desk("--as", f"rep/{rep}", "claim", found)
    return found


def test_a_claim_says_until_when_and_whom_to_call(desk: Desk, lead: str) -> None:
    said = desk("--as", "rep/wang", "claim", lead[:8])
    assert said.startswith("wang has the lead until ")
    assert "(+08:00): log a contact by then." in said
    assert "赵敏 蓝海物流 · +8613800138001" in said


def test_a_late_claim_is_refused_naming_the_winner_and_its_position(desk: Desk, lead: str) -> None:
    desk("--as", "rep/wang", "claim", lead)
    said = desk("--as", "rep/li", "claim", lead[:8], code=1)
    assert "Refused: wang has the lead already, by fact east/" in said
    refusal = desk.json("--as", "rep/li", "claim", lead, code=1)
    assert (refusal["refused"]["reason"], refusal["refused"]["winner"]) == ("already_owned", "wang")
    assert "13800138001" not in said


def test_a_manager_claims_for_a_rep_and_must_say_for_whom(desk: Desk, lead: str) -> None:
    assert "say for which rep" in desk("claim", lead, code=1)
    said = desk("--as", "manager/ma", "claim", lead, "--for", "li")
    assert said.startswith("li has the lead until ")
    assert "There are: li, ma, mei, su, wang" in desk("claim", lead, "--for", "nobody", code=2)


def test_the_same_request_again_gets_its_first_outcome(desk: Desk, lead: str) -> None:
    arguments = ("--as", "rep/wang", "claim", lead, "--request-id", "r-1")
    first, again = desk.json(*arguments), desk.json(*arguments)
    assert (first["repeated"], again["repeated"]) == (False, True)
    assert first["facts"] == again["facts"]
    assert "used for something else" in desk(
        "--as", "rep/wang", "return", lead, "--request-id", "r-1", code=1
    )


def test_next_looks_without_a_fact_and_takes_the_best(desk: Desk, lead: str) -> None:
    best = desk.office.arrives("card-2", phone="+8613900139000", size=900)
    before = desk.json("lead", "show", best)["lead"]["last_sequence"]
    shown = desk.json("--as", "rep/wang", "next", "--show")
    assert shown["next"]["lead"] == best
    assert shown["next"]["masked"] is True
    assert desk.json("lead", "show", best)["lead"]["last_sequence"] == before
    assert "Not claimed" in desk("--as", "rep/wang", "next", "--show")
    taken = desk.json("--as", "rep/wang", "next")
    assert (taken["lead"], taken["seen"]["masked"]) == (best, False)
    assert desk.json("--as", "rep/wang", "next")["lead"] == lead
    assert desk.json("--as", "rep/wang", "next", "--show") == {"next": None, "reason": "nothing_to_claim"}
    assert desk.json("next", "--show", code=1) == {"next": None, "reason": "rep_needed"}
    assert "there is no lead that wang may claim now" in desk("--as", "rep/wang", "next", code=1)


def test_a_stale_request_is_refused_with_the_present_position(desk: Desk, lead: str) -> None:
    seen = desk.json("lead", "show", lead)["lead"]["last_sequence"]
    desk("edit", lead, "--city", "杭州", "--if-sequence", str(seen))
    said = desk("--as", "rep/wang", "claim", lead, "--if-sequence", str(seen), code=1)
    assert "the lead has changed since you saw it" in said


def test_assign_hand_over_withdraw_and_return(desk: Desk, lead: str) -> None:
    assert desk("assign", lead, "wang", "--reason", "knows them").startswith("wang got the lead")
    assert "went from wang to li" in desk("hand-over", lead, "li")
    assert "li had it" in desk("withdraw", lead, "--reason", "conflict")
    desk("--as", "marketing/mei", "assign", lead, "li", "--reason", "campaign")
    assert "(returned)" in desk("--as", "rep/li", "return", lead, "--reason", "no time")
    assert "nobody owns the lead" in desk("withdraw", lead, "--reason", "again", code=1)
    assert "the lead is not li's; nobody owns it" in desk("return", lead, "--for", "li", code=1)
    assert "Missing option '--reason'" in desk("assign", lead, "wang", code=2)
    assert "is not for the role rep" in desk("--as", "rep/wang", "hand-over", owned(desk), "li", code=1)


def test_refusals_say_times_as_the_pool_has_them_and_whose_leads_one_may_work_on(desk: Desk) -> None:
    lead = owned(desk)
    said = desk("--as", "rep/li", "return", lead, code=1)
    assert "a rep may do this with its own leads only" in said
    said = desk("--as", "rep/wang", "protect", lead, "--until", "2999-01-01", code=1)
    assert re.search(r"the longest protection ends at \d{4}-\d\d-\d\d \d\d:\d\d \(\+08:00\)", said)
    assert re.search(r"protection\s+ends\s+at\s+\d{4}-\d\d-\d\d\s+\d\d:\d\d:\d\d", desk("trace", lead))


def test_contacts_move_the_deadline_where_they_count(desk: Desk) -> None:
    lead = owned(desk)
    said = desk(
        "--as", "rep/wang", "contact", lead, "--outcome", "reached", "--means", "call", "--note", "好"
    )
    assert "Contact logged for wang: reached." in said
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d \(\+08:00\)"
    extended = (
        rf"It is wang's until ({when}): 7 days from this contact. Contacts extend it to {when} at most."
    )
    until = re.search(extended, said)
    assert until, said
    said = desk("--as", "rep/wang", "contact", lead, "--outcome", "no_answer", "--at", "2026-01-05T09:30")
    assert f"It is wang's until {until[1]}, as before: by the policy, no_answer moves no deadline." in said
    story = desk.json("--as", "rep/wang", "lead", "show", lead)
    assert [(line["outcome"], line["counts"]) for line in story["contacts"]] == [
        ("reached", True),
        ("no_answer", False),
    ]
    assert story["contacts"][1]["stated_at"] == "2026-01-05T01:30:00.000000Z"
    assert "knows no outcome sang" in desk("contact", lead, "--outcome", "sang", code=1)
    assert "is no time" in desk("contact", lead, "--outcome", "reached", "--at", "noon", code=2)


def test_after_a_contact_it_is_said_why_no_deadline_runs(desk: Desk) -> None:
    lead = owned(desk)
    reached = ("--as", "rep/wang", "contact", lead, "--outcome", "reached")
    desk("--as", "rep/wang", "protect", lead)
    for outcome in ("reached", "no_answer"):
        said = desk("--as", "rep/wang", "contact", lead, "--outcome", outcome)
        assert re.search(r"It is wang's, protected until \S+ \S+ \S+: no deadline runs; after that", said)
        assert "wang has it for 7 days at least" in said
        assert said.count(" until ") == 1
    found = desk.json(*reached)
    assert (found["promise"]["why"], found["promise"]["until"]) == ("protected", None)
    told = desk("trace", lead), desk("--as", "rep/wang", "lead", "show", lead)
    for said in (" ".join(text.split()) for text in told):
        assert "kept until" not in said
        assert "wang logged a contact: reached; protected, so no deadline runs" in said
        assert "no_answer, which does not count; protected, so no deadline runs" in said
    assert "has it still, protected: no deadline runs" in told[0]
    desk("--as", "rep/wang", "convert", lead)
    assert "It is wang's customer: there is no deadline." in desk(*reached)


def test_who_has_lost_a_lead_is_told_until_when_it_was_theirs_and_why(desk: Desk) -> None:
    lead = owned(desk)
    desk("withdraw", lead, "--reason", "holiday")
    said = desk("--as", "rep/wang", "contact", lead, "--outcome", "reached", code=1)
    assert "a rep may do this with its own leads only" in said
    assert re.search(r"It was wang's until .* \(\+08:00\): local took it from wang \(fact east/\d+\)", said)
    assert "It was" not in desk("--as", "rep/li", "contact", lead, "--outcome", "reached", code=1)


def test_the_history_of_a_lead_is_told_in_sentences_and_in_the_pools_time(desk: Desk) -> None:
    lead = owned(desk)
    desk("--as", "rep/wang", "contact", lead, "--outcome", "reached")
    said = desk("--as", "rep/wang", "lead", "show", lead)
    assert re.search(r"wang logged a contact: reached; kept until \d{4}-\d\d-\d\d \d\d:\d\d  east/\d+", said)
    assert re.search(r"wang claimed it; promised until \d{4}-\d\d-\d\d \d\d:\d\d  east/\d+", said)


def test_who_does_not_belong_to_the_pool_is_told_so(desk: Desk, lead: str) -> None:
    said = desk("--as", "rep/nobody", "claim", lead, code=2)
    assert "rep/nobody does not belong there" in said
    assert "does not belong" not in desk("--as", "rep/wang", "claim", "ffffffff", code=2)


def test_reveals_are_limited_and_are_facts(desk: Desk, lead: str) -> None:
    said = desk("--as", "rep/wang", "reveal", lead)
    assert "recorded that wang saw the contact points" in said
    assert "+8613800138001" in said
    other = desk.office.arrives("card-3", phone="+8613900139003")
    said = desk("--as", "rep/wang", "reveal", other, code=1)
    assert "wang has revealed 1 of 1 contacts today" in said
    assert "13900139003" not in said
    assert "a reason is needed" in desk("--as", "auditor/kim", "reveal", other, code=1)
    assert "+8613900139003" in desk("--as", "auditor/kim", "reveal", other, "--reason", "complaint")


def test_collaborators_see_the_lead_until_removed(desk: Desk) -> None:
    lead = owned(desk)
    assert "may see" in desk("--as", "support/su", "lead", "show", lead, code=2)
    said = desk("--as", "rep/wang", "collaborate", lead, "su", "--until", "2099-01-31")
    assert "su works on the lead with its owner until 2099-01-31 23:59 (+08:00)." in said
    assert "+8613900139009" in desk("--as", "support/su", "lead", "show", lead)
    assert "collaborates already" in desk("--as", "rep/wang", "collaborate", lead, "su", code=1)
    assert "no longer" in desk("--as", "rep/wang", "collaborate", lead, "su", "--remove")
    assert "may see" in desk("--as", "support/su", "lead", "show", lead, code=2)
    assert "leave out --until" in desk("collaborate", lead, "su", "--remove", "--until", "2099-01-31", code=2)


def test_protection_has_a_limit_and_an_end(desk: Desk) -> None:
    first, second = owned(desk), owned(desk, ref="card-8", phone="+8613900139008")
    assert "wang's lead has no deadline until " in desk("--as", "rep/wang", "protect", first)
    assert "wang protects 1 of 1 leads" in desk("--as", "rep/wang", "protect", second, code=1)
    assert "Protected until " in desk("lead", "show", first)
    assert "The protection is over; wang has the lead until " in desk("--as", "rep/wang", "unprotect", first)
    assert "the longest protection ends at" in desk("protect", first, "--until", "2099-01-01", code=1)


def test_edit_understands_what_is_typed_as_what_arrives(desk: Desk) -> None:
    lead, taken = owned(desk), desk.office.arrives("card-4", phone="+8613900139004")
    said = desk("edit", lead, "--phone", "139 0013 9777", "--email", "New@Example.COM", "--size", "500-999")
    assert "Changed: size, phones, emails." in said
    assert "Its score is " in said
    seen = desk.json("lead", "show", lead)["lead"]
    assert seen["phones"] == ["+8613900139009", "+8613900139777"]
    assert "new@example.com" in seen["emails"]
    said = desk("edit", lead, "--phone", "12", "--email", "nobody", code=2)
    assert "phone is not a phone number" in said
    assert "email is not an e-mail address" in said
    assert f"phone of lead {taken}" in desk("edit", lead, "--phone", "13900139004", code=1)
    assert "nothing was given to change" in desk("edit", lead, code=1)
    desk("edit", lead, "--region", "深圳")
    assert desk.json("lead", "show", lead)["lead"]["city"] == "深圳"
    assert "Changed: region. The city known before is taken away." in desk("edit", lead, "--region", "四川")
    found = desk.json("lead", "show", lead)
    assert (found["lead"]["region"], found["lead"]["city"]) == ("四川", None)
    assert found["history"][-1]["says"] == "local corrected region, and took away the city known before"


def test_merging_keeps_the_survivor_and_both_histories(desk: Desk) -> None:
    lead, other = owned(desk), desk.office.arrives("card-5", phone="+8613900139005")
    assert f"Lead {other} is part of lead {lead} now" in desk("merge", lead, other[:10], "--reason", "same")
    assert [touch.get("joined") for touch in desk.json("lead", "show", lead)["touches"]] == [None, "merge"]
    assert f"part of lead {lead}" in desk("lead", "show", other)
    assert "merged into itself" in desk("merge", lead, lead, code=1)
    assert "no lead '0000000'" in desk("merge", lead, "0000000", code=2)


def test_a_lead_that_comes_back_from_another_pool_has_every_touch_once(desk: Desk, lead: str) -> None:
    desk("transfer", lead, "west")
    (moved,) = desk.json("lead", "show", lead, "--pool", "west")["touches"]
    assert moved["joined"] == "transfer"
    desk("transfer", lead, "east", "--pool", "west")
    (touch,) = desk.json("lead", "show", lead, "--pool", "east")["touches"]
    assert touch.get("joined") is None


def test_a_transfer_is_one_step_in_both_pools(desk: Desk, lead: str) -> None:
    said = desk("transfer", lead, "west", "--reason", "their region")
    assert "The lead left pool east for west." in said
    assert desk.json("lead", "show", lead, "--pool", "west")["lead"]["status"] == "public"
    assert "moved to pool west" in desk("lead", "show", lead, "--pool", "east")
    assert "there is no pool 'north'" in desk("transfer", lead, "north", "--pool", "west", code=2)
    assert "owns the lead since" in desk("transfer", owned(desk), "west", code=1)


def test_a_disqualified_lead_can_be_reopened(desk: Desk) -> None:
    lead = owned(desk)
    assert "The lead is closed: no_budget." in desk(
        "--as", "rep/wang", "disqualify", lead, "--code", "no_budget", "--note", "next year"
    )
    assert "the lead was closed as disqualified" in desk("--as", "rep/li", "claim", lead, code=1)
    assert "The lead is open again, in the public pool." in desk("reopen", lead)
    assert "not closed as disqualified" in desk("reopen", lead, code=1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("claim", "0000000"), "there is no lead '0000000'"),
        (("claim", "123"), "too short"),
        (("claim", "000000", "--pool", "north"), "there is no pool 'north'"),
        (("--as", "boss/x", "claim", "000000"), "roles are"),
        (("--as", "rep/zhao", "claim", "000000"), "there is no lead"),
        (("claim",), "Missing argument 'LEAD'"),
    ],
)
def test_what_cannot_be_meant_ends_with_code_2(desk: Desk, arguments: Any, said: str) -> None:
    assert said in desk(*arguments, code=2)


def test_a_contact_point_of_another_lead_is_said_to_be_so(desk: Desk, lead: str) -> None:
    other = owned(desk)
    said = desk("--as", "rep/wang", "edit", other, "--phone", "13800138001", code=1)
    assert "what was given is the phone of another lead already" in said
    assert lead not in said
    assert f"the phone of lead {lead} already" in desk("edit", other, "--phone", "13800138001", code=1)


def test_a_rep_is_told_that_it_may_add_collaborators_to_its_own_leads(desk: Desk, lead: str) -> None:
    desk("--as", "rep/wang", "claim", lead)
    assert "its own leads only" in desk("--as", "rep/li", "collaborate", lead, "su", code=1)

"""What a trace says above the list of owners."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.office import Desk, desk, office_template

__all__ = ["desk", "office_template"]


def test_of_requests_refused_for_other_reasons_nobody_is_said_to_have_been_first(desk: Desk) -> None:
    lead = desk.office.arrives("one")
    desk("claim", lead, "--as", "rep/li")
    desk("claim", lead, "--as", "rep/wang", code=1)
    assert "1 request of others was refused; each names the fact that was first." in desk("trace", lead)
    desk("protect", lead, "--until", "2020-01-01", "--as", "rep/li", code=1)
    assert "2 requests were refused; 1 of them because another was first" in desk("trace", lead)


def test_a_refusal_that_names_a_fact_for_another_reason_is_not_said_to_name_the_first(desk: Desk) -> None:
    lead = desk.office.arrives("one")
    desk("member", "pause", "wang")
    desk("claim", lead, "--as", "rep/wang", code=1)
    desk("claim", lead, "--as", "rep/li")
    desk("transfer", lead, "west", code=1)
    desk("return", lead, "--as", "rep/li")
    desk("transfer", lead, "west")
    desk("claim", lead, "--as", "rep/li", "--pool", "east", code=1)
    assert "3 requests were refused; 1 of them because another was first" in desk("trace", lead)
    found = desk.json("trace", lead)
    refused = [*found["refused_while_public"], *(one for h in found["holdings"] for one in h["refused"])]
    named = {one["reason"]: one["winner_fact"] for one in refused}
    assert named == {"paused": None, "transferred": None, "owned": found["holdings"][0]["fact"]}


def test_what_is_known_of_a_lead_today_does_not_stand_in_what_was_known_then(desk: Desk) -> None:
    lead = desk.office.arrives("one")
    desk("edit", lead, "--company", "后来知道的公司")
    assert "后来知道的公司" in desk("trace", lead)
    assert "后来知道的公司" not in desk("trace", lead, "--at", "2020-01-01")


def test_of_a_time_that_is_yet_to_come_it_is_said_so(desk: Desk) -> None:
    lead = desk.office.arrives("one")
    for asked in (("trace", lead, "--at"), ("report", "channels", "--as-of")):
        code, _, said = desk.any(*asked, "2999-12-31")
        assert (code, said) == (0, "Note: 2999-12-31 is yet to come; this is what is known now.\n")
        assert desk.any(*asked, datetime.now(UTC).date().isoformat())[::2] == (0, "")

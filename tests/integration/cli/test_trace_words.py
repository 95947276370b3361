"""What a trace says above the list of owners."""

from __future__ import annotations

from tests.office import Desk, desk, office_template

__all__ = ["desk", "office_template"]


def test_of_requests_refused_for_other_reasons_nobody_is_said_to_have_been_first(desk: Desk) -> None:
    lead = desk.office.arrives("one")
    desk("claim", lead, "--as", "rep/li")
    desk("claim", lead, "--as", "rep/wang", code=1)
    assert "1 request of others was refused; each names the fact that was first." in desk("trace", lead)
    desk("protect", lead, "--until", "2020-01-01", "--as", "rep/li", code=1)
    assert "2 requests were refused; 1 of them because another was first" in desk("trace", lead)


def test_what_is_known_of_a_lead_today_does_not_stand_in_what_was_known_then(desk: Desk) -> None:
    lead = desk.office.arrives("one")
    desk("edit", lead, "--company", "后来知道的公司")
    assert "后来知道的公司" in desk("trace", lead)
    assert "后来知道的公司" not in desk("trace", lead, "--at", "2020-01-01")

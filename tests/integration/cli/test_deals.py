"""Deals with customers: recorded, taken back, and counted by what counts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.office import Desk, desk, office_template

__all__ = ["desk", "office_template"]


def owned(desk: Desk, rep: str = "wang", ref: str = "card-9", phone: str = "+8613900139009") -> str:
    found = desk.office.arrives(ref, phone=phone)
    desk("--as", f"rep/{rep}", "claim", found)
    return found


def test_conversion_deals_and_two_currencies(desk: Desk) -> None:
    lead = owned(desk)
    assert "is no customer yet" in desk("deal", lead, "100", "CNY", code=1)
    assert "The lead is customer C-77 now; wang keeps it." in desk(
        "--as", "rep/wang", "convert", lead, "--customer", "C-77"
    )
    assert "was converted already, by fact east/" in desk("--as", "rep/wang", "convert", lead, code=1)
    said = desk("--as", "rep/wang", "deal", lead, "1,999.50", "CNY", "--number", "A1")
    assert "Deal of 1999.50 CNY with customer C-77, for wang." in said
    assert "two currencies: CNY, USD" in desk("deal", lead, "100 USD", "CNY", code=2)
    assert "not an amount" in desk("deal", lead, "many", "CNY", code=2)
    assert "must be above zero" in desk("deal", lead, "0", "CNY", code=1)
    assert "RNB is not a currency of ISO 4217; did you mean CNY?" in desk("deal", lead, "9", "RNB", code=2)
    assert "customer C-77 of wang" in desk("lead", "show", lead)


def test_a_deal_that_was_typed_wrong_is_reversed_and_recorded_anew(desk: Desk) -> None:
    lead = owned(desk)
    desk("convert", lead, "--customer", "C-77", "--as", "rep/wang")
    wrong = desk.json("deal", lead, "19999", "CNY", "--as", "rep/wang")["facts"][0]["id"]
    right = desk.json("deal", lead, "1999", "CNY", "--number", "D-7", "--as", "rep/wang")["facts"][0]["id"]

    def revenue(*then: str) -> Any:
        rows = desk.json("report", "channels", *then)["rows"]
        reps = desk.json("report", "reps", *then)["reps"]
        money = [(one["deals"], one["revenue"]) for row in rows for one in row["money"].values()]
        return money, [row["deals"] for row in reps if row["rep"] == "wang"]

    assert revenue() == ([(2, "21998")], [2])
    before = datetime.now(UTC).isoformat()
    said = desk("reverse-deal", lead, wrong, "--reason", "a nine too many", "--as", "rep/wang")
    assert "wang's deal of 19999 CNY with customer C-77 counts no more." in said
    assert revenue() == ([(1, "1999")], [1])
    assert revenue("--as-of", before) == ([(2, "21998")], [2])
    again = desk("reverse-deal", lead, wrong, "--as", "rep/wang", code=1)
    assert "the deal was reversed already, by fact east/" in again
    assert "fact east/1 records no deal of this lead" in desk("reverse-deal", lead, "east/1", code=1)
    assert "reversed already" in desk("reverse-deal", lead, wrong.partition("/")[2], code=1)
    for which in ("west/3", "D-77", "-1", "1.5", "²", "east/0", "east/" + "9" * 5000):
        said = desk("reverse-deal", lead, "--", which, code=2)
        assert f"no deal is '{which}'" in said
        assert f"{right}: 1,999 CNY (D-7)" in said
    desk("deal", lead, "1", "CNY", "--number", "D-7", "--as", "rep/wang")
    assert "several deals are 'D-7'" in desk("reverse-deal", lead, "D-7", code=2)
    assert "its own leads only" in desk("reverse-deal", lead, right, "--as", "rep/li", code=1)
    desk("reverse-deal", lead, right.partition("/")[2])
    desk("reverse-deal", lead, "D-7", "--as", "rep/wang")
    # What the touch cost stays.
    assert revenue() == ([(0, "0")], [0])
    assert "reversed already" in desk("reverse-deal", lead, " D-7 ", code=1)
    assert "named by its fact" in desk("reverse-deal", lead, "D-7", "--request-id", "q1", code=2)
    told = desk("trace", lead)
    assert f"reversed deal of fact {wrong.partition('/')[2]}: 19,999 CNY" in told


def test_an_amount_below_zero_is_no_unknown_option(desk: Desk) -> None:
    lead = owned(desk)
    desk("--as", "rep/wang", "convert", lead)
    for amount in ("-10", "-.5", "-¥10"):
        said = desk("deal", lead, amount, "CNY", code=2)
        assert "a deal's amount must be above zero" in said
        assert "leadflow reverse-deal LEAD DEAL" in said
    assert "must be above zero" in desk("deal", lead, "--", "-10", "CNY", code=1)
    assert "No such option" in desk("deal", lead, "10", "CNY", "--nmber", "1", code=2)

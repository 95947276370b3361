"""`report`: channels, funnel and reps, as tables, JSON and CSV, now and as of an earlier time."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from tests.sales_week import Shell, leads, shell

__all__ = ["leads", "shell"]


def reported(shell: Shell, *arguments: str) -> Any:
    return json.loads(shell("report", *arguments, "--json"))


def records(shell: Shell, *arguments: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(shell("report", *arguments, "--csv"))))


def by_channel(report: Any) -> dict[str, Any]:
    return {row["channel"]: row for row in report["rows"]}


def test_channels_give_cost_leads_customers_and_return(shell: Shell) -> None:
    rows = by_channel(reported(shell, "channels"))
    assert rows["baidu_ads"]["money"]["CNY"]["spend"] == "300.00"
    assert rows["baidu_ads"]["money"]["CNY"]["cost_per_lead"] == "300.00"
    expo = rows["trade_show"]
    assert (expo["leads"], expo["claimed"], expo["contacted"], expo["converted"]) == (1, 1, 1, 1)
    assert expo["money"]["CNY"]["revenue"] == "5000.50"
    assert expo["money"]["USD"]["cost_per_customer"] == "100.00"


def test_what_cannot_be_mapped_and_what_is_estimated_is_marked_and_explained(shell: Shell) -> None:
    report = reported(shell, "channels")
    rows = by_channel(report)
    assert rows["social"]["marks"] == ["spend_without_leads"]
    assert rows["survey"]["marks"] == ["touch_costs"]
    assert rows["survey"]["money"]["CNY"]["touch_costs"] == "30.00"
    assert set(report["marks"]) == {"spend_without_leads", "touch_costs"}
    text = shell("report", "channels")
    assert "~30" in text
    assert "¹ spend that brought no lead in this period" in text
    assert "² touch costs stand in on days for which no spend is recorded" in text


def test_each_currency_has_a_table_of_its_own(shell: Shell) -> None:
    text = shell("report", "channels")
    yuan, dollars = text.index("CNY"), text.index("USD")
    assert text.index("social/posters") < dollars
    assert text.rindex("trade_show/expo") > dollars > yuan


def test_the_chart_draws_cost_and_revenue(shell: Shell) -> None:
    text = shell("report", "channels", "--chart")
    assert "revenue  " + "█" * 44 + " 5,000" in text
    assert "█" not in shell("report", "channels")
    assert max(map(len, text.splitlines())) <= 100


def test_days_outside_are_not_counted(shell: Shell) -> None:
    rows = by_channel(reported(shell, "channels", "--from", "2026-10-13", "--to", "2026-10-14"))
    assert "trade_show" in rows
    assert rows["trade_show"]["leads"] == 0
    assert rows["baidu_ads"]["money"]["CNY"]["spend"] == "200.00"
    assert "apportioned" in rows["baidu_ads"]["marks"]
    assert "is before" in shell("report", "funnel", "--from", "2026-10-14", "--to", "2026-10-13", code=2)
    assert "is no day" in shell("report", "funnel", "--from", "soon", code=2)


def test_as_of_shows_what_was_known_then(shell: Shell) -> None:
    then = by_channel(reported(shell, "channels", "--as-of", "2026-10-14T11:00"))
    assert set(then) == {"trade_show", "baidu_ads", "survey"}
    assert then["trade_show"]["converted"] == 0
    assert then["trade_show"]["money"] == {}
    now = reported(shell, "channels", "--as-of", "2026-10-16")
    assert now["rows"] == reported(shell, "channels")["rows"]
    assert "Nothing was known of these days by then" in shell("report", "funnel", "--as-of", "2020-01-01")
    for written in ("2026-10-14T11:00", "2026-10-14T03:00:00+00:00"):
        told = shell("report", "funnel", "--as-of", written)
        assert "as known at 2026-10-14 11:00:00 (+08:00)" in told


def test_the_funnel_counts_how_far_leads_came(shell: Shell) -> None:
    row = next(row for row in reported(shell, "funnel") if row["pool"] == "east")
    assert row["steps"] == {"leads": 3, "owned": 2, "contacted": 1, "converted": 1}
    assert "owned             2" in shell("report", "funnel", "--pool", "east")
    assert shell("report", "funnel", "--pool", "west", code=2)


def test_reps_are_shown_with_their_rotation_and_its_fairness(shell: Shell) -> None:
    report = reported(shell, "reps")
    wang = next(row for row in report["reps"] if row["rep"] == "wang")
    assert (wang["claimed"], wang["assigned"], wang["converted"]) == (1, {"rotation": 1}, 1)
    (fair,) = report["rotations_since_last_change"]
    assert (fair["group"], fair["since_fact"], fair["leads"]) == ("senior", "east/8", 1)
    assert "nobody is off its share by a whole lead" in shell("report", "reps")


def test_a_rep_sees_its_own_figures_only(shell: Shell) -> None:
    report = reported(shell, "reps", "--as", "rep/li")
    assert [row["rep"] for row in report["reps"]] == ["li"]
    assert report["rotations_since_last_change"] == []
    assert "own figures only" in shell("--as", "rep/li", "report", "channels", code=1)
    assert shell("--as", "support/local", "report", "funnel", code=1)
    assert shell("--as", "analyst/an", "report", "channels")


def test_csv_leaves_as_text_what_would_be_a_formula(shell: Shell) -> None:
    found = records(shell, "channels")
    assert [row["campaign"] for row in found if row["channel"] == "survey"] == ["'=SUM(A1:A9)"]
    assert sum(int(row["leads"] or 0) for row in found) == 3
    assert {row["currency"] for row in found} == {"CNY", "USD"}


def test_csv_of_the_funnel_and_the_reps_add_up(shell: Shell) -> None:
    (row,) = records(shell, "funnel")
    assert (row["pool"], row["leads"], row["currency"], row["revenue"]) == ("east", "3", "CNY", "5000.50")
    assert sum(int(row["claimed"]) for row in records(shell, "reps")) == 2

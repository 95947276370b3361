"""`leads` and `lead show`: filters, masks, deadlines."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len

from tests.office import EMAIL, NAME, Desk, desk, office_template

__all__ = ["desk", "office_template"]


@pytest.fixture
def team(desk: Desk) -> dict[str, str]:
    """A few leads by name."""
    arrives = desk.office.arrives
    found = {
        "large": arrives("large", size=900, industry="软件"),
        "small": arrives("small", phone="+8613900139001", region="北京", name="=cmd()"),
        "queued": arrives("queued", channel="referral", phone="+8613900139002"),
        "mine": arrives("mine", phone="+8613900139003"),
        "turn": arrives("turn", channel="baidu_ads", phone="+8613900139004"),
    }
    desk("--as", "rep/wang", "claim", found["mine"])
    return found


def listed(desk: Desk, team: dict[str, str], *arguments: str) -> list[str]:
    names = {lead: name for name, lead in team.items()}
    return [names[lead["lead"]] for lead in desk.json(*arguments)["leads"]]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ((), {"large", "small", "queued", "mine", "turn"}),
        (("--status", "public"), {"large", "small"}),
        (("--status", "queue", "--status", "public"), {"large", "small", "queued"}),
        (("--channel", "baidu_ads"), {"turn"}),
        (("--region", "北京"), {"small"}),
        (("--industry", "软件"), {"large"}),
        (("--min-score", "70"), {"large"}),
        (("--waiting",), {"queued"}),
        (("--search", "cmd"), {"small"}),
        (("--search", "139-0013-9001"), {"small"}),
        (("--owner", "nobody"), set()),
    ],
)
def test_filters(desk: Desk, team: dict[str, str], arguments: Any, names: set[str]) -> None:
    assert set(listed(desk, team, "leads", *arguments)) == names


def test_the_best_come_first_and_a_limit_says_what_is_left(desk: Desk, team: dict[str, str]) -> None:
    assert listed(desk, team, "leads", "--limit", "1") == ["large"]
    assert listed(desk, team, "leads", "--sort", "newest")[0] == "turn"
    assert "1 of 5 leads; 4 more with --limit" in desk("leads", "--limit", "1")


def test_a_rep_sees_its_own_leads_and_masks(desk: Desk, team: dict[str, str]) -> None:
    assert set(listed(desk, team, "--as", "rep/wang", "leads", "--mine")) >= {"mine"}
    text = desk("--as", "rep/li", "leads", "--status", "public")
    assert "138****8001" in text
    assert "赵**" in text
    assert NAME not in text
    assert EMAIL not in text
    assert listed(desk, team, "--as", "rep/li", "leads", "--search", "13800138001") == []
    assert "queued" not in listed(desk, team, "--as", "rep/li", "leads")


def test_owner_deadline_and_time_left_are_shown(desk: Desk, team: dict[str, str]) -> None:
    line = next(line for line in desk("leads").splitlines() if line.startswith(team["mine"][:8]))
    assert " wang " in line
    assert "2d 23h" in line


def test_who_may_see_no_leads_is_told_so(desk: Desk, team: dict[str, str]) -> None:
    assert "analyst/an may not see leads" in desk("--as", "analyst/an", "leads", code=1)
    assert "rep/zhao may not see leads" in desk("--as", "rep/zhao", "leads", code=1)
    assert "leave out one of the options" in desk("leads", "--owner", "nobody")


def test_unknown_names_are_named(desk: Desk) -> None:
    assert "Declared are: baidu_ads" in desk("leads", "--channel", "radio", code=2)
    assert "there is no pool 'north'" in desk("leads", "--pool", "north", code=2)
    assert "say two different things" in desk("leads", "--mine", "--owner", "li", code=2)


def test_a_lead_is_shown_whole(desk: Desk, team: dict[str, str]) -> None:
    desk("--as", "rep/wang", "contact", team["mine"], "--outcome", "reached", "--note", "wants a demo")
    text = desk("--as", "rep/wang", "lead", "show", team["mine"][:8])
    for part in (
        "赵敏 蓝海物流 · +8613900139003",
        "score     20 (B) = base +20",
        "wang claimed it on ",
        "a contact that counts keeps it longer. At the longest until ",
        "note      想看演示",
        "Touches (1)",
        "trade_show  by file  50.00 CNY",
        "wang: reached  “wants a demo”",
        "History; `leadflow trace ",
    ):
        assert part in text


def test_a_public_lead_says_what_will_happen_to_it(desk: Desk, team: dict[str, str]) -> None:
    text = desk("--as", "rep/li", "lead", "show", team["large"])
    assert "in the public pool since " in text
    assert "rule rest; assigned if nobody takes it by " in text
    assert "(masked)" in text
    assert "History" not in text
    assert "想看演示" not in text
    assert "got it in turn by rule ads, group sales" in desk("lead", "show", team["turn"])
    assert "in the queue managers" in desk("lead", "show", team["queued"])


def test_unknown_and_forbidden_leads_answer_alike(desk: Desk, team: dict[str, str]) -> None:
    forbidden = desk("--as", "rep/li", "lead", "show", team["mine"], code=2)
    unknown = desk("--as", "rep/li", "lead", "show", "0" * 36, code=2)
    assert forbidden.replace(team["mine"], "…") == unknown.replace("0" * 36, "…")


@pytest.mark.parametrize("width", [30, 50, 80, 120])
def test_a_narrow_terminal_leaves_columns_out_and_cuts_only_names(
    desk: Desk, team: dict[str, str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    head, *rows = desk("leads", "--status", "private", "--status", "public").splitlines()[:-1]
    assert max(cell_len(row.rstrip()) for row in (head, *rows)) <= width, (head, rows)
    assert head.split()[:2] == ["lead", "score"]
    assert head.split()[-1] == "who"
    assert {row.split()[0] for row in rows} == {team[name][:8] for name in ("large", "small", "mine", "turn")}
    assert all(row.split()[1].isdigit() and row.split()[2] in "AB" for row in rows)
    if "contact" in head:
        assert any("+8613900139003" in row for row in rows)
    assert ("deadline" in head) == (width == 120)

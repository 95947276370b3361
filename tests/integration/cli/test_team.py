"""Pools, routing, policies, members."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leadflow import policies
from tests.office import POLICY, Desk, desk, office_template

__all__ = ["desk", "office_template"]


def written(place: Path, text: str) -> str:
    file = place / "document.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def member(desk: Desk, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in desk.json("member", "list", "--all") if row["member"] == name)
    return found


# --- pools ----------------------------------------------------------------------------------


def test_a_pool_opens_with_the_default_policy_or_its_own(desk: Desk, tmp_path: Path) -> None:
    assert "Pool north is open under the policy “default” (fact north/1)" in desk("pool", "open", "north")
    opened = desk.json("pool", "open", "south", "--policy", written(tmp_path, POLICY))
    assert (opened["policy"], opened["version"]) == ("office", 1)
    assert [row["pool"] for row in desk.json("pool", "list")] == ["east", "north", "south", "west"]
    assert "open already" in desk("pool", "open", "south", code=1)


def test_a_policy_may_leave_everything_out(desk: Desk, tmp_path: Path) -> None:
    """What it leaves out does not stand in its document either."""
    file = tmp_path / "bare.toml"
    file.write_text('[groups.sales]\nreps = "all"\n', encoding="utf-8")
    desk("pool", "open", "south", "--policy", str(file))
    assert "policy, version 1" in desk("pool", "show", "south")
    row = desk.json("pool", "show", "south")
    assert (row["policy_name"], row["timezone"]) == ("policy", "Asia/Shanghai")
    assert "south" in desk("pool", "list")


@pytest.mark.parametrize("name", ["East", "_company", "a b", "", "x" * 64])
def test_a_pool_needs_a_name_of_its_kind(desk: Desk, name: str) -> None:
    assert "small letters" in desk("pool", "open", name, code=2)


def test_that_a_pool_exists_is_no_secret_and_its_figures_are(desk: Desk) -> None:
    desk.office.arrives("one")
    assert desk.json("pool", "show", "east")["leads"] == {"public": 1}
    assert desk.json("pool", "show", "east", "--as", "auditor/au")["leads"] == {"public": 1}
    assert desk.json("pool", "show", "east", "--as", "manager/mo")["leads"] is None
    shown = desk("pool", "show", "east", "--as", "manager/mo")
    assert "office, version 1" in shown
    assert "public" not in shown
    assert "no pool 'nowhere'" in desk("pool", "show", "nowhere", code=2)


# --- routing --------------------------------------------------------------------------------


def test_a_routing_table_is_published_and_shown(desk: Desk, tmp_path: Path) -> None:
    assert "no routing table" in desk("routing", "show", code=2)
    table = 'default = "east"\n[[routes]]\npool = "west"\nregion = ["四川", "重庆"]\n'
    assert "1 row, else east (fact _company/1)" in desk("routing", "publish", written(tmp_path, table))
    assert desk.json("routing", "show")["routes"][0]["region"] == ["四川", "重庆"]
    assert "四川, 重庆" in desk("routing", "show")


def test_a_routing_table_with_problems_is_refused_with_all_of_them(desk: Desk, tmp_path: Path) -> None:
    table = 'default = "nowhere"\n[[routes]]\npool = "elsewhere"\nregion = []\n'
    said = desk("routing", "publish", written(tmp_path, table), code=2)
    for path in ("default:", "routes[0].pool:", "routes[0].region:"):
        assert path in said
    right = 'default = "east"\n'
    assert "not for the role" in desk(
        "routing", "publish", written(tmp_path, right), "--as", "rep/wang", code=1
    )


# --- policies -------------------------------------------------------------------------------


def test_every_problem_of_a_policy_is_named_by_its_path(desk: Desk, tmp_path: Path) -> None:
    wrong = POLICY.replace('rotation = "sales"', 'rotation = "sails"').replace('"3d"', '"3 days"')
    file = written(tmp_path, wrong)
    said = desk("policy", "check", file, code=2)
    assert "rules[1].target.rotation: there is no group sails" in said
    assert "follow_up.first_contact_within" in said
    found = desk.json("policy", "check", file, code=2)
    assert not found["valid"]
    assert {problem["path"] for problem in found["problems"]} >= {"rules[1].target.rotation"}
    assert "no such file" in desk("policy", "check", str(tmp_path / "none"), code=2)


def test_a_policy_with_a_hole_is_refused_by_name(desk: Desk, tmp_path: Path) -> None:
    file = written(tmp_path, POLICY.replace('["wang", "li"]', '["nobody"]'))
    assert "is a policy" in desk("policy", "check", file)
    for command in (("check", file, "--pool", "east"), ("publish", file)):
        said = desk("policy", *command, code=2)
        assert "groups.sales.reps: none of its reps is in the pool, and rules[1].target.rotation" in said
        assert "groups.sales.reps[0]: warning: nobody is no rep" in said
    assert desk.json("pool", "show", "east")["policy_version"] == 1


def test_a_policy_is_compared_published_shown_and_explained(desk: Desk, tmp_path: Path) -> None:
    file = written(tmp_path, POLICY.replace("held_at_once = 4", "held_at_once = 7"))
    change = {"path": "claiming.held_at_once", "before": 4, "after": 7}
    found = desk.json("policy", "diff", file)
    assert found == {"pool": "east", "from": {"version": 1}, "to": {"file": file}, "changes": [change]}
    assert "held_at_once: 4 -> 7" in desk("policy", "diff", file)
    assert "1 change" in desk("policy", "publish", file)
    assert "what is in force (version 2)" in desk("policy", "diff", file)
    shown = desk("policy", "show")
    assert policies.load(shown) == policies.load(Path(file).read_text(encoding="utf-8"))
    assert "at most 7 leads" in desk("policy", "explain") or "7" in desk("policy", "explain")
    assert "While a lead is yours" in desk.json("policy", "explain", file)
    assert policies.load(desk("policy", "show", "--default")) == policies.default_policy()
    assert "not for the role" in desk("policy", "publish", file, "--as", "rep/wang", code=1)


def test_any_two_versions_and_a_file_are_compared(desk: Desk, tmp_path: Path) -> None:
    for held in (7, 9):
        desk(
            "policy",
            "publish",
            written(tmp_path, POLICY.replace("held_at_once = 4", f"held_at_once = {held}")),
        )
    first = written(tmp_path, POLICY)

    def compared(*arguments: str) -> list[tuple[int, int]]:
        found = desk.json("policy", "diff", *arguments)["changes"]
        return [(change["before"], change["after"]) for change in found]

    assert compared("--from", "1", "--to", "2") == [(4, 7)]
    assert compared("--from", "3", "--to", "1") == [(9, 4)]
    assert compared("--from", "2") == [(7, 9)]
    assert compared("--to", "2") == [(9, 7)]
    assert compared(first) == [(9, 4)]
    assert compared(first, "--from", "2") == [(7, 4)]
    assert compared(first, "--from", "1") == []
    assert "is the same as version 1" in desk("policy", "diff", first, "--from", "1")
    assert "There are versions 1 to 3." in desk("policy", "diff", "--to", "4", code=2)
    assert "Leave one of them out" in desk("policy", "diff", first, "--to", "1", code=2)
    assert "nothing to compare" in desk("policy", "diff", code=2)
    assert desk.json("policy", "show", "--version", "2")["policy"]["claiming"]["held_at_once"] == 7
    assert "policy version 1" in desk("policy", "show", "--version", "1")


def test_what_a_change_answers_has_the_same_names_everywhere(desk: Desk, tmp_path: Path) -> None:
    file = written(tmp_path, POLICY.replace("held_at_once = 4", "held_at_once = 7"))
    published = desk.json("policy", "publish", file, "--request-id", "more")
    assert (published["version"], published["changes"][0]["after"]) == (2, 7)
    assert desk.json("policy", "publish", file, "--request-id", "more")["version"] == 2
    assert desk.json("policy", "show")["version"] == 2
    routing = written(tmp_path, 'default = "east"\n')
    changes = (
        published,
        desk.json("pool", "open", "north"),
        desk.json("routing", "publish", routing),
        desk.json("member", "pause", "wang"),
        desk.json("claim", desk.office.arrives("one"), "--for", "li"),
    )
    pools = ["east", "north", "_company", "east", "east"]
    for change, pool in zip(changes, pools, strict=True):
        assert change.keys() >= {"pool", "request", "repeated", "facts"}
        assert change["pool"] == pool
        assert change["facts"][0].keys() == {"id", "type", "time", "subject", "data"}
        assert change["facts"][0]["id"].startswith(f"{pool}/")
        assert not change["facts"][0]["data"].keys() & {"person", "policy", "calendar"}


# --- members --------------------------------------------------------------------------------


def test_a_member_joins_with_what_it_can_be_given(desk: Desk) -> None:
    given = (
        "--region",
        "广东",
        "--region",
        "上海",
        "--industry",
        "软件",
        "--hours",
        "10:00-16:00",
        "--cap",
        "5",
    )
    assert "chen is a rep of pool east. (fact east/" in desk("member", "add", "chen", *given, "--name", "陈")
    row = member(desk, "chen")
    assert (row["traits"]["regions"], row["cap"], row["role"]) == (["广东", "上海"], 5, "rep")
    listed = desk("member", "list")
    assert "chen (陈)" in listed
    assert "广东, 上海; 软件; 10:00-16:00" in listed
    assert "member already" in desk("member", "add", "chen", code=1)
    assert "--hours: give the hours" in desk("member", "add", "zhou", "--hours", "9-5", code=2)
    assert "blanks, slashes or colons" in desk("member", "add", "a b", code=2)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--cap", "1" + "0" * 20, "--cap"),
        ("--region", "", "--region has no name"),
        ("--industry", " ", "no name"),
    ],
)
def test_what_would_keep_every_lead_from_a_member_or_its_fact_from_being_read_is_refused(
    desk: Desk, option: str, value: str, said: str
) -> None:
    assert said in desk("member", "set", "wang", option, value, code=2)
    assert said in desk("member", "add", "newcomer", option, value, code=2)
    assert desk.json("member", "list")


def test_what_is_given_changes_and_the_rest_stays(desk: Desk) -> None:
    desk("member", "add", "chen", "--region", "广东", "--cap", "5")
    desk("member", "set", "chen", "--hours", "09:00-12:00", "--cap", "6")
    assert member(desk, "chen")["traits"] == {
        "regions": ["广东"],
        "hours": "09:00-12:00",
        "holding_cap": 6,
    }
    desk("member", "set", "chen", "--clear", "region", "--clear", "cap")
    assert member(desk, "chen")["traits"] == {"hours": "09:00-12:00"}
    assert "cannot go together" in desk("member", "set", "chen", "--clear", "cap", "--cap", "3", code=2)
    assert "nothing was given" in desk("member", "set", "chen", code=2)
    assert "no member" in desk("member", "set", "ghost", "--cap", "3", code=1)
    desk("member", "set", "mei", "--role", "manager")
    assert member(desk, "mei")["role"] == "manager"


def test_days_away_are_shown(desk: Desk) -> None:
    today = (datetime.now(UTC) + timedelta(hours=8)).date()
    last = today + timedelta(days=3)
    desk("member", "set", "wang", "--away", f"{today - timedelta(days=1)}..{last}", "--away", "2030-01-01")
    assert f"away until {last}" in desk("member", "list")
    desk("member", "set", "wang", "--clear", "away")
    assert "away" not in desk("member", "list")
    assert "is no day" in desk("member", "set", "wang", "--away", "tomorrow", code=2)
    assert "before the first" in desk("member", "set", "wang", "--away", "2030-01-02..2030-01-01", code=2)


def test_hours_are_shown_where_they_keep_leads_away(desk: Desk) -> None:
    now = datetime.now(UTC) + timedelta(hours=8)
    desk("member", "set", "wang", "--hours", "02:00-11:00" if now.hour >= 12 else "13:00-24:00")
    assert "outside its hours" in desk("member", "list")
    desk("member", "set", "wang", "--hours", "00:00-24:00")
    assert "outside its hours" not in desk("member", "list")


def test_a_rep_pauses_and_comes_back(desk: Desk) -> None:
    desk("member", "pause", "wang", "--until", "2035-01-01T09:00")
    assert "paused until 2035-01-01 09:00 (+08:00)" in desk("member", "list")
    assert "paused already" in desk("member", "pause", "wang", code=1)
    assert "is no time" in desk("member", "pause", "li", "--until", "soon", code=2)
    desk("member", "resume", "wang")
    assert "not paused" in desk("member", "resume", "wang", code=1)


def test_who_leaves_gives_everything_away_in_one_decision(desk: Desk) -> None:
    leads = [desk.office.arrives(f"n{n}", phone=f"+861390000000{n}") for n in range(3)]
    for lead in leads:
        desk("claim", lead, "--as", "rep/wang")
    desk("convert", leads[0], "--as", "rep/wang")
    assert "customers (1)" in desk("member", "leave", "wang", code=1)
    said = desk("member", "leave", "wang", "--customers-to", "li")
    assert "2 leads back to the public pool, 1 customer to li" in said
    assert member(desk, "wang")["status"] == "left"
    assert "wang" not in desk("member", "list")
    assert member(desk, "li")["customers"] == 1


def test_only_managers_change_the_team(desk: Desk) -> None:
    for actor in ("rep/wang", "marketing/mei", "analyst/an", "manager/mo"):
        assert "not for the role" in desk("member", "add", "new", "--as", actor, code=1)
    desk("member", "add", "new", "--as", "manager/ma")
    assert "may not see the members" in desk("member", "list", "--as", "analyst/an", code=1)


def test_a_role_is_said_in_words_and_a_pause_in_the_pools_time(desk: Desk) -> None:
    assert desk("member", "add", "mk", "--role", "marketing").startswith(
        "mk is with the marketing of pool east."
    )
    said = desk("member", "pause", "wang", "--until", "2099-12-31T18:00")
    assert said.startswith("wang is paused until 2099-12-31 18:00 (+08:00).")

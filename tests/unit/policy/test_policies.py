"""Policies as documents: read, checked, compared, written again."""

from __future__ import annotations

import pickle
from decimal import Decimal
from pathlib import Path

import pytest

from leadflow.domain.policy import Policy
from leadflow.errors import NotFound, UsageError
from leadflow.policies import InvalidDocument, Problem, default_policy, dump, load, read

from .rich import rich

GROUP = '[groups.sales]\nreps = "all"\n'
CATCH_ALL = '[[rules]]\nname = "all"\ntarget = {rotation = "sales"}\n'


def problems(text: str) -> dict[str, str]:
    """Errors by path."""
    return {p.path: p.message for p in read(text)[1] if p.severity == "error"}


def warnings(text: str) -> dict[str, str]:
    """Warnings by path, of a document without errors."""
    policy, found = read(text)
    assert policy is not None, found
    return {p.path: p.message for p in found}


def test_every_problem_of_a_document_at_once() -> None:
    text = """
    schema = 2
    timezon = "x"
    timezone = "Asia/Nowhere"
    [calendar]
    hours = "18:00-09:00"
    days = ["mon", "mo"]
    [channels.a]
    unit_cost = -3.5
    [channels."b c"]
    [groups.x]
    reps = "everyone"
    [groups.y]
    reps = ["a", "a"]
    [groups.z]
    reps = ["a"]
    weights = {b = 3}
    [[rules]]
    name = "a"
    target = {rotation = "x", hold = true}
    when = {score = {min = 3, max = 1}, channel = "a"}
    [[rules]]
    name = "a"
    target = {rotation = "nobody"}
    when = {channel = ["q"], chanel = ["b"]}
    [[rules]]
    target = {hold = true}
    [follow_up]
    keep_for = "3 days"
    warn_before = ["9d", "5d"]
    first_contact_within = "5d"
    """
    found = problems(text)
    assert found == {
        "schema": "it should be 1, not 2",
        "timezon": "there is no such setting; did you mean timezone?",
        "timezone": "there is no time zone 'Asia/Nowhere'; name one of the IANA time zone database, "
        "e.g. Asia/Shanghai or Europe/Berlin",
        "calendar.hours": "the hours end before they begin; a day's hours lie within that day",
        "calendar.days[1]": "it should be 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun', not 'mo'",
        "channels.a.unit_cost": "it should be greater than or equal to 0, not -3.5",
        'channels."b c"': "a name has no blanks, slashes or colons",
        "groups.x.reps": 'give "all", or a list of ids of reps',
        "groups.y.reps": "a name stands twice",
        "groups.z.weights.b": "b is not in the group",
        "rules[0].target": "give exactly one of rotation, directed, queue, hold",
        "rules[0].when.score": "min is above max",
        "rules[0].when.channel": 'give a list, e.g. ["a"]',
        "rules[1].name": "rules[0] has the name a too",
        "rules[1].target.rotation": "there is no group nobody",
        "rules[1].when.channel[0]": "channel q is not declared in channels",
        "rules[1].when.chanel": "there is no such setting; did you mean channel?",
        "rules[2].name": "is needed",
        "follow_up.keep_for": found["follow_up.keep_for"],
        "follow_up.warn_before[0]": "9d is not less than first_contact_within, 5d",
        "follow_up.warn_before[1]": "5d is not less than first_contact_within, 5d",
    }
    assert "'24h', '3d', '2wd'" in found["follow_up.keep_for"]
    with pytest.raises(InvalidDocument, match=f"the policy has {len(found)} problems") as error:
        load(text)
    assert {p.path for p in error.value.problems if p.severity == "error"} == set(found)
    assert all(f"  {path}: " in str(error.value) for path in found)


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ('[recycling]\nfallback = "x"', "recycling.fallback", "there is no group x"),
        (
            "[claiming]\nper_group_per_day = {x = 3}",
            "claiming.per_group_per_day.x",
            "there is no group x",
        ),
        (
            "[score_classes]\nA = 0\n[claiming]\nper_class_per_day = {B = 3}",
            "claiming.per_class_per_day.B",
            "there is no score class B",
        ),
        ("[score_classes]\nA = 0\nB = 0", "score_classes.B", "class A begins at 0 too"),
        ("[groups.g]\nreps = []", "groups.g.reps", "the group has no rep"),
        ("[calendar]\ncountry = 'XX'", "calendar.country", "there are no public holidays for XX"),
        ("[calendar]\ncountry = 'China'", "calendar.country", "two capital letters"),
        ("[calendar]\ndays = []", "calendar.days", "is empty; give at least one"),
        ("[calendar]\nhours = '9-18'", "calendar.hours", "09:00-18:00"),
        (
            "[[scoring.rules]]\nname = 'a'\npoints = 1\nwhen = {score = {min = 5}}",
            "scoring.rules[0].when.score",
            "cannot depend on itself",
        ),
        (
            "[[scoring.rules]]\nname = 'base'\npoints = 1\nwhen = {}",
            "scoring.rules[0].name",
            "a line of its own",
        ),
        (
            "[[scoring.rules]]\nname='a'\npoints=1\nwhen={}\n[[scoring.rules]]\nname='a'\npoints=1\nwhen={}",
            "scoring.rules[1].name",
            "scoring.rules[0] has the name a too",
        ),
        (
            "[[rules]]\nname = 'a'\ntarget = {hold = true}\nwhen = {region = []}",
            "rules[0].when.region",
            "an empty list matches nothing",
        ),
        (
            "[[rules]]\nname = 'a'\ntarget = {hold = true}\nwhen = {score = {min = 101}}",
            "rules[0].when.score",
            "a score is 0 to 100",
        ),
        ("[follow_up]\nkeep_for = '3d'", "follow_up.keep_for", "nothing to move"),
        ("[follow_up]\nwarn_before = ['3d']", "follow_up.warn_before", "there is no deadline"),
        (
            "[follow_up]\nhold_at_most = '2d'\nwarn_before = ['2d']",
            "follow_up.warn_before[0]",
            "2d is not less than hold_at_most, 2d",
        ),
        (
            "[calendar]\ndays = ['mon']\n[follow_up]\nfirst_contact_within = '521wd'",
            "follow_up.first_contact_within",
            "521wd is more than 10 years of working time",
        ),
        (
            "[calendar]\nhours = '09:00-09:30'\n[follow_up]\nhold_at_most = '9d'\nwarn_before = ['1400wh']",
            "follow_up.warn_before[0]",
            "1400wh is more than 10 years of working time",
        ),
        (
            "[follow_up]\nfirst_contact_within = '3d'\nkeep_for = '3d'\nhold_at_most = '2d'",
            "follow_up.hold_at_most",
            "2d is less than first_contact_within, 3d",
        ),
        (
            "[follow_up]\nfirst_contact_within = '2wd'\nwarn_before = ['3wd']",
            "follow_up.warn_before[0]",
            "3wd is not less than first_contact_within, 2wd",
        ),
        ("[follow_up]\nfirst_contact_within = '0d'", "follow_up.first_contact_within", "is zero"),
        ("[follow_up]\nfirst_contact_within = '9999d'", "follow_up.first_contact_within", "ten years"),
        ("[follow_up]\ncounts = ['sold']", "follow_up", "outcomes that are not declared: sold"),
        ("[recycling]\nassign_after = '1h'", "recycling.assign_after", "no rule names a group"),
        ("[recycling]\nafter_recycle = 'rotate'", "recycling.after_recycle", "no rule names a group"),
        (GROUP + "[recycling]\nassign_after = '0h'\nfallback='sales'", "recycling.assign_after", "is zero"),
        ("name = ", "", "this is not TOML"),
        ("name = 'a'\nname = 'b'", "", "this is not TOML"),
        ("rules = 3", "rules", "give a list"),
        ("calendar = 3", "calendar", "give a table"),
    ],
)
def test_an_error_by_its_path(text: str, path: str, message: str) -> None:
    found = problems(text)
    assert path in found, found
    assert message in found[path]


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("", "rules", "every lead stays in the public pool"),
        (
            GROUP + CATCH_ALL + "[[rules]]\nname = 'late'\ntarget = {hold = true}",
            "rules[1]",
            "late is never reached: all matches every lead",
        ),
        (
            GROUP + CATCH_ALL.replace("name", "when = {}\nname") + "[[rules]]\nname='l'\ntarget={hold=true}",
            "rules[1]",
            "never reached",
        ),
        (GROUP, "groups.sales", "uses the group"),
        ("[score_classes]\nA = 10", "score_classes", "below 10 points has no class"),
        ("[claiming]\nheld_at_once = 0", "claiming.held_at_once", "lets nobody claim"),
        (
            GROUP + CATCH_ALL + "[claiming]\nopen_after = '2h'\n[recycling]\nassign_after = '1h'",
            "claiming.open_after",
            "before anybody may claim them",
        ),
        (
            "[follow_up]\nfirst_contact_within = '3d'\nwarn_before = ['1d', '1d']",
            "follow_up.warn_before[1]",
            "stands twice",
        ),
        (
            "[follow_up]\nfirst_contact_within = '3d'\nkeep_for = '3d'\ncounts = []",
            "follow_up.counts",
            "no contact ever keeps a lead",
        ),
        ("[follow_up]\nprotect_at_most = '3d'", "follow_up.protect_at_most", "no effect"),
        (GROUP + "[recycling]\nfallback = 'sales'", "recycling.fallback", "no effect"),
        (
            GROUP + "[[rules]]\nname = 'h'\nwhen = {score = {max = 3}}\ntarget = {hold = true}\n"
            + CATCH_ALL + "[recycling]\nassign_after = '1h'",
            "recycling.assign_after",
            "leads of h have no group",
        ),
    ],
)  # fmt: skip
def test_a_warning_by_its_path(text: str, path: str, message: str) -> None:
    found = warnings(text)
    assert path in found, found
    assert message in found[path]


def test_clock_and_working_time_are_not_compared() -> None:
    warnings("[follow_up]\nfirst_contact_within = '1wd'\nwarn_before = ['20h']")


def test_a_rich_policy_has_no_problem() -> None:
    policy, found = read(dump(rich()))
    assert policy == rich()
    assert found == ()


def test_what_is_dumped_loads_as_the_same() -> None:
    for policy in (rich(), default_policy(), Policy()):
        assert load(dump(policy)) == policy
    assert "unit_cost = 1.50" in dump(rich())


def test_amounts_stay_decimal() -> None:
    policy = load("[channels]\na = {unit_cost = 0.1}\nb = {unit_cost = 3}\nc = {unit_cost = '2.50'}")
    costs = {name: channel.unit_cost for name, channel in policy.channels.items()}
    assert costs == {"a": Decimal("0.1"), "b": Decimal(3), "c": Decimal("2.50")}


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_bytes(b"\xef\xbb\xbfname = 'windows'\r\n")
    assert load(path).name == "windows"
    with pytest.raises(NotFound):
        load(tmp_path / "absent.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path)
    path.write_bytes("name = '策略'".encode("gbk"))
    with pytest.raises(UsageError, match="not UTF-8 at byte 8"):
        load(path)
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(UsageError, match="larger"):
        load(path)
    path.write_text("schema = 2")
    with pytest.raises(InvalidDocument) as error:
        load(path)
    assert error.value.where == str(path)
    copied = pickle.loads(pickle.dumps(error.value))
    assert copied.problems == error.value.problems
    assert copied.problems[0] == Problem("schema", "it should be 1, not 2")
    assert str(copied) == str(error.value)


def test_a_fault_hides_no_other_of_its_table() -> None:
    found = problems(
        """
        rules = [
            { name = "r", target = { rotation = "ghosts", hold = true } },
            { name = "s", target = { directed = "" } },
        ]
        recycling = { after_recycle = "rotate" }
        [follow_up]
        keep_for = "soon"
        first_contact_within = "0d"
        outcomes = ["a"]
        counts = ["b"]
        """
    )
    assert "exactly one" in found["rules[0].target"]
    assert found["rules[0].target.rotation"] == "there is no group ghosts"
    assert found["rules[1].target.directed"].startswith("it should have at least 1 character")
    assert "a duration is" in found["follow_up.keep_for"]
    assert "not declared: b" in found["follow_up"]
    assert "is zero" in found["follow_up.first_contact_within"]
    assert "recycling.after_recycle" not in found, "a rule names a group, if a wrong one"


def test_what_only_follows_from_another_fault_is_not_told() -> None:
    found = problems("[follow_up]\nfirst_contact_within = '3d'\noutcomes = ['a', 'a']\ncounts = ['a']")
    assert found["follow_up.outcomes"] == "a name stands twice"
    assert "follow_up" not in found


def test_a_currency_that_does_not_exist_is_named_with_the_one_that_is_meant() -> None:
    assert problems('name = "x"\ncurrency = "RNB"\n')["currency"] == (
        "RNB is not a currency of ISO 4217; did you mean CNY?"
    )

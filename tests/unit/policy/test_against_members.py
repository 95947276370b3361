"""What a policy names must be in the pool."""

from __future__ import annotations

from leadflow.policies import Team, check_members, default_policy, read

from .rich import rich


def test_a_policy_with_a_hole() -> None:
    found = check_members(rich(), reps=["zhao"])
    errors = {p.path: p.message for p in found if p.severity == "error"}
    assert errors == {
        "groups.field.reps": "none of its reps is in the pool, and rules[2].target.rotation, "
        "claiming.per_group_per_day.field need it",
        "rules[0].target.directed": "wang is no rep of the pool",
    }
    assert {p.path for p in found if p.severity == "warning"} == {
        "groups.field.reps[0]",
        "groups.field.reps[1]",
    }


def test_what_is_missing_in_the_pool_is_told_beside_what_is_wrong_in_the_policy_itself() -> None:
    text = """
        [channels]
        seo = {}
        [groups.ghost]
        reps = ["nobody"]
        [groups.empty]
        reps = []
        [[rules]]
        name = "a"
        when = { channel = ["radio"] }
        target = { rotation = "ghost" }
        [[rules]]
        name = "b"
        target = { rotation = "empty" }
        [follow_up]
        first_contact_within = "3 days"
    """
    policy, problems = read(text, Team(reps=("wang",), managers=()))
    assert policy is None
    assert [p.path for p in problems if p.severity == "error"] == [
        "follow_up.first_contact_within",
        "groups.empty.reps",
        "rules[0].when.channel[0]",
        "groups.ghost.reps",
    ]


def test_names_that_are_no_members_are_warned_of() -> None:
    found = check_members(rich(), reps=["wang"], managers=["chen"])
    assert [(p.path, p.severity) for p in found] == [
        ("groups.field.reps[1]", "warning"),
        ("rules[1].target.queue", "warning"),
    ]
    assert check_members(rich(), reps=["wang", "li"], managers=["boss"]) == []
    assert check_members(default_policy(), reps=["wang"], managers=[]) == []


def test_a_pool_without_reps_may_have_a_policy_for_all() -> None:
    assert [p.severity for p in check_members(default_policy(), reps=[])] == ["warning"]

"""`explain` speaks of every setting; a rep can read what happens to a lead, and when."""

from __future__ import annotations

import copy
from datetime import date
from typing import Any

import pytest

from leadflow.calendars import build_calendar
from leadflow.domain.policy import Calendar, Policy
from leadflow.policies import default_policy, explain, sections

from .rich import RICH, leaves, other, rich

TODAY = date(2026, 3, 1)
CALENDAR = build_calendar(rich(), TODAY)
SETTINGS = [path for path in leaves(RICH) if path != ("schema",)]


def names(model: Any, found: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Every field of the policy's models, as (model, field)."""
    for field, info in model.model_fields.items():
        found.add((model.__name__, field))
        for inner in inner_models(info.annotation):
            names(inner, found)
    return found


def inner_models(annotation: Any) -> list[Any]:
    if hasattr(annotation, "model_fields"):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in inner_models(part)]


def test_the_rich_policy_sets_every_field() -> None:
    plain = rich().model_dump(exclude_none=True)
    text = str(plain)
    for _, field in names(Policy, set()):
        assert f"'{field}'" in text, f"{field} is not set in the policy that the test walks through"


@pytest.mark.parametrize("path", SETTINGS, ids=lambda path: ".".join(map(str, path)))
def test_every_setting_is_explained(path: tuple[str | int, ...]) -> None:
    document = copy.deepcopy(RICH)
    holder: Any = document
    for part in path[:-1]:
        holder = holder[part]
    value = other(path, holder[path[-1]])
    if path[-1] == "hold":
        document["rules"].pop()
    else:
        holder[path[-1]] = value
    changed = Policy.model_validate(document)
    assert explain(changed, CALENDAR) != explain(rich(), CALENDAR)


@pytest.mark.parametrize("path", SETTINGS, ids=lambda path: ".".join(map(str, path)))
def test_leaving_a_setting_out_is_explained(path: tuple[str | int, ...]) -> None:
    document = copy.deepcopy(RICH)
    holder: Any = document
    for part in path[:-1]:
        holder = holder[part]
    del holder[path[-1]]
    try:
        changed = Policy.model_validate(document)
    except ValueError:
        return  # The setting is needed.
    if changed != rich():
        assert explain(changed, CALENDAR) != explain(rich(), CALENDAR)


def test_what_a_rep_reads() -> None:
    lines = sections(rich(), CALENDAR)
    assert " ".join(lines["While a lead is yours"]).startswith(
        "A claimed or assigned lead is yours for 3 days. Log a contact that counts (reached or meeting) "
        "in that time, or it goes back to the public pool. A contact that counts keeps it yours for 7 days "
        "from when you log it, but no longer than 30 days after it became yours. No contact ever shortens "
        "a deadline. Convert it, or have it protected, before those 30 days are over."
    )
    assert "You are warned 1 day and 2 hours before the deadline." in lines["While a lead is yours"]
    assert lines["Who gets a new lead"][:4] == [
        "1. hot: if the score is at least 80: it goes to wang.",
        "2. vip: if the region is 北京: it waits in the queue of boss, where reps neither see nor claim it.",
        "3. warm: if the score is at most 79: it goes to the reps of field in turn, each by its weight.",
        "4. rest: every lead that comes this far: it stays in the public pool to be claimed.",
    ]
    assert (
        "A fresh lead can be claimed 10 minutes after it came, by nobody earlier." in lines["Claiming a lead"]
    )


@pytest.mark.parametrize(
    ("follow_up", "told"),
    [
        ({}, "A lead that is yours stays yours: it has no deadline."),
        (
            {"hold_at_most": "30d"},
            "A claimed or assigned lead is yours for 30 days. After that it goes back to the public pool.",
        ),
        (
            {"first_contact_within": "2wd", "hold_at_most": "30d"},
            "A contact that counts keeps it yours until 30 days after it became yours.",
        ),
        (
            {"first_contact_within": "1wh"},
            "After a contact that counts it stays yours without a deadline.",
        ),
    ],
)
def test_deadlines_that_are_left_out(follow_up: dict[str, str], told: str) -> None:
    policy = Policy.model_validate({"follow_up": follow_up})
    assert told in sections(policy, CALENDAR)["While a lead is yours"]


def test_without_an_outcome_that_counts_no_contact_is_promised_to_keep_a_lead() -> None:
    rules = {"first_contact_within": "3d", "keep_for": "7d", "hold_at_most": "30d", "counts": []}
    told = sections(Policy.model_validate({"follow_up": rules}), CALENDAR)["While a lead is yours"]
    assert told[:2] == [
        "A claimed or assigned lead is yours for 3 days. After that it goes back to the public pool.",
        "No outcome of a contact counts, so none keeps it longer.",
    ]
    assert not [line for line in told if "7 days" in line or "30 days" in line]


def test_points_for_every_lead_are_said_to_be_so() -> None:
    policy = Policy.model_validate({"scoring": {"rules": [{"name": "all", "points": -12, "when": {}}]}})
    assert "-12 for every lead (all)." in sections(policy, CALENDAR)["How a lead is scored"]


def test_days_are_told_in_the_order_of_the_week() -> None:
    policy = Policy.model_validate({"calendar": {"days": ["sun", "tue", "mon"]}})
    told = sections(policy, CALENDAR)["Working time"][0]
    assert told == "The team works on Monday, Tuesday and Sunday, 09:00-18:00."


def test_who_gets_what_nobody_took_is_told() -> None:
    named = {"groups": {"a": {"reps": "all"}, "b": {"reps": "all"}}}
    rules = [{"name": "x", "target": {"rotation": "a"}}]

    def told(recycling: dict[str, str], rules: list[dict[str, Any]] = rules) -> str:
        policy = Policy.model_validate(named | {"rules": rules, "recycling": recycling})
        return " ".join(sections(policy, CALENDAR)["When nobody follows up or claims"])

    assert "the next available rep of its rule's group. If nobody is available" in told(
        {"assign_after": "1d"}
    )
    both = {"assign_after": "1d", "fallback": "b", "after_recycle": "rotate"}
    assert "the next available rep of its rule's group, or of b where that has nobody." in told(both)
    assert "the next rep of its rule's group (of b, where the rule names none) who has not had it" in told(
        both
    )
    stays = "A lead whose rule names no group stays where it is then, and can be given by hand."
    held = [*rules, {"name": "y", "target": {"hold": True}}]
    assert [stays in told({"assign_after": "1d"}, x) for x in (rules, held)] == [False, True]


def test_whom_leads_are_directed_to_reads_when_it_gets_none() -> None:
    told = sections(rich(), CALENDAR)["Who gets a new lead"]
    assert any("while it is paused, on leave or full" in line for line in told)


def test_the_calendar_says_what_it_covers() -> None:
    told = " ".join(sections(rich(), CALENDAR)["Working time"])
    assert "chinesecalendar" in told
    assert "known until 2026-12-31; after that, plain weekdays are counted, and the facts say so" in told
    alone = sections(Policy(), Calendar(offsets=CALENDAR.offsets))["Working time"]
    assert "No country's public holidays are observed." in alone


def test_every_line_is_a_sentence_or_a_title() -> None:
    for policy in (rich(), Policy(), default_policy()):
        for title, lines in sections(policy, CALENDAR).items():
            assert not title.endswith(".")
            assert lines
            assert all(line.endswith(".") and ".." not in line and "None" not in line for line in lines)

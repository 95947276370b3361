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

"""To whom facts are addressed, and that no payload or e-mail holds anything of a person."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from leadflow.domain import events as e
from leadflow.domain.values import Company, Person, Touch
from leadflow.notifications.attempts import ATTEMPTS_MAX, JITTER, PAUSES_S, pause_after
from leadflow.notifications.contents import content_of, mail_of, trial_content
from leadflow.notifications.kinds import (
    ASSIGNED,
    CAME_BACK,
    DEADLINE_NEAR,
    FACTS,
    KINDS,
    NOBODY_AVAILABLE,
    RECYCLED,
    SEES,
    addressed,
    kinds_for,
)

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=3)
PERSON = Person(
    name="赵敏\r\nBcc: x@example.com",
    phones=("+8613800138001",),
    emails=("zhao@example.com",),
    wechats=("zhaomin",),
    note="call at home",
    reason="she said so",
    answers={"question": "answered"},
)
TOUCH = Touch(
    channel="seo",
    ref="ref-8001",
    door="file",
    landing_page="https://x.example/?p=8001",
    utm={"term": "zhaomin"},
)
LEAD = "5d1a3c52-9f0e-8b7a-b2c4-08e1f7a6d9b3"


def touched(status: str, owner: str | None) -> e.TouchRecorded:
    company = Company(name="蓝海物流")
    return e.TouchRecorded(
        touch=TOUCH, person=PERSON, company=company, matched_by="phone", owner=owner, status=status
    )


TOLD: list[tuple[e.Fact, str, str | None]] = [
    (e.LeadAssigned(to="wang", mode="rotation", rule="ads", group="sales", until=LATER, person=PERSON),
     ASSIGNED, "wang"),
    (e.LeadAssigned(to="wang", mode="manual", until=None, person=PERSON), ASSIGNED, "wang"),
    (e.LeadAssigned(queue="managers", mode="directed", rule="chiefs"), ASSIGNED, None),
    (e.LeadHandedOver(from_rep="li", to="wang", until=LATER, person=PERSON), ASSIGNED, "wang"),
    (e.CustomerHandedOver(customer="c1", from_rep="li", to="wang", person=PERSON), ASSIGNED, "wang"),
    (e.RecycleWarned(rep="wang", until=LATER, before="12h"), DEADLINE_NEAR, "wang"),
    (e.LeadRecycled(rep="wang", reason="inactive", since=NOW, person=PERSON), RECYCLED, "wang"),
    (e.AssignmentFailed(mode="rotation", rule="ads", group="sales", reason="nobody_available"),
     NOBODY_AVAILABLE, None),
    (touched("converted", "wang"), CAME_BACK, "wang"),
]  # fmt: skip
NOT_TOLD: list[e.Fact] = [
    touched("private", "wang"),
    touched("converted", None),
    e.LeadClaimed(rep="wang", until=LATER),
    e.LeadCaptured(touch=TOUCH, person=PERSON, score=50),
    e.RequestRefused(request="ClaimLead", reason="already_owned", winner="li"),
]


def event(data: e.Fact) -> e.Event:
    return e.Event("east", 42, NOW, LEAD, "manager/ma", "x", "", 1, 1, 1, data)


@pytest.mark.parametrize(("data", "kind", "member"), TOLD)
def test_who_is_told_of_what_without_anything_of_a_person(
    data: e.Fact, kind: str, member: str | None
) -> None:
    told = addressed(data)
    assert told == (kind, member)
    assert data.TYPE in FACTS
    shanghai = timezone(timedelta(hours=8))
    row: dict[str, Any] = {"channel": "seo", "score": 72, "phones": PERSON.phones, "person_name": PERSON.name}
    content = content_of(event(data), told, lambda moment: moment.astimezone(shanghai), row, "https://l/x")
    subject, text = mail_of(content, "9f2c04b1de")
    for shown in (content, subject, text):
        for secret in ("8001", "赵敏", "zhao", "Bcc", "call", "she said", "answered", "蓝海"):
            assert secret not in shown
    document = json.loads(content)
    assert (document["type"], document["timestamp"]) == (kind, "2026-11-24T02:00:00.000000Z")
    assert set(document["data"]) == {
        "pool", "lead", "to", "says", "channel", "score", "deadline", "deadline_local", "fact", "link",
    }  # fmt: skip
    assert document["data"]["to"] == (member or "managers")
    assert document["data"]["says"].startswith("Lead 5d1a3c52 of pool east: ")
    if getattr(data, "until", None):
        assert document["data"]["deadline_local"] == "2026-11-27 10:00 (+08:00)"
        assert "2026-11-27 10:00 (+08:00)" in text
    assert subject.endswith("(pool east)")
    assert "\n" not in subject
    assert "https://l/x" in text


@pytest.mark.parametrize("data", NOT_TOLD)
def test_nobody_is_told_of_the_rest(data: e.Fact) -> None:
    assert addressed(data) is None


def test_a_payload_is_the_same_whenever_it_is_made() -> None:
    data, told = TOLD[0][0], addressed(TOLD[0][0])
    assert told is not None
    made = {content_of(event(data), told, lambda moment: moment, None, None) for _ in range(3)}
    assert len(made) == 1
    assert json.loads(made.pop())["data"]["score"] is None


def test_a_test_can_be_told_from_the_rest() -> None:
    content = trial_content("east", NOW)
    assert json.loads(content)["type"] not in KINDS
    assert mail_of(content, "x")[0] == "A test of notifications (pool east)"


def test_every_kind_is_for_somebody_who_may_see_it() -> None:
    assert set(SEES) == set(KINDS) == set(kinds_for("manager"))
    assert set(kinds_for("rep")) == set(KINDS) - {NOBODY_AVAILABLE}
    for role in ("marketing", "support", "analyst", "auditor", "adapter"):
        assert kinds_for(role) == ()


def test_pauses_grow_stay_near_what_is_told_and_end() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(50):
        for attempt, usual_s in enumerate(PAUSES_S, 1):
            pause = pause_after(attempt, chance)
            assert pause is not None
            assert (1 - JITTER) * usual_s <= pause.total_seconds() <= (1 + JITTER) * usual_s
    assert pause_after(ATTEMPTS_MAX, chance) is None
    assert pause_after(ATTEMPTS_MAX + 5, chance) is None
    assert list(PAUSES_S) == sorted(PAUSES_S)

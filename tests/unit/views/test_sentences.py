"""Every fact is told in a sentence: who did what, and nothing of a person."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from leadflow.domain import events as e
from leadflow.views.sentences import sentence
from leadflow.views.tracing import while_protected
from tests.unit.log.samples import FACTS, event

SAMPLES = [event(position) for position in range(len(FACTS))]


def when(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M") if moment else "some time"


def test_there_is_a_sample_of_every_type() -> None:
    assert {sample.type for sample in SAMPLES} == set(e.FACTS)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.type)
def test_a_fact_is_told_in_words(sample: e.Event) -> None:
    told = sentence(sample, when)
    assert sample.type not in told
    assert len(told.split()) >= 3, told
    for unfinished in ("None", "{", "}", "()", "[", "Decimal", "datetime"):
        assert unfinished not in told, told


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.type)
def test_it_holds_nothing_of_a_person(sample: e.Event) -> None:
    person = getattr(sample.data, "person", None)
    told = sentence(sample, when)
    values = [] if person is None else texts(json.loads(person.model_dump_json()))
    traits = getattr(sample.data, "traits", None)
    values += [traits.display_name] if traits is not None and traits.display_name else []
    assert not [value for value in values if value in told], told


def texts(value: object) -> list[str]:
    """Every text that a document holds, however deep."""
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in texts(one)]
    return [value] if isinstance(value, str) else []


EXPECTED = {
    "leadflow.member.joined.v1": "wang added",
    "leadflow.spend.recorded.v1": "spent on",
    "leadflow.policy.published.v1": "published policy",
    "leadflow.routing.published.v1": "else pool",
    "leadflow.member.left.v1": "removed",
    "leadflow.pool.opened.v1": "wang opened pool east",
}


@pytest.mark.parametrize("name", EXPECTED)
def test_what_happened_to_the_pool_and_its_people(name: str) -> None:
    (sample,) = [sample for sample in SAMPLES if sample.type == name]
    assert EXPECTED[name] in sentence(sample, when)


def test_a_contact_alone_does_not_say_whether_a_deadline_runs() -> None:
    (found,) = [sample for sample in SAMPLES if isinstance(sample.data, e.ContactLogged)]
    until = datetime(2026, 11, 24, tzinfo=UTC)
    logged = e.ContactLogged(by="wang", outcome="met", counts=True, until=until)
    contact = found._replace(data=logged)
    assert sentence(contact, when) == "wang logged a contact: met; kept at least until 2026-11-24 00:00"
    assert sentence(contact, when, protected=False).endswith("met; kept until 2026-11-24 00:00")
    assert sentence(contact, when, protected=True).endswith("met; protected, so no deadline runs")


def test_what_fell_into_a_protection_is_told() -> None:
    contact, protect, end = (kind.TYPE for kind in (e.ContactLogged, e.LeadProtected, e.ProtectionEnded))
    history = enumerate([contact, protect, contact, end, contact, protect, e.LeadHandedOver.TYPE, contact])
    assert while_protected((f"east/{number}", kind) for number, kind in history) == {"east/2"}

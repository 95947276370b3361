"""The documents: one per event, the same bytes everywhere, and back again without loss."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadflow.domain import events as f
from leadflow.domain import requests as r
from leadflow.domain.policy import Policy
from leadflow.domain.values import Money, Person, Touch
from leadflow.errors import LogDamaged, UsageError, WrongVersion
from leadflow.log.envelope import (
    BODIES,
    GENESIS,
    auth_type,
    decode,
    decode_full,
    decode_request,
    encode,
    encode_request,
    hash_of,
)
from tests.unit.log.samples import CALENDAR, FACTS, LEAD, PERSON, TOUCH, event

GOLDEN = Path(__file__).parents[2] / "data" / "golden" / "events"
ORDER = (
    "specversion", "id", "type", "source", "subject", "time", "datacontenttype", "dataschema", "sequence",
    "partitionkey", "correlationid", "causationid", "requestdigest", "factindex", "factcount", "authtype",
    "authid", "policyversion", "prevhash", "data",
)  # fmt: skip
CLAIMED = f.Event(
    "east", 1042, datetime(2026, 11, 21, 10, tzinfo=UTC), LEAD, "rep/wang", "rep/wang:9", "c-1", 1, 1, 7,
    f.LeadClaimed(rep="wang", until=datetime(2026, 11, 24, 10, tzinfo=UTC)),
)  # fmt: skip


def test_every_type_has_a_golden_document_and_no_document_is_without_a_type() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(f.FACTS)
    assert {fact.TYPE for _, fact in FACTS} == set(f.FACTS)


@pytest.mark.parametrize("name", sorted(f.FACTS))
def test_a_golden_document_is_read_and_written_again_with_the_same_bytes(name: str) -> None:
    document = (GOLDEN / f"{name}.json").read_bytes()
    read, prevhash = decode_full(document)
    assert read.type == name
    assert encode(read, prevhash) == document


@pytest.mark.parametrize("position", range(len(FACTS)))
def test_the_golden_documents_say_what_the_samples_say(position: int) -> None:
    sample = event(position)
    document = (GOLDEN / f"{sample.type}.json").read_bytes()
    assert decode(document) == sample
    assert encode(sample, hash_of(sample.id.encode())) == document


def test_the_members_stand_in_one_order_and_none_is_empty() -> None:
    document = json.loads(encode(CLAIMED._replace(digest="00ff"), GENESIS))
    assert tuple(document) == ORDER
    bare = encode(CLAIMED._replace(subject="", causation="", correlation="", policy=0), GENESIS)
    assert set(ORDER) - set(json.loads(bare)) == {
        "subject", "causationid", "correlationid", "policyversion", "requestdigest",
    }  # fmt: skip
    assert decode(bare) == CLAIMED._replace(subject="", causation="", correlation="", policy=0)


def test_the_document_is_the_one_that_the_design_shows() -> None:
    assert encode(CLAIMED, GENESIS).decode() == (
        '{"specversion":"1.0","id":"east/1042","type":"leadflow.lead.claimed.v1","source":"/pools/east",'
        f'"subject":"{LEAD}","time":"2026-11-21T10:00:00.000000Z","datacontenttype":"application/json",'
        '"dataschema":"/schemas/leadflow.lead.claimed.v1.json","sequence":"000000000000001042",'
        '"partitionkey":"east","correlationid":"c-1","causationid":"rep/wang:9","factindex":1,"factcount":1,'
        f'"authtype":"user","authid":"rep/wang","policyversion":7,"prevhash":"{GENESIS}",'
        '"data":{"rep":"wang","until":"2026-11-24T10:00:00.000000Z"}}'
    )


def test_a_time_of_any_offset_is_written_in_utc() -> None:
    there = timezone(timedelta(hours=8))
    local = CLAIMED._replace(time=datetime(2026, 11, 21, 18, tzinfo=there))
    assert encode(local, GENESIS) == encode(CLAIMED, GENESIS)


def test_text_stands_in_utf8_and_a_documents_hash_is_of_its_bytes() -> None:
    document = encode(CLAIMED._replace(causation='王/"x"\\\n\x00'), GENESIS)
    assert "王".encode() in document
    assert b"\n" not in document
    assert hash_of(document) != hash_of(document + b" ")
    assert hash_of(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_who_acted_is_told_in_the_words_of_cloudevents() -> None:
    known = {"system/clock": "system", "adapter/web": "service_account", "rep/wang": "user"}
    assert {actor: auth_type(actor) for actor in known} == known


words = st.text(st.characters(codec="utf-8"), max_size=40)
moments = st.datetimes(timezones=st.just(UTC))
amounts = st.decimals(-(10**9), 10**9, places=6)


@given(
    words, words, words, moments, moments | st.none(), amounts, st.dictionaries(words, words, max_size=3),
    st.integers(1, 10**17), st.integers(0, 10**6),
)  # fmt: skip
def test_what_is_encoded_is_decoded_unchanged(
    subject: str,
    cause: str,
    note: str,
    time: datetime,
    occurred: datetime | None,
    amount: Decimal,
    answers: dict[str, str],
    sequence: int,
    policy: int,
) -> None:
    touch = Touch(
        channel="seo", ref="1", door="d", occurred_at=occurred, cost=Money(amount=amount, currency="CNY")
    )
    fact = f.LeadCaptured(touch=touch, person=Person(note=note, answers=answers), score=policy % 101)
    one = f.Event("east", sequence, time, subject, "rep/王", cause, cause, 1, 2, policy, fact)
    document = encode(one, GENESIS)
    assert decode(document) == one
    assert encode(decode(document), GENESIS) == document
    assert json.loads(document)["id"] == one.id


def test_a_document_that_cannot_be_read_names_its_event() -> None:
    document = encode(CLAIMED, GENESIS)
    with pytest.raises(LogDamaged):
        decode(b"{")
    with pytest.raises(LogDamaged):
        decode(b"[]")
    with pytest.raises(WrongVersion, match=r"leadflow\.lead\.claimed\.v9.*east/1042"):
        decode(document.replace(b"claimed.v1", b"claimed.v9"))
    with pytest.raises(LogDamaged, match="rep") as caught:
        decode(document.replace(b'"rep":"wang",', b""))
    assert caught.value.event == "east/1042"
    with pytest.raises(LogDamaged, match="factindex"):
        decode(document.replace(b'"factindex":1,', b""))
    with pytest.raises(LogDamaged, match="UTC"):
        decode(document.replace(b"10:00:00.000000Z", b"10:00:00.000000+08:00", 1))


def test_an_unknown_member_of_the_data_is_not_passed_over() -> None:
    with pytest.raises(LogDamaged, match="colour"):
        decode(encode(CLAIMED, GENESIS).replace(b'"rep":', b'"colour":"red","rep":'))


# --- requests -------------------------------------------------------------------------------

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
REQUESTS: tuple[r.Body, ...] = (
    r.OpenPool(policy=Policy(), calendar=CALENDAR),
    r.ClaimLead(lead=LEAD, if_sequence=7),
    r.ClaimNext(),
    r.AdvanceClock(),
    r.SubmitIntake(touch=TOUCH, person=PERSON, asked=8, filled=7),
    r.LogContact(lead=LEAD, outcome="reached", note="约了"),
    r.RecordDeal(lead=LEAD, value=Money(amount=Decimal("1.10"), currency="CNY")),
)


@pytest.mark.parametrize("body", REQUESTS, ids=lambda body: type(body).__name__)
@pytest.mark.parametrize("time", [None, NOW], ids=["no-time", "time"])
def test_a_request_is_sent_and_received_unchanged(body: r.Body, time: datetime | None) -> None:
    request = r.Request.model_validate(
        {
            "pool": "east",
            "source": "manager/王",
            "id": 'a:"b"/c',
            "actor": "manager/local",
            "at": time,
            "body": body,
        }
    )
    document = encode_request(request)
    received = decode_request(document)
    assert received == request
    assert received.identity == request.identity
    assert received.payload_digest == request.payload_digest
    assert json.loads(document)["source"].isascii()


def test_a_requests_type_is_its_name_in_kebab_case() -> None:
    assert len(BODIES) == len(set(BODIES.values()))
    assert BODIES["leadflow.command.claim-next.v1"] is r.ClaimNext
    assert BODIES["leadflow.command.submit-intake.v1"] is r.SubmitIntake


def test_money_of_requests_is_in_a_currency_that_there_is() -> None:
    day, paid = date(2026, 10, 1), Money(amount=Decimal(10), currency="CNY")
    touch = Touch(channel="seo", ref="1", door="web_form", cost=paid)
    bodies: dict[str, r.AnyBody] = {
        "body.RecordDeal.value": r.RecordDeal(lead=LEAD, value=paid),
        "body.RecordSpend.spend": r.RecordSpend(channel="seo", first_day=day, last_day=day, spend=paid),
        "body.SubmitIntake.touch": r.SubmitIntake(touch=touch, person=PERSON),
    }
    for place, body in bodies.items():
        request = r.Request(pool="east", source="rep/wang", id="1", actor="rep/wang", body=body)
        document = encode_request(request)
        assert decode_request(document).body == body
        with pytest.raises(UsageError, match="RNB is not a currency of ISO 4217; did you mean CNY") as caught:
            decode_request(document.replace(b'"CNY"', b'"RNB"'))
        assert place in str(caught.value)


def test_the_currency_of_a_published_policy_is_one_that_there_is() -> None:
    with pytest.raises(ValueError, match="RNB is not a currency of ISO 4217"):
        r.PublishPolicy(policy=Policy(currency="RNB"), calendar=CALENDAR)


def test_a_fact_of_another_currency_and_what_a_transfer_brings_along_is_read() -> None:
    odd = Money(amount=Decimal(10), currency="RNB")
    fact = f.DealRecorded(customer="C-1", value=odd, owner="wang")
    recorded = CLAIMED._replace(data=fact)
    assert decode(encode(recorded, GENESIS)).data == fact
    assert Policy(currency="RNB").currency == "RNB"
    brought = TOUCH.model_copy(update={"cost": odd})
    assert Touch.model_validate(brought.model_dump()) == brought


def test_a_request_that_cannot_be_read_is_answered_with_every_problem() -> None:
    document = encode_request(
        r.Request(pool="east", source="rep/wang", id="1", actor="rep/wang", body=r.ClaimLead(lead=LEAD))
    )
    broken = document.replace(b'"authid":"rep/wang"', b'"authid":"boss/wang"').replace(
        b'"lead":"7', b'"laed":"7'
    )
    with pytest.raises(UsageError) as caught:
        decode_request(broken)
    assert all(field in str(caught.value) for field in ("actor", "lead", "laed"))
    for bad in (b"", b"[]", b'{"type":"leadflow.command.fly.v1"}', document.replace(b"/sources/", b"/so/")):
        with pytest.raises(UsageError):
            decode_request(bad)

"""What each channel sends becomes arrivals; what a vendor may leave out, add or garble breaks nothing."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadflow.domain.requests import SubmitIntake
from leadflow.errors import UsageError
from leadflow.intake.channels import meta
from leadflow.intake.channels.base import Call, Inlet, NotTaken, Sent
from leadflow.intake.channels.kinds import KINDS, InletReader, completed
from leadflow.intake.channels.setting_up import check_inlet, options_of, secret_for
from leadflow.intake.mapping import MappingFile

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)


def inlet(kind: str, **how: Any) -> Inlet:
    known = KINDS[kind]
    how.setdefault("options", known.options())
    return Inlet("gate", kind, known.channel, **how)


def read(
    kind: str, document: Any, *, headers: dict[str, str] | None = None, **how: Any
) -> list[SubmitIntake]:
    """The bodies of what an authentic call brings."""
    found = inlet(kind, **how)
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    call = Call(body, {"content-type": "application/json", **(headers or {})}, NOW)
    reader = InletReader(found)
    arrivals = [reader.incoming(sent).arrival for sent in reader.kind.read(found, call)]
    return [one.body for one in arrivals if one.body is not None]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("kind", KINDS)
@given(document=JSON, mixed=st.dictionaries(st.sampled_from(range(12)), JSON, max_size=4))
def test_no_body_breaks_the_reader(kind: str, document: Any, mixed: dict[int, Any]) -> None:
    """Garbage, and the example with garbage in the place of some members, at any depth."""
    example = json.loads(KINDS[kind].example(inlet(kind), NOW).body)
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            places.append((value, key))
            if isinstance(inner, (dict, list)):
                walk(inner)

    walk(example)
    for number, value in mixed.items():
        holder, key = places[number % len(places)]
        holder[key] = value
    for one in (document, example):
        with suppress(NotTaken):
            read(kind, one)


@pytest.mark.parametrize("kind", KINDS)
@given(body=st.binary(max_size=200))
def test_no_bytes_break_the_reader(kind: str, body: bytes) -> None:
    for media in ("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        with suppress(NotTaken):
            read(kind, body, headers={"content-type": media, "ce-specversion": "1.0"})


def test_a_push_of_douyin_with_the_customers_own_keys() -> None:
    mapping = MappingFile(columns={"线索ID": "id", "电话号": "phone", "推广": "campaign"})
    (body,) = read("douyin", {"线索ID": "7", "电话号": "13812345678", "推广": "秋季"}, mapping=mapping)
    assert (body.touch.ref, body.touch.campaign, body.person.phones) == ("7", "秋季", ("+8613812345678",))


def test_googles_campaign_is_the_inlets_name_for_it() -> None:
    example = json.loads(KINDS["google"].example(inlet("google"), NOW).body)
    (own,) = read("google", example, campaign="autumn")
    assert own.touch.campaign == "autumn"
    assert own.person.answers["campaign_id"] == "1234567890"
    assert own.touch.click_ids == {"gclid": "CjwKCAjwExample"}
    assert "google_key" not in own.person.answers


def test_every_kind_can_say_from_which_country_its_phone_numbers_are() -> None:
    for name, kind in KINDS.items():
        options = options_of(kind, {"phone_region": "DE"})
        assert kind.mapping(inlet(name, options=options)).region == "DE"
        assert kind.mapping(inlet(name)).region == "CN"
        assert kind.mapping(inlet(name, mapping=MappingFile(region="US"))).region == "US"
    options = options_of(KINDS["website"], {"phone_region": "DE"})
    (body,) = read("website", {"phone": "030 901820", "lf_elapsed_ms": 5000}, options=options)
    assert body.person.phones == ("+4930901820",)
    with pytest.raises(UsageError, match="phone_region"):
        options_of(KINDS["baidu"], {"phone_region": "XX"})


def test_fields_of_meta_stand_beside_what_was_pushed() -> None:
    found = inlet("meta")
    sent = Sent({"leadgen_id": "1", "form_id": "7"}, ref="1", ids_only=True)
    whole = completed(found, sent, lambda _, lead: meta.EXAMPLE_FIELDS | {"id": lead})
    assert whole.document["form_id"] == "7"
    assert meta.needs_fields(whole.document) is None
    body = InletReader(found).incoming(whole).arrival.body
    assert body is not None
    assert (body.touch.ref, body.touch.campaign) == ("1", "autumn")


@pytest.mark.parametrize("number", ["../me", "1/2", "1?x=y", "", None, ["1"], {"a": 1}, "1" * 65])
def test_what_is_no_id_of_a_lead_is_never_asked_for(number: Any) -> None:
    value = {"leadgen_id": number}
    document = {"entry": [{"changes": [{"field": "leadgen", "value": value}]}]}
    (sent,) = KINDS["meta"].read(inlet("meta"), Call(json.dumps(document).encode(), {}, NOW))
    assert (sent.ids_only, sent.unreadable is not None) == (False, True)


def test_answers_of_typeform_by_the_titles_of_their_questions() -> None:
    (body,) = read("typeform", KINDS["typeform"].example(inlet("typeform"), NOW).body)
    assert (body.person.name, body.person.emails, body.company.size) == (
        "Laura Fox",
        ("laura@example.com",),
        50,
    )


def test_contact_points_are_found_where_a_tool_sends_no_titles() -> None:
    document = {"joinid": "1", "q1": "张伟", "q2": "a@example.cn", "q3": "138 1234 5678", "q4": "13800000000"}
    (body,) = read("wenjuanxing", document)
    assert (body.person.emails, body.person.phones) == (("a@example.cn",), ("+8613800000000",))
    mapping = MappingFile(columns={"q1": "name", "q4": "answer", "q3": "phone"})
    (body,) = read("wenjuanxing", document, mapping=mapping)
    assert (body.person.name, body.person.phones) == ("张伟", ("+8613812345678",))
    assert body.person.answers["q4"] == "13800000000"


def test_other_events_of_tencents_surveys_are_left() -> None:
    assert read("tencent_survey", {"action": "answer.delete", "payload": {"answer_id": 7}}) == []
    assert read("tencent_survey", {"action": "ping"}) == []


def test_a_form_of_several_values_for_one_name() -> None:
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    (body,) = read("website", b"phone=13812345678&topic=a&topic=b&name=%E5%BC%A0", headers=headers)
    assert body.person.answers == {"topic": "a、b"}
    assert body.person.name == "张"


def test_the_channel_of_a_form_is_what_brought_the_visitor() -> None:
    form = {
        "phone": "13812345678",
        "referrer": "https://www.so.com/s?q=crm",
        "landing_page": "https://a.cn/lp",
    }
    (body,) = read("website", form)
    touch = body.touch
    assert (touch.channel, touch.referrer_class, touch.search_engine) == ("seo", "search", "so")
    assert touch.landing_page == "https://a.cn/lp"


@pytest.mark.parametrize(
    ("kind", "options", "what"),
    [
        ("douyin", {"signature": "md5"}, "signature"),
        ("douyin", {"unknown": "1"}, "unknown"),
        ("website", {"min_seconds": "-1"}, "min_seconds"),
        ("website", {"thanks": "javascript:alert(1)"}, "thanks"),
        ("baidu", {"signature": "off"}, "signature"),
    ],
)
def test_options_that_are_not_right(kind: str, options: dict[str, str], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        options_of(KINDS[kind], options)


@pytest.mark.parametrize(
    "how",
    [
        {"id": "Upper"},
        {"id": "a/b"},
        {"channel": "two words"},
        {"allow_ips": ("300.1.1.1",)},
        {"origins": ("https://example.cn/path",)},
        {"origins": ("example.cn",)},
        {"credentials": {"password": "x"}},
    ],
)
def test_inlets_that_are_not_right(how: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        check_inlet(replace(inlet("baidu"), **how), KINDS["baidu"])


def test_secrets_that_cannot_be_used() -> None:
    for kind, given_secret in (
        ("baidu", "short"),
        ("webhook", "no base64 at all"),
        ("website", "12345678901"),
    ):
        with pytest.raises(UsageError) as found:
            secret_for(KINDS[kind], given_secret)
        assert given_secret not in str(found.value)
    with pytest.raises(UsageError, match="comes from the vendor"):
        secret_for(KINDS["meta"], None)
    made = {secret_for(KINDS["webhook"], None) for _ in range(3)}
    assert len(made) == 3
    assert all(one and one.startswith("whsec_") for one in made)

"""Proofs are pure: what a call proves depends on the call, the inlet and the time alone."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from leadflow.intake.channels import proofs
from leadflow.intake.channels.base import Call, Inlet, NotAuthentic, NotFromHere
from leadflow.intake.channels.douyin import DouyinOptions
from leadflow.intake.channels.kinds import KINDS, InletReader
from leadflow.intake.channels.rates import Rates, sender_of

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
SECRETS = ("whsec_" + base64.b64encode(b"n" * 24).decode(), "whsec_" + base64.b64encode(b"o" * 24).decode())


def inlet(kind: str, **how: object) -> Inlet:
    known = KINDS[kind]
    options = how.pop("options", known.options())
    return Inlet("gate", kind, known.channel, secrets=SECRETS, options=options, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_proves_itself_at_its_time_with_any_secret_that_holds(kind: str) -> None:
    found = inlet(kind)
    newest, oldest = KINDS[kind].example(found, NOW), None
    old = replace(found, secrets=SECRETS[1:])
    oldest = KINDS[kind].example(old, NOW)
    for call in (newest, oldest):
        assert InletReader(found).sent(call)
    if KINDS[kind].secret != "none":
        with pytest.raises(NotAuthentic):
            InletReader(replace(found, secrets=SECRETS[:1])).sent(oldest)
        with pytest.raises(NotAuthentic):
            InletReader(replace(found, secrets=())).sent(newest)


@pytest.mark.parametrize("kind", ["douyin", "webhook"])
@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_signature_holds_for_five_minutes(kind: str, seconds: int) -> None:
    found = inlet(kind)
    call = KINDS[kind].example(found, NOW)
    for within in (-299, 0, 299):
        InletReader(found).sent(replace(call, now=NOW + timedelta(seconds=within)))
    with pytest.raises(NotAuthentic):
        InletReader(found).sent(replace(call, now=NOW + timedelta(seconds=seconds)))


@pytest.mark.parametrize("signed", ["timestamp.body", "timestamp+body", "body+timestamp"])
def test_how_douyin_signs_is_set_up(signed: str) -> None:
    options = DouyinOptions.model_validate(
        {"signed": signed, "signature_header": "X-Feiyu-Sign", "timestamp_header": "X-Feiyu-Time"}
    )
    found = inlet("douyin", options=options)
    call = KINDS["douyin"].example(found, NOW)
    assert {"x-feiyu-sign", "x-feiyu-time"} <= set(call.headers)
    assert InletReader(found).sent(call)
    upper = {**call.headers, "x-feiyu-sign": call.headers["x-feiyu-sign"].upper()}
    assert InletReader(found).sent(replace(call, headers=upper))
    packed = base64.b64encode(bytes.fromhex(call.headers["x-feiyu-sign"])).decode()
    assert InletReader(found).sent(replace(call, headers={**call.headers, "x-feiyu-sign": packed}))
    with pytest.raises(NotAuthentic):
        InletReader(found).sent(replace(call, body=call.body + b" "))


def test_without_a_signature_douyin_needs_the_secret_path() -> None:
    found = inlet("douyin", options=DouyinOptions(signature="off"))
    call = KINDS["douyin"].example(found, NOW)
    assert InletReader(found).sent(call)
    with pytest.raises(NotAuthentic):
        InletReader(found).sent(replace(call, path_secret=None))


def test_several_signatures_stand_in_one_header() -> None:
    found = inlet("webhook")
    call = KINDS["webhook"].example(found, NOW)
    header = f"v1a,abc v1,AAAA {call.headers['webhook-signature']} ,"
    assert InletReader(found).sent(replace(call, headers={**call.headers, "webhook-signature": header}))
    for wrong in ("", ",", "v2,x", "v1," + "A" * 5000, "é,ü"):
        headers = {**call.headers, "webhook-signature": wrong}
        with pytest.raises(NotAuthentic):
            InletReader(found).sent(replace(call, headers=headers))


def test_wenjuanxing_signs_what_names_the_answer() -> None:
    found = inlet("wenjuanxing", credentials={"push_key": "a-push-key"})
    call = KINDS["wenjuanxing"].example(found, NOW)
    assert InletReader(found).sent(call)
    with pytest.raises(NotAuthentic):
        InletReader(replace(found, credentials={"push_key": "another"})).sent(call)
    with pytest.raises(NotAuthentic):
        InletReader(found).sent(replace(call, path_secret="guess"))


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("203.0.113.9", True),
        ("::ffff:203.0.113.9", True),
        ("2001:db8::1", True),
        ("203.0.114.9", False),
        ("", False),
        ("unix:", False),
    ],
)
def test_lists_of_addresses(address: str, allowed: bool) -> None:
    found = inlet("baidu", allow_ips=("203.0.113.0/24", "2001:db8::/32"))
    call = Call(b"", {}, NOW, address)
    if allowed:
        proofs.from_allowed_address(found, call)
    else:
        with pytest.raises(NotFromHere):
            proofs.from_allowed_address(found, call)


def test_rates_fill_up_again_and_forget_who_is_quiet() -> None:
    rates = Rates(senders_max=2)
    for inlet_id, address in (("form", "203.0.113.2"), ("other", "203.0.113.1"), ("form", "203.0.113.3")):
        assert [rates.take(inlet_id, address, 1, 0.0) for _ in range(2)] == [True, False]
    assert rates.take("form", "203.0.113.2", 1, 0.0), "of more than two senders the oldest is forgotten"
    rates = Rates()
    assert [rates.take("form", "203.0.113.1", 2, 0.0) for _ in range(3)] == [True, True, False]
    assert [rates.take("form", "203.0.113.1", 2, 30.0) for _ in range(2)] == [True, False]
    assert [rates.take("form", "203.0.113.1", 2, 10.0)] == [False], "a clock that goes back fills nothing"


def test_one_customer_of_ipv6_is_one_sender() -> None:
    assert sender_of("2001:db8::1") == sender_of("2001:db8::ffff:1") != sender_of("2001:db8:0:1::1")
    assert sender_of("::ffff:203.0.113.9") == "203.0.113.9"
    assert sender_of("testclient") == "testclient"

"""Who does not prove where a call comes from gets nothing in, and learns nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.gates import Gate, door, gate, office_template
from tests.office import PHONE

__all__ = ["door", "gate", "office_template"]

SIGNED = {
    "douyin": "signature",
    "meta": "x-hub-signature-256",
    "typeform": "typeform-signature",
    "webhook": "webhook-signature",
}
STAMPED = {"douyin": "timestamp", "webhook": "webhook-timestamp"}


def test_calls_without_their_proof(gate: Gate) -> None:
    for kind, header in SIGNED.items():
        gate.add(kind, kind)
        call = gate.example(kind)
        bare = {name: value for name, value in call.headers.items() if name != header}
        other = {**call.headers, header: call.headers[header][:-4] + "AAA="}
        changed = call.body.replace(b"13812345678", b"13900000000").replace(b"1231231231", b"9999999999")
        found = [
            gate.send(replace(call, headers=bare), kind, 401),
            gate.send(replace(call, headers=other), kind, 401),
            gate.send(replace(call, headers={**call.headers, header: "v1,;;"}), kind, 401),
            gate.send(replace(call, body=changed + b" "), kind, 401),
            gate.send(replace(call, headers=bare, path_secret="guess"), kind, 401),
        ]
        # Nobody learns what was wrong, nor what would be right.
        assert len({one.text for one in found}) == 1
    for kind in ("baidu", "survey", "jinshuju", "cloudevents"):
        gate.add(kind, kind)
        call = replace(gate.example(kind), path_secret=None)
        headers = {name: value for name, value in call.headers.items() if name != "authorization"}
        gate.send(replace(call, headers=headers), kind, 401)
        gate.send(replace(call, headers=headers, path_secret="guess"), kind, 401)
    gate.add("google", "google")
    call = gate.example("google")
    key = gate.inlet("google").secrets[0].encode()
    gate.send(replace(call, body=call.body.replace(key, b"guess")), "google", 401)
    gate.send(replace(call, body=call.body.replace(b'"google_key"', b'"key"')), "google", 401)
    gate.send(replace(call, body=b"[]"), "google", 401)
    assert (gate.arrived(), gate.letters()) == ([], [])


def test_an_old_signed_body_is_worth_nothing(gate: Gate) -> None:
    for kind, header in STAMPED.items():
        gate.add(kind, kind)
        for minutes in (-60, -6, 6):
            now = datetime.now(UTC)
            old = gate.example(kind, now + timedelta(minutes=minutes))
            gate.send(old, kind, 401)
            # A fresh time beside an old signature is no proof either.
            fresh = {**old.headers, header: str(int(now.timestamp()))}
            gate.send(replace(old, headers=fresh), kind, 401)
        for stamp in ("", "now", "-1", "9" * 40, "1e9"):
            call = gate.example(kind)
            gate.send(replace(call, headers={**call.headers, header: stamp}), kind, 401)
        before = len(gate.arrived())
        for minutes in (-4, 0):
            gate.send(gate.example(kind, datetime.now(UTC) + timedelta(minutes=minutes)), kind)
        assert len(gate.arrived()) == before + 1, "with a new signature it is the same arrival"


def test_who_runs_the_inlet_finds_in_the_log_what_was_wrong(gate: Gate) -> None:
    """The sender is told to look at its secret, not to sign in; never which part of its proof was wrong."""
    old = datetime.now(UTC) - timedelta(hours=1)
    tries = {
        "baidu": (replace(gate_example(gate, "baidu"), path_secret=None), "no secret at the end"),
        "google": (replace(gate_example(gate, "google"), body=b"{}"), "no google_key"),
        "meta": (replace(gate_example(gate, "meta"), headers={}), "no `x-hub-signature-256"),
        "webhook": (gate_example(gate, "webhook", old), "more than 5 minutes"),
        "survey": (replace(gate_example(gate, "survey"), headers={}, path_secret="guess"), "a wrong secret"),
    }
    for name, (call, why) in tries.items():
        with capture_logs() as lines:
            refused = gate.send(call, name, 401).json()
        assert refused["type"] == "/problems/not-authentic"
        assert "token" not in str(refused).lower()
        assert "secret" in refused["do"]
        assert why not in str(refused)
        (denied,) = [line for line in lines if line["event"] == "denied"]
        assert denied["inlet"] == name
        assert why.lower() in denied["why"].lower()
        assert "guess" not in str(denied)


def gate_example(gate: Gate, kind: str, at: datetime | None = None) -> Any:
    """The documented example, to an inlet that is called as its kind."""
    gate.add(kind, kind)
    return gate.example(kind, at)


def test_calls_from_elsewhere(gate: Gate) -> None:
    gate.add("baidu", "elsewhere", allow_ips=("203.0.113.0/24", "2001:db8::/32"))
    gate.add("baidu", "here", allow_ips=("203.0.113.7", "127.0.0.0/8"))
    gate.send(gate.example("elsewhere"), "elsewhere", 403)
    assert gate.arrived() == []
    gate.send(gate.example("here"), "here")


def test_bodies_that_are_too_large_or_of_another_type(gate: Gate) -> None:
    gate.add("baidu", "push")
    gate.add("website", "form")
    gate.add("cloudevents", "events")
    call = gate.example("push")
    gate.send(replace(call, body=b'{"x": "' + b"x" * 1_100_000 + b'"}'), "push", 413)
    gate.send(replace(call, headers={"content-type": "image/png"}), "push", 415)
    form = gate.example("form")
    gate.send(replace(form, body=b'{"x": "' + b"x" * 70_000 + b'"}'), "form", 413)
    gate.send(replace(form, headers={"content-type": "application/xml"}), "form", 415)
    gate.send(replace(form, headers={}), "form", 415)
    fields = "&".join(f"f{number}=1" for number in range(300)).encode()
    typed = {"content-type": "application/x-www-form-urlencoded"}
    gate.send(replace(form, body=fields, headers=typed), "form", 413)
    files: dict[str, Any] = {"phone": (None, "13812345678"), "cv": ("cv.pdf", b"%PDF", "application/pdf")}
    assert gate.http.post("/in/form", files=files).status_code == 415
    event = gate.example("events")
    json_only = {**event.headers, "content-type": "application/json"}
    gate.send(replace(event, headers=json_only), "events", 415)
    assert (gate.arrived(), gate.letters()) == ([], [])


def test_inlets_that_are_not_there_or_switched_off(gate: Gate) -> None:
    gate.add("webhook", "off")
    call = gate.example("off")
    gate.app.inlets.disable("off", datetime.now(UTC))
    gate.send(call, "off", 404)
    gate.send(call, "nobody", 404)
    for method in ("PUT", "DELETE"):
        assert gate.http.request(method, "/in/off").status_code == 405
    assert gate.http.get("/in/off").status_code == 404


def test_one_address_posts_only_so_often(gate: Gate) -> None:
    gate.add("website", "form", options={"rate_per_minute": "3"})
    gate.add("website", "other", options={"rate_per_minute": "3"})
    for number in range(3):
        gate.post({"phone": f"1381234567{number}", "lf_elapsed_ms": 9000}, "form")
    refused = gate.post({"phone": "13812345679", "lf_elapsed_ms": 9000}, "form", 429)
    assert refused.headers["retry-after"] == "60"
    assert len(gate.arrived()) == 3
    gate.post({"phone": "13812345679", "lf_elapsed_ms": 9000}, "other")


def test_while_the_log_is_away_nobody_is_told_that_it_is_kept(gate: Gate) -> None:
    gate.add("webhook")
    gate.add("website", "form", origins=("https://www.example.cn",))
    gate.send(gate.example())
    gate.door.service.stopping.set()
    again = gate.send(replace(gate.example(), body=b'{"phone": "13912345678"}'), status=401)
    assert again.json()["type"] == "/problems/not-authentic"
    form = {"phone": "13912345678", "lf_elapsed_ms": 9000}
    refused = gate.post(form, "form", 503, origin="https://www.example.cn")
    assert int(refused.headers["retry-after"]) > 0
    assert refused.headers["access-control-allow-origin"] == "https://www.example.cn"
    gate.door.service.stopping.clear()
    gate.post(form, "form", origin="https://www.example.cn")
    assert len(gate.arrived()) == 2


@pytest.mark.parametrize("kind", ["baidu", "website"])
def test_no_line_of_the_log_has_a_secret_or_what_was_sent(gate: Gate, kind: str) -> None:
    gate.add(kind)
    evil = f"{PHONE}\nlevel=error secret=1"
    with capture_logs() as lines:
        gate.send(gate.example())
        call = gate.example()
        if kind == "baidu":
            gate.send(replace(call, path_secret="another-secret"), status=401)
        gate.http.post(f"/in/gate?q={PHONE}", content=evil.encode(), headers={"content-type": "text/plain"})
    told = str(lines)
    assert lines
    for word in (*gate.inlet().secrets, "another-secret", "13812345678", PHONE, "level=error"):
        assert word not in told
    assert {line["path"] for line in lines} <= {"/in/{inlet}", "/in/{inlet}/{secret}"}


def test_what_says_something_twice_is_kept_as_a_dead_letter(gate: Gate) -> None:
    gate.add("cloudevents", "cloudevents")
    call = gate.example("cloudevents")
    body = call.body.rstrip()[:-1] + b',"id":"another"}'
    gate.send(replace(call, body=body), "cloudevents")
    assert gate.arrived() == []
    (letter,) = gate.letters()
    assert "says id twice" in letter.reason

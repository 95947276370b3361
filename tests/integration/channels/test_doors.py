"""Each channel's documented example goes in by its own door, once, and counts to its channel."""

from __future__ import annotations

from collections import Counter

from leadflow.bootstrap.inlets import EXAMPLE_FIELDS, KINDS
from leadflow.bootstrap.reporting import Period
from leadflow.domain.events import LeadCaptured
from tests.gates import POOL, Gate, door, gate, office_template, vendor
from tests.vendors import TOKEN, Vendor

__all__ = ["door", "gate", "office_template", "vendor"]

CHANNELS = {
    "website": ("web_form", "baidu_ads", "autumn-demo"),
    "baidu": ("baidu_push", "baidu_ads", "搜索推广"),
    "douyin": ("douyin_push", "douyin_ads", "秋季推广"),
    "google": ("google_lead_form", "google_ads", "1234567890"),
    "meta": ("meta_lead_ads", "meta_ads", "autumn"),
    "wenjuanxing": ("survey", "survey", None),
    "jinshuju": ("survey", "survey", None),
    "tencent_survey": ("survey", "survey", None),
    "typeform": ("survey", "survey", None),
    "survey": ("survey", "survey", None),
    "webhook": ("webhook", "other", "autumn"),
    "cloudevents": ("cloudevents", "other", "autumn"),
    "trade_show": ("trade_show", "trade_show", "autumn-fair"),
}
"""Kind → door, channel and campaign of what its example becomes."""


def test_each_example_comes_in_once_and_a_retry_gets_the_first_answer(gate: Gate, vendor: Vendor) -> None:
    assert set(CHANNELS) <= set(KINDS)
    vendor.leads["123123123123"] = dict(EXAMPLE_FIELDS)
    meta = {"options": {"graph_url": f"{vendor.address}/graph"}, "credentials": {"access_token": TOKEN}}
    first = {}
    for kind in CHANNELS:
        name = kind.replace("_", "-")
        gate.add(kind, name, **(meta if kind == "meta" else {}))
        first[kind] = gate.send(gate.example(name), name)
        arrived = gate.arrived()[-1]
        touch = arrived.touch
        assert (touch.door, touch.channel, touch.campaign) == CHANNELS[kind]
        assert arrived.person.phones or arrived.person.emails
    assert len(gate.arrived()) == len(CHANNELS)
    for kind in CHANNELS:
        name = kind.replace("_", "-")
        again = gate.send(gate.example(name), name)
        if kind in ("webhook", "cloudevents"):
            (line,) = first[kind].json()["arrivals"]
            assert line["answer"] == "merged"
            assert again.json()["arrivals"] == [line | {"answer": "duplicate"}]
        else:
            assert again.content == first[kind].content
    assert len(gate.arrived()) == len(CHANNELS)
    assert gate.letters() == []
    gate.app.settle()
    rows = gate.app.reports.channels("manager/local", POOL, Period(None, None, None)).rows
    touches = Counter({(row.channel, row.campaign): row.touches for row in rows if row.touches})
    assert touches == Counter((channel, campaign) for _, channel, campaign in CHANNELS.values())


def test_the_facts_name_the_inlet_as_their_actor(gate: Gate) -> None:
    gate.add("baidu", "bd-main")
    gate.send(gate.example("bd-main"), "bd-main")
    ((_, _, stored),) = gate.app.log.read_all(topics=[LeadCaptured.TYPE])
    assert b'"authid":"adapter/bd-main"' in stored.state


def test_what_vendors_are_answered(gate: Gate) -> None:
    answers = {}
    for kind in ("website", "baidu", "douyin", "google", "typeform"):
        gate.add(kind, kind)
        answers[kind] = gate.send(gate.example(kind), kind).json()
    assert answers == {
        "website": {"ok": True},
        "baidu": {"code": 0, "message": "success"},
        "douyin": {"code": 0, "message": "success"},
        "google": {},
        "typeform": {"ok": True},
    }


def test_an_arrival_costs_what_its_channel_costs(gate: Gate) -> None:
    gate.add("webhook", channel="trade_show")
    gate.send(gate.example())
    (arrived,) = gate.arrived()
    channel = gate.app.policy(POOL)[1].channels["trade_show"]
    assert (arrived.touch.cost.amount if arrived.touch.cost else None) == channel.unit_cost

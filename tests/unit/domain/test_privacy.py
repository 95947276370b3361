"""A person's name, contact points and free text stand in `data.person`, and nowhere else in any fact."""

from __future__ import annotations

import pytest

from leadflow.domain import requests as r
from leadflow.domain.values import speakable
from leadflow.log.envelope import GENESIS, encode, parse
from tests.domain_asks import (
    arrives,
    ask,
    assign,
    claim,
    collaborate,
    contact,
    convert,
    disqualify,
    edit,
    hand_over,
    lead_id,
    merge,
    own_phone,
    passes,
    reopen,
    returns,
    reveal,
    transfer,
)
from tests.domain_harness import given

SECRETS = (
    "王芳",
    "secret-note",
    "13800138000",
    "a@example.com",
    "wx_secret",
    "secret-reason",
    "secret-answer",
)


def test_nothing_of_a_person_stands_outside_the_person() -> None:
    phone, note = "+8613800138000", "secret-note"
    typed = "13800138000"
    scene = given(policy={"claiming": {"reveals_per_day": 9}}).given(
        arrives("a", phone=phone, email="a@example.com", wechat="wx_secret", person="王芳", note=note,
                answers={"x": "secret-answer"}, written={"phone": "138-0013-8000 13800138000"}),
        arrives("b", phone=phone, person="王芳", note=note),
        arrives("c", person="王芳", email="c@example.com"),
        reveal("a", reason="secret-reason"),
        claim("a"),
        contact("a", note=note),
        contact("a", outcome=typed),
        edit("a", "wang", name="王芳", note=note),
        edit("c", phones=(phone,)),
        edit("c", "ma", emails=("a@example.com",)),
        hand_over("a", typed),
        hand_over("a", "li", reason="secret-reason"),
        returns("a", "li", reason="secret-reason"),
        assign("a", typed),
        assign("a", "wang", reason="secret-reason"),
        collaborate("a", typed),
        collaborate("a", "a@example.com"),
        ask(r.RemoveCollaborator(lead=lead_id("a"), member=typed)),
        claim("a", "ma", rep=typed),
        claim("a", "wang", rep=typed),
        contact("a", "ma", rep=typed),
        ask(r.ClaimLead(lead=typed), "wang"),
        ask(r.MergeLeads(lead=lead_id("a"), absorbed=typed)),
        ask(r.PauseMember(member=typed)),
        ask(r.RemoveMember(member="zhao", leads_to=typed)),
        merge("a", "c"),
        transfer("b"),
        disqualify("a", note=note),
        reopen("a"),
        transfer("a"),
        arrives("d", person="王芳", note=note),
        claim("d"),
        convert("d"),
        arrives("e", phone=own_phone("d"), person="王芳", note=note),
        passes("9d"),
    )  # fmt: skip
    assert len({type(event.data) for event in scene.events}) > 15
    for event in scene.events:
        raw = parse(encode(event, GENESIS))
        assert isinstance(raw["data"], dict)
        raw["data"].pop("person", None)
        # Requests are named by who sends them; these names are the test's own.
        found = [secret for secret in SECRETS if secret in str(raw)]
        assert not found, (found, raw)


def test_names_that_may_be_contact_points_are_not_repeated() -> None:
    assert [
        speakable(name)
        for name in ("wang", "rep-2026", "a@b.cn", "13800138000", "１３８００１３８０００", None)
    ] == [
        "wang",
        "rep-2026",
        None,
        None,
        None,
        None,
    ]


def test_words_and_references_in_requests_are_no_texts_and_no_contact_points() -> None:
    lead, value = lead_id("a"), {"amount": "1", "currency": "CNY"}
    r.LogContact(lead=lead, outcome="reached", means="call")
    r.RecordDeal.model_validate({"lead": lead, "value": value, "deal": "SO-20261121-0042"})
    r.ConvertLead(lead=lead, customer="20261121")
    for kind, fields in (
        (r.LogContact, {"outcome": "reached", "means": "13800138000"}),
        (r.LogContact, {"outcome": "reached", "means": "a@example.com"}),
        (r.DisqualifyLead, {"code": "13800138000"}),
        (r.DisqualifyLead, {"code": "went bankrupt"}),
        (r.RecordDeal, {"value": value, "deal": "for Mrs Wang"}),
        (r.ConvertLead, {"customer": "a@example.com"}),
    ):
        with pytest.raises(ValueError, match=r"contact point|match pattern"):
            kind.model_validate({"lead": lead, **fields})

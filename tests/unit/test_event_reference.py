"""The reference of events and requests says what the models say: every type, member, form and default."""

from __future__ import annotations

import ast
import json
import re
import types
import typing
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import AwareDatetime, BaseModel
from pydantic_core import PydanticUndefined

from leadflow.domain import events, members, policy, requests, routing, values
from leadflow.log.envelope import BODIES, GENESIS, encode
from leadflow.views import refusals
from tests.unit.log import samples

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    name: (ROOT / f"docs/reference/{name}.md").read_text(encoding="utf-8") for name in ("events", "requests")
}
SHARED: list[type[BaseModel]] = [
    values.Touch, values.Person, values.Company, values.Money, values.ScorePart, events.Candidate,
    events.Shares, members.MemberTraits, members.Leave, policy.Calendar, policy.Offset,
    routing.RoutingTable, routing.Route,
]  # fmt: skip
EVENTS: list[type[BaseModel]] = [*events.FACTS.values(), *SHARED]
REQUESTS: list[type[BaseModel]] = list(BODIES.values())
FORMS = {
    str: "text", int: "number", bool: "`true`, `false`", AwareDatetime: "time", date: "day",
    Decimal: "decimal as text", policy.Policy: "[Policy](policy.md)",
}  # fmt: skip


def section(page: str, heading: str) -> str:
    """What stands under a heading, up to the next."""
    found = re.search(
        rf"^#{{2,3}} {re.escape(heading)}\n(.*?)(?=^##|\Z)", PAGES[page], re.DOTALL | re.MULTILINE
    )
    assert found is not None, f"{page}.md has no section {heading}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of a section's tables, without their heads."""
    cells = [
        [c.strip() for c in line.strip("|").split(" |")] for line in text.splitlines() if line.startswith("|")
    ]
    return [row for row in cells if row[0].startswith("`")]


def form(annotation: Any, page: str) -> str:
    """How the reference writes the form of a member's values."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return form(inner[0], page)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(form(one, page) for one in inner if one is not type(None))
    if origin is typing.Literal:
        return ", ".join(f"`{one}`" for one in inner)
    if origin is tuple:
        return f"list of {form(inner[0], page)}"
    if origin is dict:
        return "texts by name"
    if annotation in FORMS:
        return FORMS[annotation]
    where = "" if page == "events" else "events.md"
    return f"[{annotation.__name__}]({where}#{annotation.__name__.lower()})"


def default(field: Any) -> str:
    """How the reference writes a member's default."""
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return ""
    if value is None:
        return "none"
    if value in ((), {}) or isinstance(value, BaseModel):
        return "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def check(model: type[BaseModel], page: str) -> None:
    found = rows(section(page, model.__name__))
    fields = {n: f for n, f in model.model_fields.items() if not (page == "requests" and n in NOT_SENT)}
    assert [row[0] for row in found] == [f"`{name}`" for name in fields]
    for row, (name, field) in zip(found, fields.items(), strict=True):
        assert row[1:3] == [form(field.annotation, page), default(field)], name
        assert row[3].endswith("."), f"{name} has no meaning"


NOT_SENT = ("type",)
"""Says which request it is; the document's own `type` says it outside of `data`."""


@pytest.mark.parametrize("model", EVENTS, ids=lambda model: model.__name__)
def test_every_member_of_an_event_stands_in_the_reference(model: type[BaseModel]) -> None:
    check(model, "events")


@pytest.mark.parametrize("fact", events.FACTS.values(), ids=lambda fact: fact.__name__)
def test_every_event_has_its_type_name_and_an_example_that_is_read(fact: type[events.Fact]) -> None:
    text = section("events", fact.__name__)
    assert f"`{fact.TYPE}` · subject: " in text
    example = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    assert len(example) == 1
    assert json.loads(fact.model_validate_json(example[0]).packed) == json.loads(example[0])


@pytest.mark.parametrize("body", REQUESTS, ids=lambda body: body.__name__)
def test_every_member_of_a_request_stands_in_the_reference(body: type[requests.Body]) -> None:
    check(body, "requests")
    name = next(name for name, found in BODIES.items() if found is body)
    assert f"`{name}`" in section("requests", body.__name__)


def test_every_section_is_of_something_that_there_is() -> None:
    for page, models in (("events", EVENTS), ("requests", REQUESTS)):
        headings = set(re.findall(r"^### (.*)$", PAGES[page], re.MULTILINE))
        assert headings == {model.__name__ for model in models}


def test_the_envelope_is_explained_member_by_member() -> None:
    document = json.loads(encode(samples.event(16), GENESIS))
    text = section("events", "The document")
    named = [name for row in rows(text) for name in re.findall(r"`(\w+)`", row[0])]
    assert named == list(document)
    example = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert example is not None
    assert list(json.loads(example[1])) == named


# --- refusals ---------------------------------------------------------------------------------


def reasons_in_the_code() -> Iterator[str]:
    """Every reason that the rules refuse with, as literals in the calls that take one."""
    taking = {"refuse": 0, "Barred": 0, "_until_tomorrow": 2}
    for file in sorted((ROOT / "src/leadflow/domain").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = node.func
                name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                if name in taking:
                    yield from literals(node.args[taking[name]])


def literals(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.IfExp):
        yield from (*literals(node.body), *literals(node.orelse))


TOLD_BY_THE_LEAD = {"already_owned", "converted", "disqualified", "merged", "transferred"}
"""What `claiming.taken` says of a lead that is not there to be claimed: by its status."""


def test_every_reason_of_a_refusal_has_a_sentence_and_a_row() -> None:
    assert set(reasons_in_the_code()) | TOLD_BY_THE_LEAD == set(refusals.SENTENCES)
    told = {row[0].strip("`"): row[1] for row in rows(section("events", "Why a request is refused"))}
    assert told == refusals.SENTENCES


def test_a_sentence_names_only_what_a_refusal_holds() -> None:
    known = {*events.RequestRefused.model_fields, "subject"}
    for reason, sentence in refusals.SENTENCES.items():
        assert set(re.findall(r"\{(\w+)\}", sentence)) <= known, reason


def test_every_reason_of_a_failed_assignment_has_a_row() -> None:
    text = (ROOT / "src/leadflow/domain/distribution.py").read_text(encoding="utf-8")
    told = {row[0].strip("`") for row in rows(section("events", "Why an assignment fails"))}
    assert [reason for reason in sorted(told) if f'"{reason}"' not in text] == []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "AssignmentFailed":
            said = {n for k in node.keywords if k.arg == "reason" for n in literals(k.value)}
            assert said <= told

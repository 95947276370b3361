"""Who may see what, cell by cell: the read half of the table, against real read models."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from leadflow import postgres
from leadflow.bootstrap.opening import open_app
from leadflow.domain import requests as r
from leadflow.errors import NotFound, NotPermitted, UsageError
from leadflow.settings import Settings
from leadflow.views.leads import ORDERS, Criteria, LeadView, Views
from tests.office import EMAIL, MANAGER, NAME, PHONE, WECHAT, Office, office_template

__all__ = ["office_template"]

HIDDEN = (PHONE, EMAIL, WECHAT, NAME)
EVERYBODY = (
    "rep/wang",
    "rep/li",
    "rep/zhao",
    "manager/ma",
    "manager/mo",
    "marketing/mei",
    "support/su",
    "analyst/an",
    "auditor/kim",
    "adapter/web",
)


class Scene:
    """A database with one lead of each kind."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.views: Views = office.app.views
        phones = (f"+86138001380{n:02}" for n in range(10, 99))

        def arrives(ref: str, **more: Any) -> str:
            return office.arrives(ref, phone=next(phones), **more)

        self.leads = {
            "public": arrives("public"),
            "queue": arrives("queue", channel="referral"),
            "private": arrives("private"),
            "shared": arrives("shared"),
            "customer": arrives("customer"),
            "closed": arrives("closed"),
            "west": arrives("west", pool="west"),
        }
        for name in ("private", "shared", "customer", "closed"):
            office.ask("rep/wang", r.ClaimLead(lead=self.leads[name]))
        for member in ("li", "su"):
            office.ask("rep/wang", r.AddCollaborator(lead=self.leads["shared"], member=member))
        office.ask("rep/wang", r.ConvertLead(lead=self.leads["customer"]))
        office.ask("rep/wang", r.DisqualifyLead(lead=self.leads["closed"], code="no_budget"))
        office.app.settle()

    def pool_of(self, name: str) -> str:
        return "west" if name == "west" else "east"

    def sees(self, actor: str) -> dict[str, bool]:
        """Names of the leads that the actor sees, and whether it sees contact points."""
        found: dict[str, bool] = {}
        for name, lead in self.leads.items():
            try:
                found[name] = not self.views.lead(actor, self.pool_of(name), lead).masked
            except NotFound:
                continue
        return found


@pytest.fixture(scope="module")
def scene(pg_url: str, office_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = postgres.create_database(pg_url, name, template=office_template)
    with open_app(Settings(home=tmp_path_factory.mktemp("home"), database_url=url)) as app:
        yield Scene(Office(app))
    postgres.drop_database(pg_url, name)


EAST = ("public", "queue", "private", "shared", "customer", "closed")


@pytest.mark.parametrize(
    ("actor", "sees"),
    [
        ("rep/wang", {"public": False, "private": True, "shared": True, "customer": True}),
        ("rep/li", {"public": False, "shared": True}),
        ("rep/zhao", {"west": False}),
        ("manager/ma", dict.fromkeys(EAST, True)),
        ("manager/mo", {"west": True}),
        ("marketing/mei", {"public": False}),
        ("support/su", {"shared": True}),
        ("analyst/an", {}),
        ("auditor/kim", dict.fromkeys((*EAST, "west"), False)),
        ("adapter/web", {}),
        ("manager/local", dict.fromkeys((*EAST, "west"), True)),
        ("manager/nobody", {}),
        ("rep/ma", {}),
        ("manager/wang", {}),
    ],
)
def test_which_leads_and_whose_contact_points_an_actor_sees(
    scene: Scene, actor: str, sees: dict[str, bool]
) -> None:
    assert scene.sees(actor) == sees


@pytest.mark.parametrize("actor", EVERYBODY)
@pytest.mark.parametrize("pool", ["east", "west"])
def test_lists_hold_exactly_what_single_leads_do(scene: Scene, actor: str, pool: str) -> None:
    single = {
        scene.leads[name]: shown for name, shown in scene.sees(actor).items() if scene.pool_of(name) == pool
    }
    try:
        page = scene.views.leads(actor, pool)
    except NotPermitted:
        assert single == {}
        return
    assert {lead.lead: not lead.masked for lead in page.leads} == single
    assert page.total == len(single)


def text_of(lead: LeadView) -> str:
    return str({name: value for name, value in asdict(lead).items() if name != "lead"})


@pytest.mark.parametrize("actor", EVERYBODY)
def test_a_masked_lead_holds_neither_name_nor_contact_points(scene: Scene, actor: str) -> None:
    for name in scene.sees(actor):
        lead = scene.views.lead(actor, scene.pool_of(name), scene.leads[name])
        points = [*lead.phones, *lead.emails, *lead.wechats]
        assert len(points) == 3
        if lead.masked:
            assert all("*" in point for point in points)
            assert lead.person_name == "赵**"
            assert not any(hidden in text_of(lead) for hidden in HIDDEN)
        else:
            assert lead.person_name == NAME
            assert lead.phones[0].startswith("+86138001380")


@pytest.mark.parametrize(
    "text", ["13800138", "+8613800138010", "138-0013-8010", "赵", "敏", "example.com", "zhaomin"]
)
@pytest.mark.parametrize("actor", EVERYBODY)
def test_a_search_never_matches_what_is_masked(scene: Scene, actor: str, text: str) -> None:
    for pool in ("east", "west"):
        try:
            found = scene.views.leads(actor, pool, Criteria(search=text))
        except NotPermitted:
            continue
        assert not [lead for lead in found.leads if lead.masked]
        assert found.total == len(found.leads)
    if actor == "rep/wang" and text not in ("+8613800138010", "138-0013-8010"):
        assert len(scene.views.leads(actor, "east", Criteria(search=text)).leads) == 3


def test_a_search_matches_company_and_place_for_everybody(scene: Scene) -> None:
    assert scene.views.leads("rep/li", "east", Criteria(search="蓝海")).total == 2
    assert scene.views.leads("rep/li", "east", Criteria(search="上海")).total == 2
    assert scene.views.leads("rep/li", "east", Criteria(search="100%")).total == 0


def test_no_order_is_by_something_that_may_be_masked() -> None:
    for order in ORDERS.values():
        assert not {"phones", "emails", "wechats", "person_name"} & set(order.as_string().split())


@pytest.mark.parametrize("actor", EVERYBODY)
def test_unknown_and_forbidden_leads_answer_alike(scene: Scene, actor: str) -> None:
    seen = scene.sees(actor)
    for name, lead in scene.leads.items():
        if name in seen:
            continue
        answers = []
        for reference in (lead, "0" * 36):
            with pytest.raises(NotFound) as told:
                scene.views.lead(actor, scene.pool_of(name), reference)
            answers.append(str(told.value).replace(reference, "…"))
        assert answers[0] == answers[1]


def reports(scene: Scene, actor: str) -> Any:
    try:
        return tuple(scene.views.reports(actor))
    except NotPermitted:
        return None


@pytest.mark.parametrize(
    ("actor", "scope"),
    [
        ("rep/wang", (["east"], "wang")),
        ("manager/ma", (["east"], None)),
        ("marketing/mei", (["east"], None)),
        ("support/su", None),
        ("analyst/an", (["east", "west"], None)),
        ("auditor/kim", (["east", "west"], None)),
        ("adapter/web", None),
        ("manager/local", (["east", "west"], None)),
    ],
)
def test_what_reports_may_count(scene: Scene, actor: str, scope: Any) -> None:
    assert reports(scene, actor) == scope


@pytest.mark.parametrize(
    ("actor", "names"),
    [
        ("rep/wang", {"private", "shared", "customer"}),
        ("rep/li", set()),
        ("manager/ma", set(EAST)),
        ("manager/mo", {"west"}),
        ("marketing/mei", set()),
        ("support/su", set()),
        ("analyst/an", set()),
        ("auditor/kim", {*EAST, "west"}),
        ("adapter/web", set()),
    ],
)
def test_whose_histories_an_actor_sees(scene: Scene, actor: str, names: set[str]) -> None:
    found = set()
    for name, lead in scene.leads.items():
        try:
            _, rows = scene.views.history(actor, scene.pool_of(name), lead)
        except (NotFound, NotPermitted):
            continue
        assert rows
        found.add(name)
    assert found == names


@pytest.mark.parametrize("actor", EVERYBODY)
def test_a_story_holds_no_more_than_the_lead_may(scene: Scene, actor: str) -> None:
    for name in scene.sees(actor):
        story = scene.office.app.story(actor, scene.pool_of(name), scene.leads[name])
        if story.lead.masked:
            assert (story.notes, story.answers) == ([], {})
            assert all(touch.landing_page is None for touch in story.touches)
        else:
            assert story.notes == ["想看演示"]
        history = scene.views.may_see_history(actor, story.lead)
        assert (story.history is not None) is history
        assert not any(hidden in str(story.history) for hidden in HIDDEN)


def test_an_auditor_sees_contact_points_by_a_fact_with_a_reason(scene: Scene) -> None:
    lead = scene.leads["private"]
    reveal = scene.office.ask("auditor/kim", r.RevealContact(lead=lead, reason="complaint 12"))
    shown = scene.views.revealed(reveal.events[0])
    assert shown.person_name == NAME
    assert shown.phones[0].startswith("+86138")
    other = scene.office.ask(
        "manager/ma", r.EditLead.model_validate({"lead": lead, "company": {"city": "上海"}})
    )
    with pytest.raises(NotPermitted):
        scene.views.revealed(other.events[0])
    assert scene.views.lead("auditor/kim", "east", lead).masked


def test_a_lead_is_named_by_the_beginning_of_its_id(scene: Scene) -> None:
    lead = scene.leads["public"]
    assert scene.views.lead("rep/li", "east", lead[:6].upper()).lead == lead
    with pytest.raises(UsageError, match="too short"):
        scene.views.lead("rep/li", "east", lead[:5])
    assert scene.views.named("rep/li", ["east", "west"], lead[:8]) == ("east", lead)


def test_whoever_belongs_to_a_pool_may_name_its_leads_and_nobody_else(scene: Scene) -> None:
    lead = scene.leads["private"]
    for actor in ("rep/li", "marketing/mei", "support/su", "auditor/kim", MANAGER):
        assert scene.views.named(actor, ["east"], lead[:8]) == ("east", lead)
    for actor in ("rep/zhao", "manager/mo", "analyst/an", "adapter/web"):
        with pytest.raises(NotFound):
            scene.views.named(actor, ["east"], lead)


def test_an_unknown_pool_is_named_with_those_that_there_are(scene: Scene) -> None:
    with pytest.raises(NotFound, match="east, west"):
        scene.views.leads("manager/local", "north")
    with pytest.raises(NotFound, match="east, west"):
        scene.views.reports("analyst/an", "north")

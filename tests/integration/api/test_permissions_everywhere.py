"""What no operation may do, whichever it is: answer nobody, go beyond a scope, or tell what is masked.

The operations come from the API's own document, so that a new one is tried without being named here.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from leadflow import postgres
from leadflow.bootstrap.identities import SCOPES
from leadflow.domain import requests as r
from tests.integration.api.permission_rows import seen
from tests.integration.api.permission_scene import Scene, open_scene, told
from tests.integration.api.test_permissions import IMPOSTORS, INSIDE, OUTSIDE
from tests.office import NAME, office_template
from tests.people import PASSWORD, quick_identities

__all__ = ["office_template"]

OPEN = {"signIn", "signInByProvider", "backFromProvider", "getSchema", "getAsyncApi"}
"""Operations under /v1 and /schemas that ask nobody who they are: they begin a session, or tell of types."""
ANY_SCOPE = {"whoAmI", "signOut", "changeMyPassword"}
MASKED = {"person_name", "phones", "emails", "wechats", "masked", "etag"}
"""Fields of a lead that a mask changes. A masked document is another one, so it has another tag."""


@pytest.fixture(scope="module")
def scene(pg_url: str, office_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = postgres.create_database(pg_url, name, template=office_template)
    with open_scene(url, tmp_path_factory.mktemp("home")) as found:
        found.door.app.identities = quick_identities(found.door.app)
        yield found
    postgres.drop_database(pg_url, name)


def operations(scene: Scene, *, streams: bool = True) -> list[tuple[str, str, str]]:
    """Name, method and path's template of every operation that is for people and programs that are known.

    Streams never end by themselves; what they tell is tested where they are.
    """
    document = scene.nobody("GET", "/openapi.json").json()
    found = [
        (one["operationId"], method.upper(), path)
        for path, methods in document["paths"].items()
        for method, one in methods.items()
        if path.startswith("/v1/") and one["operationId"] not in OPEN
        if streams or "text/event-stream" not in str(one["responses"].get("200", {}))
    ]
    assert len(found) > 50
    return found


def address(template: str, scene: Scene, kind: str) -> str:
    """A path to a standing lead of this kind, its pool, and people that there are."""
    named = {
        "pool": scene.pool_of(kind),
        "lead": scene.standing[kind],
        "member": "li",
        "name": "wang",
        "reference": "some-request",
    }
    for name, value in named.items():
        template = template.replace("{" + name + "}", value)
    while "{" in template:
        before, _, rest = template.partition("{")
        template = before + "1" + rest.partition("}")[2]
    return template


def test_every_operation_asks_who_calls(scene: Scene) -> None:
    for name, method, template in operations(scene):
        path = address(template, scene, "public")
        answer = scene.nobody(method, path, None if method == "GET" else {})
        assert answer.status_code == 401, f"{name}: {answer.status_code} {answer.text}"
        assert told(answer.text) == []


def test_every_operation_belongs_to_one_scope_and_needs_it(scene: Scene) -> None:
    for name, method, template in operations(scene, streams=False):
        if name in ANY_SCOPE:
            continue
        path = address(template, scene, "away_public")
        enough = []
        for scope in SCOPES:
            answer = scene.answer("manager/nobody", method, path, {}, (scope,))
            if "has not the scope" not in answer.text:
                enough.append(scope)
        assert len(enough) == 1, f"{name} takes any of {enough}"


SCOPE_OF = {
    "listLeads": "read",
    "getLead": "read",
    "traceLead": "read",
    "getRequest": "read",
    "claimLead": "work",
    "logContact": "work",
    "assignLead": "work",
    "mergeLeads": "work",
    "revealContact": "work",
    "submitIntake": "intake",
    "submitIntakeToPool": "intake",
    "reportChannels": "report",
    "listSpend": "report",
    "openPool": "manage",
    "addMember": "manage",
    "publishPolicy": "manage",
    "publishRouting": "manage",
    "addUser": "manage",
    "createToken": "manage",
}


def test_which_scope_it_is(scene: Scene) -> None:
    for name, method, template in operations(scene):
        if name in SCOPE_OF:
            path = address(template, scene, "away_public")
            answer = scene.answer("manager/nobody", method, path, {}, (SCOPE_OF[name],))
            assert "has not the scope" not in answer.text, name


@pytest.mark.parametrize("actor", [*INSIDE.values(), *OUTSIDE, *IMPOSTORS])
def test_nothing_that_can_be_looked_at_tells_what_is_masked(scene: Scene, actor: str) -> None:
    shown = {kind for kind, lead in seen(scene, actor).items() if not lead["masked"]}
    for name, method, template in operations(scene, streams=False):
        if method != "GET":
            continue
        for kind in ("public", "other", "away") if "{lead}" in template else ("public", "away"):
            if "{lead}" in template and kind in shown:
                continue
            if name in ("listLeads", "previewNext") and shown:
                # Of leads that may be seen whole, lists say the same as the single ones.
                continue
            answer = scene.answer(actor, "GET", address(template, scene, kind))
            assert told(answer.text) == [], f"{name} of {kind}: {answer.text}"


@pytest.mark.parametrize("actor", list(INSIDE.values()))
def test_a_mask_changes_these_fields_and_no_other(scene: Scene, actor: str) -> None:
    whole = seen(scene, "manager/ma")
    for kind, lead in seen(scene, actor).items():
        if kind.startswith("away"):
            continue
        differing = {field for field in lead if lead[field] != whole[kind][field]}
        assert differing == (MASKED if lead["masked"] else set())
        if lead["masked"]:
            assert told(str(lead)) == []
            assert lead["person_name"] == "赵**"
            for field in ("phones", "emails", "wechats"):
                assert len(lead[field]) == len(whole[kind][field]) == 1
                assert "*" in lead[field][0]
            assert lead["phones"][0] == f"139****{whole[kind]['phones'][0][-4:]}"


@pytest.mark.parametrize("actor", list(INSIDE.values()))
def test_a_list_shows_what_single_leads_do(scene: Scene, actor: str) -> None:
    single = {lead["lead"]: lead for kind, lead in seen(scene, actor).items() if kind in scene.standing}
    everything = "?limit=200&" + "&".join(f"status={one}" for one in ("public", "private", "converted"))
    listed: dict[str, Any] = {}
    for pool in ("east", "west"):
        answer = scene.answer(actor, "GET", f"/v1/pools/{pool}/leads{everything}")
        assert answer.status_code in (200, 403)
        if answer.status_code == 200:
            listed |= {lead["lead"]: lead for lead in answer.json()["items"]}
    assert {lead: listed[lead] for lead in listed if lead in scene.standing.values()} == single


@pytest.mark.parametrize("actor", list(INSIDE.values()))
@pytest.mark.parametrize("text", ["1391000", "139-1000", "赵", "example.com", "zhaomin", "想看"])
def test_no_search_tells_what_is_masked(scene: Scene, actor: str, text: str) -> None:
    for pool in ("east", "west"):
        answer = scene.answer(actor, "GET", f"/v1/pools/{pool}/leads?search={text}")
        if answer.status_code == 200:
            assert not [lead for lead in answer.json()["items"] if lead["masked"]]


@pytest.mark.parametrize("actor", [*INSIDE.values(), *OUTSIDE])
def test_an_unknown_lead_and_one_that_may_not_be_seen_answer_alike(scene: Scene, actor: str) -> None:
    visible = seen(scene, actor)
    for kind, lead in scene.standing.items():
        if kind in visible:
            continue
        answers = []
        for one in (lead, f"{lead[:-12]}000000000000"):
            answer = scene.answer(actor, "GET", f"/v1/pools/{scene.pool_of(kind)}/leads/{one}")
            answers.append((answer.status_code, answer.text.replace(one, "…")))
        assert answers[0] == answers[1]


CHANGES = (
    "claim",
    "contacts",
    "return",
    "convert",
    "assign",
    "hand-over",
    "merge",
    "collaborators",
    "reveal",
)


@pytest.mark.parametrize("actor", [*OUTSIDE, "analyst/an", "adapter/web", "manager/nobody"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_refused_change_does_not_tell_whether_there_is_such_a_lead(
    scene: Scene, actor: str, change: str
) -> None:
    document = {
        "contacts": {"outcome": "reached"},
        "assign": {"to": "li", "reason": "x"},
        "hand-over": {"to": "li"},
        "merge": {"absorbed": scene.standing["public"]},
        "collaborators": {"member": "li"},
    }.get(change)
    answers = []
    for lead in (scene.standing["other"], f"{scene.standing['other'][:-12]}000000000000"):
        answer = scene.answer(actor, "POST", f"/v1/pools/east/leads/{lead}/{change}", document)
        problem = answer.json()
        answers.append((answer.status_code, problem["type"], problem["reason"], problem["detail"]))
        assert told(answer.text) == []
    assert answers[0] == answers[1]


# --- seeing what is masked, by a fact -------------------------------------------------------


def reveal(scene: Scene, actor: str, kind: str, **more: str) -> httpx.Response:
    lead = scene.lead(kind)
    document = {"reason": "complaint 12"} | more
    return scene.answer(actor, "POST", f"/v1/pools/{scene.pool_of(kind)}/leads/{lead}/reveal", document)


@pytest.mark.parametrize("kind", ["public", "other", "away"])
def test_an_auditor_sees_contact_points_with_a_reason_as_a_fact(scene: Scene, kind: str) -> None:
    answer = reveal(scene, "auditor/kim", kind)
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["state"]["person_name"], shown["state"]["masked"]) == (NAME, False)
    assert shown["facts"][0]["type"] == "leadflow.lead.contact_revealed.v1"
    address = f"/v1/pools/{shown['pool']}/leads/{shown['lead']}"
    assert scene.answer("auditor/kim", "GET", address).json()["lead"]["masked"] is True
    manager = "manager/mo" if kind == "away" else "manager/ma"
    assert "complaint 12" in scene.answer(manager, "GET", f"{address}/history").text
    nothing = scene.answer("auditor/kim", "POST", f"{address}/reveal", {})
    assert (nothing.status_code, nothing.json()["reason"]) == (409, "reason_needed")


@pytest.mark.parametrize("actor", ["marketing/mei", "support/su", "analyst/an", "adapter/web", *OUTSIDE])
def test_nobody_else_reveals_what_is_not_theirs(scene: Scene, actor: str) -> None:
    for kind in ("public", "other"):
        answer = reveal(scene, actor, kind)
        assert answer.status_code in (403, 404, 409)
        assert told(answer.text) == []


def test_a_rep_reveals_public_leads_of_its_pool_and_nobody_elses(scene: Scene) -> None:
    assert reveal(scene, "rep/wang", "public").json()["state"]["person_name"] == NAME
    for kind in ("other", "away_public"):
        answer = reveal(scene, "rep/wang", kind)
        assert answer.status_code in (403, 404, 409)
        assert told(answer.text) == []


# --- what is taken away ---------------------------------------------------------------------


def test_who_left_a_pool_or_has_another_role_there_has_lost_it_at_once(scene: Scene) -> None:
    office = scene.door.office
    for member in ("tan", "tao"):
        scene.member("east", member)
    lead = scene.lead("public")
    scene.door.app.settle()
    address = f"/v1/pools/east/leads/{lead}"
    for member in ("tan", "tao"):
        assert scene.answer(f"rep/{member}", "GET", address).status_code == 200
    key = {"Idempotency-Key": uuid.uuid4().hex}
    shown = scene.with_headers("rep/tan", "POST", f"{address}/reveal", key)
    assert shown.json()["state"]["masked"] is False
    office.ask("manager/local", r.RemoveMember(member="tan"))
    office.ask(
        "manager/local", r.ChangeMember.model_validate({"member": "tao", "role": "support", "traits": {}})
    )
    scene.door.app.settle()
    for member in ("tan", "tao"):
        for method, path in (("GET", address), ("POST", f"{address}/claim"), ("GET", "/v1/reports/reps")):
            assert scene.answer(f"rep/{member}", method, path).status_code in (403, 404, 409), path
    again = scene.with_headers("rep/tan", "POST", f"{address}/reveal", key)
    assert told(again.text) == [], "what was revealed once is not shown to who has left"


def test_a_session_may_what_a_token_of_the_same_actor_may(scene: Scene) -> None:
    people = scene.door.app.identities
    for actor in ("rep/wang", "manager/ma", "support/su", "auditor/kim", "analyst/an"):
        role, _, name = actor.partition("/")
        people.accounts.add(name, [role], password=PASSWORD, by="manager/local")
        with httpx.Client(base_url=scene.door.address, timeout=120) as browser:
            signed_in = browser.post("/v1/session", json={"name": name, "password": PASSWORD})
            assert signed_in.status_code == 200
            for kind, lead in scene.standing.items():
                path = f"/v1/pools/{scene.pool_of(kind)}/leads/{lead}"
                by_token, by_session = scene.answer(actor, "GET", path), browser.get(path)
                assert (by_token.status_code, by_token.json()) == (by_session.status_code, by_session.json())

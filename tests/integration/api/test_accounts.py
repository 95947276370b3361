"""Accounts and tokens over HTTP: for people who manage every pool; and coming in by a provider."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from leadflow import postgres
from leadflow.domain import requests as r
from leadflow.identities.tables import prepare
from tests.doors import Door, office_template, open_door
from tests.people import OTHER, PASSWORD, quick_identities
from tests.provider import CLIENT, SECRET, OpenIdProvider, running_provider

__all__ = ["office_template"]

USERS, TOKENS, SESSION = "/v1/users", "/v1/tokens", "/v1/session"


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with running_provider(time.time) as running:
        yield running


@pytest.fixture(scope="module")
def shared(
    pg_url: str,
    office_template: str,
    tmp_path_factory: pytest.TempPathFactory,
    provider: OpenIdProvider,
) -> Iterator[Door]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = postgres.create_database(pg_url, name, template=office_template)
    settings = {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SECRET,
        "public_url": "http://localhost:8600",
    }
    with open_door(url, tmp_path_factory.mktemp("home"), **settings) as found:
        found.app.identities = quick_identities(found.app)
        prepare(found.app.database)
        yield found
    postgres.drop_database(pg_url, name)


@pytest.fixture
def door(shared: Door) -> Door:
    """The API, where `top` manages both pools and `ma` one of them."""
    with shared.app.database.connection() as connection:
        connection.execute("TRUNCATE records.accounts, records.sessions, records.sign_in_failures")
    for name, roles in (("top", ["manager"]), ("ma", ["manager"]), ("kim", ["auditor"])):
        shared.app.identities.accounts.add(name, roles, password=PASSWORD, by="manager/local")
    for pool in ("east", "west"):
        if "top" not in shared.app.views.members(pool):
            body = r.AddMember.model_validate({"member": "top", "role": "manager"})
            shared.office.ask("manager/local", body, pool)
    shared.app.settle()
    return shared


class Person:
    """Somebody in a session."""

    def __init__(self, door: Door, name: str, password: str = PASSWORD) -> None:
        self.http = httpx.Client(base_url=door.address)
        answer = self.http.post(SESSION, json={"name": name, "password": password})
        assert answer.status_code == 200, answer.text
        self.http.headers["X-CSRF-Token"] = answer.json()["csrf_token"]

    def __call__(self, method: str, path: str, document: Any = None, *, status: int = 200) -> Any:
        answer = self.http.request(method, path, json=document)
        assert answer.status_code == status, answer.text
        assert answer.headers["cache-control"] == "no-store"
        return answer.json() if answer.content else None


NEW = {"name": "li", "roles": ["rep", "manager"], "password": PASSWORD, "display_name": "李"}


def test_an_account_is_made_looked_at_and_changed(door: Door) -> None:
    top = Person(door, "top")
    made = top("POST", USERS, NEW, status=201)
    assert made == top("GET", f"{USERS}/li")
    assert (made["roles"], made["password"], made["provider"], made["created_by"]) == (
        ["rep", "manager"],
        True,
        False,
        "manager/top",
    )
    li = Person(door, "li")
    assert top("POST", USERS, NEW, status=409)["type"] == "/problems/already-there"
    assert top("PATCH", f"{USERS}/li", {"roles": ["rep"]})["roles"] == ["rep"]
    assert li("GET", SESSION)["roles"] == ["rep"]
    assert top("PATCH", f"{USERS}/li", {"disabled": True})["disabled"] is True
    li("GET", SESSION, status=401)
    top("PATCH", f"{USERS}/li", {"disabled": False, "password": OTHER, "display_name": "李 四"})
    assert Person(door, "li", OTHER)("GET", SESSION)["display_name"] == "李 四"
    names = [row["name"] for row in top("GET", USERS)["items"]]
    assert names == ["kim", "li", "ma", "top"]
    first = top("GET", f"{USERS}?limit=3")
    rest = top("GET", f"{USERS}?limit=3&cursor={first['next']}")
    assert [row["name"] for row in (*first["items"], *rest["items"])] == names
    assert "argon2" not in str(top("GET", USERS))


def test_who_an_account_is_at_the_provider_is_forgotten(door: Door) -> None:
    top = Person(door, "top")
    door.app.identities.accounts.link("kim", "subject-1")
    assert top("GET", f"{USERS}/kim")["provider"] is True
    assert top("DELETE", f"{USERS}/kim/provider")["provider"] is False
    assert top("DELETE", f"{USERS}/kim/provider")["provider"] is False
    top("DELETE", f"{USERS}/nobody/provider", status=404)
    # Another person of that name may come in now, who was refused before.
    door.app.identities.accounts.link("kim", "subject-2")


@pytest.mark.parametrize(
    "document",
    [
        {},
        NEW | {"name": "local"},
        NEW | {"name": "a b"},
        NEW | {"name": ""},
        NEW | {"name": "\0"},
        NEW | {"name": "x" * 500},
        NEW | {"roles": []},
        NEW | {"roles": ["adapter"]},
        NEW | {"roles": ["system"]},
        NEW | {"roles": "rep"},
        NEW | {"password": "short"},
        NEW | {"password": "lililililili"},
        NEW | {"password": "password1234"},
        NEW | {"admin": True},
        NEW | {"display_name": "a\x1b[31mb"},
        [NEW],
    ],
)
def test_accounts_that_cannot_be(door: Door, document: Any) -> None:
    top = Person(door, "top")
    problem = top("POST", USERS, document, status=422)
    assert PASSWORD not in str(problem)
    assert "password1234" not in str(problem)
    top("GET", f"{USERS}/li", status=404)


def test_a_token_is_made_once_shown_once_and_revoked(door: Door) -> None:
    top = Person(door, "top")
    name = uuid.uuid4().hex[:12]
    new = {"name": name, "actor": "adapter/site", "scopes": ["intake"], "expires_in_days": 30}
    made = top("POST", TOKENS, new, status=201)
    header = {"Authorization": f"Bearer {made['token']}"}
    assert httpx.get(door.address + SESSION, headers=header).json()["actor"] == "adapter/site"
    assert top("POST", TOKENS, new, status=409)["type"] == "/problems/already-there"
    listed = top("GET", f"{TOKENS}?limit=200")["items"]
    assert made["token"].split("_", 2)[2] not in str(listed)
    assert [row["last_used_at"] is not None for row in listed if row["name"] == name] == [True]
    assert top("DELETE", f"{TOKENS}/{made['info']['id']}")["revoked_by"] == "manager/top"
    assert httpx.get(door.address + SESSION, headers=header).status_code == 401
    top("DELETE", f"{TOKENS}/nothing", status=404)
    changes: tuple[dict[str, Any], ...] = (
        {"actor": "manager/local"},
        {"actor": "system/x"},
        {"actor": "x"},
        {"scopes": []},
        {"scopes": ["root"]},
        {"expires_in_days": 0},
        {"expires_in_days": 10_000},
        {"secret": "mine"},
    )
    for bad in changes:
        top("POST", TOKENS, new | bad, status=422)


def test_accounts_and_tokens_are_for_managers_of_every_pool(door: Door) -> None:
    for name in ("ma", "kim"):
        person = Person(door, name)
        for method, path, document in (
            ("GET", USERS, None),
            ("POST", USERS, NEW),
            ("GET", f"{USERS}/top", None),
            ("PATCH", f"{USERS}/kim", {"roles": ["manager"]}),
            ("DELETE", f"{USERS}/kim/provider", None),
            ("GET", TOKENS, None),
            ("POST", TOKENS, {"name": "x", "actor": "auditor/x", "scopes": ["read"]}),
            ("DELETE", f"{TOKENS}/x", None),
        ):
            problem = person(method, path, document, status=403)
            assert "managers of every pool" in problem["detail"]


def test_a_program_may_look_and_cannot_make_itself_another_identity(door: Door) -> None:
    program = door.as_("manager/top")
    assert program.get(USERS)["items"]
    assert program.get(TOKENS)["items"]
    for method, path, document in (
        ("POST", USERS, NEW),
        ("PATCH", f"{USERS}/kim", {"disabled": True}),
        ("POST", TOKENS, {"name": "x", "actor": "auditor/x", "scopes": ["read"]}),
        ("DELETE", f"{TOKENS}/x", None),
    ):
        problem = program(method, path, json=document, status=403).json()
        assert "people who signed in" in problem["detail"]
    door.as_("manager/top", "read")("GET", USERS, status=403)


# --- by the company's provider --------------------------------------------------------------


def browser(door: Door) -> httpx.Client:
    return httpx.Client(base_url=door.address, headers={"Host": "localhost:8600"}, follow_redirects=False)


def there_and_back(who: httpx.Client, path: str = "/v1/session/oidc?return_to=/v1/pools") -> str:
    """A browser's way to the provider; gives the path and query that it comes back with."""
    away = who.get(path)
    assert away.status_code == 303, away.text
    landed = httpx.get(away.headers["location"], follow_redirects=False).headers["location"]
    assert landed.startswith("http://localhost:8600/v1/session/oidc/callback?")
    return landed.removeprefix("http://localhost:8600")


def test_a_browser_comes_in_by_the_provider(door: Door, provider: OpenIdProvider) -> None:
    provider.person = {"sub": "kim-1", "preferred_username": "kim"}
    who = browser(door)
    way = there_and_back(who)
    done = who.get(way)
    assert (done.status_code, done.headers["location"]) == (303, "/v1/pools")
    assert who.get(SESSION).json()["actor"] == "auditor/kim"
    again = who.get(way)
    assert again.status_code == 401, "what was kept for the way is used up"
    assert httpx.get(door.address + way, headers={"Host": "localhost:8600"}).status_code == 401


def test_a_way_back_belongs_to_the_browser_that_went(door: Door, provider: OpenIdProvider) -> None:
    provider.person = {"sub": "kim-1", "preferred_username": "kim"}
    victim, attacker = browser(door), browser(door)
    there_and_back(victim)
    way = there_and_back(attacker)
    answer = victim.get(way)
    assert answer.status_code == 401
    assert "another sign-in" in answer.json()["detail"]
    assert SESSION not in answer.headers.get("location", "")
    assert victim.get(SESSION).status_code == 401


@pytest.mark.parametrize(
    "target", ["https://evil.example.com", "//evil.example.com", "/\\evil", "/a b", "evil", "", "/\x00", "/é"]
)
def test_the_way_back_leads_to_this_service_only(door: Door, target: str) -> None:
    answer = browser(door).get("/v1/session/oidc", params={"return_to": target})
    assert answer.status_code in (400, 422)
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "query", ["", "?state=x", "?code=x&state=y", "?error=<script>", "?state=" + "x" * 5000]
)
def test_a_way_back_that_nobody_went_is_refused(door: Door, query: str) -> None:
    answer = browser(door).get("/v1/session/oidc/callback" + query)
    assert answer.status_code in (401, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "script" not in answer.text

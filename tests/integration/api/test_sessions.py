"""Sessions over HTTP: cookies, proof against forged requests, roles, and what ends them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from leadflow import postgres
from leadflow.identities.tables import prepare
from tests.doors import Door, office_template, open_door
from tests.people import OTHER, PASSWORD, quick_identities

__all__ = ["office_template"]

SESSION = "/v1/session"
PHONES = (f"+86138001390{n:02}" for n in range(100))


class Browser:
    """Somebody who signs in, keeps cookies, and names the token against forged requests."""

    def __init__(self, door: Door, **headers: str) -> None:
        self.http = httpx.Client(base_url=door.address, headers=headers)
        self.csrf = ""

    def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        answer = self.http.post(SESSION, json={"name": name, "password": password})
        if answer.status_code == 200:
            self.csrf = answer.json()["csrf_token"]
        return answer

    def __call__(self, method: str, path: str, document: Any = None, **headers: str) -> httpx.Response:
        return self.http.request(method, path, json=document, headers={"X-CSRF-Token": self.csrf} | headers)


@pytest.fixture(scope="module")
def shared(pg_url: str, office_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = postgres.create_database(pg_url, name, template=office_template)
    with open_door(url, tmp_path_factory.mktemp("home")) as found:
        # Hashing takes long on purpose, and this is not about that.
        found.app.identities = quick_identities(found.app)
        yield found
    postgres.drop_database(pg_url, name)


@pytest.fixture
def people(shared: Door) -> Door:
    prepare(shared.app.database)
    with shared.app.database.connection() as connection:
        connection.execute("TRUNCATE records.accounts, records.sessions, records.sign_in_failures")
    accounts = shared.app.identities.accounts
    for name, roles in (("wang", ["rep"]), ("ma", ["manager"]), ("boss", ["auditor", "manager"])):
        accounts.add(name, roles, password=PASSWORD, by="manager/local")
    return shared


@pytest.fixture
def wang(people: Door) -> Iterator[Browser]:
    browser = Browser(people)
    assert browser.sign_in("wang").status_code == 200
    yield browser
    browser.http.close()


def arrives(door: Door) -> str:
    """Somebody whom no other test has met."""
    lead = door.office.arrives(uuid.uuid4().hex, phone=next(PHONES))
    door.app.settle()
    return lead


def cookie_of(answer: httpx.Response) -> Any:
    (morsel,) = SimpleCookie(answer.headers["set-cookie"]).values()
    return morsel


def test_signing_in_gives_a_cookie_that_scripts_and_other_sites_do_not_get(people: Door) -> None:
    browser = Browser(people)
    answer = browser.sign_in("wang")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    cookie = cookie_of(answer)
    assert (cookie.key, cookie["httponly"], cookie["samesite"], cookie["path"]) == (
        "leadflow_session",
        True,
        "lax",
        "/",
    )
    assert cookie["secure"] == "", "plain HTTP on the machine itself"
    assert cookie["domain"] == ""
    who = browser("GET", SESSION)
    assert who.headers["cache-control"] == "no-store"
    assert who.json() == answer.json()
    assert (who.json()["actor"], who.json()["how"], who.json()["roles"]) == ("rep/wang", "session", ["rep"])


@pytest.mark.parametrize(
    "headers", [{"Host": "leads.example.com"}, {"Host": "10.0.0.5:8600"}, {"Host": "localhost.example.com"}]
)
def test_elsewhere_the_cookie_goes_over_tls_only(people: Door, headers: dict[str, str]) -> None:
    cookie = cookie_of(Browser(people, **headers).sign_in("wang"))
    assert (cookie.key, cookie["secure"], cookie["domain"]) == ("__Host-leadflow_session", True, "")


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8600", "localhost"])
def test_the_machine_itself_has_several_names(people: Door, host: str) -> None:
    assert cookie_of(Browser(people, Host=host).sign_in("wang"))["secure"] == ""


def test_every_sign_in_is_a_new_session_and_ends_the_one_before(wang: Browser) -> None:
    first, csrf = wang.http.cookies["leadflow_session"], wang.csrf
    wang.sign_in("wang")
    assert wang.http.cookies["leadflow_session"] != first
    assert wang.csrf != csrf
    old = wang.http.get(SESSION, headers={"Cookie": f"leadflow_session={first}"})
    assert old.status_code == 401


def test_a_session_that_somebody_planted_is_not_taken_over(people: Door) -> None:
    browser = Browser(people)
    browser.http.cookies.set("leadflow_session", "planted.by-somebody")
    answer = browser.sign_in("wang")
    assert "planted" not in cookie_of(answer).value


def test_signing_out_ends_the_session(people: Door, wang: Browser) -> None:
    kept = wang.http.cookies["leadflow_session"]
    answer = wang("DELETE", SESSION)
    assert answer.status_code == 204
    assert (cookie_of(answer).value, cookie_of(answer)["max-age"]) == ("", "0")
    assert wang("GET", SESSION).status_code == 401
    again = httpx.get(people.address + SESSION, headers={"Cookie": f"leadflow_session={kept}"})
    assert again.status_code == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("csrf", [None, "", "x", "é"])
def test_changes_need_the_sessions_token(people: Door, wang: Browser, method: str, csrf: str | None) -> None:
    path = {
        "POST": f"/v1/pools/east/leads/{'0' * 36}/claim",
        "PUT": "/v1/session/password",
        "PATCH": "/v1/users/wang",
        "DELETE": SESSION,
    }[method]
    headers = httpx.Headers({} if csrf is None else {"X-CSRF-Token": csrf}, encoding="utf-8")
    answer = wang.http.request(method, path, json={}, headers=headers)
    assert answer.status_code in (403, 404, 422)
    if answer.status_code == 403:
        assert "prove" in answer.json()["detail"]
    assert wang("GET", SESSION).status_code == 200


def test_a_forged_request_changes_nothing(people: Door, wang: Browser) -> None:
    lead = arrives(people)
    claim = f"/v1/pools/east/leads/{lead}/claim"
    assert wang.http.post(claim).status_code == 403
    other = Browser(people)
    other.sign_in("wang")
    assert wang("POST", claim, **{"X-CSRF-Token": other.csrf}).status_code == 403
    for foreign in (
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": people.address},
    ):
        answer = wang("POST", claim, **foreign)
        assert answer.status_code == 403, foreign
        assert "another site" in answer.json()["detail"]
    own = {"Origin": people.address, "Sec-Fetch-Site": "same-origin"}
    assert wang("POST", claim, **own).status_code == 200


def test_another_sites_page_signs_nobody_in(people: Door) -> None:
    document = {"name": "wang", "password": PASSWORD}
    for foreign in ({"Origin": "https://evil.example.com"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = httpx.post(people.address + SESSION, json=document, headers=foreign)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
    form = httpx.post(
        people.address + SESSION, content=json.dumps(document), headers={"Content-Type": "text/plain"}
    )
    assert form.status_code in (415, 422)
    assert "set-cookie" not in form.headers


def test_a_token_needs_no_cookie_and_no_proof(people: Door) -> None:
    lead = arrives(people)
    caller = people.as_("rep/wang")
    assert caller.get(SESSION)["how"] == "token"
    assert caller.get(SESSION)["csrf_token"] is None
    caller("POST", f"/v1/pools/east/leads/{lead}/claim", headers={"Origin": "https://elsewhere.example.com"})
    assert caller("DELETE", SESSION, status=404).json()["detail"] == "a token has no session"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer lf_000000000000_x"},
        {"Authorization": "Basic d2FuZzp4"},
        {"Authorization": "lf_x_y"},
        {"Cookie": "leadflow_session="},
        {"Cookie": "leadflow_session=x.y"},
        {"Cookie": "leadflow_session=" + "x" * 3000},
        {"Cookie": "__Host-leadflow_session=x"},
    ],
)
def test_whoever_proves_nothing_is_told_to_sign_in(people: Door, headers: dict[str, str]) -> None:
    for path in (SESSION, "/v1/pools", "/v1/users", "/v1/tokens"):
        answer = httpx.get(people.address + path, headers=headers)
        assert answer.status_code == 401, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_wrong_token_is_not_helped_by_a_good_session(wang: Browser) -> None:
    assert wang("GET", SESSION, Authorization="Bearer lf_000000000000_x").status_code == 401


def test_an_account_acts_in_a_role_that_it_has(people: Door, wang: Browser) -> None:
    boss = Browser(people)
    boss.sign_in("boss")
    assert boss("GET", SESSION).json()["actor"] == "auditor/boss"
    assert boss("GET", SESSION, **{"Leadflow-Role": "manager"}).json()["actor"] == "manager/boss"
    for role in ("rep", "system", "local", "manager/local", "x" * 32):
        assert boss("GET", SESSION, **{"Leadflow-Role": role}).status_code == 403
        assert wang("GET", SESSION, **{"Leadflow-Role": "manager"}).status_code == 403
    token = people.as_("rep/wang")
    assert token("GET", SESSION, headers={"Leadflow-Role": "rep"}).json()["actor"] == "rep/wang"
    token("GET", SESSION, headers={"Leadflow-Role": "manager"}, status=403)


def test_what_is_taken_away_is_gone_at_once(people: Door, wang: Browser) -> None:
    boss = Browser(people)
    boss.sign_in("boss")
    accounts = people.app.identities.accounts
    lead = arrives(people)
    assert wang("GET", f"/v1/pools/east/leads/{lead}").status_code == 200
    accounts.change("boss", roles=["manager"])
    assert boss("GET", SESSION).json()["actor"] == "manager/boss"
    assert boss("GET", f"/v1/pools/east/leads/{lead}").status_code == 404
    accounts.change("boss", disabled=True)
    assert boss("GET", SESSION).status_code == 401
    assert boss.sign_in("boss").status_code == 401


def test_a_new_password_ends_every_other_session(people: Door, wang: Browser) -> None:
    elsewhere = Browser(people)
    elsewhere.sign_in("wang")
    path = "/v1/session/password"
    wrong = wang("PUT", path, {"password": OTHER, "new_password": OTHER})
    assert wrong.status_code == 401
    weak = wang("PUT", path, {"password": PASSWORD, "new_password": "wangwangwang"})
    assert weak.status_code == 422
    assert elsewhere("GET", SESSION).status_code == 200
    done = wang("PUT", path, {"password": PASSWORD, "new_password": OTHER})
    assert done.status_code == 200
    wang.csrf = done.json()["csrf_token"]
    assert wang("GET", SESSION).status_code == 200
    assert elsewhere("GET", SESSION).status_code == 401
    assert Browser(people).sign_in("wang").status_code == 401
    assert Browser(people).sign_in("wang", OTHER).status_code == 200


@pytest.mark.parametrize("name", ["wang", "nobody"])
def test_after_five_failures_signing_in_has_to_wait_alike_for_every_name(people: Door, name: str) -> None:
    answers = [Browser(people).sign_in(name, OTHER) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert {answer.json()["detail"] for answer in answers[:5]} == {"the name or the password is wrong"}
    assert answers[5].headers["retry-after"] in ("4", "5")
    assert answers[5].json()["detail"] == "there were too many tries to sign in"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"name": "wang"},
        {"name": "wang", "password": 1},
        {"name": ["wang"], "password": PASSWORD},
        {"name": "wang", "password": PASSWORD, "role": "manager"},
        {"name": "wang", "password": "x" * 2000},
        [],
        "wang",
        None,
    ],
)
def test_what_is_no_sign_in_is_told_without_repeating_it(people: Door, document: Any) -> None:
    answer = httpx.post(people.address + SESSION, json=document)
    assert answer.status_code == 422
    assert PASSWORD not in answer.text
    assert "xxxx" not in answer.text


@pytest.mark.parametrize("name", ["", "\0", "\ud800", "wang\nsigned in account=boss", "<b>", "x" * 1000])
def test_odd_names_are_wrong_names(people: Door, name: str) -> None:
    with capture_logs() as told:
        answer = httpx.post(
            people.address + SESSION,
            content=json.dumps({"name": name, "password": PASSWORD}),
            headers={"Content-Type": "application/json"},
        )
    assert answer.status_code in (401, 422)
    assert name == "" or name not in str([line for line in told if line["event"] != "request"])


def test_the_log_tells_of_denied_accesses_and_of_no_secret(people: Door, wang: Browser) -> None:
    lead = arrives(people)
    with capture_logs() as told:
        wang("GET", "/v1/users")
        wang.http.post(f"/v1/pools/east/leads/{lead}/claim")
        httpx.get(people.address + "/v1/pools", headers={"Authorization": "Bearer lf_0_secretsecret"})
        people.as_("rep/wang", "read")("POST", f"/v1/pools/east/leads/{lead}/claim", status=403)
        Browser(people).sign_in("wang", OTHER)
    denied = [line for line in told if line["event"] == "denied"]
    assert [(line["actor"], line["method"], line["path"]) for line in denied] == [
        ("rep/wang", "GET", "/v1/users"),
        ("rep/wang", "POST", "/v1/pools/{pool}/leads/{lead}/claim"),
        (None, "GET", "/v1/pools"),
        ("rep/wang", "POST", "/v1/pools/{pool}/leads/{lead}/claim"),
        (None, "POST", "/v1/session"),
    ]
    said = str(told)
    for secret in (PASSWORD, OTHER, wang.csrf, wang.http.cookies["leadflow_session"], "secretsecret"):
        assert secret not in said

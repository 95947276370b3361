"""Changes that no pool decides, sent again under the same key: made once, and answered as the first time."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest

from leadflow.domain import requests as r
from leadflow.identities.passwords import Passwords
from leadflow.identities.repeats import Answered, Repeats
from tests.doors import WAIT_S, Client, Door, door, office_template
from tests.people import OTHER, PASSWORD, WEAK, MovedClock, quick_identities

__all__ = ["door", "office_template"]

USERS, TOKENS, SUBSCRIPTIONS, LETTERS = "/v1/users", "/v1/tokens", "/v1/subscriptions", "/v1/dead-letters"
NEW_TOKEN = {"name": "website", "actor": "adapter/website", "scopes": ["intake"], "expires_in_days": 90}


@pytest.fixture
def top(door: Door) -> Client:
    """A manager of every pool, in a session."""
    door.app.identities = quick_identities(door.app)
    door.app.identities.accounts.add("local-top", ["manager"], password=PASSWORD, by="manager/local")
    for pool in ("east", "west"):
        door.office.ask("manager/local", _member("local-top"), pool)
    http = httpx.Client(base_url=door.address, timeout=2 * WAIT_S)
    answer = http.post("/v1/session", json={"name": "local-top", "password": PASSWORD})
    http.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
    return Client(http, None)


def _member(name: str) -> r.AddMember:
    return r.AddMember.model_validate({"member": name, "role": "manager"})


def keyed(key: str = "") -> dict[str, str]:
    return {"Idempotency-Key": key or uuid.uuid4().hex}


def test_an_account_is_made_once(top: Client) -> None:
    headers, new = keyed(), {"name": "li", "roles": ["rep"], "password": PASSWORD}
    first = top("POST", USERS, json=new, status=201, headers=headers)
    assert first.headers["Idempotency-Key"] == headers["Idempotency-Key"]
    assert "Leadflow-Repeated" not in first.headers
    again = top("POST", USERS, json=dict(reversed(new.items())), status=201, headers=headers)
    assert (again.json(), again.headers["Leadflow-Repeated"]) == (first.json(), "true")
    for other in ({**new, "password": OTHER}, {**new, "roles": ["manager"]}):
        problem = top("POST", USERS, json=other, status=422, headers=headers).json()
        assert problem["type"] == "/problems/key-reused"
    # Without a key it is another request, and the name is taken.
    top.post(USERS, new, status=409)
    # The same key for something else is none of this change's.
    top("PATCH", f"{USERS}/li", json={"disabled": True}, status=422, headers=headers)


def test_a_change_is_not_made_again_after_another(top: Client) -> None:
    top.post(USERS, {"name": "li", "roles": ["rep"], "password": PASSWORD}, status=201)
    headers = keyed()
    top("PATCH", f"{USERS}/li", json={"roles": ["manager"]}, headers=headers)
    top("PATCH", f"{USERS}/li", json={"roles": ["rep"]})
    assert top("PATCH", f"{USERS}/li", json={"roles": ["manager"]}, headers=headers).json()["roles"] == [
        "manager"
    ]
    assert top.get(f"{USERS}/li")["roles"] == ["rep"]


def test_a_tokens_text_is_shown_once(top: Client, door: Door) -> None:
    headers = keyed()
    first = top("POST", TOKENS, json=NEW_TOKEN, status=201, headers=headers).json()
    again = top("POST", TOKENS, json=NEW_TOKEN, status=201, headers=headers).json()
    assert again == {"token": None, "info": first["info"]}
    assert len(top.get(TOKENS)["items"]) == 1
    with door.app.database.connection() as connection:
        kept = str(connection.execute("SELECT * FROM records.repeats").fetchall())
    assert first["token"].split("_", 2)[2] not in kept
    path = f"{TOKENS}/{first['info']['id']}"
    ended = keyed()
    revoked = top("DELETE", path, headers=ended).json()
    assert top("DELETE", path, headers=ended).json() == revoked
    # The name is free again, and the old key still answers for what it made.
    assert top("POST", TOKENS, json=NEW_TOKEN, status=201, headers=headers).json() == again
    top.post(TOKENS, NEW_TOKEN, status=201)


def test_what_failed_is_not_remembered(top: Client) -> None:
    headers, new = keyed(), {"name": "li", "roles": ["rep"], "password": "too short"}
    top("POST", USERS, json=new, status=422, headers=headers)
    top("POST", USERS, json={**new, "password": PASSWORD}, status=201, headers=headers)
    top("POST", TOKENS, json=NEW_TOKEN, status=201)
    key = keyed()
    top("POST", TOKENS, json=NEW_TOKEN, status=409, headers=key)
    top("POST", TOKENS, json={**NEW_TOKEN, "name": "other"}, status=201, headers=key)


def test_many_at_once_make_one(top: Client) -> None:
    headers = keyed()
    with ThreadPoolExecutor(8) as threads:
        found = list(
            threads.map(lambda _: top("POST", TOKENS, json=NEW_TOKEN, status=201, headers=headers), range(16))
        )
    texts = [one.json()["token"] for one in found]
    assert sum(text is not None for text in texts) == 1
    assert len(top.get(TOKENS)["items"]) == 1
    assert len({one.json()["info"]["id"] for one in found}) == 1


def test_subscriptions_and_their_secrets(door: Door) -> None:
    ma, headers = door.as_("manager/ma"), keyed()
    body = {"pool": "east", "webhook": "https://93.184.216.34/secret-path"}
    first = ma("POST", SUBSCRIPTIONS, json=body, status=201, headers=headers).json()
    again = ma("POST", SUBSCRIPTIONS, json=body, status=201, headers=headers).json()
    assert again == {"secret": None, "subscription": first["subscription"]}
    # A key is its caller's.
    wang = door.as_("rep/wang")
    assert wang("POST", SUBSCRIPTIONS, json=body, status=201, headers=headers).json()["secret"]
    path, headers = f"{SUBSCRIPTIONS}/{first['subscription']['id']}", keyed()
    rotated = ma("POST", path + "/rotate", headers=headers).json()
    assert rotated["secret"] not in (None, first["secret"])
    assert ma("POST", path + "/rotate", headers=headers).json()["secret"] is None
    with door.app.database.connection() as connection:
        secrets = connection.execute(
            "SELECT jsonb_array_length(secrets) FROM records.subscriptions WHERE created_by = 'manager/ma'"
        ).fetchone()
    assert secrets == (2,)
    ended = keyed()
    assert ma("DELETE", path, headers=ended).json() == ma("DELETE", path, headers=ended).json()


def test_uploads(door: Door) -> None:
    ma, headers = door.as_("manager/ma"), keyed()

    def upload(text: str, status: int = 201) -> httpx.Response:
        form = {"channel": "trade_show", "pool": "east"}
        files = {"file": ("leads.csv", text.encode())}
        return ma("POST", "/v1/uploads", data=form, files=files, status=status, headers=headers)

    file = "name,phone\n赵敏,138 0013 8001\n"
    first, again = upload(file), upload(file)
    assert (again.json(), again.headers["Leadflow-Repeated"]) == (first.json(), "true")
    assert upload(file + "李,138 0013 8002\n", 422).json()["type"] == "/problems/key-reused"
    with door.app.database.connection() as connection:
        kept = str(connection.execute("SELECT answer FROM records.repeats").fetchall())
        assert "8001" not in kept.replace(first.json()["upload"], "")
    path, start = f"/v1/uploads/{first.json()['upload']}", keyed()
    assert ma("POST", path + "/start", headers=start).json()["counts"]["created"] == 1
    assert ma("POST", path + "/start", headers=start).json()["counts"]["created"] == 1
    ma("POST", path + "/start", json={"campaign": "other"}, status=422, headers=start)
    end = keyed()
    for _ in range(2):
        ma("DELETE", path, status=204, headers=end)
    ma("DELETE", path, status=404)


def test_dead_letters(door: Door) -> None:
    ma, site, numbers = door.as_("manager/ma"), door.as_("adapter/website", "intake"), []
    for ref in ("1", "2"):
        document = {"channel": "web_form", "ref": ref, "fields": {"name": "赵敏", "phone": "12"}}
        numbers.append(site.post("/v1/pools/east/intake", document, status=422)["dead_letter"])
    retry, headers = f"{LETTERS}/{numbers[0]}/retry", keyed()
    ma("POST", retry, json={"changes": {"phone": "13"}}, status=422, headers=headers)
    right = {"changes": {"phone": "138 0013 8001"}}
    first = ma("POST", retry, json=right, headers=headers).json()
    assert ma("POST", retry, json=right, headers=headers).json()["subject"] == first["subject"]
    other = {"changes": {"phone": "138 0013 8002"}}
    assert ma("POST", retry, json=other, status=422, headers=headers).json()["type"] == "/problems/key-reused"
    discard, headers = f"{LETTERS}/{numbers[1]}/discard", keyed()
    assert ma("POST", discard, headers=headers).json() == ma("POST", discard, headers=headers).json()


def test_a_key_is_known_for_thirty_days(door: Door) -> None:
    clock, made = MovedClock(), list[str]()
    repeats = Repeats(door.app.database, Passwords(WEAK), clock)

    def change() -> Answered:
        made.append("once more")
        return Answered(200, "{}")

    for _ in range(2):
        repeats.once("rep/wang", "a", "content", change)
    clock.move(days=29)
    repeats.once("rep/wang", "a", "content", change)
    assert len(made) == 1
    clock.move(days=2)
    assert repeats.once("rep/wang", "a", "other content", change) == (Answered(200, "{}"), False)
    assert len(made) == 2


def test_a_change_that_breaks_leaves_nothing_half_done(door: Door) -> None:
    identities = quick_identities(door.app)

    def broken() -> Answered:
        _, text = identities.tokens.create(
            name="half", actor="adapter/x", scopes=["intake"], lasts=timedelta(days=1), by="manager/top"
        )
        raise RuntimeError(text[:3])

    with pytest.raises(RuntimeError):
        identities.repeats.once("manager/top", "a", "content", broken)
    assert [one.name for one in identities.tokens.all() if one.name == "half"] == []


def test_a_revoked_token_opens_nothing_at_once(top: Client, door: Door) -> None:
    made = top.post(TOKENS, NEW_TOKEN, status=201)
    site = Client(httpx.Client(base_url=door.address), made["token"])
    arrival = {"channel": "seo", "ref": "1", "fields": {"name": "赵敏", "phone": "138 0013 8001"}}
    site.post("/v1/pools/east/intake", arrival)
    # It is known by now, and would be believed for a while.
    top("DELETE", f"{TOKENS}/{made['info']['id']}")
    site.post("/v1/pools/east/intake", arrival, status=401)


def test_a_disabled_accounts_token_opens_nothing_at_once(top: Client, door: Door) -> None:
    top.post(USERS, {"name": "wang", "roles": ["rep"], "password": PASSWORD}, status=201)
    wang = door.as_("rep/wang")
    lead = door.office.arrives("card-1")
    wang.post(f"/v1/pools/east/leads/{lead}/claim")
    top("PATCH", f"{USERS}/wang", json={"disabled": True})
    wang.post(f"/v1/pools/east/leads/{lead}/claim", status=401)

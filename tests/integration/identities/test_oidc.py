"""Signing in by a company's OpenID Connect provider: who comes in, and what is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey
from structlog.testing import capture_logs

from leadflow.errors import LeadflowError, NotFound, NotSignedIn, Unavailable
from leadflow.identities.entrants import Pending
from leadflow.identities.sessions import Session
from leadflow.identities.signing_in import Identities
from leadflow.postgres import Database
from tests.people import PASSWORD, MovedClock, identities
from tests.provider import CLIENT, SECRET, OpenIdProvider, running_provider

BACK = "http://localhost/v1/session/oidc/callback"
FROM = "192.0.2.1"
BROWSER = httpx.Client(follow_redirects=False)


@pytest.fixture
def provider(clock: MovedClock) -> Iterator[OpenIdProvider]:
    with running_provider(lambda: clock.now.timestamp()) as running:
        yield running


@pytest.fixture
def made(opened: Database, clock: MovedClock, provider: OpenIdProvider) -> Callable[..., Identities]:
    def make(**settings: Any) -> Identities:
        given = {
            "oidc_issuer": provider.issuer,
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SECRET,
        } | settings
        return identities(opened, clock, **given)

    return make


@pytest.fixture
def company(made: Callable[..., Identities]) -> Identities:
    people = made()
    people.accounts.add("wang", ["rep"], password=PASSWORD, by="manager/local")
    return people


def back(people: Identities) -> tuple[Pending, dict[str, str]]:
    """A browser's way to the provider and back."""
    address, pending = people.provider.begin(BACK, "/")
    answer = BROWSER.get(address)
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    return pending, {name: values[0] for name, values in query.items()}


def enter(people: Identities) -> Session:
    pending, answer = back(people)
    return people.enter(pending, BACK, answer, FROM)


def refused(people: Identities, why: str, error: type[LeadflowError] = NotSignedIn) -> None:
    with capture_logs() as told, pytest.raises(error, match=why) as caught:
        enter(people)
    said = str(told) + str(caught.value)
    assert [line["event"] for line in told] == ["sign-in failed"]
    assert not any(secret in said for secret in (SECRET, "eyJ", "王伟"))
    with people.sessions._prepared.database.connection() as connection:
        assert connection.execute("SELECT count(*) FROM records.sessions").fetchone() == (0,)


def test_who_the_provider_lets_in_is_signed_in(company: Identities, provider: OpenIdProvider) -> None:
    session = enter(company)
    assert company.sessions.find(session.cookie).caller().actor == "rep/wang"
    assert company.accounts.get("wang").oidc_subject == f"{provider.issuer} 17"
    assert enter(company).cookie != session.cookie
    assert provider.asked.count("/.well-known/openid-configuration") == 1, "known for an hour"
    assert provider.asked.count("/keys") == 1


def test_the_way_there_names_pkce_state_and_nonce_anew_each_time(company: Identities) -> None:
    ways = [company.provider.begin(BACK, "/") for _ in range(2)]
    queries = [parse_qs(urlsplit(address).query) for address, _ in ways]
    for name in ("state", "nonce", "code_challenge"):
        assert queries[0][name] != queries[1][name]
        assert len(queries[0][name][0]) >= 43
    assert ways[0][1].verifier not in ways[0][0]
    assert SECRET not in ways[0][0]


def test_state_is_for_one_browser_and_a_code_for_one_time(company: Identities) -> None:
    pending, answer = back(company)
    _, other_answer = back(company)
    for state in (other_answer["state"], "", "é\ud800"):
        with pytest.raises(NotSignedIn, match="another sign-in"):
            company.enter(pending, BACK, answer | {"state": state}, FROM)
    with pytest.raises(NotSignedIn, match="does not take"):
        company.enter(pending, BACK, answer | {"code": other_answer["code"]}, FROM)
    company.enter(pending, BACK, answer, FROM)
    with pytest.raises(NotSignedIn, match="does not take"):
        company.enter(pending, BACK, answer, FROM)


@pytest.mark.parametrize(
    "answer",
    [
        {"error": "access_denied"},
        {"error": "access_denied", "code": "x"},
        {"code": ""},
        {},
    ],
)
def test_whom_the_provider_does_not_let_in(company: Identities, answer: dict[str, str]) -> None:
    _, pending = company.provider.begin(BACK, "/")
    with pytest.raises(NotSignedIn, match="let nobody in"):
        company.enter(pending, BACK, answer | {"state": pending.state}, FROM)


def test_an_answer_of_another_issuer_is_refused(company: Identities, provider: OpenIdProvider) -> None:
    pending, answer = back(company)
    with pytest.raises(NotSignedIn, match="another provider"):
        company.enter(pending, BACK, answer | {"iss": "https://evil.example.com"}, FROM)
    company.enter(pending, BACK, answer | {"iss": provider.issuer}, FROM)


def test_a_provider_that_says_its_name_must_say_it(company: Identities, provider: OpenIdProvider) -> None:
    provider.metadata = {"authorization_response_iss_parameter_supported": True}
    with pytest.raises(NotSignedIn, match="another provider"):
        enter(company)


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"nonce": "another"}, "nonce is not right"),
        ({"nonce": None}, "nonce is not right"),
        ({"aud": "another client"}, "aud is not right"),
        ({"aud": ["another", "third"]}, "aud is not right"),
        ({"aud": None}, "aud is not right"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "azp is not right"),
        ({"azp": "another"}, "azp is not right"),
        ({"iss": "https://evil.example.com"}, "iss is not right"),
        ({"iss": None}, "iss is not right"),
        ({"exp": 1_600_000_000}, "has expired"),
        ({"exp": None}, "exp is not right"),
        ({"iat": 4_000_000_000, "exp": 4_000_000_300}, "iat is not right"),
        ({"iat": None}, "iat is not right"),
        ({"sub": None}, "sub is not right"),
        ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "at_hash is not right"),
        ({"preferred_username": None}, "no claim preferred_username"),
        ({"preferred_username": 7}, "no claim preferred_username"),
        ({"preferred_username": "nobody"}, "nobody has an account"),
        ({"preferred_username": "local"}, "nobody has an account"),
        ({"preferred_username": "a\0b"}, "nobody has an account"),
    ],
)
def test_what_an_id_token_must_say(
    company: Identities, provider: OpenIdProvider, claims: dict[str, Any], why: str
) -> None:
    provider.claims = claims
    refused(company, why)


def test_clocks_may_differ_a_little(company: Identities, provider: OpenIdProvider, clock: MovedClock) -> None:
    now = int(clock.now.timestamp())
    provider.claims = {"iat": now + 50, "exp": now - 50}
    enter(company)
    provider.claims = {"exp": now - 61}
    with pytest.raises(NotSignedIn, match="has expired"):
        enter(company)


def unsigned(token: str) -> str:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    return f"{header}.{token.split('.')[1]}."


def swapped(token: str) -> str:
    head, body, sign = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(body + "=="))
    said["preferred_username"] = "boss"
    return ".".join([head, base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("="), sign])


@pytest.mark.parametrize(
    "spoil",
    [
        unsigned,
        swapped,
        lambda token: token[:-4] + "AAAA",
        lambda token: token.rpartition(".")[0] + ".",
        lambda _: "",
        lambda _: "a.b.c",
        lambda _: "not a token",
    ],
)
def test_an_id_token_without_the_providers_signature_is_refused(
    company: Identities, provider: OpenIdProvider, spoil: Callable[[str], str]
) -> None:
    provider.spoil = spoil
    refused(company, "not signed by its keys")


def test_another_key_of_the_same_name_and_a_shared_secret_are_refused(
    company: Identities, provider: OpenIdProvider
) -> None:
    provider.signing = RSAKey.generate_key(2048, {"kid": "one"})
    refused(company, "not signed by its keys")
    provider.signing, provider.algorithm = OctKey.import_key(SECRET * 2, {"kid": "one"}), "HS256"
    refused(company, "not signed by its keys")
    public = json.dumps(provider.jwks()["keys"][0]) * 2
    provider.signing = OctKey.import_key(public, {"kid": "one"})
    refused(company, "not signed by its keys")


def test_a_new_key_of_the_provider_is_fetched(company: Identities, provider: OpenIdProvider) -> None:
    enter(company)
    provider.signing, provider.algorithm = ECKey.generate_key("P-256", {"kid": "two"}), "ES256"
    with pytest.raises(NotSignedIn, match="not signed by its keys"):
        enter(company)
    provider.keys.append(provider.signing)
    assert enter(company).account.name == "wang"


@pytest.mark.parametrize("answer", [{}, {"id_token": None}, {"id_token": ["x"]}, {"access_token": "x"}])
def test_an_answer_without_an_id_token_proves_nothing(
    company: Identities, provider: OpenIdProvider, answer: dict[str, Any]
) -> None:
    provider.token_answer = answer
    refused(company, "gave no ID token")


def test_the_name_stays_whose_it_was_at_the_provider(company: Identities, provider: OpenIdProvider) -> None:
    enter(company)
    provider.person["sub"] = "18"
    with pytest.raises(NotSignedIn, match="somebody else"):
        enter(company)
    company.accounts.link("wang", None)
    enter(company)


def test_a_disabled_account_does_not_come_in(company: Identities) -> None:
    company.accounts.change("wang", disabled=True)
    refused(company, "disabled")


def test_accounts_are_made_only_where_the_settings_say_so(
    made: Callable[..., Identities], provider: OpenIdProvider
) -> None:
    refused(made(), "nobody has an account")
    people = made(oidc_create="support")
    session = enter(people)
    assert (session.account.roles, session.account.display_name) == (["support"], "王伟")
    assert people.accounts.check("wang", "") is None
    for name in ("local", "a b", "a/b", "x" * 65):
        provider.person = {"sub": name, "preferred_username": name}
        with pytest.raises(NotSignedIn, match="cannot be an account's"):
            enter(people)


def test_roles_may_come_from_the_provider(made: Callable[..., Identities], provider: OpenIdProvider) -> None:
    people = made(oidc_roles_claim="realm_access.roles", oidc_create="rep")
    provider.claims = {"realm_access": {"roles": ["offline", "manager", "rep", "system", "adapter"]}}
    assert enter(people).account.roles == ["manager", "rep"]
    provider.claims = {"realm_access.roles": "analyst"}
    assert enter(people).account.roles == ["analyst"]
    for roles in ([], ["system"], None, 7, [7], {"rep": True}):
        provider.claims = {"realm_access": {"roles": roles}}
        with pytest.raises(NotSignedIn, match="no role"):
            enter(people)
    assert people.accounts.get("wang").roles == ["analyst"]


def test_the_name_may_be_another_claim(made: Callable[..., Identities], provider: OpenIdProvider) -> None:
    people = made(oidc_name_claim="email")
    people.accounts.add("wang@example.com", ["rep"], password=None, by="manager/local")
    provider.claims = {"email": "wang@example.com"}
    assert enter(people).account.name == "wang@example.com"


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"issuer": "https://other.example.com"}, "calls itself otherwise"),
        ({"token_endpoint": None}, "names no token_endpoint"),
        ({"jwks_uri": 5}, "names no jwks_uri"),
        ({"authorization_endpoint": "http://evil.example.com/"}, "must be reached by https"),
    ],
)
def test_what_a_provider_must_say_of_itself(
    company: Identities, provider: OpenIdProvider, metadata: dict[str, Any], why: str
) -> None:
    provider.metadata = metadata
    with pytest.raises(Unavailable, match=why):
        company.provider.begin(BACK, "/")


def test_where_there_is_no_provider_or_none_that_can_be_reached(
    made: Callable[..., Identities], tmp_path: Path
) -> None:
    with pytest.raises(NotFound, match="no OpenID Connect provider"):
        made(oidc_issuer=None).provider.begin(BACK, "/")
    with pytest.raises(Unavailable, match="away"):
        made(oidc_issuer="http://127.0.0.1:1").provider.begin(BACK, "/")
    with pytest.raises(Unavailable, match="https"):
        made(oidc_issuer="http://id.example.com").provider.begin(BACK, "/")
    file = tmp_path / "secret"
    people = made(oidc_client_secret=None, oidc_client_secret_file=file)
    people.accounts.add("wang", ["rep"], password=None, by="manager/local")
    with pytest.raises(Unavailable, match="cannot be read"):
        enter(people)
    file.write_text(SECRET + "\n", encoding="utf-8")
    assert enter(people).account.name == "wang"


def test_what_the_browser_keeps_is_signed_and_ends(company: Identities) -> None:
    _, pending = company.provider.begin(BACK, "/console")
    sealed = company.sealed(pending)
    assert company.unsealed(sealed) == pending
    session = company.sessions.open(company.accounts.get("wang"))
    for text in (None, "", "x.y.z", sealed[:-2], session.cookie, "é", "\ud800"):
        with pytest.raises(NotSignedIn, match="no sign-in was begun"):
            company.unsealed(text)

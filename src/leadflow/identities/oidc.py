"""Signing in by a company's own OpenID Connect provider: the authorization code flow, with PKCE.

Sources: OpenID Connect Core 1.0 (3.1, the code flow; 3.1.3.7, what an ID token must say), OpenID Connect
Discovery 1.0 (4.3, the issuer), RFC 7636 (PKCE), RFC 9207 (the issuer in the answer), RFC 9700 (what is best
practice now). Only ID tokens with an asymmetric signature are taken.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import (
    ExpiredTokenError,
    InvalidClaimError,
    InvalidKeyIdError,
    JoseError,
    MissingClaimError,
)
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from leadflow.errors import NotFound, NotSignedIn, Unavailable
from leadflow.identities.accounts import Clock, utc_now
from leadflow.identities.entrants import Entrant, Pending
from leadflow.settings import Settings

ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
)
"""Signatures that only the provider can make: never `none`, never one with a shared secret."""
LEEWAY_S = 60
"""How far the provider's clock may be from ours."""
KNOWN_FOR = timedelta(hours=1)
"""How long what the provider says of itself is not asked for again."""
TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 1_000_000
THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
_AGAIN = "Begin anew at GET /v1/session/oidc."


class Provider:
    """The company's provider, as the settings name it. Asks it for nothing before somebody signs in."""

    def __init__(self, settings: Settings, clock: Clock = utc_now) -> None:
        self._settings = settings
        self._clock = clock
        self._http = httpx.Client(timeout=TIMEOUT_S, follow_redirects=False)
        self._guard = threading.Lock()
        self._known: tuple[float, dict[str, Any]] | None = None
        self._keys: KeySet | None = None

    @property
    def configured(self) -> bool:
        """Whether there is a provider."""
        return self._settings.oidc_issuer is not None and self._settings.oidc_client_id is not None

    def begin(self, redirect_uri: str, return_to: str) -> tuple[str, Pending]:
        """Where to send the browser, and what it must bring back. Raises NotFound, Unavailable."""
        metadata = self._metadata()
        pending = Pending(
            secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), return_to
        )
        address = prepare_grant_uri(
            metadata["authorization_endpoint"],
            client_id=self._settings.oidc_client_id,
            response_type="code",
            redirect_uri=redirect_uri,
            scope="openid profile email",
            state=pending.state,
            nonce=pending.nonce,
            code_challenge=create_s256_code_challenge(pending.verifier),
            code_challenge_method="S256",
        )
        return str(address), pending

    def finish(self, pending: Pending, redirect_uri: str, answer: dict[str, str]) -> Entrant:
        """Whom the provider has let in, by the query that the browser came back with.

        Raises NotSignedIn for an answer that does not prove it, NotFound, Unavailable.
        """
        if not hmac.compare_digest(
            answer.get("state", "").encode("utf-8", "replace"), pending.state.encode()
        ):
            raise NotSignedIn("this is the answer to another sign-in", do=_AGAIN)
        metadata = self._metadata()
        issuer = answer.get("iss")
        if issuer not in (None, metadata["issuer"]) or (
            issuer is None and metadata.get("authorization_response_iss_parameter_supported") is True
        ):
            raise NotSignedIn("the answer comes from another provider", do=_AGAIN)
        if "error" in answer or not answer.get("code"):
            raise NotSignedIn("the company's provider let nobody in", do=_AGAIN)
        tokens = self._exchange(metadata, answer["code"], pending.verifier, redirect_uri)
        return self._entrant(self._claims(metadata, tokens, pending.nonce))

    # --- what the token says ---------------------------------------------------------------

    def _claims(self, metadata: dict[str, Any], tokens: dict[str, Any], nonce: str) -> dict[str, Any]:
        written = tokens.get("id_token")
        if not isinstance(written, str):
            raise NotSignedIn("the company's provider gave no ID token", do=_AGAIN)
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        registry = JWSRegistry(
            algorithms=[name for name in ALGORITHMS if name in offered], strict_check_header=False
        )
        try:
            try:
                token = jwt.decode(written, self._key_set(metadata), registry=registry)
            except InvalidKeyIdError:
                # The provider may have begun to use another key.
                token = jwt.decode(written, self._key_set(metadata, anew=True), registry=registry)
            expected = {
                "iss": {"essential": True, "values": [metadata["issuer"]]},
                "aud": {"essential": True, "values": [self._settings.oidc_client_id]},
                "nonce": {"essential": True, "values": [nonce]},
                "sub": {"essential": True},
            }
            params = {
                "nonce": nonce,
                "client_id": self._settings.oidc_client_id,
                "access_token": tokens.get("access_token"),
            }
            claims = CodeIDToken(token.claims, token.header, expected, params)
            claims.validate(now=int(self._clock().timestamp()), leeway=LEEWAY_S)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise NotSignedIn(_why(error), do=_AGAIN) from error
        return dict(claims)

    def _entrant(self, claims: dict[str, Any]) -> Entrant:
        settings = self._settings
        name = claims.get(settings.oidc_name_claim)
        if not isinstance(name, str) or not name:
            raise NotSignedIn(f"the company's provider gives no claim {settings.oidc_name_claim}")
        roles = None
        if settings.oidc_roles_claim is not None:
            found = _claim(claims, settings.oidc_roles_claim)
            roles = [found] if isinstance(found, str) else list(found) if isinstance(found, list) else []
        shown = claims.get("name")
        return Entrant(
            name, f"{claims['iss']} {claims['sub']}", roles, shown if isinstance(shown, str) else None
        )

    # --- asking the provider ---------------------------------------------------------------

    def _metadata(self) -> dict[str, Any]:
        if not self.configured:
            do = "Set LEADFLOW_OIDC_ISSUER and LEADFLOW_OIDC_CLIENT_ID."
            raise NotFound("no OpenID Connect provider is set up here", do=do)
        now = self._clock().timestamp()
        with self._guard:
            if self._known is not None and now - self._known[0] < KNOWN_FOR.total_seconds():
                return self._known[1]
        issuer = str(self._settings.oidc_issuer)
        _refuse_plain(issuer)
        metadata = _object(self._ask("GET", issuer.rstrip("/") + "/.well-known/openid-configuration"))
        if metadata.get("issuer") != issuer:
            do = "Set LEADFLOW_OIDC_ISSUER to the issuer as the provider writes it, to the last slash."
            raise Unavailable("the OpenID Connect provider calls itself otherwise", where=issuer, do=do)
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(metadata.get(name), str):
                raise Unavailable(f"the OpenID Connect provider names no {name}", where=issuer)
            _refuse_plain(metadata[name])
        with self._guard:
            self._known, self._keys = (now, metadata), None
        return metadata

    def _key_set(self, metadata: dict[str, Any], *, anew: bool = False) -> KeySet:
        with self._guard:
            if self._keys is not None and not anew:
                return self._keys
        keys = KeySet.import_key_set(_object(self._ask("GET", metadata["jwks_uri"])))  # type: ignore[arg-type]
        with self._guard:
            self._keys = keys
        return keys

    def _exchange(
        self, metadata: dict[str, Any], code: str, verifier: str, redirect_uri: str
    ) -> dict[str, Any]:
        secret = self._secret()
        offered = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        method = "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"
        auth = ClientAuth(self._settings.oidc_client_id, secret, method if secret is not None else "none")
        body = prepare_token_request(
            "authorization_code", "", redirect_uri, code=code, code_verifier=verifier
        )
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        uri, headers, body = auth.prepare("POST", metadata["token_endpoint"], headers, body)
        answer = self._ask("POST", uri, headers=headers, content=body)
        if answer.status_code in (400, 401):
            raise NotSignedIn("the company's provider does not take the sign-in's code", do=_AGAIN)
        return _object(answer)

    def _ask(self, method: str, address: str, **given: Any) -> httpx.Response:
        where = f"OpenID Connect provider at {urlsplit(address).netloc}"
        try:
            with self._http.stream(method, address, **given) as answer:
                content = b""
                for piece in answer.iter_bytes():
                    content += piece
                    if len(content) > ANSWER_BYTES_MAX:
                        raise Unavailable("the answer is too long", where=where)
        except httpx.HTTPError as error:
            raise Unavailable(f"the provider is away: {type(error).__name__}", where=where) from error
        if answer.status_code not in (200, 400, 401):
            raise Unavailable(f"the provider answers with status {answer.status_code}", where=where)
        return httpx.Response(answer.status_code, content=content, request=answer.request)

    def _secret(self) -> str | None:
        path, given = self._settings.oidc_client_secret_file, self._settings.oidc_client_secret
        if path is None:
            return given.get_secret_value() if given is not None else None
        try:
            return path.read_text(encoding="utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable("LEADFLOW_OIDC_CLIENT_SECRET_FILE cannot be read", where=str(path)) from error


def _object(answer: httpx.Response) -> dict[str, Any]:
    where = f"OpenID Connect provider at {answer.request.url.host}"
    try:
        found = answer.json()
    except ValueError as error:
        raise Unavailable("the answer is no JSON", where=where) from error
    if not isinstance(found, dict) or answer.status_code != 200:
        raise Unavailable("the answer is not what it should be", where=where)
    return found


def _refuse_plain(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in THIS_MACHINE):
        raise Unavailable("an OpenID Connect provider must be reached by https", where=parts.netloc)


def _claim(claims: dict[str, Any], name: str) -> Any:
    """A claim by its name, or inside others: `realm_access.roles`."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _why(error: Exception) -> str:
    """What is wrong with an ID token, without what it says."""
    if isinstance(error, ExpiredTokenError):
        return "the ID token of the company's provider has expired"
    if isinstance(error, MissingClaimError | InvalidClaimError):
        claim = getattr(error, "claim", None) or "a claim"
        return f"the ID token of the company's provider is not for this sign-in: {claim} is not right"
    return "the ID token of the company's provider is not signed by its keys"

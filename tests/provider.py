"""A small OpenID Connect provider over real HTTP: own keys, and people who approve of everything.

It holds its clients to the protocol: the client's secret, the code once, the same redirect address, PKCE.
What it says can be made wrong, to see what is refused.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

CLIENT, SECRET = "leadflow", "a secret / with + signs"
Key = OctKey | RSAKey | ECKey | OKPKey


@cache
def first_key() -> RSAKey:
    """The key that a provider has at first; one for the whole run, because making it takes long."""
    return RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


class OpenIdProvider:
    """What the provider knows, and how it is made to misbehave."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.issuer = ""
        self.keys: list[Key] = [first_key()]
        self.signing: Key = self.keys[0]
        self.algorithm = "RS256"
        self.person: dict[str, Any] = {"sub": "17", "preferred_username": "wang", "name": "王伟"}
        self.claims: dict[str, Any] = {}
        """Said instead of what is right; None leaves a claim out."""
        self.metadata: dict[str, Any] = {}
        self.spoil: Callable[[str], str] = str
        """What becomes of an ID token on its way."""
        self.token_answer: dict[str, Any] | None = None
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}

    # --- what it answers ------------------------------------------------------------------

    def discovery(self) -> dict[str, Any]:
        """What it says of itself."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        } | self.metadata

    def jwks(self) -> dict[str, Any]:
        """Its public keys."""
        return dict(KeySet(list(self.keys)).as_dict(private=False))

    def authorize(self, query: dict[str, str]) -> str:
        """Where it sends the browser back to."""
        assert (query["response_type"], query["client_id"]) == ("code", CLIENT)
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """The answer to a code."""
        if self.token_answer is not None:
            return 200, self.token_answer
        name, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
        if (
            asked is None
            or (name, secret) != (CLIENT, SECRET)
            or form["grant_type"] != "authorization_code"
            or form["redirect_uri"] != asked["redirect_uri"]
            or challenge.decode().rstrip("=") != asked["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        return 200, {
            "access_token": "opaque",
            "token_type": "Bearer",
            "id_token": self.spoil(self.id_token(asked["nonce"])),
        }

    def id_token(self, nonce: str) -> str:
        """A signed ID token."""
        now = int(self.now())
        right = {"iss": self.issuer, "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": nonce}
        said = {
            name: value for name, value in (right | self.person | self.claims).items() if value is not None
        }
        header = {"alg": self.algorithm, "kid": self.signing.kid}
        return jwt.encode(header, said, self.signing, algorithms=[self.algorithm])


class _Handler(BaseHTTPRequestHandler):
    provider: OpenIdProvider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.provider.asked.append(parts.path)
        if parts.path == "/.well-known/openid-configuration":
            self._answer(200, self.provider.discovery())
        elif parts.path == "/keys":
            self._answer(200, self.provider.jwks())
        elif parts.path == "/authorize":
            self.send_response(302)
            self.send_header("Location", self.provider.authorize(query))
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._answer(404, {})

    def do_POST(self) -> None:
        self.provider.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self._answer(*self.provider.token(form, self.headers.get("Authorization", "")))

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def running_provider(now: Callable[[], float]) -> Iterator[OpenIdProvider]:
    """A provider that answers until the block ends."""
    provider = OpenIdProvider(now)
    handler = type("Handler", (_Handler,), {"provider": provider})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

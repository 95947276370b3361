"""Who calls: an API token (`Authorization: Bearer …`), or the cookie of a person who signed in.

`needs(scope)` is the dependency of every route that is not for everybody. A role's limits are not looked
at here: `domain.access`, the views and `decide` know them, for the command line and the console alike.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

import structlog
from fastapi import Depends, Header, Request
from fastapi.responses import Response
from fastapi.security import APIKeyCookie, HTTPBearer

from leadflow.bootstrap.identities import SCOPES, Caller, Identities, Session
from leadflow.domain.values import role_of
from leadflow.errors import LeadflowError, NotPermitted, NotSignedIn

SECURE_COOKIE = "__Host-leadflow_session"
"""Browsers keep a cookie of this name only if it came over TLS from this very host, for all of its paths."""
PLAIN_COOKIE = "leadflow_session"
"""The cookie's name over plain HTTP on this machine itself."""
CSRF_HEADER = "X-CSRF-Token"
ROLE_HEADER = "Leadflow-Role"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})

log_ = structlog.get_logger(__name__)

_bearer = HTTPBearer(auto_error=False, scheme_name="token", description="An API token: `lf_…`.")
_cookie = APIKeyCookie(
    name=SECURE_COOKIE,
    auto_error=False,
    scheme_name="session",
    description=f"A person's session, from `POST /v1/session`. Changes need the header `{CSRF_HEADER}` too. "
    f"Over plain HTTP on the machine itself the cookie is called `{PLAIN_COOKIE}`.",
)
Role = Annotated[
    str | None,
    Header(
        alias=ROLE_HEADER,
        max_length=32,
        description="Which of an account's roles acts; its first one unless said.",
        examples=["manager"],
    ),
]


def identities_of(request: Request) -> Identities:
    """Accounts, tokens and sessions of the service that answers."""
    found: Identities = request.app.state.service.app.identities
    return found


def caller(
    request: Request,
    _token: Annotated[object, Depends(_bearer)],
    _session: Annotated[object, Depends(_cookie)],
    role: Role = None,
) -> Caller:
    """Who calls. Raises NotSignedIn, and NotPermitted for a role or an origin that is not the caller's."""
    found = _by_token(request, role) if "authorization" in request.headers else _by_session(request, role)
    request.state.caller = found
    return found


def still_calls(request: Request) -> Caller:
    """Who called, if that holds still: for answers that take long. It is no use of a session.

    Raises as `caller`.
    """
    role = request.headers.get(ROLE_HEADER)
    if "authorization" in request.headers:
        return _by_token(request, role)
    return session_of(request, used=False).caller(role)


def needs(scope: str) -> Callable[..., Awaitable[Caller]]:
    """The dependency of a route that needs this scope. Raises NotPermitted for a token without it."""
    assert scope in SCOPES

    async def checked(found: Annotated[Caller, Depends(caller)]) -> Caller:
        if scope not in found.scopes:
            has = ", ".join(sorted(found.scopes))
            raise NotPermitted(f"the token {found.name} has not the scope {scope}, only {has}")
        return found

    return checked


def _by_token(request: Request, role: str | None) -> Caller:
    scheme, _, text = request.headers["authorization"].partition(" ")
    if scheme.lower() != "bearer":
        raise NotSignedIn("only tokens are taken in the header Authorization", do="Write: Bearer lf_…")
    found = identities_of(request).tokens.caller(text.strip())
    if role is not None and role != role_of(found.actor):
        raise NotPermitted(f"the token {found.name} acts as {found.actor}, in no other role")
    return found


def _by_session(request: Request, role: str | None) -> Caller:
    session = session_of(request)
    found = session.caller(role)
    request.state.caller = found
    if request.method not in SAFE_METHODS:
        check_origin(request)
        session.check_csrf(request.headers.get(CSRF_HEADER))
    return found


def session_of(request: Request, *, used: bool = True) -> Session:
    """The session of the cookie that came. Raises NotSignedIn."""
    cookie = request.cookies.get(cookie_name(request))
    if not cookie:
        raise NotSignedIn("nobody is signed in", do="Sign in with POST /v1/session, or send a token.")
    return identities_of(request).sessions.find(cookie, used=used)


# --- where a request comes from -------------------------------------------------------------


def address_of(request: Request) -> str:
    """The source address; behind a proxy, what the server was told to believe it about."""
    return request.client.host if request.client is not None else "unknown"


def check_origin(request: Request) -> None:
    """Raise NotPermitted where a browser says that the request comes from another site's page."""
    site = request.headers.get("sec-fetch-site", "none")
    origin = request.headers.get("origin")
    own = origin is None or _is_own(request, origin)
    if site not in ("same-origin", "none") or not own:
        raise NotPermitted("the request comes from the page of another site")


def _is_own(request: Request, origin: str) -> bool:
    public = public_url(request)
    if public is not None and origin == "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(public)):
        return True
    scheme, _, host = origin.partition("://")
    return scheme in ("http", "https") and host != "" and host == request.headers.get("host")


def public_url(request: Request) -> str | None:
    """Where people reach the service, as far as the settings say."""
    found: str | None = request.app.state.service.app.settings.public_url
    return found.rstrip("/") if found is not None else None


def is_secure(request: Request) -> bool:
    """Whether cookies go over TLS only: always, but for plain HTTP on this machine itself."""
    public = public_url(request)
    if public is not None and public.startswith("https:"):
        return True
    host = request.headers.get("host", "")
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return request.url.scheme != "http" or name not in THIS_MACHINE


def cookie_name(request: Request) -> str:
    """What the session's cookie is called here."""
    return SECURE_COOKIE if is_secure(request) else PLAIN_COOKIE


def give_cookie(request: Request, response: Response, session: Session) -> None:
    """Let the browser keep a session."""
    response.set_cookie(
        cookie_name(request),
        session.cookie,
        expires=session.expires_at,
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


def take_cookie(request: Request, response: Response) -> None:
    """Let the browser forget the session."""
    response.delete_cookie(
        cookie_name(request), path="/", secure=is_secure(request), httponly=True, samesite="lax"
    )


_PENDING = "leadflow_oidc"


def give_pending(request: Request, response: Response, sealed: str | None) -> None:
    """Let the browser keep a sign-in that goes to the company's provider; None lets it forget."""
    secure = is_secure(request)
    response.set_cookie(
        f"__Host-{_PENDING}" if secure else _PENDING,
        sealed or "",
        max_age=600 if sealed else 0,
        path="/",
        secure=secure,
        httponly=True,
        # The browser comes back from another site, by a link: `strict` would leave the cookie out.
        samesite="lax",
    )


def take_pending(request: Request) -> str | None:
    """The sign-in that the browser kept."""
    return request.cookies.get(f"__Host-{_PENDING}" if is_secure(request) else _PENDING)


def log_denied(request: Request, why: str, **more: str) -> None:
    """One line for an access that was denied: who wanted what, by the path's template, and why not.

    `more` must hold no secret and nothing that was sent.
    """
    found: Caller | None = getattr(request.state, "caller", None)
    log_.warning(
        "denied",
        actor=found.actor if found is not None else None,
        by=f"{found.how} {found.name}" if found is not None else None,
        method=request.method,
        path=template_of(request.scope),
        address=address_of(request),
        why=why,
        **more,
    )


def template_of(scope: Mapping[str, Any]) -> str:
    """The template of a request's path: what stands in the path itself may be a secret."""
    template: str = getattr(scope.get("route"), "path", "(no such path)")
    prefix = "/v1" if scope["path"].startswith("/v1/") and template.startswith("/") else ""
    return prefix + template.removeprefix(prefix)


def log_if_denied(request: Request, error: LeadflowError) -> None:
    """The same for an error, if it says that an access was denied."""
    if isinstance(error, NotPermitted | NotSignedIn):
        log_denied(request, error.what)

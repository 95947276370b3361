"""Signing in and out, by a password or by the company's OpenID Connect provider."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from leadflow.api import answers, problems
from leadflow.api.identity import (
    address_of,
    caller,
    check_origin,
    cookie_name,
    give_cookie,
    give_pending,
    identities_of,
    public_url,
    session_of,
    take_cookie,
    take_pending,
)
from leadflow.bootstrap.identities import Caller, Session
from leadflow.domain.values import UtcTime
from leadflow.errors import NotFound, NotSignedIn, Unavailable

router = APIRouter(tags=["session"])
CALLBACK = "/v1/session/oidc/callback"
_AT_ONCE = CapacityLimiter(8)
"""Who signs in waits here, not in the threads that answer everybody else."""

_T = TypeVar("_T")


class SignIn(BaseModel):
    """A name and its password."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "wang", "password": "seven quiet boats at noon"}]},
    )

    name: Annotated[str, Field(max_length=1000, description="The account's name.")]
    password: Annotated[SecretStr, Field(max_length=1000)]


class NewPassword(BaseModel):
    """Another password for whoever is signed in."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"password": "seven quiet boats at noon", "new_password": "drei Äpfel im Regen"}]
        },
    )

    password: Annotated[SecretStr, Field(max_length=1000, description="The present one.")]
    new_password: Annotated[
        SecretStr, Field(max_length=1000, description="At least 12 characters, and nothing that is guessed.")
    ]


class Me(answers.Answer):
    """Who calls."""

    model_config = answers.example(
        {
            "actor": "rep/wang",
            "how": "session",
            "scopes": ["intake", "manage", "read", "report", "work"],
            "name": "wang",
            "display_name": "王伟",
            "roles": ["rep"],
            "csrf_token": "pM3x…",
            "expires_at": "2026-11-28T10:00:00.000000Z",
        }
    )

    actor: Annotated[str, Field(description="As whom requests are sent, and what is shown is seen.")]
    how: Annotated[str, Field(description="`session` or `token`.")]
    scopes: Annotated[list[str], Field(description="What may be done, as far as the role permits it.")]
    name: Annotated[str, Field(description="The account's or the token's name.")]
    display_name: str | None
    roles: Annotated[list[str], Field(description="Any of them may be named by the header `Leadflow-Role`.")]
    csrf_token: Annotated[
        str | None, Field(description="What changes in this session must say in the header `X-CSRF-Token`.")
    ]
    expires_at: UtcTime | None


async def _in_turn(work: Callable[[], _T]) -> _T:
    return await anyio.to_thread.run_sync(work, limiter=_AT_ONCE)


def _me(found: Caller, session: Session | None) -> Me:
    return Me(
        actor=found.actor,
        how=found.how,
        scopes=sorted(found.scopes),
        name=found.name,
        display_name=session.account.display_name if session is not None else None,
        roles=session.account.roles if session is not None else [found.actor.partition("/")[0]],
        csrf_token=session.csrf if session is not None else None,
        expires_at=session.expires_at if session is not None else None,
    )


def _end_old(request: Request) -> None:
    """A session that the browser still has ends when another one begins."""
    cookie = request.cookies.get(cookie_name(request))
    if cookie:
        try:
            identities_of(request).sessions.close(cookie)
        except NotSignedIn:
            return


def _begun(request: Request, session: Session) -> Response:
    _end_old(request)
    response = answers.answer(_me(session.caller(), session))
    give_cookie(request, response, session)
    return response


@router.post(
    "/session",
    operation_id="signIn",
    summary="Sign in",
    response_model=Me,
    responses=problems.responses(413, 415),
)
async def sign_in(request: Request, body: SignIn) -> Response:
    """Begin a session. The answer sets a cookie, and says the token that changes must name.

    A wrong name, a wrong password and a disabled account are answered alike. After five failures of a
    name, or from an address, each further try has to wait longer.
    """
    check_origin(request)

    def work() -> Response:
        found = identities_of(request)
        password = body.password.get_secret_value()
        return _begun(request, found.sign_in(body.name, password, address_of(request)))

    return await _in_turn(work)


@router.get(
    "/session",
    operation_id="whoAmI",
    summary="Who am I",
    response_model=Me,
    responses=problems.responses(),
)
def who_am_i(request: Request, found: Annotated[Caller, Depends(caller)]) -> Response:
    """Who calls: the account of the session, or the token; with the session's token for changes."""
    return answers.answer(_me(found, session_of(request) if found.how == "session" else None))


@router.delete(
    "/session",
    operation_id="signOut",
    summary="Sign out",
    status_code=204,
    response_class=Response,
    responses=problems.responses(),
)
def sign_out(request: Request, found: Annotated[Caller, Depends(caller)]) -> Response:
    """End the session."""
    if found.how != "session":
        raise NotFound("a token has no session")
    identities_of(request).sign_out(session_of(request))
    response = Response(status_code=204)
    take_cookie(request, response)
    return response


@router.put(
    "/session/password",
    operation_id="changeMyPassword",
    summary="Change one's password",
    response_model=Me,
    responses=problems.responses(413, 415),
)
async def change_my_password(
    request: Request, body: NewPassword, found: Annotated[Caller, Depends(caller)]
) -> Response:
    """Set another password. Every session of the account ends, and a new one begins."""
    if found.how != "session":
        raise NotFound("a token has no password")

    def work() -> Response:
        people = identities_of(request)
        people.proved(found.name, body.password.get_secret_value(), address_of(request))
        account = people.accounts.change(found.name, password=body.new_password.get_secret_value())
        return _begun(request, people.sessions.open(account))

    return await _in_turn(work)


# --- by the company's provider --------------------------------------------------------------

_SENT_AWAY: dict[int | str, dict[str, Any]] = {
    303: {
        "description": "Go on at `Location`.",
        "headers": {"Location": {"schema": {"type": "string"}}},
    }
}


def _redirect_uri(request: Request) -> str:
    public = public_url(request)
    if not identities_of(request).provider.configured:
        raise NotFound("no OpenID Connect provider is set up here")
    if public is None:
        raise Unavailable(
            "signing in by a provider needs the address of this service in LEADFLOW_PUBLIC_URL",
            do="Set LEADFLOW_PUBLIC_URL, e.g. to https://leads.example.com, where the service is started.",
        )
    return public + CALLBACK


@router.get(
    "/session/oidc",
    operation_id="signInByProvider",
    summary="Sign in by the company's provider",
    status_code=303,
    response_class=Response,
    responses={**_SENT_AWAY, **problems.responses()},
)
async def sign_in_by_provider(
    request: Request,
    return_to: Annotated[
        str,
        Query(
            pattern=r"^/([!-.0-\[\]-~][!-\[\]-~]*)?$",
            max_length=500,
            description="The path of this service to come back to.",
            examples=["/v1/session"],
        ),
    ] = "/v1/session",
) -> Response:
    """Send the browser to the company's OpenID Connect provider."""
    people = identities_of(request)
    address, pending = await _in_turn(lambda: people.provider.begin(_redirect_uri(request), return_to))
    response = RedirectResponse(address, 303)
    give_pending(request, response, people.sealed(pending))
    return response


_Given = Annotated[str | None, Query(max_length=4096)]


@router.get(
    "/session/oidc/callback",
    operation_id="backFromProvider",
    summary="Come back from the company's provider",
    status_code=303,
    response_class=Response,
    responses={**_SENT_AWAY, **problems.responses()},
)
async def back_from_provider(
    request: Request,
    state: _Given = None,
    code: _Given = None,
    iss: _Given = None,
    error: _Given = None,
) -> Response:
    """Where the provider sends the browser back to: begins a session, if it proves who somebody is."""
    given = {"state": state, "code": code, "iss": iss, "error": error}

    def work() -> Response:
        people = identities_of(request)
        pending = people.unsealed(take_pending(request))
        session = people.enter(
            pending,
            _redirect_uri(request),
            {name: value for name, value in given.items() if value is not None},
            address_of(request),
        )
        _end_old(request)
        response = RedirectResponse(pending.return_to, 303)
        give_cookie(request, response, session)
        give_pending(request, response, None)
        return response

    return await _in_turn(work)

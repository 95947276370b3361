"""Accounts and API tokens, for managers of every pool.

They concern the whole company: whoever makes an account or a token says what it may see. So they are for
managers of all pools that there are, as routing is; and changes are for people in a session, so that a
program with a token cannot make itself another identity.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from leadflow.api import answers, pages, problems
from leadflow.api.identity import identities_of, needs
from leadflow.api.reading import MemberName
from leadflow.bootstrap.identities import ACCOUNT_ROLES, SCOPES, Account, Caller, Token
from leadflow.domain.values import UtcTime
from leadflow.errors import NotPermitted

router = APIRouter(tags=["accounts"])

PersonRole = Literal["rep", "manager", "marketing", "support", "analyst", "auditor"]
Scope = Literal["intake", "read", "work", "report", "manage"]
assert set(PersonRole.__args__) == set(ACCOUNT_ROLES)  # type: ignore[attr-defined]
assert set(Scope.__args__) == set(SCOPES)  # type: ignore[attr-defined]
Roles = Annotated[list[PersonRole], Field(min_length=1, max_length=len(ACCOUNT_ROLES))]
Password = Annotated[
    SecretStr, Field(max_length=1000, description="At least 12 characters, and nothing that is guessed.")
]


class NewUser(BaseModel):
    """An account to be made."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "wang", "roles": ["rep"], "password": "seven quiet boats at noon"}]
        },
    )

    name: Annotated[str, Field(max_length=200, description="The id that it has as a member of pools.")]
    roles: Roles
    password: Annotated[
        Password | None, Field(description="Without, it comes in by the company's provider only.")
    ] = None
    display_name: Annotated[str | None, Field(max_length=200)] = None


class UserChange(BaseModel):
    """What is to be changed of an account; the rest stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"disabled": True}]})

    roles: Roles | None = None
    display_name: Annotated[str | None, Field(max_length=200)] = None
    password: Password | None = None
    disabled: Annotated[bool | None, Field(description="Disabling ends every session at once.")] = None


class User(answers.Answer):
    """An account."""

    model_config = answers.example(
        {
            "name": "wang",
            "display_name": "王伟",
            "roles": ["rep"],
            "disabled": False,
            "password": True,
            "provider": False,
            "created_at": "2026-11-21T10:00:00.000000Z",
            "created_by": "manager/ma",
        }
    )

    name: str
    display_name: str | None
    roles: list[str]
    disabled: bool
    password: Annotated[bool, Field(description="It has one.")]
    provider: Annotated[bool, Field(description="It has come in by the company's provider.")]
    created_at: UtcTime
    created_by: str

    @classmethod
    def of(cls, account: Account) -> User:
        """The account as the API shows it."""
        return cls(
            name=account.name,
            display_name=account.display_name,
            roles=account.roles,
            disabled=not account.enabled,
            password=account.password_set_at is not None,
            provider=account.oidc_subject is not None,
            created_at=account.created_at,
            created_by=account.created_by,
        )


class UserList(answers.Answer):
    """A page of accounts."""

    items: list[User]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last one.")]


class NewToken(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "website", "actor": "adapter/website", "scopes": ["intake"], "expires_in_days": 90}
            ]
        },
    )

    name: Annotated[str, Field(max_length=200, description="For lists and for the log.")]
    actor: Annotated[str, Field(max_length=200, description="As whom it acts: ROLE/ID.")]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES))]
    expires_in_days: Annotated[int, Field(ge=1, le=1830)] = 90


class TokenInfo(answers.Answer):
    """A token, without its secret."""

    model_config = answers.example(
        {
            "id": "5f0c3a9d1b7e",
            "name": "website",
            "actor": "adapter/website",
            "scopes": ["intake"],
            "created_at": "2026-11-21T10:00:00.000000Z",
            "created_by": "manager/ma",
            "expires_at": "2027-02-19T10:00:00.000000Z",
            "last_used_at": None,
            "revoked_at": None,
            "revoked_by": None,
        }
    )

    id: str
    name: str
    actor: str
    scopes: list[str]
    created_at: UtcTime
    created_by: str
    expires_at: UtcTime
    last_used_at: Annotated[UtcTime | None, Field(description="To within ten minutes.")]
    revoked_at: UtcTime | None
    revoked_by: str | None


class TokenList(answers.Answer):
    """A page of tokens."""

    items: list[TokenInfo]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last one.")]


class TokenMade(answers.Answer):
    """A new token. Its text is shown this once."""

    token: Annotated[str, Field(description="Send it as `Authorization: Bearer …`; keep it safe.")]
    info: TokenInfo


_needs_manage = Depends(needs("manage"))


def looking(request: Request, found: Annotated[Caller, _needs_manage]) -> Caller:
    """Who looks after accounts and tokens. Raises NotPermitted."""
    if not request.app.state.service.app.administers(found.actor):
        raise NotPermitted(f"{found.actor} may not look after accounts: that is for managers of every pool")
    return found


def changing(found: Annotated[Caller, Depends(looking)]) -> Caller:
    """Who changes accounts and tokens: a person. Raises NotPermitted."""
    if found.how != "session":
        raise NotPermitted("accounts and tokens are changed by people who signed in, not by tokens")
    return found


Looking = Annotated[Caller, Depends(looking)]
Changing = Annotated[Caller, Depends(changing)]
TokenId = Annotated[str, Path(max_length=64, description="Its id.", examples=["5f0c3a9d1b7e"])]


@router.get(
    "/users",
    operation_id="listUsers",
    summary="List accounts",
    response_model=UserList,
    responses=problems.responses(),
)
def list_users(
    request: Request, _: Looking, limit: pages.Limit = pages.LIMIT, cursor: pages.Cursor = None
) -> Response:
    """Every account, by name."""
    rows = identities_of(request).accounts.all()
    choice = pages.choice_of("users")
    page, following = pages.page_of(rows, lambda row: (row.name,), choice, cursor, limit)
    document = UserList(items=[User.of(row) for row in page], next=following)
    return answers.answer(document, headers=pages.links(request, following))


@router.post(
    "/users",
    operation_id="addUser",
    summary="Make an account",
    status_code=201,
    response_model=User,
    responses=problems.responses(409, 413, 415),
)
def add_user(request: Request, body: NewUser, who: Changing) -> Response:
    """Make an account. What it may see and do in a pool is decided by its membership there."""
    account = identities_of(request).accounts.add(
        body.name,
        body.roles,
        password=body.password.get_secret_value() if body.password is not None else None,
        display_name=body.display_name,
        by=who.actor,
    )
    return answers.answer(User.of(account), 201)


@router.get(
    "/users/{name}",
    operation_id="getUser",
    summary="Look at an account",
    response_model=User,
    responses=problems.responses(),
)
def get_user(request: Request, name: MemberName, _: Looking) -> Response:
    """One account."""
    return answers.answer(User.of(identities_of(request).accounts.get(name)))


@router.patch(
    "/users/{name}",
    operation_id="changeUser",
    summary="Change an account",
    response_model=User,
    responses=problems.responses(413, 415),
)
def change_user(request: Request, name: MemberName, body: UserChange, who: Changing) -> Response:
    """Change roles, name or password of an account, disable or enable it."""
    account = identities_of(request).change(
        name,
        by=who.actor,
        roles=body.roles,
        display_name=body.display_name,
        disabled=body.disabled,
        password=body.password.get_secret_value() if body.password is not None else None,
    )
    return answers.answer(User.of(account))


@router.get(
    "/tokens",
    operation_id="listTokens",
    summary="List tokens",
    response_model=TokenList,
    responses=problems.responses(),
)
def list_tokens(
    request: Request, _: Looking, limit: pages.Limit = pages.LIMIT, cursor: pages.Cursor = None
) -> Response:
    """Every token, also those that ended; never a secret."""
    rows = identities_of(request).tokens.all()
    choice = pages.choice_of("tokens")
    page, following = pages.page_of(rows, lambda row: (row.name, row.id), choice, cursor, limit)
    document = TokenList(items=[_info(row) for row in page], next=following)
    return answers.answer(document, headers=pages.links(request, following))


@router.post(
    "/tokens",
    operation_id="createToken",
    summary="Make a token",
    status_code=201,
    response_model=TokenMade,
    responses=problems.responses(409, 413, 415),
)
def create_token(request: Request, body: NewToken, who: Changing) -> Response:
    """Make a token; its text is in this answer and nowhere else. It may do no more than its actor's role."""
    token, text = identities_of(request).create_token(
        name=body.name,
        actor=body.actor,
        scopes=body.scopes,
        lasts=timedelta(days=body.expires_in_days),
        by=who.actor,
    )
    return answers.answer(TokenMade(token=text, info=_info(token)), 201)


@router.delete(
    "/tokens/{token}",
    operation_id="revokeToken",
    summary="Revoke a token",
    response_model=TokenInfo,
    responses=problems.responses(),
)
def revoke_token(request: Request, token: TokenId, who: Changing) -> Response:
    """End a token at once."""
    return answers.answer(_info(identities_of(request).revoke_token(token, by=who.actor)))


def _info(token: Token) -> TokenInfo:
    return TokenInfo(**vars(token))

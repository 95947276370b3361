"""Accounts and API tokens, for managers of every pool.

They concern the whole company: whoever makes an account or a token says what it may see. So they are for
managers of all pools that there are, as routing is; and changes are for people in a session, so that a
program with a token cannot make itself another identity.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from leadflow.api import answers, once, pages, problems
from leadflow.api.hot import forget_callers
from leadflow.api.identity import identities_of, needs
from leadflow.api.once import Change
from leadflow.api.reading import MemberName
from leadflow.bootstrap.identities import ACCOUNT_ROLES, Account, Caller
from leadflow.domain.values import UtcTime
from leadflow.errors import NotPermitted

router = APIRouter(tags=["accounts"])

PersonRole = Literal["rep", "manager", "marketing", "support", "analyst", "auditor"]
assert set(PersonRole.__args__) == set(ACCOUNT_ROLES)  # type: ignore[attr-defined]
Roles = Annotated[list[PersonRole], Field(min_length=1, max_length=len(ACCOUNT_ROLES))]
Password = Annotated[
    SecretStr, Field(max_length=1000, description="At least 12 characters, and nothing that is guessed.")
]


_USER = {
    "name": "wang",
    "display_name": "王伟",
    "roles": ["rep"],
    "disabled": False,
    "password": True,
    "provider": False,
    "created_at": "2026-11-21T10:00:00.000000Z",
    "created_by": "manager/ma",
}


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

    model_config = answers.example(_USER)

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

    model_config = answers.example({"items": [_USER], "next": None})

    items: list[User]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last one.")]


_needs_manage = Depends(needs("manage"))


def looking(request: Request, found: Annotated[Caller, _needs_manage]) -> Caller:
    """Who looks after accounts and tokens. Raises NotPermitted."""
    if not request.app.state.service.app.administers(found.actor):
        raise NotPermitted(f"{found.actor} may not look after accounts: that is for managers of every pool")
    return found


def in_person(found: Annotated[Caller, Depends(looking)]) -> Caller:
    """Who changes accounts and tokens: a person. Raises NotPermitted."""
    if found.how != "session":
        raise NotPermitted("accounts and tokens are changed by people who signed in, not by tokens")
    return found


Looking = Annotated[Caller, Depends(looking)]
Changing = Annotated[Change, Depends(once.changing(in_person))]


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
def add_user(body: NewUser, change: Changing) -> Response:
    """Make an account. What it may see and do in a pool is decided by its membership there."""

    def make() -> User:
        account = change.app.identities.add(
            body.name,
            body.roles,
            password=_text_of(body.password),
            display_name=body.display_name,
            by=change.actor,
        )
        return User.of(account)

    return change.once(make, 201)


def _text_of(password: SecretStr | None) -> str | None:
    return password.get_secret_value() if password is not None else None


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
def change_user(request: Request, name: MemberName, body: UserChange, change: Changing) -> Response:
    """Change roles, name or password of an account, disable or enable it."""

    def make() -> User:
        account = change.app.identities.change(
            name,
            by=change.actor,
            roles=body.roles,
            display_name=body.display_name,
            disabled=body.disabled,
            password=_text_of(body.password),
        )
        return User.of(account)

    answer = change.once(make)
    forget_callers(request)
    return answer


@router.delete(
    "/users/{name}/provider",
    operation_id="unlinkUser",
    summary="Forget who an account is at the provider",
    response_model=User,
    responses=problems.responses(),
)
def unlink_user(request: Request, name: MemberName, change: Changing) -> Response:
    """Forget who it is at the company's OpenID Connect provider; the next sign-in there says it anew."""

    def make() -> User:
        accounts = change.app.identities.accounts
        accounts.link(name, None)
        return User.of(accounts.get(name))

    return change.once(make)

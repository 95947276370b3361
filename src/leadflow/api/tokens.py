"""API tokens, for managers of every pool: as accounts, whose rules of who may do this hold for them too."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from leadflow.api import answers, pages, problems
from leadflow.api.accounts import Changing, Looking
from leadflow.api.hot import forget_callers
from leadflow.api.identity import identities_of
from leadflow.bootstrap.identities import SCOPES, Token
from leadflow.domain.values import UtcTime

router = APIRouter(tags=["accounts"])

Scope = Literal["intake", "read", "work", "report", "manage"]
assert set(Scope.__args__) == set(SCOPES)  # type: ignore[attr-defined]
TokenId = Annotated[str, Path(max_length=64, description="Its id.", examples=["5f0c3a9d1b7e"])]


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


_TOKEN = {
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


class TokenInfo(answers.Answer):
    """A token, without its secret."""

    model_config = answers.example(_TOKEN)

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

    model_config = answers.example({"items": [_TOKEN], "next": None})

    items: list[TokenInfo]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last one.")]


class TokenMade(answers.Answer):
    """A new token. Its text is shown this once."""

    model_config = answers.example({"token": "lf_5f0c3a9d1b7e_…", "info": _TOKEN})

    token: Annotated[
        str | None,
        Field(
            description="Send it as `Authorization: Bearer …`; keep it safe. null where the "
            "`Idempotency-Key` says that the token was made before: its text was shown then. Revoke it and "
            "make another one where that answer was lost."
        ),
    ]
    info: TokenInfo


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
def create_token(body: NewToken, change: Changing) -> Response:
    """Make a token; its text is in this answer and nowhere else. It may do no more than its actor's role."""

    def make() -> TokenMade:
        token, text = change.app.identities.create_token(
            name=body.name,
            actor=body.actor,
            scopes=body.scopes,
            lasts=timedelta(days=body.expires_in_days),
            by=change.actor,
        )
        return TokenMade(token=text, info=_info(token))

    return change.once(make, 201, again=lambda made: made.model_copy(update={"token": None}))


@router.delete(
    "/tokens/{token}",
    operation_id="revokeToken",
    summary="Revoke a token",
    response_model=TokenInfo,
    responses=problems.responses(),
)
def revoke_token(request: Request, token: TokenId, change: Changing) -> Response:
    """End a token at once; other processes may take arrivals and claims with it for two seconds more."""
    answer = change.once(lambda: _info(change.app.identities.revoke_token(token, by=change.actor)))
    forget_callers(request)
    return answer


def _info(token: Token) -> TokenInfo:
    return TokenInfo(**vars(token))

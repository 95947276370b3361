"""What each problem means, at the address that its `type` is; for people a page, for programs JSON."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import Field

from leadflow.api import answers, problems
from leadflow.api.docs_page import EITHER, PAGE, marked, page_answer, small_page, wants_page
from leadflow.api.problem_kinds import KINDS, ROOT, type_of
from leadflow.errors import NotFound

router = APIRouter(tags=["contracts"])

KindName = Annotated[
    str, Path(description="The end of a problem's `type`.", max_length=64, examples=["refused"])
]


def _document(kind: str) -> dict[str, Any]:
    return {"type": type_of(kind), **KINDS[kind]._asdict()}


class ProblemMeaning(answers.Answer):
    """What a kind of problem means."""

    model_config = answers.example(_document("refused"))

    type: Annotated[str, Field(description="The `type` of every problem document of this kind.")]
    status: Annotated[int, Field(description="The HTTP status that it comes with.")]
    title: str
    means: Annotated[str, Field(description="What happened.")]
    do: Annotated[str, Field(description="What helps.")]


class ProblemMeanings(answers.Answer):
    """Every kind of problem."""

    model_config = answers.example({"problems": [_document("refused")]})

    problems: list[ProblemMeaning]


def _responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    known = problems.responses()
    return {200: {"content": PAGE}, **{one: known[one] for one in (400, 405, *statuses)}}


def _page(*kinds: str) -> Response:
    found = [
        (type_of(kind), KINDS[kind], marked(KINDS[kind].means), marked(KINDS[kind].do)) for kind in kinds
    ]
    return page_answer(small_page("problems.html", found=found, root=ROOT), EITHER)


@router.get(
    ROOT,
    operation_id="listProblems",
    summary="See every kind of problem",
    response_model=ProblemMeanings,
    responses=_responses(),
    openapi_extra={"security": []},
)
def list_problems(request: Request) -> Response:
    """What each problem means, and what helps: a page for a browser, JSON for others. Needs no sign-in."""
    if wants_page(request):
        return _page(*KINDS)
    found = ProblemMeanings.model_validate({"problems": [_document(kind) for kind in KINDS]})
    return answers.answer(found, headers=EITHER)


@router.get(
    ROOT + "/{kind}",
    operation_id="getProblem",
    summary="See what a problem means",
    response_model=ProblemMeaning,
    responses=_responses(404, 422),
    openapi_extra={"security": []},
)
def get_problem(kind: KindName, request: Request) -> Response:
    """What the `type` of a problem document leads to: what it means, and what helps. Needs no sign-in."""
    if kind not in KINDS:
        raise NotFound("there is no problem of that name", do=f"GET {ROOT} lists all of them.")
    if wants_page(request):
        return _page(kind)
    return answers.answer(ProblemMeaning.model_validate(_document(kind)), headers=EITHER)

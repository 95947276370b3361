"""Files of leads: uploaded, looked at, tried without doing, and taken in in the background.

The file is streamed to the disk and never stands in memory whole, workbooks excepted, whose size is limited
packed and unpacked. An upload is its sender's: nobody else sees it.
"""

from __future__ import annotations

from concurrent.futures import TimeoutError as Late
from datetime import date
from pathlib import PurePath
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, Field, ValidationError
from starlette.datastructures import FormData, UploadFile

from leadflow.api import answers, failing, problems
from leadflow.api.bodies import body
from leadflow.api.changes import Asking, Sending
from leadflow.api.frame import BODY_MAX
from leadflow.bootstrap.uploads import (
    Destination,
    MappingFile,
    Plan,
    Row,
    Upload,
    check_channel,
    destination,
)
from leadflow.domain.values import POOL_PATTERN, Name, Text, UtcTime
from leadflow.errors import LeadflowError, NotFound, NotPermitted, Unavailable, UnmappableHeader

router = APIRouter(tags=["uploads"], prefix="/uploads")

FORM_BYTES = 64 * 1024
"""What a form may have besides its file."""
_ID = "3f1c0f2ab94e4d0c8a55d7e1c2b3a4f5"
_COUNTS = {"rows": 0, "created": 0, "merged": 0, "duplicate": 0, "unreadable": 0}
_PLAN = {"channel": "purchased_list", "campaign": "autumn", "pool": "east"}
_UPLOAD: dict[str, Any] = {
    "upload": _ID,
    "name": "leads.xlsx",
    "size": 48213,
    "created_at": "2026-11-21T10:00:00.000000Z",
    "status": "ready",
    "plan": {**_PLAN, "date": None, "mapping": {"columns": {}}},
    "counts": _COUNTS,
    "by_pool": {},
    "problems": 0,
    "mapping": {},
    "error": None,
    "rows": [
        {
            "row": 2,
            "sheet": "Sheet1",
            "raw": {"姓名": "赵敏", "电话": "138 0013 8001"},
            "readable": True,
            "problems": [],
        }
    ],
    "needs": None,
}

UploadId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="The upload's id.", examples=[_ID])]


class PlanGiven(BaseModel):
    """How the file is read, and where its rows go; what is left out stays as it was."""

    model_config = body({"mapping": {"columns": {"手机": "phone"}}})

    channel: Annotated[Name | None, Field(description="The channel that the leads came through.")] = None
    campaign: Annotated[Text | None, Field(description="Where rows do not name one.")] = None
    pool: Annotated[
        str | None, Field(pattern=f"^{POOL_PATTERN}$", description="Without: the routing table says.")
    ] = None
    day: Annotated[
        date | None, Field(alias="date", description="When it happened, for rows that do not say.")
    ] = None
    mapping: Annotated[
        MappingFile | None, Field(description="What columns are, and how the file is written.")
    ] = None


class PlanShown(answers.Answer):
    """How the file is read, and where its rows go."""

    channel: str
    campaign: str | None
    pool: str | None
    day: Annotated[date | None, Field(serialization_alias="date")]
    mapping: dict[str, Any]


class PreviewRow(answers.Answer):
    """A row as it was read."""

    row: int
    sheet: str | None
    raw: Annotated[dict[str, str], Field(description="By column, at most 200 characters of each.")]
    readable: bool
    problems: list[dict[str, Any]]


class UploadShown(answers.Answer):
    """An upload and how far it is."""

    model_config = answers.example(_UPLOAD)

    upload: str
    name: str
    size: int
    created_at: UtcTime
    status: Annotated[
        str,
        Field(
            description="ready; waiting, checking, checked; running, done; failed; interrupted: start it "
            "again, rows that were taken are duplicates."
        ),
    ]
    plan: PlanShown
    counts: Annotated[dict[str, int], Field(description="Rows done, and what became of them.")]
    by_pool: dict[str, int]
    problems: Annotated[int, Field(description="Lines of the list of problem rows.")]
    mapping: Annotated[dict[str, Any], Field(description="What was understood of the columns.")]
    error: str | None
    rows: Annotated[
        list[PreviewRow] | None, Field(description="The first rows; with the answer to the upload only.")
    ] = None
    needs: Annotated[
        str | None, Field(description="What keeps the file from being read as it is: give a mapping.")
    ] = None


def _shown(upload: Upload, **more: Any) -> UploadShown:
    plan = vars(upload.plan) | {"mapping": upload.plan.mapping.model_dump(mode="json", exclude_defaults=True)}
    return UploadShown.model_validate(
        vars(upload) | {"upload": upload.id, "plan": PlanShown.model_validate(plan)} | more
    )


# --- uploading ------------------------------------------------------------------------------

_FORM = {
    "type": "object",
    "required": ["file", "channel"],
    "properties": {
        "file": {"type": "string", "contentMediaType": "application/octet-stream"},
        "channel": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": r"^[^\s/:]+$"},
        "campaign": {"type": "string", "minLength": 1},
        "pool": {"type": "string", "pattern": f"^{POOL_PATTERN}$"},
        "date": {"type": "string", "format": "date"},
    },
}
_MULTIPART = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": _FORM, "example": {"file": "…", **_PLAN}}},
    }
}


@router.post(
    "",
    operation_id="uploadFile",
    summary="Upload a file of leads",
    status_code=201,
    response_model=UploadShown,
    responses=problems.responses(409, 413, 415),
    openapi_extra=_MULTIPART,
)
async def upload_file(request: Request, asking: Sending) -> Response:
    """Upload a file of leads: .xlsx, .xls, .ods, .csv or .jsonl. The answer has its first rows and what was
    understood of its columns; nothing is taken in yet."""
    uploads = asking.service.uploads
    request.scope[BODY_MAX] = uploads.bytes_max + FORM_BYTES
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        found = problems.problem("unsupported-type", "the body must be a form: multipart/form-data")
        raise problems.ProblemError(found)
    async with request.form(max_files=1, max_fields=10) as form:
        return await run_in_threadpool(_keep, asking, form)


def _keep(asking: Asking, form: FormData) -> Response:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise _wrong("file", "missing", "is a part with a file")
    given = {name: value for name, value in form.items() if name != "file" and value != ""}
    try:
        wanted = PlanGiven.model_validate(given)
    except ValidationError as error:
        raise failing.of_validation(error.errors(include_input=False), "body") from error
    if wanted.channel is None:
        raise _wrong("channel", "missing", "names the channel that the leads came through")
    plan = Plan(wanted.channel, wanted.campaign, wanted.pool, wanted.day, wanted.mapping or MappingFile())
    _place(asking, plan)
    uploads = asking.service.uploads
    # A name is shown to people: it is none of a path, and holds nothing that a terminal would act on.
    own = PurePath((file.filename or "").replace("\\", "/")).name
    name = "".join(filter(str.isprintable, own))[:200] or "file"
    upload = uploads.keep(asking.actor, name, file.file, plan)
    try:
        rows, mapping, needs = *uploads.preview(upload), None
    except LeadflowError as error:
        if not isinstance(error, UnmappableHeader):
            uploads.delete(asking.actor, upload.id)
            raise
        rows, mapping, needs = _no_rows(), {}, error.what
    upload.mapping = mapping
    preview = [PreviewRow.model_validate(row) for row in rows]
    asking.headers["Location"] = f"/v1/uploads/{upload.id}"
    return asking.answer(_shown(upload, rows=preview, needs=needs), 201)


def _no_rows() -> list[Row]:
    return []


def _wrong(field: str, code: str, message: str) -> problems.ProblemError:
    wrong = problems.FieldError(field=field, code=code, message=message)
    return problems.ProblemError(problems.problem("invalid", "1 problem in what was sent", errors=[wrong]))


def _place(asking: Asking, plan: Plan) -> Destination:
    """Where rows go. Raises NotFound, NotPermitted, UsageError."""
    app = asking.service.app
    pools = app.views.pools()
    if plan.pool is not None and plan.pool not in pools:
        raise NotFound(f"there is no pool {plan.pool!r}")
    to = destination(plan.pool, None if plan.pool else app.routing(), list(pools))
    for pool in to.pools:
        if not app.views.may("submit", asking.actor, pool):
            raise NotPermitted(f"{asking.actor} may not send leads to pool {pool}")
    check_channel(plan.channel, {pool: pools[pool].policy.get("channels", {}) for pool in to.pools})
    return to


# --- working on it --------------------------------------------------------------------------


@router.get(
    "/{upload}",
    operation_id="getUpload",
    summary="How far an upload is",
    response_model=UploadShown,
    responses=problems.responses(),
)
def get_upload(upload: UploadId, asking: Sending) -> Response:
    """How far an upload is: rows done, and how many were created, merged, duplicates or unreadable."""
    return asking.answer(_shown(asking.service.uploads.get(asking.actor, upload)))


def _working(summary: str) -> dict[int | str, dict[str, Any]]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/UploadShown"}}}
    return {202: {"description": summary, "content": content}, **problems.responses(409, 413, 415)}


@router.post(
    "/{upload}/check",
    operation_id="checkUpload",
    summary="Try an upload without taking it in",
    response_model=UploadShown,
    responses=_working("It is being tried: GET the upload to see how far it is."),
)
def check_upload(upload: UploadId, asking: Sending, body: PlanGiven | None = None) -> Response:
    """Say what each row would become; nothing is changed. 202 where that takes longer than `Prefer: wait`."""
    return _begin(asking, upload, body, dry_run=True)


@router.post(
    "/{upload}/start",
    operation_id="startUpload",
    summary="Take an upload in",
    response_model=UploadShown,
    responses=_working("It is being taken in: GET the upload to see how far it is."),
)
def start_upload(upload: UploadId, asking: Sending, body: PlanGiven | None = None) -> Response:
    """Take the rows in, in the background. Started twice, it is taken in once; one that was interrupted goes
    on: rows that were taken are duplicates."""
    return _begin(asking, upload, body, dry_run=False)


def _begin(asking: Asking, name: str, given: PlanGiven | None, *, dry_run: bool) -> Response:
    uploads = asking.service.uploads
    upload = uploads.get(asking.actor, name)
    if asking.service.stopping.is_set():
        raise Unavailable("the service is stopping")
    known, wanted = upload.plan, given or PlanGiven()
    plan = Plan(
        wanted.channel or known.channel,
        wanted.campaign or known.campaign,
        wanted.pool or known.pool,
        wanted.day or known.day,
        wanted.mapping or known.mapping,
    )
    job = uploads.begin(upload, plan, _place(asking, plan), dry_run=dry_run)
    try:
        job.result(timeout=asking.wait_s)
    except Late:
        asking.headers["Location"] = f"/v1/uploads/{upload.id}"
        return asking.answer(_shown(upload), 202)
    return asking.answer(_shown(upload))


@router.get(
    "/{upload}/problems.csv",
    operation_id="listUploadProblems",
    summary="Download the problem rows",
    response_class=Response,
    responses={
        200: {
            "description": "One line for each problem.",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        },
        **problems.responses(),
    },
)
def upload_problems(upload: UploadId, asking: Sending) -> Response:
    """The rows that have problems, with what is wrong and what came, as a file in which no spreadsheet finds
    a formula."""
    uploads = asking.service.uploads
    found = uploads.problems(uploads.get(asking.actor, upload))
    if not found.exists():
        raise NotFound("the upload was neither checked nor started yet")
    return FileResponse(found, headers=asking.headers, media_type="text/csv", filename="problems.csv")


@router.delete(
    "/{upload}",
    operation_id="deleteUpload",
    summary="Forget an upload",
    status_code=204,
    response_class=Response,
    responses=problems.responses(409),
)
def delete_upload(upload: UploadId, asking: Sending) -> Response:
    """Forget an upload and its file; what was taken in stays. Not while it is worked on."""
    asking.service.uploads.delete(asking.actor, upload)
    return Response(status_code=204, headers=asking.headers)

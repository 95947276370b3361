"""Files of leads: uploaded, looked at, tried without doing, and taken in in the background.

The file is streamed to the disk and never stands in memory whole, workbooks excepted, whose size is limited
packed and unpacked. An upload is its sender's: nobody else sees it.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from leadflow.api import failing, once, pages, problems
from leadflow.api.bodies import shown_name
from leadflow.api.changes import REPEATED, Asking, Sending
from leadflow.api.frame import BODY_MAX
from leadflow.api.upload_answers import (
    ENCODING,
    PLAN,
    PlanGiven,
    PlanShown,
    PreviewRow,
    UploadId,
    UploadList,
    UploadShown,
)
from leadflow.bootstrap.identities import Answered
from leadflow.bootstrap.uploads import (
    BUSY,
    Destination,
    MappingFile,
    Plan,
    Row,
    Upload,
    check_channel,
    destination,
)
from leadflow.domain.values import POOL_PATTERN, format_time
from leadflow.errors import LeadflowError, NotFound, NotPermitted, Unavailable, UnmappableHeader

router = APIRouter(tags=["uploads"], prefix="/uploads")

_PROBLEM_ROWS = (
    "row,sheet,unreadable,field,code,message,content\r\n"
    '3,Sheet1,yes,phone,invalid_phone,is no phone number,"{""姓名"": ""赵敏"", ""电话"": ""12""}"\r\n'
)
FORM_BYTES = 64 * 1024
"""What a form may have besides its file."""
PIECE = 1024 * 1024


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
        "encoding": {"type": "string", "pattern": ENCODING},
    },
}
_MULTIPART = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": _FORM, "example": {"file": "…", **PLAN}}},
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
    plan = Plan(wanted.channel, wanted.campaign, wanted.pool, wanted.day, wanted.mapped(MappingFile()))
    _place(asking, plan)
    name = shown_name(file.filename)
    uploads = asking.service.uploads

    def taken() -> tuple[str, Response]:
        upload = uploads.keep(asking.actor, name, file.file, plan)
        try:
            answer = _previewed(asking, upload)
        except LeadflowError:
            uploads.delete(asking.actor, upload.id)
            raise
        uploads.note(upload)
        return upload.id, answer

    if not asking.named:
        return taken()[1]
    answered: list[Response] = []

    def once_taken() -> Answered:
        # What is kept of the answer is the upload's id: its rows are people.
        upload, answer = taken()
        answered.append(answer)
        return Answered(201, upload)

    asked = once.digest_of("upload", wanted.model_dump_json(), _digest_of(file))
    kept, _ = asking.service.app.identities.repeats.once(asking.actor, asking.key, asked, once_taken)
    if answered:
        return answered[0]
    asking.headers[REPEATED] = "true"
    return _previewed(asking, uploads.get(asking.actor, kept.document))


def _digest_of(file: UploadFile) -> bytes:
    found = hashlib.sha256()
    while piece := file.file.read(PIECE):
        found.update(piece)
    file.file.seek(0)
    return found.digest()


def _previewed(asking: Asking, upload: Upload) -> Response:
    rows: list[Row] | None = None
    needs: str | None = None
    if upload.status != "done":
        try:
            rows = asking.service.uploads.preview(upload)
        except UnmappableHeader as error:
            rows, needs = [], error.what
    preview = None if rows is None else [PreviewRow.model_validate(row) for row in rows]
    asking.headers["Location"] = f"/v1/uploads/{upload.id}"
    return asking.answer(_shown(upload, rows=preview, needs=needs), 201)


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


@router.get(
    "",
    operation_id="listUploads",
    summary="List uploads",
    response_model=UploadList,
    responses=problems.responses(),
)
def list_uploads(
    request: Request, asking: Sending, limit: pages.Limit = pages.LIMIT, cursor: pages.Cursor = None
) -> Response:
    """The caller's uploads, the oldest first: those to go on with, and those that were taken in."""
    page, following = pages.page_of(
        asking.service.uploads.of(asking.actor),
        lambda one: (format_time(one.created_at), one.id),
        pages.choice_of("uploads"),
        cursor,
        limit,
    )
    asking.headers |= pages.links(request, following)
    return asking.answer(UploadList(items=[_shown(one) for one in page], next=following))


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
    return _begun(asking, upload, body or PlanGiven(), dry_run=True)


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
    return _begun(asking, upload, body or PlanGiven(), dry_run=False)


def _begun(asking: Asking, name: str, wanted: PlanGiven, *, dry_run: bool) -> Response:
    asked = ("check" if dry_run else "start", name, wanted.model_dump_json())
    return once.same(asking, lambda: _working_on(asking, name, wanted, dry_run=dry_run), *asked)


def _working_on(asking: Asking, name: str, wanted: PlanGiven, *, dry_run: bool) -> Response:
    uploads = asking.service.uploads
    upload = uploads.get(asking.actor, name)
    if asking.service.stopping.is_set():
        raise Unavailable("the service is stopping")
    known = upload.plan
    plan = Plan(
        wanted.channel or known.channel,
        wanted.campaign or known.campaign,
        wanted.pool or known.pool,
        wanted.day or known.day,
        wanted.mapped(known.mapping),
    )
    job = uploads.begin(upload, plan, _place(asking, plan), dry_run=dry_run)
    with suppress(Late):
        job.result(timeout=asking.wait_s)
    upload = uploads.get(asking.actor, name)
    if upload.status not in BUSY:
        return asking.answer(_shown(upload))
    asking.headers["Location"] = f"/v1/uploads/{upload.id}"
    return asking.answer(_shown(upload), 202)


@router.get(
    "/{upload}/problems.csv",
    operation_id="listUploadProblems",
    summary="Download the problem rows",
    response_class=Response,
    responses={
        200: {
            "description": "One line for each problem.",
            "content": {"text/csv": {"schema": {"type": "string"}, "example": _PROBLEM_ROWS}},
        },
        **problems.responses(),
    },
)
def upload_problems(upload: UploadId, asking: Sending) -> Response:
    """The rows that have problems, with what is wrong and what came, as a file in which no spreadsheet finds
    a formula."""
    uploads = asking.service.uploads
    found = uploads.problems(uploads.get(asking.actor, upload))
    if found is None:
        raise NotFound("there is no list yet: it is there when the upload was checked or taken in")
    headers = {**asking.headers, "Content-Disposition": 'attachment; filename="problems.csv"'}
    return StreamingResponse(found, headers=headers, media_type="text/csv")


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
    repeats, uploads = asking.service.app.identities.repeats, asking.service.uploads

    def deleted() -> Answered:
        uploads.delete(asking.actor, upload)
        return Answered(204, "")

    if asking.named:
        repeats.once(asking.actor, asking.key, once.digest_of("delete", upload), deleted)
    else:
        deleted()
    return Response(status_code=204, headers=asking.headers)

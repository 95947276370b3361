"""What the API takes and answers about files of leads."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, Field

from leadflow.api import answers
from leadflow.api.bodies import body
from leadflow.bootstrap.uploads import MappingFile
from leadflow.domain.values import POOL_PATTERN, Name, Text, UtcTime

ENCODING = "^[A-Za-z0-9][A-Za-z0-9_.:-]{0,39}$"
_ID = "3f1c0f2ab94e4d0c8a55d7e1c2b3a4f5"
_COUNTS = {"rows": 0, "created": 0, "merged": 0, "duplicate": 0, "unreadable": 0}
PLAN = {"channel": "purchased_list", "campaign": "autumn", "pool": "east"}
_UPLOAD: dict[str, Any] = {
    "upload": _ID,
    "name": "leads.xlsx",
    "size": 48213,
    "created_at": "2026-11-21T10:00:00.000000Z",
    "status": "ready",
    "plan": {**PLAN, "date": None, "mapping": {"columns": {}}},
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
    encoding: Annotated[
        str | None,
        Field(pattern=ENCODING, description="Of a text file, as gb18030 or big5; found out if left out."),
    ] = None
    mapping: Annotated[
        MappingFile | None, Field(description="What columns are, and how the file is written.")
    ] = None

    def mapped(self, known: MappingFile) -> MappingFile:
        """How the file is written, by what is given here and was known before."""
        mapping = self.mapping or known
        return mapping if self.encoding is None else mapping.model_copy(update={"encoding": self.encoding})


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


class UploadList(answers.Answer):
    """A page of uploads."""

    model_config = answers.example({"items": [_UPLOAD | {"rows": None}], "next": None})

    items: list[UploadShown]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last one.")]

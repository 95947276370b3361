"""Pages of long lists, by cursors.

A cursor says where the page before ended: the values that its order goes by, which every reader of the list
may see, and the key that tells equal ones apart. So rows that are inserted or removed meanwhile neither
repeat nor hide others. A cursor belongs to one list with one order and one choice; another is refused.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import Query, Request

from leadflow.api import problems

LIMIT, LIMIT_MAX = 50, 200
_T = TypeVar("_T")

Limit = Annotated[
    int, Query(ge=1, le=LIMIT_MAX, description=f"Rows of a page, at most {LIMIT_MAX}.", examples=[50])
]
Cursor = Annotated[
    str | None,
    Query(max_length=1000, description="`next` of the page before; the first page without. Opaque."),
]


def choice_of(*parts: Any) -> str:
    """What a cursor belongs to, in short: the list, its order, and what is looked for."""
    text = json.dumps(parts, default=str, ensure_ascii=True, sort_keys=True)
    return blake2b(text.encode(), digest_size=6).hexdigest()


def cursor_of(choice: str, place: Sequence[Any]) -> str:
    """The cursor of a place in a list."""
    text = json.dumps([choice, *place], default=str, ensure_ascii=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of(cursor: str, choice: str) -> list[Any]:
    """The place that a cursor names. Raises ProblemError for a cursor that is none of this list."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found = json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        found = None
    if not isinstance(found, list) or len(found) < 2 or found[0] != choice:
        raise no_cursor()
    return found[1:]


def number_of(cursor: str | None, choice: str) -> int:
    """The number that a cursor of a list by numbers names; 0 before the first page. Raises ProblemError."""
    if cursor is None:
        return 0
    place = place_of(cursor, choice)
    if len(place) != 1 or type(place[0]) is not int or not 0 <= place[0] < 2**62:
        raise no_cursor()
    return place[0]


def no_cursor() -> problems.ProblemError:
    """The problem of a cursor that does not belong here."""
    wrong = problems.FieldError(
        field="cursor",
        part="query",
        code="invalid_cursor",
        message="it is no cursor of this list, with this order and these filters",
    )
    return problems.ProblemError(problems.problem("invalid", "1 problem in what was sent", errors=[wrong]))


def links(request: Request, following: str | None) -> Mapping[str, str]:
    """The `Link` header of a page (RFC 8288)."""
    if following is None:
        return {}
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return {"Link": f'<{request.url.path}?{urlencode([*query, ("cursor", following)])}>; rel="next"'}


def page_of(
    rows: Sequence[_T], key: Callable[[_T], tuple[str, ...]], choice: str, cursor: str | None, limit: int
) -> tuple[list[_T], str | None]:
    """A page of a short list that is there whole, ordered by its key; and the cursor of the next page."""
    ordered = sorted(rows, key=key)
    if cursor is not None:
        after = place_of(cursor, choice)
        if not all(isinstance(part, str) for part in after):
            raise no_cursor()
        ordered = [row for row in ordered if list(key(row)) > after]
    page = ordered[:limit]
    return page, cursor_of(choice, key(page[-1])) if len(ordered) > limit else None

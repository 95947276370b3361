"""Files with one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from leadflow.errors import UnreadableFile
from leadflow.intake.limits import Limits
from leadflow.intake.textfiles import Encoding, lines


def json_lines(path: Path, encoding: Encoding, limits: Limits) -> Iterator[bytes | str | None]:
    """The lines of a jsonl file; None for one that is too long, which is passed over."""
    if encoding.name not in ("utf-8", "utf-8-sig"):
        yield from lines(path, encoding, limits)
        return
    with path.open("rb") as file:
        if encoding.name == "utf-8-sig":
            file.seek(3)
        while line := file.readline(limits.line_length_max + 1):
            if len(line) <= limits.line_length_max:
                yield line
                continue
            while line and not line.endswith(b"\n"):
                line = file.readline(limits.line_length_max)
            yield None


def check_lines(path: Path, encoding: Encoding, limits: Limits) -> None:
    """Raise UnreadableFile for a file without lines, or that is one JSON document."""
    found = json_lines(path, encoding, limits)
    first = [line if line is None else as_line(line) for line in islice(filter(_not_blank, found), 2)]
    if not first:
        raise UnreadableFile("the file holds no rows", where=str(path))
    if first[0] is not None and _is_document(first[0], alone=len(first) == 1):
        raise UnreadableFile(
            "the file is one JSON document, not one object a line",
            where=str(path),
            do="Write each lead as one line; `jq -c '.[]'` does it for an array.",
        )


def lenient_json(line: str) -> dict[str, Any] | None:
    """An object that only lacks a little of JSON: `NaN` for an empty cell, a character that is none."""
    try:
        # Once more through orjson: what cannot be kept is refused, and NaN is null.
        document = orjson.loads(orjson.dumps(json.loads(line, strict=False)))
    except (ValueError, TypeError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def as_line(line: bytes | str) -> str:
    """A line of jsonl as text, for people and dead letters."""
    text = line if isinstance(line, str) else line.decode("utf-8", "replace")
    return text.strip().replace("\0", "")


def _not_blank(line: bytes | str | None) -> bool:
    return line is None or bool(line.strip())


def _is_document(first: str, alone: bool) -> bool:
    """Whether the first line begins a document of several lines, or is an array of objects."""
    if first == "{":
        return True
    if not first.startswith("["):
        return False
    try:
        found = orjson.loads(first)
    except orjson.JSONDecodeError:
        return True
    return alone and any(isinstance(one, dict) for one in found)

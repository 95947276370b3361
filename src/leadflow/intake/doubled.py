"""Members that a JSON object gives twice. RFC 8259, 4, leaves open which of them holds: neither does."""

from __future__ import annotations

import json
from typing import Any

import orjson

from leadflow.domain.values import speakable


class _Pairs(list[tuple[str, Any]]):
    """An object, with each member as often as it is given."""


def doubled(text: bytes | str, document: Any, *, even: bool = False) -> str | None:
    """The path of a member that `text` gives twice, if there is one; `document` is what was read of it.

    Counting the ends of names costs a fiftieth of reading an arrival. Only where they are not as many as
    what was read has, the text is read once more. `even`: one program wrote it, with a blank before each
    colon or before none; that saves half of the time.
    """
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    names = raw.count(b'":')
    if even or not (b" :" in raw or b"\t" in raw or b"\n" in raw or b"\r" in raw):
        if type(document) is dict and names == len(document):
            return None
        if type(document) in (dict, list) and names == _dumped(document).count(b'":'):
            return None
    try:
        return _path(json.loads(raw, object_pairs_hook=_Pairs, strict=False))
    except (ValueError, RecursionError):
        return None


def _dumped(document: Any) -> bytes:
    try:
        return orjson.dumps(document)
    except (TypeError, ValueError):
        # Integers of more than 64 bits.
        return b""


def _path(value: Any) -> str | None:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for name, _ in value:
            if name in seen:
                return _shown(name)
            seen.add(name)
        for name, inner in value:
            if (found := _path(inner)) is not None:
                return f"{_shown(name)}{found}" if found[0] == "[" else f"{_shown(name)}.{found}"
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            if (found := _path(inner)) is not None:
                return f"[{at}]{found}" if found[0] == "[" else f"[{at}].{found}"
    return None


def _shown(name: str) -> str:
    """A member may be called anything, also like somebody's phone number."""
    return speakable(name[:64]) or "…"

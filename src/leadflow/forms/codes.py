"""QR codes to print: each opens the hosted form with who gives it out filled in."""

from __future__ import annotations

import io
from collections.abc import Mapping
from urllib.parse import urlencode

import segno

KINDS = ("svg", "png", "pdf")
PARAMETERS = ("campaign", "rep", "booth")
"""What an address of a form may fill in."""


def form_address(base: str, inlet: str, given: Mapping[str, str | None]) -> str:
    """The address of a hosted form with campaign, rep and booth filled in."""
    known = {name: given[name] for name in PARAMETERS if given.get(name)}
    return f"{base}/f/{inlet}" + (f"?{urlencode(known)}" if known else "")


def code(text: str, kind: str = "svg") -> bytes:
    """The QR code of a text, as a file of this kind; redundant enough to be scanned where it is dirty."""
    made = segno.make_qr(text, error="m", encoding="utf-8")
    out = io.BytesIO()
    if kind == "svg":
        made.save(out, kind="svg", border=4, scale=8, xmldecl=True, svgns=True, dark="#000", light="#fff")
    else:
        made.save(out, kind=kind, border=4, scale=16 if kind == "png" else 8)
    return out.getvalue()

r"""Trade shows: cards that a booth's people scan, and the form that visitors open by a code at the booth.

A scanned card is JSON with the text of the code itself, and what its person corrected or added:

    {"card": "BEGIN:VCARD\nVERSION:3.0\nFN:张伟\nTEL:13812345678\nEND:VCARD",
     "corrected": {"phone": "13812345679"}, "note": "想看演示", "interest": "报价",
     "rep": "wang", "booth": "A12", "campaign": "进博会 2026",
     "submission_id": "fa1c8f0e", "scanned_at": "2026-11-06T10:12:00+08:00"}

It proves itself by the inlet's secret or by a pass (`Authorization: Bearer`). A pass is made of the secret,
names who scans and where, which cannot be changed in it, and ends: it is what a booth's link carries behind
its `#`, where no server and no log sees it. Another secret ends all passes of the one before.

Forms of visitors come as to a website's inlet, and nothing proves them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any

from itsdangerous import BadData, URLSafeSerializer
from pydantic import Field

from leadflow.errors import UsageError
from leadflow.intake.channels import website
from leadflow.intake.channels.base import (
    KIB,
    Call,
    Inlet,
    Kind,
    NotAuthentic,
    Sent,
    broken,
    example_call,
    without,
)
from leadflow.intake.channels.cards import CODE_LENGTH_MAX, asked_of, is_card, read_cards
from leadflow.intake.channels.proofs import from_allowed_address, one_of
from leadflow.intake.text import as_text

PASS_LASTS_MAX = timedelta(days=31)
NAME_LENGTH_MAX = 100
CARDS_MAX = 50
"""Cards that one code's or file's text may hold."""
EXAMPLE = {
    "card": "BEGIN:VCARD\nVERSION:3.0\nN:张;伟;;;\nORG:甲公司;市场部\nTEL;TYPE=CELL:138 1234 5678\nEND:VCARD",
    "note": "想看演示",
    "interest": "报价",
    "rep": "wang",
    "booth": "A12",
    "campaign": "autumn-fair",
    "submission_id": "fa1c8f0e",
    "scanned_at": "2026-11-06T10:12:00+08:00",
}


class TradeShowOptions(website.WebsiteOptions):
    """Of a trade show's inlet."""

    rate_per_minute: Annotated[int, Field(ge=1, le=100_000)] | None = 300
    """A whole hall may come from one address."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to send cards to an inlet."""

    rep: str | None
    booth: str | None
    until: datetime


def pass_for(inlet: Inlet, rep: str | None, booth: str | None, until: datetime, now: datetime) -> str:
    """The text of a pass. Raises UsageError for one that ends too late, and for an inlet without a secret."""
    if not timedelta() < until - now <= PASS_LASTS_MAX:
        raise UsageError(f"a pass lasts at most {PASS_LASTS_MAX.days} days")
    if inlet.kind != KIND.name or not inlet.secrets:
        raise UsageError(
            f"inlet {inlet.id} takes no scanned cards", do="Open one: `leadflow inlet add trade_show ID`."
        )
    content = {"i": inlet.id, "r": rep, "b": booth, "u": int(until.timestamp())}
    return str(_signer(inlet.secrets[0]).dumps(content))


def pass_of(inlet: Inlet, call: Call) -> Pass:
    """The pass that a call shows, or what the secret itself permits. Raises NotAuthentic."""
    scheme, _, given = call.header("authorization").partition(" ")
    token = given.strip() if scheme.lower() == "bearer" else call.path_secret or ""
    if one_of(token, inlet.secrets):
        return Pass(None, None, call.now + PASS_LASTS_MAX)
    for secret in inlet.secrets:
        try:
            content = _signer(secret).loads(token)
        except BadData:
            continue
        found = Pass(content["r"], content["b"], datetime.fromtimestamp(content["u"], UTC))
        if content["i"] == inlet.id and call.now < found.until:
            return found
    raise NotAuthentic("no booth's link, or one that has ended or is another inlet's")


def _signer(secret: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt="leadflow.booth", signer_kwargs={"digest_method": sha256})


def authenticate(inlet: Inlet, call: Call) -> None:
    """By a pass or the secret, where one is shown; else as a form of a page."""
    if _shows_pass(call):
        from_allowed_address(inlet, call)
        pass_of(inlet, call)
    else:
        website.authenticate(inlet, call)


def _shows_pass(call: Call) -> bool:
    return bool(call.header("authorization")) or call.path_secret is not None


def read(inlet: Inlet, call: Call) -> list[Sent]:
    """The cards or the one form of a call. Raises NotAuthentic for a card without a pass."""
    (form,) = website.read(inlet, call)
    if not isinstance(form.document, dict) or form.unreadable is not None:
        return [form]
    if not _shows_pass(call):
        if "card" in form.document:
            raise NotAuthentic("a card without the link of a booth")
        return [form]
    leave = pass_of(inlet, call)
    named = {"rep": leave.rep, "booth": leave.booth}
    document = form.document | {name: text for name, text in named.items() if text is not None}
    code = as_text(document.get("card"))
    if len(code) > CODE_LENGTH_MAX:
        return [broken(call.body[: 4 * KIB], "too_long", "holds a code longer than any")]
    found = documents(document, code)
    return [
        Sent(one, ref=form.ref if number == 1 else f"{form.ref}-{number}")
        for number, one in enumerate(found, 1)
    ]


def documents(document: Mapping[str, Any], code: str) -> list[dict[str, Any]]:
    """What is read: each card of a code with what was added to it; one document without any card, too."""
    added = without(document, "card", "corrected", "landing_page", "referrer")
    if "note" in added:
        added["note (booth)"] = added.pop("note")
    corrected = document.get("corrected")
    changes = {str(name): value for name, value in corrected.items()} if isinstance(corrected, dict) else {}
    found: list[dict[str, Any]] = [dict(one) for one in read_cards(code)[:CARDS_MAX]]
    if not found:
        found = [{"code": code} if code else {}]
    if len(found) == 1:
        found[0] |= changes
    return [asked_of(one) | added for one in found]


def shown(code: str) -> dict[str, Any]:
    """What a code holds, for whoever scanned it: `kind` is `card`, `link` or `text`."""
    text = code.strip()
    if is_card(text):
        return {"kind": "card", "cards": read_cards(text[:CODE_LENGTH_MAX])[:CARDS_MAX]}
    kind = "link" if text.lower().startswith(("https://", "http://")) else "text"
    return {"kind": kind, "cards": [], "text": text[:CODE_LENGTH_MAX]}


def example(inlet: Inlet, now: datetime) -> Call:
    """The example above."""
    secret = inlet.secrets[0] if inlet.secrets else ""
    return example_call(EXAMPLE, now, {"authorization": f"Bearer {secret}"})


KIND = Kind(
    name="trade_show",
    title="Trade shows: scanned cards, and the booth's form",
    door="trade_show",
    channel="trade_show",
    secret="bearer",
    authenticate=authenticate,
    read=read,
    answer=website.answer,
    example=example,
    columns=lambda inlet: {"scanned_at": "time"},
    never=website.KIND.never,
    options=TradeShowOptions,
    credentials=website.KIND.credentials,
    body_bytes_max=website.KIND.body_bytes_max,
)

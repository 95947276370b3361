"""Website forms: what a visitor's browser posts, as JSON or as an ordinary form.

What arrives; names of fields are found as in files, others are kept as answers:

    {"name": "张伟", "phone": "13812345678", "company": "甲公司", "submission_id": "web-7-0",
     "utm_source": "baidu", "utm_medium": "cpc", "landing_page": "https://example.cn/lp?bd_vid=1",
     "referrer": "https://www.baidu.com/", "lf_website": "", "lf_elapsed_ms": 8421}

Anybody may post to it, so it has no secret. Against machines: a field that people do not see and leave empty
(`lf_website`), how long the form was open (`lf_elapsed_ms`, milliseconds), a list of the sites that may post,
a limit of posts per address and minute, and a captcha's token. What looks like a machine's is answered like
anything else and kept among the dead letters, because browsers fill in hidden fields, too. A form cannot say
what its touch cost. The channel is what UTM values, click ids and referrer tell.

The answer is the same for people who are new and who are known. The reference is `submission_id`, else the
header `Idempotency-Key`, else the content and the day: a second click is the same arrival, and the same words
next week are another. It begins with the inlet's id, so that nobody can use up references of other channels
by posting them here.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, urlsplit

from pydantic import Field, StringConstraints, field_validator

from leadflow.intake.channels.base import (
    KIB,
    Call,
    Inlet,
    Kind,
    NotFromHere,
    Reply,
    Result,
    Sent,
    TooLong,
    WrongType,
    broken,
    example_call,
    json_object,
    without,
)
from leadflow.intake.channels.hosted import Address, HostedForm
from leadflow.intake.channels.proofs import from_allowed_address
from leadflow.intake.problems import Problem
from leadflow.intake.text import as_text

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
# A page that is being left can only send text without asking first, so its script does.
JSON_TYPES = ("application/json", "text/plain")
FIELDS_MAX = 200
ELAPSED = "lf_elapsed_ms"
IN_ADDRESSES = ":/%#?=@[]!$&'()*+,;~"
HONEYPOT = "lf_website"
"""What the field that people do not see is called, unless the inlet says otherwise."""
FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
EXAMPLE = {
    "name": "张伟",
    "phone": "13812345678",
    "company": "甲公司",
    "submission_id": "web-7-0",
    "submitted_at": "2026-10-01T00:00:00+08:00",
    "utm_source": "baidu",
    "utm_medium": "cpc",
    "utm_campaign": "autumn-demo",
    "landing_page": "https://example.cn/lp?bd_vid=123",
    "referrer": "https://www.baidu.com/",
    "lf_website": "",
    "lf_elapsed_ms": 8421,
}


class WebsiteOptions(HostedForm):
    """Of a website form's inlet, and of its hosted page."""

    honeypot: FieldName = HONEYPOT
    """A field that people do not see."""
    min_seconds: Annotated[float, Field(ge=0, le=60)] = 2.0
    """A form that was open for less time was filled in by a machine."""
    rate_per_minute: Annotated[int, Field(ge=1, le=100_000)] | None = 30
    """Posts that one address may send in a minute."""
    thanks: Annotated[str, StringConstraints(max_length=500)] | None = None
    """Where a browser that posted an ordinary form is sent then."""
    captcha_url: Address | None = None
    """Where a captcha's token is checked, e.g. https://challenges.cloudflare.com/turnstile/v0/siteverify."""
    captcha_field: FieldName = "cf-turnstile-response"

    @field_validator("thanks")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("https://", "http://", "/")):
            raise ValueError("it is no address of a page")
        return value


def authenticate(inlet: Inlet, call: Call) -> None:
    """By the site that the form stands on, where a list of them was given."""
    from_allowed_address(inlet, call)
    origin = call.header("origin")
    if origin and inlet.origins and not origin_allowed(inlet, origin, call.header("host")):
        raise NotFromHere("forms of this site are not taken")


def origin_allowed(inlet: Inlet, origin: str, host: str) -> bool:
    """Whether a page of this origin may post: it is on the list, or one of LeadFlow's own pages."""
    if origin in inlet.origins or "*" in inlet.origins:
        return True
    return bool(host) and urlsplit(origin).netloc.lower() == host.lower()


def read(inlet: Inlet, call: Call) -> list[Sent]:
    """The one form of a post."""
    found = fields_of(call)
    if isinstance(found, Sent):
        return [found]
    options: WebsiteOptions = inlet.options
    token = as_text(found.get(options.captcha_field)) or None
    suspect = _suspect(found, options)
    document = without(found, options.honeypot, ELAPSED, options.captcha_field)
    page = call.header("referer")
    if page and not any(name in document for name in ("landing_page", "landing page", "page_url")):
        document["landing_page"] = page
    return [Sent(document, ref=_reference(inlet, call, document), suspect=suspect, token=token)]


def fields_of(call: Call) -> dict[str, Any] | Sent:
    """The fields of a form by name, or what is kept of a body that is none. Raises WrongType, TooLong."""
    if call.media_type in JSON_TYPES:
        return json_object(call.body)
    if call.media_type == FORM:
        try:
            text = call.body.decode()
            return _gathered(parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX))
        except UnicodeDecodeError:
            return broken(call.body, "not_utf8", "is not UTF-8")
        except ValueError:
            raise TooLong(f"the form has more than {FIELDS_MAX} fields") from None
    if call.media_type == MULTIPART:
        return _multipart(call)
    raise WrongType("a form is sent as JSON, form-encoded, or multipart", do="Set the Content-Type.")


def _multipart(call: Call) -> dict[str, Any] | Sent:
    # Few forms come so.
    from python_multipart import parse_form
    from python_multipart.exceptions import FormParserError

    pairs: list[tuple[str, str]] = []
    files: list[str] = []

    def keep(part: Any) -> None:
        if len(pairs) >= FIELDS_MAX:
            raise TooLong(f"the form has more than {FIELDS_MAX} fields")
        name, value = part.field_name or b"", part.value or b""
        pairs.append((name.decode("utf-8", "replace"), value.decode("utf-8", "replace")))

    headers = {"Content-Type": call.header("content-type").encode()}
    try:
        parse_form(headers, io.BytesIO(call.body), keep, lambda part: files.append("file"))
    except (FormParserError, ValueError):
        return broken(call.body, "not_multipart", "is not what its Content-Type says")
    if files:
        raise WrongType("this form takes no files", do="Leave the file out.")
    return _gathered(pairs)


def _gathered(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Fields by name; several of one name are one answer."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else "、".join(values) for name, values in found.items()}


def _suspect(form: dict[str, Any], options: WebsiteOptions) -> Problem | None:
    if as_text(form.get(options.honeypot)):
        return Problem(options.honeypot, "honeypot", "was filled in, and people do not see it")
    try:
        elapsed_ms = float(as_text(form.get(ELAPSED)) or "nan")
    except ValueError:
        elapsed_ms = 0.0
    if elapsed_ms < options.min_seconds * 1000:
        return Problem("form", "too_fast", f"was filled in in less than {options.min_seconds:g} seconds")
    return None


def _reference(inlet: Inlet, call: Call, document: dict[str, Any]) -> str:
    key = as_text(document.get("submission_id")) or call.header("idempotency-key")
    if key:
        return f"{inlet.id}/{key}"
    content = json.dumps(document, sort_keys=True)
    digest = blake2b(content.encode(), digest_size=16).hexdigest()
    return f"{inlet.id}/{call.now.date().isoformat()}/{digest}"


def answer(inlet: Inlet, results: Sequence[Result]) -> Reply:
    """The same for everybody; what could not be read is told by field."""
    unreadable = [result for result in results if result.answer == "unreadable"]
    if unreadable:
        problems = [
            {"field": one.field, "code": one.code, "message": one.message}
            for result in unreadable
            for one in result.problems
        ]
        return Reply(422, {"ok": False, "problems": problems})
    return Reply(body={"ok": True})


def thanks(inlet: Inlet, call: Call, reply: Reply) -> Reply:
    """The answer for a browser that posted an ordinary form: the page that the inlet names."""
    if reply.status == 200 and inlet.options.thanks and call.media_type in (FORM, MULTIPART):
        # A header holds ASCII only; what is written as an address already stays as it is (RFC 3987, 3.1).
        return Reply(303, headers={"location": quote(inlet.options.thanks, safe=IN_ADDRESSES)})
    return reply


def example(inlet: Inlet, now: datetime) -> Call:
    """The example above."""
    origin = next((one for one in inlet.origins if one != "*"), None)
    return example_call(EXAMPLE, now, {"origin": origin} if origin else None)


KIND = Kind(
    name="website",
    title="Website forms",
    door="web_form",
    channel="web_form",
    secret="none",
    authenticate=authenticate,
    read=read,
    answer=answer,
    example=example,
    never=frozenset({"cost", "currency"}),
    options=WebsiteOptions,
    credentials=("captcha_secret",),
    body_bytes_max=64 * KIB,
)

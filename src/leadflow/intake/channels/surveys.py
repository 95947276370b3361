"""Surveys: what the common tools send when somebody has answered.

Which question is which field says the inlet's mapping (question's number or title → field). Titles that
are usual names ("手机号", "Company name") need no mapping, and a number that can only be a mobile phone or
a text that can only be an e-mail address is taken for one where the tool sends no titles.

- 问卷星 Wenjuanxing, 答卷 API 推送 (https://www.showdoc.com.cn/wjxopenapi/7664690808275512):
  `{"activity": "5657754", "index": "12", "joinid": "101812480275", "name": "问卷名称",
  "submittime": "2016-08-23 10:01:59", "q1": "…", "q2": "13812345678", "sign": "…"}`. Its `sign` is
  SHA-1 of activity, index and the push key: it does not cover the answers, so the address of the inlet
  holds a secret as well. Reference: `joinid`.
- 金数据 Jinshuju, 数据推送, as open receivers read it (fields as in https://open.jinshuju.net/api_v1):
  `{"form": "RygpW3", "form_name": "报名", "entry": {"serial_number": 123, "field_1": "张伟",
  "field_2": "13812345678", "created_at": "2026-10-01T00:00:00.000Z"}}`. Secret address.
  Reference: form and serial number.
- 腾讯问卷 Tencent survey, Webhook (https://wj.qq.com/docs/webhook/): `{"id": "…", "object": "Answer",
  "action": "answer.create", "payload": {"survey_id": 5356056, "answer_id": 7, "ended_at": "2020-02-09
  12:01:39", "answer": [{"questions": [{"id": "q-1", "title": "手机号", "text": "138…"}]}]}}`. Secret
  address. Reference: survey and answer; other events than answers are answered and left.
- Typeform (https://www.typeform.com/developers/webhooks/example-payload): `{"event_type":
  "form_response", "form_response": {"token": "…", "submitted_at": "…", "hidden": {…}, "definition":
  {"fields": [{"id": …, "title": …}]}, "answers": [{"type": "text", "text": "…", "field": {"id": …}}]}}`,
  with `Typeform-Signature: sha256=` and the base64 of HMAC-SHA256 over the raw body. Reference: `token`.
- Any other (Google Forms through Apps Script, SurveyMonkey, SurveyKing, …): a JSON object of question →
  answer, or with a list of `{"question": …, "answer": …}`. Secret address, or `Authorization: Bearer`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from leadflow.intake.channels import survey_examples
from leadflow.intake.channels.base import (
    Call,
    Inlet,
    Kind,
    NotAuthentic,
    Reply,
    Result,
    Sent,
    broken,
    json_object,
    json_types,
    without,
)
from leadflow.intake.channels.proofs import (
    bearer,
    check_signature,
    from_allowed_address,
    same,
    secret_path,
)
from leadflow.intake.mapping import header_key
from leadflow.intake.text import as_text, fold

DOOR, CHANNEL = "survey", "survey"
_MOBILE = re.compile(r"(?:\+?86|0086)?[- ]?1[3-9]\d{9}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[A-Za-z]{2,}")
_BARE = re.compile(r"(?:x_)?(?:q|field|question)_?\d+(?:_\d+)?", re.IGNORECASE)
_DEPTH_MAX = 6

Document = dict[str, Any]


def _done(inlet: Inlet, results: Sequence[Result]) -> Reply:
    return Reply(body={"code": 0, "message": "success"})


def _plain(inlet: Inlet, results: Sequence[Result]) -> Reply:
    # Jinshuju and Typeform want a 2xx, whatever it holds.
    return Reply(body={"ok": True})


def guessed(inlet: Inlet, document: Document) -> Document:
    """The answers with contact points named, where a tool sends no titles (`q3`, `field_2`)."""
    mapped = {header_key(name) for name in inlet.mapping.columns}
    found: Document = {}
    for name, value in document.items():
        text = fold(as_text(value)) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
        field = None
        if _BARE.fullmatch(name) and header_key(name) not in mapped:
            field = "phone" if _MOBILE.fullmatch(text) else "email" if _EMAIL.fullmatch(text) else None
        found[name if field is None or field in document or field in found else field] = value
    return found


# --- 问卷星 ----------------------------------------------------------------------------------


def _wenjuanxing_authentic(inlet: Inlet, call: Call) -> None:
    secret_path(inlet, call)
    key = inlet.credentials.get("push_key")
    if key is None:
        return
    found = json_object(call.body)
    if isinstance(found, Sent):
        return  # It came by the secret address, and what it is will be looked at by a person.
    signed = "".join(as_text(found.get(name)) for name in ("activity", "index"))
    expected = hashlib.sha1(f"{signed}{key}".encode(), usedforsecurity=False).hexdigest()
    if not same(as_text(found.get("sign")).lower(), expected):
        raise NotAuthentic("`sign` is missing, or not made with this push_key")


def _wenjuanxing(inlet: Inlet, call: Call) -> list[Sent]:
    json_types(call)
    found = json_object(call.body)
    if isinstance(found, Sent):
        return [found]
    return [Sent(guessed(inlet, without(found, "sign")))]


# --- 金数据 ----------------------------------------------------------------------------------


def _jinshuju(inlet: Inlet, call: Call) -> list[Sent]:
    json_types(call)
    found = json_object(call.body)
    if isinstance(found, Sent):
        return [found]
    entry = found.get("entry")
    if not isinstance(entry, dict):
        return [broken(call.body, "no_entry", "has no object `entry`")]
    number = as_text(entry.get("serial_number"))
    document = guessed(inlet, {**without(found, "entry"), **entry})
    return [Sent(document, ref=f"{as_text(found.get('form'))}/{number}" if number else None)]


# --- 腾讯问卷 --------------------------------------------------------------------------------


def _tencent(inlet: Inlet, call: Call) -> list[Sent]:
    json_types(call)
    found = json_object(call.body)
    if isinstance(found, Sent):
        return [found]
    payload = found.get("payload")
    if found.get("action") not in ("answer.create", "answer.update"):
        return []
    if not isinstance(payload, dict):
        return [broken(call.body, "no_payload", "has no object `payload`")]
    document: Document = {
        name: value for name, value in payload.items() if not isinstance(value, (list, dict))
    }
    for question, answer in _questions(payload.get("answer"), 0):
        document[question if question not in document else f"answer.{question}"] = answer
    survey, number = as_text(payload.get("survey_id")), as_text(payload.get("answer_id"))
    return [Sent(guessed(inlet, document), ref=f"{survey}/{number}" if number else None)]


def _questions(value: Any, depth: int) -> Iterator[tuple[str, str]]:
    """Title (or id) and answer of every question, wherever pages and groups hold them."""
    if depth > _DEPTH_MAX:
        return
    if isinstance(value, list):
        for one in value:
            yield from _questions(one, depth + 1)
        return
    if not isinstance(value, dict):
        return
    name = as_text(value.get("title") or value.get("id"))
    if name and ("text" in value or "options" in value) and "questions" not in value:
        yield name, _tencent_answer(value)
        return
    for key in ("questions", "pages", "groups"):
        yield from _questions(value.get(key), depth + 1)


def _tencent_answer(question: Document) -> str:
    text = as_text(question.get("text"))
    options = question.get("options")
    if text or not isinstance(options, list):
        return text
    chosen = [
        as_text(option.get("text"))
        for option in options
        if isinstance(option, dict) and option.get("checked", 1) not in (0, "0", False)
    ]
    return "、".join(filter(None, chosen))


# --- Typeform --------------------------------------------------------------------------------


def _typeform_authentic(inlet: Inlet, call: Call) -> None:
    from_allowed_address(inlet, call)
    scheme, _, digest = call.header("typeform-signature").partition("=")
    if scheme != "sha256":
        raise NotAuthentic("no `Typeform-Signature: sha256=…`")
    check_signature(digest, call.body, inlet.secrets)


def _typeform(inlet: Inlet, call: Call) -> list[Sent]:
    json_types(call)
    found = json_object(call.body)
    if isinstance(found, Sent):
        return [found]
    response = found.get("form_response")
    if not isinstance(response, dict):
        return [broken(call.body, "no_form_response", "has no object `form_response`")]
    definition = response.get("definition")
    fields = definition.get("fields") if isinstance(definition, dict) else None
    titles = {
        as_text(field.get("id")): as_text(field.get("title"))
        for field in (fields if isinstance(fields, list) else ())
        if isinstance(field, dict)
    }
    document: Document = {"form_id": response.get("form_id"), "submitted_at": response.get("submitted_at")}
    hidden = response.get("hidden")
    document.update(hidden if isinstance(hidden, dict) else {})
    answers = response.get("answers")
    for answer in answers if isinstance(answers, list) else ():
        if isinstance(answer, dict):
            name, value = _typeform_answer(answer, titles)
            document[name if name not in document else f"answer.{name}"] = value
    return [Sent(document, ref=as_text(response.get("token")) or None)]


_CONTACTS = {"phone_number": "phone", "email": "email"}


def _typeform_answer(answer: Document, titles: dict[str, str]) -> tuple[str, Any]:
    field = answer.get("field")
    number = as_text(field.get("id")) if isinstance(field, dict) else ""
    kind = as_text(answer.get("type"))
    value = answer.get(kind)
    if isinstance(value, dict):
        value = value.get("label") or value.get("labels") or value.get("other")
    if kind in _CONTACTS:  # The question may be a whole sentence; its type says what the answer is.
        return _CONTACTS[kind], value
    return titles.get(number) or number or kind or "answer", value


# --- any other -------------------------------------------------------------------------------


def _any(inlet: Inlet, call: Call) -> list[Sent]:
    json_types(call)
    found = json_object(call.body)
    return [found if isinstance(found, Sent) else Sent(guessed(inlet, found))]


# `name` of the survey is no person's, and its own serial numbers are no leads'.
WENJUANXING = Kind(
    name="wenjuanxing",
    title="问卷星 (Wenjuanxing), pushed answers",
    door=DOOR,
    channel=CHANNEL,
    secret="path",
    authenticate=_wenjuanxing_authentic,
    read=_wenjuanxing,
    answer=_done,
    example=survey_examples.wenjuanxing,
    columns=lambda inlet: {
        "joinid": "id",
        "submittime": "time",
        "name": "answer",
        "index": "answer",
        "activity": "answer",
    },
    credentials=("push_key",),
)
JINSHUJU = Kind(
    name="jinshuju",
    title="金数据 (Jinshuju), pushed entries",
    door=DOOR,
    channel=CHANNEL,
    secret="path",
    authenticate=secret_path,
    read=_jinshuju,
    answer=_plain,
    example=survey_examples.jinshuju,
    columns=lambda inlet: {"created_at": "time", "creator_name": "answer", "form_name": "answer"},
)
TENCENT = Kind(
    name="tencent_survey",
    title="腾讯问卷 (Tencent survey), Webhook",
    door=DOOR,
    channel=CHANNEL,
    secret="path",
    authenticate=secret_path,
    read=_tencent,
    answer=_plain,
    example=survey_examples.tencent,
    columns=lambda inlet: {"ended_at": "time", "started_at": "answer"},
)
TYPEFORM = Kind(
    name="typeform",
    title="Typeform, webhook",
    door=DOOR,
    channel=CHANNEL,
    secret="signature",
    authenticate=_typeform_authentic,
    read=_typeform,
    answer=_plain,
    example=survey_examples.typeform,
)
ANY = Kind(
    name="survey",
    title="Any other survey: question and answer as JSON",
    door=DOOR,
    channel=CHANNEL,
    secret="bearer",
    authenticate=bearer,
    read=_any,
    answer=_plain,
    example=survey_examples.other,
)

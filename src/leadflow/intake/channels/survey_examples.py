"""The documented examples of surveys, as each tool would send them; see `surveys` for their sources."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import Any

from leadflow.intake.channels.base import Call, Inlet, example_call
from leadflow.intake.channels.proofs import signature


def wenjuanxing(inlet: Inlet, now: datetime) -> Call:
    """问卷星."""
    body: dict[str, Any] = {
        "activity": "5657754",
        "index": "12",
        "name": "问卷名称",
        "timetaken": "528",
        "submittime": "2026-10-01 10:01:59",
        "q1": "张伟",
        "q2": "13812345678",
        "q3": "1,2",
        "joinid": "101812480275",
        "totalvalue": "15",
    }
    signed = f"{body['activity']}{body['index']}{inlet.credentials.get('push_key', '')}"
    body["sign"] = hashlib.sha1(signed.encode(), usedforsecurity=False).hexdigest()
    return example_call(body, now, path_secret=inlet.secrets[0] if inlet.secrets else None)


def jinshuju(inlet: Inlet, now: datetime) -> Call:
    """金数据."""
    body = {
        "form": "RygpW3",
        "form_name": "展会报名",
        "entry": {
            "serial_number": 123,
            "field_1": "张伟",
            "field_2": "13812345678",
            "field_3": "zhang@example.cn",
            "creator_name": "",
            "created_at": "2026-10-01T00:00:00.000Z",
        },
    }
    return example_call(body, now, path_secret=inlet.secrets[0] if inlet.secrets else None)


def tencent(inlet: Inlet, now: datetime) -> Call:
    """腾讯问卷."""
    questions = [
        {"id": "q-1-name", "type": "text", "title": "姓名", "text": "张伟"},
        {"id": "q-2-tel", "type": "text", "title": "手机号", "text": "13812345678"},
        {
            "id": "q-3-ind",
            "type": "radio",
            "title": "所属行业",
            "options": [
                {"id": "o-1", "text": "物流", "checked": 1},
                {"id": "o-2", "text": "教育", "checked": 0},
            ],
        },
    ]
    body = {
        "id": "33cc555f-056f-4242-a97c-46f3e7d2016f",
        "object": "Answer",
        "action": "answer.create",
        "created_at": "2026-10-01 14:00:00",
        "payload": {
            "survey_id": 5356056,
            "answer_id": 7,
            "started_at": "2026-10-01 11:55:30",
            "ended_at": "2026-10-01 12:01:39",
            "answer": [{"id": "p-1", "questions": questions}],
        },
    }
    return example_call(body, now, path_secret=inlet.secrets[0] if inlet.secrets else None)


def typeform(inlet: Inlet, now: datetime) -> Call:
    """Typeform."""
    fields = [
        {"id": "JwWggjAKtOkA", "title": "What is your full name?", "type": "short_text"},
        {"id": "SMEUb7VJz92Q", "title": "Where may we write to?", "type": "email"},
        {"id": "NRsxU591jIW9", "title": "Company size", "type": "dropdown"},
    ]
    body = {
        "event_id": "LtWXD3crgy",
        "event_type": "form_response",
        "form_response": {
            "form_id": "lT4Z3j",
            "token": "a3a12ec67a1365927098a606107fac15",
            "submitted_at": "2026-10-01T18:17:02Z",
            "hidden": {"utm_source": "newsletter"},
            "definition": {"id": "lT4Z3j", "title": "Webhooks example", "fields": fields},
            "answers": [
                {"type": "text", "text": "Laura Fox", "field": {"id": "JwWggjAKtOkA", "type": "short_text"}},
                {"type": "email", "email": "laura@example.com", "field": {"id": "SMEUb7VJz92Q"}},
                {"type": "choice", "choice": {"label": "50-99"}, "field": {"id": "NRsxU591jIW9"}},
            ],
        },
    }
    call = example_call(body, now)
    digest = base64.b64encode(signature(inlet.secrets[0] if inlet.secrets else "", call.body)).decode()
    return example_call(call.body, now, {"typeform-signature": f"sha256={digest}"})


def other(inlet: Inlet, now: datetime) -> Call:
    """Another tool."""
    body = {
        "response_id": "sv-7-0",
        "submitted": "2026-10-01T00:00:00+08:00",
        "answers": [
            {"question": "Full name", "answer": "Guo Li"},
            {"question": "Mobile", "answer": "+86 158 2509 5209"},
            {"question": "Would you like a demo?", "answer": "yes"},
        ],
    }
    return example_call(body, now, path_secret=inlet.secrets[0] if inlet.secrets else None)

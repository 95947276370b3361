"""Examples of what the API answers with: one lead, and what happens to it."""

from __future__ import annotations

from typing import Any

LEAD_ID = "5d1a3c52-9f0e-8b7a-b2c4-08e1f7a6d9b3"
LEAD: dict[str, Any] = {
    "pool": "east",
    "lead": LEAD_ID,
    "etag": '"1042"',
    "status": "private",
    "owner": "wang",
    "since": "2026-11-21T10:00:00.000000Z",
    "until": "2026-11-24T10:00:00.000000Z",
    "queue": None,
    "waiting": None,
    "failed": None,
    "rule": "rest",
    "score": 72,
    "score_class": "A",
    "breakdown": [{"rule": "base", "points": 20}, {"rule": "large", "points": 50}],
    "channel": "baidu_ads",
    "campaign": "autumn",
    "region": "上海",
    "city": None,
    "industry": "物流",
    "size": 600,
    "company_name": "蓝海物流",
    "person_name": "赵敏",
    "phones": ["+8613800138001"],
    "emails": [],
    "wechats": [],
    "masked": False,
    "captured_at": "2026-11-21T09:58:12.000000Z",
    "public_since": None,
    "last_sequence": 1042,
    "touches": 1,
    "contacts": 0,
    "tries": 0,
    "collaborators": {},
    "protected": False,
    "protected_until": None,
    "customer": None,
    "merged_into": None,
    "to_pool": None,
}
FACT = {
    "id": "east/1042",
    "type": "leadflow.lead.claimed.v1",
    "time": "2026-11-21T10:00:00.000000Z",
    "subject": LEAD_ID,
    "says": "wang claimed it; promised until 2026-11-24T10:00:00.000000Z",
    "data": {"rep": "wang", "until": "2026-11-24T10:00:00.000000Z"},
}
OTHER_ID = "77c0e5a1-2b7d-8f1e-9d3a-4c6b8e0f2a55"
REQUEST = "0199d3a0-5c1e-7c3e-b0f5-2f6f0f6b8a11"


STORY: dict[str, Any] = {
    "lead": LEAD,
    "why": {
        "fact": "east/1042",
        "time": "2026-11-21T10:00:00.000000Z",
        "mode": "claim",
        "rule": None,
        "group": None,
        "actor": "rep/wang",
        "policy": 1,
        "reason": None,
    },
    "at_the_longest": "2026-12-21T10:00:00.000000Z",
    "assigned_by": None,
    "touches": [
        {
            "fact": "east/1040",
            "time": "2026-11-21T09:58:12.000000Z",
            "channel": "baidu_ads",
            "campaign": "autumn",
            "door": "web_form",
            "occurred_at": None,
            "cost": {"amount": "86.50", "currency": "CNY"},
            "landing_page": "https://example.com/demo",
            "referrer": "https://www.baidu.com/",
            "utm": {"utm_source": "baidu", "utm_medium": "cpc"},
            "joined": None,
        }
    ],
    "contacts": [],
    "notes": ["想看演示"],
    "answers": {},
    "history": [
        {
            "fact": "east/1042",
            "time": "2026-11-21T10:00:00.000000Z",
            "type": "lead.claimed",
            "actor": "rep/wang",
            "says": "wang claimed it; promised until 2026-11-24 18:00",
        }
    ],
}
POOL: dict[str, Any] = {
    "pool": "east",
    "clock": "real",
    "opened_at": "2026-11-01T00:00:00.000000Z",
    "policy_name": "office",
    "policy_version": 3,
    "timezone": "Asia/Shanghai",
    "covered_until": "2026-12-31",
    "calendar_source": "chinesecalendar 1.11.0",
    "leads": {"public": 12, "private": 30, "converted": 4},
    "waiting": 0,
    "oldest_public_since": "2026-11-20T09:00:00.000000Z",
    "next_deadline": "2026-11-22T10:00:00.000000Z",
    "last_sequence": 1042,
    "last_time": "2026-11-21T10:00:00.000000Z",
}
CHANGED: dict[str, Any] = {"pool": "east", "request": REQUEST, "repeated": False, "facts": [FACT]}
LEAD_CHANGED: dict[str, Any] = {**CHANGED, "lead": LEAD_ID, "state": LEAD}

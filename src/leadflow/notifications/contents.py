"""What a notification says: to programs as JSON, to people as an e-mail.

Neither holds a person's name, contact points or free text: whoever is told follows the link, where
permissions and masks hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from leadflow.domain.events import Event
from leadflow.domain.values import format_time
from leadflow.notifications.kinds import (
    ASSIGNED,
    CAME_BACK,
    DEADLINE_NEAR,
    KINDS,
    MANAGERS,
    NOBODY_AVAILABLE,
    RECYCLED,
    Addressed,
)
from leadflow.views.sentences import When, sentence

Local = Callable[[datetime], datetime]
"""A moment in the pool's local time."""
SHORT_ID = 8

SUBJECTS: Mapping[str, str] = {
    ASSIGNED: "A lead was assigned to {to}",
    DEADLINE_NEAR: "The deadline of a lead of {to} is near",
    RECYCLED: "A lead of {to} went back to the public pool",
    NOBODY_AVAILABLE: "Nobody could be given a lead",
    CAME_BACK: "A customer of {to} came back",
}
_IN_QUEUE = "A lead waits in the managers' queue"


def moments(local: Local) -> When:
    """How moments are written: in the pool's local time, to the minute."""

    def when(moment: datetime | None) -> str:
        if moment is None:
            return "-"
        there = local(moment)
        offset = there.strftime("%z")
        return f"{there:%Y-%m-%d %H:%M} ({offset[:3]}:{offset[3:5]})"

    return when


def content_of(
    event: Event, told: Addressed, local: Local, lead: Mapping[str, Any] | None, link: str | None
) -> str:
    """The payload of a webhook as JSON text: `type`, `timestamp`, `data`, as Standard Webhooks recommends.

    `lead` is the lead's row in the read models, if it is there; `link` leads to it.
    """
    when = moments(local)
    until = getattr(event.data, "until", None)
    says = f"Lead {event.subject[:SHORT_ID]} of pool {event.pool}: {sentence(event, when)}."
    data = {
        "pool": event.pool,
        "lead": event.subject,
        "to": told.member or MANAGERS,
        "says": says,
        "channel": lead["channel"] if lead else None,
        "score": lead["score"] if lead else None,
        "deadline": format_time(until) if until else None,
        "deadline_local": when(until) if until else None,
        "fact": event.id,
        "link": link,
    }
    document = {"type": told.kind, "timestamp": format_time(event.time), "data": data}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def trial_content(pool: str, now: datetime) -> str:
    """The payload of a trial: `notify test`."""
    document = {
        "type": "leadflow.test",
        "timestamp": format_time(now),
        "data": {"pool": pool, "says": f"This is a test of notifications of pool {pool}."},
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def mail_of(content: str, subscription: str) -> tuple[str, str]:
    """Subject and text of the e-mail that says the same."""
    document = json.loads(content)
    data = document["data"]
    kind, to = document["type"], data.get("to", "")
    subject = SUBJECTS.get(kind, "A test of notifications").format(to=to)
    if kind == ASSIGNED and to == MANAGERS:
        subject = _IN_QUEUE
    lines = [data["says"], ""]
    for name, value in (
        ("Channel", data.get("channel")),
        ("Score", data.get("score")),
        ("Deadline", data.get("deadline_local")),
        ("Look at it", data.get("link")),
    ):
        if value is not None:
            lines.append(f"{name}: {value}")
    about = f" ({KINDS[kind]})" if kind in KINDS else ""
    lines += [
        "",
        "--",
        f"LeadFlow sends this by subscription {subscription}{about}.",
        f"End it with `leadflow notify unsubscribe {subscription}`.",
    ]
    return f"{subject} (pool {data['pool']})", "\n".join(lines) + "\n"

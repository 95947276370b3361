"""Standard Webhooks: any program of the company, or any service that follows the specification.

What arrives (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md):

    webhook-id: msg_2KWPBgLlAfxdpx2AI54pPJ85f4W
    webhook-timestamp: 1759248000
    webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=
    {"type": "lead.created", "timestamp": "2026-10-01T00:00:00Z", "data": {"name": "Wei Zhang", …}}

The body is the lead itself, or has it as `data`; a list in `data` is several. Secrets are `whsec_…`; while
one is being rotated the old one holds too. A time stamp further than five minutes from ours is refused.
The reference is the lead's own id, else the `webhook-id`, which a retry repeats.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from leadflow.intake.channels.base import (
    Call,
    Inlet,
    Kind,
    NotAuthentic,
    Reply,
    Result,
    Sent,
    at_most,
    broken,
    example_call,
    json_object,
    json_types,
)
from leadflow.intake.channels.proofs import check_time, from_allowed_address, same

PREFIX = "whsec_"
_SIGNATURES_MAX = 16
EXAMPLE = {
    "type": "lead.created",
    "timestamp": "2026-10-01T00:00:00Z",
    "data": {
        "name": "Wei Zhang",
        "phone": "+8613812345678",
        "company": "Acme",
        "industry": "物流",
        "campaign": "autumn",
    },
}


def usable_secret(secret: str) -> bool:
    """Whether the library can sign with it: `whsec_` and base64 of 24 to 64 bytes."""
    try:
        return 24 <= len(base64.b64decode(secret.removeprefix(PREFIX) + "==")) <= 64
    except ValueError:
        return False


def authenticate(inlet: Inlet, call: Call) -> None:
    """By signature and time stamp; each signature of the header with each secret that holds."""
    from_allowed_address(inlet, call)
    number, stamp = call.header("webhook-id"), call.header("webhook-timestamp")
    if not number or len(number) > 256:
        raise NotAuthentic("no webhook-id, or one of more than 256 characters")
    # The library goes by the machine's clock; the time of the call is ours to compare.
    check_time(stamp, call.now)
    given = call.header("webhook-signature").split(" ")[:_SIGNATURES_MAX]
    expected = [sign(secret, number, stamp, call.body) for secret in inlet.secrets]
    if not any(same(one, known) for one in given for known in expected):
        raise NotAuthentic("no webhook-signature, or a wrong one")


def sign(secret: str, number: str, stamp: str, body: bytes) -> str:
    """The signature as the header has it. Raises NotAuthentic for what cannot be signed."""
    try:
        moment = datetime.fromtimestamp(int(stamp), UTC)
        return Webhook(secret).sign(number, moment, body.decode())
    except (ValueError, OverflowError, OSError, EmptyWebhookSecretError):
        raise NotAuthentic from None


def read(inlet: Inlet, call: Call) -> list[Sent]:
    """The lead or the leads of a call."""
    json_types(call)
    found = json_object(call.body)
    if isinstance(found, Sent):
        return [found]
    data = found.get("data")
    number = call.header("webhook-id")
    if isinstance(data, dict):
        return [Sent(data, spare_ref=number)]
    if not isinstance(data, list):
        return [Sent(found, spare_ref=number)]
    several = [
        Sent(one, spare_ref=f"{number}/{place}")
        if isinstance(one, dict)
        else broken(str(one).encode(), "not_an_object", "is JSON, but not an object")
        for place, one in enumerate(data, 1)
    ]
    return at_most(several)


def told(results: Sequence[Result]) -> dict[str, Any]:
    """What a program is told of its arrivals."""
    lines = [
        {"answer": result.answer}
        | ({"lead": result.lead} if result.lead else {})
        | (
            {"problems": [{"field": p.field, "code": p.code, "message": p.message} for p in result.problems]}
            if result.problems
            else {}
        )
        for result in results
    ]
    return {"arrivals": lines}


def answer(inlet: Inlet, results: Sequence[Result]) -> Reply:
    """What became of each arrival. A 2xx also for what could not be read: it is kept, and would not be
    readable the next time either."""
    return Reply(body=told(results))


def example(inlet: Inlet, now: datetime) -> Call:
    """The example above, signed."""
    number, stamp = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", str(int(now.timestamp()))
    call = example_call(EXAMPLE, now)
    signed = sign(inlet.secrets[0], number, stamp, call.body) if inlet.secrets else ""
    headers = {"webhook-id": number, "webhook-timestamp": stamp, "webhook-signature": signed}
    return example_call(call.body, now, headers)


KIND = Kind(
    name="webhook",
    title="Standard Webhooks of any program",
    door="webhook",
    channel="other",
    secret="signature",
    authenticate=authenticate,
    read=read,
    answer=answer,
    example=example,
)

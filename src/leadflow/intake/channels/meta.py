"""Meta lead ads (Facebook, Instagram): the push names leads, their fields are fetched.

What arrives (https://developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving); one call
may bring several entries with several changes each:

    {"object": "page", "entry": [{"id": "153125381133", "time": 1438292065, "changes": [
      {"field": "leadgen", "value": {"leadgen_id": "123123123123", "page_id": "153125381133",
       "form_id": "12312312312", "adgroup_id": "12312312312", "ad_id": "12312312312",
       "created_time": 1440120384}}]}]}

`X-Hub-Signature-256: sha256=…` is HMAC-SHA256 with the app's secret over the raw bytes
(https://developers.facebook.com/docs/graph-api/webhooks/getting-started). Before the first push Meta
asks by GET with `hub.mode=subscribe`, `hub.verify_token` and `hub.challenge`, and wants the challenge back.
The fields come from the Graph API, `GET /{leadgen_id}`, as
`{"id": …, "created_time": …, "field_data": [{"name": "full_name", "values": ["…"]}], "campaign_name": …}`.
Where that fails the ids are kept as a dead letter, and `leadflow inlet reconcile` asks again.
The reference is the `leadgen_id`: Meta's retries, and an old body sent again, are the same arrival.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from leadflow.intake.channels.base import (
    Call,
    Inlet,
    Kind,
    NotAuthentic,
    Options,
    Reply,
    Result,
    Sent,
    at_most,
    broken,
    example_call,
    json_object,
    json_types,
)
from leadflow.intake.channels.hosted import Address
from leadflow.intake.channels.proofs import check_signature, from_allowed_address, same, signature

HEADER = "x-hub-signature-256"
FIELDS = "created_time,ad_id,ad_name,campaign_id,campaign_name,form_id,platform,is_organic,field_data"
"""What is asked of the Graph API for a lead."""
EXAMPLE = {
    "object": "page",
    "entry": [
        {
            "id": "153125381133",
            "time": 1438292065,
            "changes": [
                {
                    "field": "leadgen",
                    "value": {
                        "leadgen_id": "123123123123",
                        "page_id": "153125381133",
                        "form_id": "12312312312",
                        "adgroup_id": "12312312312",
                        "ad_id": "12312312312",
                        "created_time": 1440120384,
                    },
                }
            ],
        }
    ],
}
EXAMPLE_FIELDS = {
    "id": "123123123123",
    "created_time": "2026-10-01T00:00:00+0000",
    "campaign_name": "autumn",
    "field_data": [
        {"name": "full_name", "values": ["Wei Zhang"]},
        {"name": "phone_number", "values": ["+8613812345678"]},
        {"name": "company_name", "values": ["Acme"]},
    ],
}


class MetaOptions(Options):
    """Of a Meta inlet."""

    graph_url: Address = "https://graph.facebook.com/v23.0"
    """Where the Graph API is, with its version."""


def authenticate(inlet: Inlet, call: Call) -> None:
    """By the signature over the raw bytes."""
    from_allowed_address(inlet, call)
    scheme, _, digest = call.header(HEADER).partition("=")
    if scheme != "sha256":
        raise NotAuthentic(f"no `{HEADER}: sha256=…`")
    check_signature(digest, call.body, inlet.secrets)


def challenge(inlet: Inlet, query: Mapping[str, str]) -> str:
    """What Meta wants back when it is told of the inlet. Raises NotAuthentic."""
    token = inlet.credentials.get("verify_token")
    given = query.get("hub.verify_token")
    if query.get("hub.mode") != "subscribe" or not token or given is None or not same(given, token):
        raise NotAuthentic("no verification, or not with this inlet's verify_token")
    return query.get("hub.challenge", "")


def read(inlet: Inlet, call: Call) -> list[Sent]:
    """The leads that the push names; changes of other kinds are none of ours."""
    json_types(call)
    found = json_object(call.body)
    if isinstance(found, Sent):
        return [found]
    entries = found.get("entry")
    if not isinstance(entries, list):
        return [broken(call.body, "no_entry", "has no list `entry`")]
    sent = []
    for entry in entries:
        changes = entry.get("changes") if isinstance(entry, dict) else None
        for change in changes if isinstance(changes, list) else ():
            if isinstance(change, dict) and change.get("field") == "leadgen":
                sent.append(_named(call, change.get("value")))
    return at_most(sent)


def _named(call: Call, value: Any) -> Sent:
    number = value.get("leadgen_id") if isinstance(value, dict) else None
    text = str(number) if isinstance(number, (str, int)) else ""
    if not (text.isascii() and text.isalnum() and len(text) <= 64):
        return broken(call.body, "no_leadgen_id", "names no lead")
    return Sent(value, ref=text, ids_only=True)


def needs_fields(document: Any) -> str | None:
    """The id of the lead whose fields a document of this kind lacks."""
    if isinstance(document, dict) and "leadgen_id" in document and "field_data" not in document:
        return str(document["leadgen_id"])
    return None


def with_fields(document: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """What was pushed of a lead, with what was fetched of it."""
    return {**document, **{name: value for name, value in fields.items() if name != "id"}}


def answer(inlet: Inlet, results: Sequence[Result]) -> Reply:
    """Any 2xx will do."""
    return Reply(body={"success": True})


def example(inlet: Inlet, now: datetime) -> Call:
    """The example above, signed."""
    call = example_call(EXAMPLE, now)
    digest = signature(inlet.secrets[0] if inlet.secrets else "", call.body).hex()
    return example_call(call.body, now, {HEADER: f"sha256={digest}"})


KIND = Kind(
    name="meta",
    title="Meta lead ads (Facebook, Instagram)",
    door="meta_lead_ads",
    channel="meta_ads",
    secret="signature",
    authenticate=authenticate,
    read=read,
    answer=answer,
    example=example,
    columns=lambda inlet: {
        "leadgen_id": "id",
        "created_time": "time",
        "campaign_name": "campaign",
        "full_name": "name",
        "first_name": "given_name",
        "last_name": "family_name",
        "phone_number": "phone",
        "work_phone_number": "phone",
        "email": "email",
        "work_email": "email",
        "company_name": "company",
        "city": "city",
        "state": "region",
        "province": "region",
    },
    options=MetaOptions,
    credentials=("verify_token", "access_token"),
    given_secret=True,
)

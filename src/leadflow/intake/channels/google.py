"""Google Ads lead forms: one lead a call, with the answers by column.

What arrives (https://developers.google.com/google-ads/webhook/docs/implementation):

    {"lead_id": "TeSter-123-ABCDEFGHIJKLMNOPQRSTUVWXYZ", "api_version": "1.0", "form_id": 40000000000,
     "campaign_id": 1234567890, "adgroup_id": 20000000000, "creative_id": 30000000000,
     "gcl_id": "CjwKCAjw…", "google_key": "…", "is_test": true,
     "user_column_data": [{"column_id": "FULL_NAME", "column_name": "Full Name", "string_value": "…"}]}

`google_key` is the key that was entered beside the address of the webhook. It is compared in constant
time and taken out before anything is kept, in dead letters as well. A call with `is_test` is answered
and counted, and never becomes a lead. The campaign is the inlet's own name for it, else `campaign_id`.
The reference is `lead_id`. Google expects a 2xx and tries again otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from leadflow.intake.channels.base import (
    Call,
    Inlet,
    Kind,
    NotAuthentic,
    Reply,
    Result,
    Sent,
    example_call,
    json_object,
    json_types,
    without,
)
from leadflow.intake.channels.proofs import from_allowed_address, one_of

KEY = "google_key"
EXAMPLE = {
    "lead_id": "TeSter-123-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "user_column_data": [
        {"column_name": "Full Name", "string_value": "Wei Zhang", "column_id": "FULL_NAME"},
        {"column_name": "User Email", "string_value": "wei@example.com", "column_id": "EMAIL"},
        {"column_name": "User Phone", "string_value": "+8613812345678", "column_id": "PHONE_NUMBER"},
        {"column_name": "Company Name", "string_value": "Acme", "column_id": "COMPANY_NAME"},
        {"column_name": "City", "string_value": "Shenzhen", "column_id": "CITY"},
    ],
    "api_version": "1.0",
    "form_id": 40000000000,
    "campaign_id": 1234567890,
    "adgroup_id": 20000000000,
    "creative_id": 30000000000,
    "gcl_id": "CjwKCAjwExample",
    "is_test": False,
}


def authenticate(inlet: Inlet, call: Call) -> None:
    """By the key in the body. A body that is no object has none."""
    from_allowed_address(inlet, call)
    found = json_object(call.body)
    key = None if isinstance(found, Sent) else found.get(KEY)
    if not isinstance(key, str) or not one_of(key, inlet.secrets):
        raise NotAuthentic("no google_key, or a wrong one")


def read(inlet: Inlet, call: Call) -> list[Sent]:
    """The one lead, without the key."""
    json_types(call)
    found = json_object(call.body)
    if isinstance(found, Sent):
        return [found]
    test = found.get("is_test")
    return [Sent(without(found, KEY, "is_test"), test=test is True or str(test).lower() in ("true", "1"))]


def answer(inlet: Inlet, results: Sequence[Result]) -> Reply:
    """An empty object, which is all that Google asks for."""
    return Reply(body={})


def example(inlet: Inlet, now: datetime) -> Call:
    """The example above."""
    return example_call({**EXAMPLE, KEY: inlet.secrets[0] if inlet.secrets else ""}, now)


def _columns(inlet: Inlet) -> Mapping[str, str]:
    known = {
        "lead_id": "id",
        "gcl_id": "click_id:gclid",
        "lead_submit_time": "time",
        "FULL_NAME": "name",
        "FIRST_NAME": "given_name",
        "LAST_NAME": "family_name",
        "PHONE_NUMBER": "phone",
        "WORK_PHONE": "phone",
        "EMAIL": "email",
        "WORK_EMAIL": "email",
        "COMPANY_NAME": "company",
        "CITY": "city",
        "REGION": "region",
    }
    return known if inlet.campaign else known | {"campaign_id": "campaign"}


KIND = Kind(
    name="google",
    title="Google Ads lead forms",
    door="google_lead_form",
    channel="google_ads",
    secret="key",
    authenticate=authenticate,
    read=read,
    answer=answer,
    example=example,
    columns=_columns,
)

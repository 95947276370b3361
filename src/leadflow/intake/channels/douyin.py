"""Douyin ads (巨量引擎 / 飞鱼): leads that Feiyu CRM pushes.

Which keys a push has is set by the customer in the console (飞鱼 → 线索推送 → 字段映射); by default they
are the names that Feiyu's own lead list uses, as open receivers read it:

    {"clue_id": "fy7000000", "adv_id": "1700000001", "promotion_name": "秋季推广",
     "create_time": "2026-10-01 00:00:00", "name": "张伟", "telphone": "13812345678",
     "city_name": "深圳", "remark_dict": {"公司": "甲公司", "行业": "物流"}}

Other keys are named in the inlet's mapping. The signature is HMAC-SHA256 (hex or base64) over the time
stamp, a dot and the raw body; names of its headers and what is signed are options, because the console
lets them be chosen. A time stamp further than five minutes from ours is refused. `signature=off` turns
the check off; the inlet's address then holds the secret. The reference is `clue_id`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import StringConstraints

from leadflow.intake.channels.base import (
    Call,
    Inlet,
    Kind,
    Options,
    Reply,
    Result,
    Sent,
    example_call,
    json_object,
    json_types,
)
from leadflow.intake.channels.proofs import (
    check_signature,
    check_time,
    from_allowed_address,
    secret_path,
    signature,
)

HeaderName = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[A-Za-z0-9-]{1,64}$")]
EXAMPLE = {
    "clue_id": "fy7000000",
    "adv_id": "1700000001",
    "promotion_name": "秋季推广",
    "create_time": "2026-10-01 00:00:00",
    "name": "张伟",
    "telphone": "13812345678",
    "email": "zhang@example.cn",
    "city_name": "深圳",
    "remark_dict": {"公司": "甲公司", "行业": "物流"},
}


class DouyinOptions(Options):
    """Of a Douyin inlet."""

    signature: Literal["hmac-sha256", "off"] = "hmac-sha256"
    signature_header: HeaderName = "signature"
    timestamp_header: HeaderName = "timestamp"
    signed: Literal["timestamp.body", "timestamp+body", "body+timestamp"] = "timestamp.body"
    """What is signed; the time stamp is always part of it."""


def authenticate(inlet: Inlet, call: Call) -> None:
    """By signature and time stamp, or by the secret path where the signature is off."""
    options = inlet.options
    if options.signature == "off":
        secret_path(inlet, call)
        return
    from_allowed_address(inlet, call)
    stamp = call.header(options.timestamp_header)
    check_signature(call.header(options.signature_header), _signed(options, stamp, call.body), inlet.secrets)
    check_time(stamp, call.now)


def _signed(options: DouyinOptions, stamp: str, body: bytes) -> bytes:
    moment = stamp.encode("utf-8", "replace")
    if options.signed == "body+timestamp":
        return body + moment
    return moment + (b"." if options.signed == "timestamp.body" else b"") + body


def read(inlet: Inlet, call: Call) -> list[Sent]:
    """The one lead of a push."""
    json_types(call)
    found = json_object(call.body)
    return [found if isinstance(found, Sent) else Sent(found)]


def answer(inlet: Inlet, results: Sequence[Result]) -> Reply:
    """Success, in the words that Feiyu's consoles show."""
    return Reply(body={"code": 0, "message": "success"})


def example(inlet: Inlet, now: datetime) -> Call:
    """The example above, signed."""
    call = example_call(EXAMPLE, now)
    options, secret = inlet.options, inlet.secrets[0] if inlet.secrets else ""
    if options.signature == "off":
        return example_call(call.body, now, path_secret=secret)
    stamp = str(int(now.timestamp()))
    signed = signature(secret, _signed(options, stamp, call.body)).hex()
    return example_call(call.body, now, {options.signature_header: signed, options.timestamp_header: stamp})


KIND = Kind(
    name="douyin",
    title="Douyin ads (巨量引擎 / 飞鱼), pushed leads",
    door="douyin_push",
    channel="douyin_ads",
    secret="signature",
    authenticate=authenticate,
    read=read,
    answer=answer,
    example=example,
    columns=lambda inlet: {
        "clue_id": "id",
        "create_time": "time",
        "telphone": "phone",
        "promotion_name": "campaign",
        "ad_plan_name": "campaign",
        "weixin": "wechat",
        "province_name": "region",
        "city_name": "city",
        "remark": "note",
        "external_url": "landing_page",
    },
    options=DouyinOptions,
)

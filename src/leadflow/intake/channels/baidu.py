"""Baidu ads: leads of 基木鱼 pages and 营销通 components, pushed one by one.

What arrives, as open receivers of it read it (营销通 → 线索 API 推送; members may be missing):

    {"ucid": 31415926, "clueId": "bd7000000", "commitTime": "2026-10-01T00:00:00+08:00",
     "solutionTypeName": "营销页", "flowChannelName": "搜索推广", "cluePhoneNumber": "13812345678",
     "formDetail": [{"name": "姓名", "type": "name", "value": "张伟"}], "url": "https://…?bd_vid=…"}

No signature is documented: the inlet's address holds a secret, and a list of addresses can narrow it
further. What was not pushed is fetched: `LeadsNoticeService/getNoticeList` of the marketing API
(https://github.com/baidu/baiduads-sdk, documents of LeadsNoticeService), at most 30 days at once.
The reference is `clueId` both ways. Baidu expects `{"code": 0, "message": "success"}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from pydantic import Field

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
from leadflow.intake.channels.hosted import Address
from leadflow.intake.channels.proofs import secret_path

WINDOW_DAYS_MAX = 30
"""Days that one question to getNoticeList may span."""
EXAMPLE = {
    "ucid": 31415926,
    "clueId": "bd7000000",
    "commitTime": "2026-10-01T00:00:00+08:00",
    "cluePhoneNumber": "13812345678",
    "solutionTypeName": "营销页",
    "flowChannelName": "搜索推广",
    "url": "https://example.cn/lp?bd_vid=123",
    "formDetail": [
        {"name": "姓名", "type": "name", "value": "张伟"},
        {"name": "公司", "type": "text", "value": "甲公司"},
        {"name": "行业", "type": "select", "value": "物流"},
    ],
}


class BaiduOptions(Options):
    """Of a Baidu inlet."""

    api_url: Address = "https://api.baidu.com/json/sms/service"
    """Where the marketing API is; another one only to try it."""
    solution_types: tuple[str, ...] = ("form", "phone", "consult", "wechat", "callback", "follow")
    """Components whose leads are fetched: 表单, 电话, 咨询, 微信, 回呼, 关注."""
    pull_minutes: Annotated[int, Field(ge=0, le=1440)] = 15
    """How often a running service fetches what was not pushed, once there are credentials; 0 for never."""


def read(inlet: Inlet, call: Call) -> list[Sent]:
    """The one lead of a push."""
    json_types(call)
    found = json_object(call.body)
    return [found if isinstance(found, Sent) else Sent(found)]


def answer(inlet: Inlet, results: Sequence[Result]) -> Reply:
    """Success: whatever it held, it is kept, and need not come again."""
    return Reply(body={"code": 0, "message": "success"})


def example(inlet: Inlet, now: datetime) -> Call:
    """The example above."""
    return example_call(EXAMPLE, now, path_secret=inlet.secrets[0] if inlet.secrets else None)


def windows(first: date, last: date) -> Iterator[tuple[date, date]]:
    """A period in parts that getNoticeList takes, oldest first, both ends included."""
    while first <= last:
        end = min(last, first + timedelta(days=WINDOW_DAYS_MAX - 1))
        yield first, end
        first = end + timedelta(days=1)


def from_notice(notice: dict[str, Any]) -> dict[str, Any]:
    """A line of getNoticeList as the push would have brought it."""
    document = {name: value for name, value in notice.items() if value not in (None, "", [])}
    if "formDetail" not in document and "userName" in document:
        document["formDetail"] = [{"name": "姓名", "value": document.pop("userName")}]
    return document


KIND = Kind(
    name="baidu",
    title="Baidu ads (基木鱼 / 营销通), pushed leads",
    door="baidu_push",
    channel="baidu_ads",
    secret="path",
    authenticate=secret_path,
    read=read,
    answer=answer,
    example=example,
    columns=lambda inlet: {
        "clueId": "id",
        "commitTime": "time",
        "cluePhoneNumber": "phone",
        "userName": "name",
        "flowChannelName": "campaign",
        "url": "landing_page",
    },
    options=BaiduOptions,
    credentials=("user_name", "access_token"),
)

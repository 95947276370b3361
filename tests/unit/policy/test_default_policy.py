"""The policy that is shipped."""

from __future__ import annotations

import re

from leadflow.domain.policy import Duration
from leadflow.policies import default_text, load, read


def test_the_default_policy_has_no_problem() -> None:
    policy, found = read(default_text())
    assert found == ()
    assert policy is not None
    assert policy.timezone == "Asia/Shanghai"
    assert policy.follow_up.first_contact_within == Duration(3, "d")
    expected = {
        "web_form", "baidu_ads", "douyin_ads", "google_ads", "meta_ads", "seo", "email", "social", "referral",
        "trade_show", "spreadsheet", "purchased_list", "survey", "campaign", "other",
    }  # fmt: skip
    assert expected <= set(policy.channels)


def test_the_settings_that_the_default_policy_comments_out_work() -> None:
    text = default_text()
    for line in ("weights", "per_group_per_day", "per_pool_per_day", "min_gap", "open_after"):
        text = re.sub(rf"^# ({line} = )", r"\1", text, flags=re.MULTILINE)
    lines = ("[[rules]]", 'name = "key-accounts"', "when = { company_size", 'target = { queue = "managers"')
    for line in lines:
        assert f"# {line}" in text
        text = text.replace(f"# {line}", line)
    policy = load(text)
    assert [rule.name for rule in policy.rules] == ["best-leads", "key-accounts", "everything-else"]
    assert policy.groups["sales"].weights == {"wang": 2, "li": 1}
    assert policy.claiming.open_after == Duration(10, "m")

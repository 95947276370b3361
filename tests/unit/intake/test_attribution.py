"""The door is not always the channel: UTM values, click ids and the referrer tell, by a table of data."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadflow.errors import UsageError
from leadflow.intake.attribution import Credit, default_attribution, host_of, load_attribution


def credit(
    source: str = "",
    medium: str = "",
    referrer: str | None = None,
    click_id: str | None = None,
    page: str | None = "https://www.example.cn/lp",
) -> Credit:
    utm = {key: value for key, value in (("utm_source", source), ("utm_medium", medium)) if value}
    return default_attribution().credit(utm, {click_id: "x"} if click_id else {}, referrer, page)


@pytest.mark.parametrize(
    ("source", "medium", "channel", "told"),
    [
        ("baidu", "cpc", "baidu_ads", "cpc"),
        ("Baidu", "CPC", "baidu_ads", "cpc"),
        ("google", "cpc", "google_ads", "cpc"),
        ("douyin", "feed", "douyin_ads", "cpc"),
        ("facebook", "paid_social", "meta_ads", "cpc"),
        ("newsletter", "email", "email", "newsletter"),
        ("newsletter", "", "email", "newsletter"),
        ("wechat", "", "social", "social"),
        ("anything", "social", "social", "social"),
        ("partner-x", "referral", "referral", "referral"),
        ("unheard-of", "cpc", "other", "cpc"),
        ("unheard-of", "", "web_form", "unknown"),
    ],
)
def test_utm_values(source: str, medium: str, channel: str, told: str) -> None:
    assert credit(source, medium) == (channel, told, None)


def test_organic_search_by_utm() -> None:
    assert credit("google", "organic") == ("seo", "search", "google")


@pytest.mark.parametrize(
    ("click_id", "channel"),
    [
        ("bd_vid", "baidu_ads"),
        ("gclid", "google_ads"),
        ("fbclid", "meta_ads"),
        ("clickid", "douyin_ads"),
        ("msclkid", "other"),
        ("qhclickid", "other"),
    ],
)
def test_click_ids(click_id: str, channel: str) -> None:
    assert credit(click_id=click_id) == (channel, "click_id", None)
    assert credit(click_id=click_id, referrer="https://www.baidu.com/") == (channel, "click_id", None)


@pytest.mark.parametrize(
    ("referrer", "expected"),
    [
        ("https://www.baidu.com/s?wd=lead", ("seo", "search", "baidu")),
        ("http://m.baidu.com/", ("seo", "search", "baidu")),
        ("www.baidu.com/s?wd=x", ("seo", "search", "baidu")),
        ("https://www.google.com/", ("seo", "search", "google")),
        ("https://www.google.com.hk/", ("seo", "search", "google")),
        ("https://www.google.co.uk/", ("seo", "search", "google")),
        ("https://cn.bing.com/search?q=x", ("seo", "search", "bing")),
        ("https://www.sogou.com/web", ("seo", "search", "sogou")),
        ("https://www.so.com/s", ("seo", "search", "so")),
        ("https://tieba.baidu.com/p/1", ("social", "social", None)),
        ("https://zhidao.baidu.com/q", ("referral", "referral", None)),
        ("https://mp.weixin.qq.com/s/x", ("social", "social", None)),
        ("https://www.zhihu.com/", ("social", "social", None)),
        ("https://t.co/x", ("social", "social", None)),
        ("https://mail.qq.com/", ("email", "newsletter", None)),
        ("https://mail.google.com/", ("email", "newsletter", None)),
        ("https://partner.example.org/x", ("referral", "referral", None)),
        ("https://google.evil.example/", ("referral", "referral", None)),
        ("https://notbaidu.com/", ("referral", "referral", None)),
        ("https://example.cn/other", ("web_form", "unknown", None)),
        ("https://blog.example.cn/", ("web_form", "unknown", None)),
        ("direct", ("web_form", "unknown", None)),
        ("http://[broken", ("web_form", "unknown", None)),
        (None, ("web_form", "unknown", None)),
    ],
)
def test_referrers(referrer: str | None, expected: tuple[str, str, str | None]) -> None:
    assert credit(referrer=referrer) == expected


def test_utm_values_go_before_the_referrer() -> None:
    assert credit("newsletter", "email", referrer="https://www.baidu.com/") == ("email", "newsletter", None)


def test_links_and_hosts() -> None:
    link = default_attribution().link("https://x.cn/p?UTM_Source=a&gclid=1&gclid=2&other=3#utm_medium=no")
    assert link == ({"utm_source": "a"}, {"gclid": "1"})
    assert default_attribution().link("/p?utm_source=%E7%99%BE") == ({"utm_source": "百"}, {})
    assert default_attribution().link("https://x.cn/p?" + "a=1&" * 900) == ({}, {})
    assert host_of("/blog/post") is None
    assert host_of("HTTPS://WWW.Example.CN:8443/x") == "example.cn"


def test_a_file_of_ones_own_comes_before_the_table(tmp_path: Path) -> None:
    path = tmp_path / "attribution.toml"
    path.write_text(
        '[[rule]]\nsource = ["expo"]\nchannel = "trade_show"\nclass = "badge"\n'
        '[click_ids]\nnames = ["myclick"]\n[sites.search]\n"zhihu.com" = "zhihu"\n',
        "utf-8",
    )
    own = load_attribution(path)
    assert own.credit({"utm_source": "expo"}, {}, None, None) == ("trade_show", "badge", None)
    assert own.credit({}, {}, "https://www.zhihu.com/", None) == ("seo", "search", "zhihu")
    assert own.credit({"utm_source": "baidu", "utm_medium": "cpc"}, {}, None, None).channel == "baidu_ads"
    assert own.link("/x?myclick=1").click_ids == {"myclick": "1"}
    path.write_text("replace = true\n", "utf-8")
    assert load_attribution(path).credit({"utm_medium": "email"}, {}, None, None).channel == "web_form"


@pytest.mark.parametrize(
    "text", ["[[rule]\n", '[[rule]]\nsource = ["x"]\n', "[[rule]]\nchannel = 3\n", "colour = 1\n"]
)
def test_a_bad_table_is_an_error_that_names_the_path(tmp_path: Path, text: str) -> None:
    path = tmp_path / "attribution.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError) as caught:
        load_attribution(path)
    assert caught.value.where == str(path)
    with pytest.raises(UsageError):
        load_attribution(tmp_path / "none.toml")


def test_the_shipped_table_holds_together() -> None:
    table = default_attribution().table
    used = {name for rule in table.rule for name in rule.click_id or ()}
    assert used == set(table.click_ids.names), "a click id that no rule knows, or that no form is read for"
    hosts = [host for kind in table.sites.values() for host in kind]
    assert len(hosts) == len(set(hosts))
    assert all(host == host.lower() and "/" not in host for host in hosts)


@pytest.mark.parametrize(
    ("referrer", "engine"),
    [
        ("https://www.baidu.com/s?wd=crm", "baidu"),
        ("https://m.baidu.com/", "baidu"),
        ("https://www.so.com/", "so"),
        ("https://www.sogou.com/web?query=x", "sogou"),
        ("https://m.sm.cn/s?q=x", "shenma"),
        ("https://so.toutiao.com/search", "toutiao"),
        ("https://cn.bing.com/search", "bing"),
        ("https://www.google.co.jp/", "google"),
        ("https://search.naver.com/", "naver"),
        ("https://search.brave.com/", "brave"),
        ("https://metaso.cn/", "metaso"),
        ("https://chatgpt.com/", "chatgpt"),
    ],
)
def test_search_engines(referrer: str, engine: str) -> None:
    assert credit(referrer=referrer) == ("seo", "search", engine)


@pytest.mark.parametrize(
    ("referrer", "told"),
    [
        ("https://zhidao.baidu.com/q", ("referral", "referral")),
        ("https://mail.qq.com/", ("email", "newsletter")),
        ("https://mp.weixin.qq.com/s/x", ("social", "social")),
        ("https://www.xiaohongshu.com/", ("social", "social")),
        ("https://baike.sogou.com/", ("referral", "referral")),
        ("https://google.evil.example/", ("referral", "referral")),
    ],
)
def test_sites_that_are_no_search(referrer: str, told: tuple[str, str]) -> None:
    assert credit(referrer=referrer)[:2] == told

"""Which search engine and landing page brought a lead is kept, reported, and a condition of rules."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from leadflow.bootstrap.reporting import Period
from leadflow.cli import leadflow
from leadflow.cli.common import run
from leadflow.domain.requests import PublishPolicy
from leadflow.policies import load
from projections.origins import page_of
from tests.gates import POOL, Gate, door, gate, office_template

__all__ = ["door", "gate", "office_template"]

POLICY = """
schema = 1
name = "seo"
[channels]
web_form = {}
seo = {}
[[rules]]
name = "baidu-demo"
when = { search_engine = ["baidu"], landing_page = ["/demo"], referrer_class = ["search"] }
target = { queue = "managers" }
[[rules]]
name = "rest"
target = { hold = true }
"""


def test_search_engines_and_landing_pages(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    calendar = gate.app.policy(POOL)[2]
    gate.door.office.ask("manager/local", PublishPolicy(policy=load(POLICY), calendar=calendar), POOL)
    gate.add("website")
    demo, home = "https://www.example.cn/demo?phone=13800000000", "https://www.example.cn/"
    for number, (referrer, page) in enumerate(
        [
            ("https://www.baidu.com/s?wd=crm", demo),
            ("https://m.baidu.com/", demo),
            ("https://www.so.com/s?q=crm", demo),
            ("https://www.zhihu.com/", home),
        ]
    ):
        gate.post({"phone": f"1381234567{number}", "referrer": referrer, "landing_page": page})
    gate.post({"phone": "13812345670", "referrer": "https://www.bing.com/", "landing_page": home})
    gate.app.settle()
    assert [event.rule for event in gate.arrived()[:4]] == ["baidu-demo", "baidu-demo", "rest", "rest"]
    found = gate.app.reports.origins("manager/local", POOL, Period())
    assert [(row.referrer_class, row.search_engine, row.landing_page, row.leads) for row in found] == [
        ("search", "baidu", "www.example.cn/demo", 2),
        ("search", "so", "www.example.cn/demo", 1),
        ("social", None, "www.example.cn", 1),
    ]
    assert gate.app.reports.origins("manager/local", POOL, Period(as_of=datetime.now(UTC))) == found
    assert gate.app.settings.database_url is not None
    monkeypatch.setenv("LEADFLOW_DATABASE_URL", gate.app.settings.database_url)
    monkeypatch.setenv("LEADFLOW_HOME", str(gate.app.home))
    capfd.readouterr()
    assert run(leadflow, ["report", "origins", "--pool", POOL, "--csv"]) == 0
    # Lines of the server's log may stand between.
    lines = [line for line in capfd.readouterr().out.splitlines() if " [info" not in line]
    assert lines[:2] == [
        "referrer_class,search_engine,landing_page,leads,owned,claimed,contacted,converted",
        "search,baidu,www.example.cn/demo,2,0,0,0,0",
    ]
    assert run(leadflow, ["report", "origins", "--pool", POOL]) == 0
    assert "13800000000" not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("address", "page"),
    [
        (None, None),
        ("https://a.cn/lp/?x=1#y", "a.cn/lp"),
        ("a.cn/lp", "a.cn/lp"),
        ("/lp", "/lp"),
        ("https://user:secret@a.cn/13812345678/x@example.cn/demo", "a.cn/…/…/demo"),
        ("https://[", None),
    ],
)
def test_a_page_names_nobody(address: str | None, page: str | None) -> None:
    assert page_of(address) == page

"""A week of a small team on the requests' clock: what tests of traces and reports look back at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from leadflow.bootstrap.app import App
from leadflow.bootstrap.asking import request_of
from leadflow.bootstrap.opening import open_app
from leadflow.calendars import build_calendar
from leadflow.cli import leadflow
from leadflow.cli.common import run
from leadflow.domain import requests as r
from leadflow.domain.values import COMPANY_STREAM, Company, Money, Person, Touch
from leadflow.policies import load
from leadflow.settings import Settings

POLICY = """
schema = 1
name = "small"
[channels]
baidu_ads = {}
trade_show = {}
survey = { unit_cost = 30.00 }
social = {}
[scoring]
base = 20
[[scoring.rules]]
name = "asked"
points = 50
when = { channel = ["baidu_ads"] }
[groups.senior]
reps = ["wang", "li"]
weights = { wang = 2 }
[[rules]]
name = "hot"
when = { score = { min = 60 } }
target = { rotation = "senior" }
[[rules]]
name = "rest"
target = { hold = true }
[follow_up]
first_contact_within = "1d"
keep_for = "5d"
"""
MANAGER = "manager/ma"
START = datetime(2026, 10, 12, 1, 0, tzinfo=UTC)
"""Nine o'clock in the pool's own time."""


class Week:
    """Requests at their own times; leads by a short name."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.sent = 0
        self.leads: dict[str, str] = {}

    def ask(self, at: str, actor: str, body: r.Body, pool: str = "east") -> Any:
        """Send a request at a local time `DD HH:MM:SS` of October."""
        moment = datetime.strptime(f"2026-10-{at}+0800", "%Y-%m-%d %H:%M:%S%z")
        self.sent += 1
        return self.app.one(request_of(pool, actor, f"r{self.sent}", body, moment))

    def arrives(self, at: str, name: str, channel: str, campaign: str | None = None) -> None:
        """Somebody new arrives."""
        touch = Touch(channel=channel, ref=name, door="file", campaign=campaign)
        person = Person(name="赵敏", phones=(f"+86138000000{len(self.leads):02}",))
        body = r.SubmitIntake(touch=touch, person=person, company=Company(name="蓝海物流", region="上海"))
        self.leads[name] = self.ask(at, "adapter/file", body).events[0].subject

    def spends(self, at: str, channel: str, campaign: str | None, amount: str, currency: str = "CNY") -> None:
        """Marketing books three days of spend."""
        first = START.date()
        body = r.RecordSpend(
            channel=channel,
            campaign=campaign,
            first_day=first,
            last_day=first + timedelta(days=2),
            spend=Money(amount=Decimal(amount), currency=currency),
        )
        self.ask(at, MANAGER, body, COMPANY_STREAM)


def play_week(database: str, home: Path) -> dict[str, str]:
    """Play the week into an empty database; gives the leads' ids by name.

    A was claimed by li before wang, recycled, claimed by wang, converted. B went to wang by rotation while
    li was paused. C came by a survey whose campaign begins like a formula.
    """
    policy = load(POLICY)
    calendar = build_calendar(policy, START.date())
    with open_app(Settings(home=home, database_url=database), virtual=True) as app:
        week = Week(app)
        week.ask("12 09:00:00", MANAGER, r.OpenPool(clock="requests", policy=policy, calendar=calendar))
        for member in ("wang", "li"):
            week.ask("12 09:00:00", MANAGER, r.AddMember(member=member))
        week.arrives("12 10:00:00", "A", "trade_show", "expo")
        a = week.leads["A"]
        week.ask("12 10:05:00", "rep/li", r.ClaimLead(lead=a))
        week.ask("12 10:05:02", "rep/wang", r.ClaimLead(lead=a))
        week.ask("12 11:00:00", MANAGER, r.PauseMember(member="li"))
        week.arrives("12 12:00:00", "B", "baidu_ads", "search")
        week.ask("13 11:00:00", "rep/wang", r.ClaimLead(lead=a))
        week.ask("13 11:30:00", "rep/wang", r.LogContact(lead=a, outcome="reached", note="谈了报价"))
        week.arrives("14 09:00:00", "C", "survey", "=SUM(A1:A9)")
        week.ask("14 12:00:00", "rep/wang", r.ConvertLead(lead=a))
        deal = r.RecordDeal(lead=a, value=Money(amount=Decimal("5000.50"), currency="CNY"))
        week.ask("15 12:00:00", "rep/wang", deal)
        week.spends("15 13:00:00", "baidu_ads", "search", "300.00")
        week.spends("15 13:00:00", "social", "posters", "200.00")
        week.spends("15 13:00:00", "trade_show", "expo", "100.00", "USD")
        week.ask("16 09:00:00", MANAGER, r.AdvanceClock())
    return week.leads


class Shell:
    """The command line in this process, on one database."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """What the command prints to stdout; both streams where it is to fail."""
        self._capsys.readouterr()
        found = run(leadflow, list(arguments))
        out, err = self._capsys.readouterr()
        assert found == code, f"exit code {found}: {out}{err}"
        return out if code == 0 else out + err


@pytest.fixture
def leads(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The week in the database that commands work on; the leads' ids by name."""
    monkeypatch.setenv("LEADFLOW_DATABASE_URL", database)
    monkeypatch.setenv("LEADFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LEADFLOW_POOL", raising=False)
    return play_week(database, tmp_path / "home")


@pytest.fixture
def shell(leads: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Shell:
    """The command line on that database."""
    return Shell(capsys)

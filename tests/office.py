"""Two small sales teams on the real clock: what tests of views and of commands on leads work with."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from leadflow import postgres
from leadflow.bootstrap.app import App
from leadflow.bootstrap.asking import request_of
from leadflow.bootstrap.opening import open_app
from leadflow.calendars import build_calendar
from leadflow.cli import leadflow
from leadflow.cli.common import run
from leadflow.domain import requests as r
from leadflow.domain.values import Company, Person, Touch
from leadflow.policies import load
from leadflow.settings import Settings

POLICY = """
schema = 1
name = "office"
[channels]
web_form = {}
seo = {}
email = {}
baidu_ads = {}
trade_show = { unit_cost = 50.00 }
referral = {}
[scoring]
base = 20
completeness = 20
[[scoring.rules]]
name = "large"
points = 50
when = { company_size = { min = 500 } }
[score_classes]
A = 70
B = 0
[groups.sales]
reps = ["wang", "li"]
[[rules]]
name = "chiefs"
when = { channel = ["referral"] }
target = { queue = "managers" }
[[rules]]
name = "ads"
when = { channel = ["baidu_ads"] }
target = { rotation = "sales" }
[[rules]]
name = "rest"
target = { hold = true }
[claiming]
held_at_once = 4
reveals_per_day = 1
[follow_up]
first_contact_within = "3d"
keep_for = "7d"
hold_at_most = "30d"
protected_per_rep = 1
protect_at_most = "30d"
[recycling]
assign_after = "10d"
fallback = "sales"
"""
MANAGER = "manager/ma"
TEAM = {"wang": "rep", "li": "rep", "ma": "manager", "mei": "marketing", "su": "support"}
PHONE, EMAIL, WECHAT = "+8613800138001", "zhao.min@example.com", "zhaomin_88"
NAME = "赵敏"


class Office:
    """Requests of the team, by anybody."""

    def __init__(self, app: App) -> None:
        self.app = app

    def ask(self, actor: str, body: r.Body, pool: str = "east") -> Any:
        """The outcome of a request that no rule refuses."""
        outcome = self.app.one(request_of(pool, actor, uuid.uuid4().hex, body))
        assert outcome.refusal is None, outcome.refusal
        return outcome

    def open(self, pool: str, team: dict[str, str]) -> None:
        """A pool with its people."""
        policy = load(POLICY)
        body = r.OpenPool(policy=policy, calendar=build_calendar(policy, datetime.now(UTC).date()))
        self.ask("manager/local", body, pool)
        for member, role in team.items():
            self.ask("manager/local", r.AddMember.model_validate({"member": member, "role": role}), pool)

    def arrives(
        self, ref: str, channel: str = "trade_show", pool: str = "east", phone: str = PHONE, **company: Any
    ) -> str:
        """Somebody new; the lead's id."""
        body = r.SubmitIntake(
            touch=Touch(
                channel=channel, ref=ref, door="file", landing_page=f"https://example.com/?p={phone}"
            ),
            person=Person(
                name=NAME,
                phones=(phone,),
                emails=(f"{ref}.{EMAIL}",),
                wechats=(f"{ref}{WECHAT}",),
                note="想看演示",
            ),
            company=Company(**({"name": "蓝海物流", "region": "上海"} | company)),
        )
        return str(self.ask("adapter/file", body, pool).events[0].subject)


def prepared(pg_url: str, home: Path) -> str:
    """The name of a database with two teams in it, read models filled."""
    name = f"office_{uuid.uuid4().hex[:12]}"
    url = postgres.create_database(pg_url, name)
    with open_app(Settings(home=home, database_url=url)) as app:
        office = Office(app)
        office.open("east", TEAM)
        office.open("west", {"zhao": "rep", "mo": "manager"})
        app.settle()
    return name


class Desk:
    """The command line in this process, on one database."""

    def __init__(self, capfd: pytest.CaptureFixture[str], app: Office) -> None:
        self._capture = capfd
        self.office = app

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """What the command prints to stdout; both streams where it is to fail."""
        found, out, err = self.any(*arguments)
        assert found == code, f"exit code {found}: {out}{err}"
        return out if code == 0 else out + err

    def any(self, *arguments: str) -> tuple[int, str, str]:
        """The command's exit code, whatever it is, and both streams."""
        self._capture.readouterr()
        try:
            found = run(leadflow, list(arguments))
        except SystemExit as ended:
            found = int(ended.code or 0)
        return found, *self._capture.readouterr()

    def json(self, *arguments: str, code: int = 0) -> Any:
        """The document that the command prints with `--json`."""
        text = self(*arguments, "--json", code=code)
        return json.JSONDecoder().raw_decode(text)[0]


@pytest.fixture(scope="session")
def office_template(pg_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database to make copies of."""
    name = prepared(pg_url, tmp_path_factory.mktemp("office"))
    yield name
    postgres.drop_database(pg_url, name)


@pytest.fixture
def desk(
    pg_url: str,
    office_template: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Desk]:
    """The command line on a database of this test's own, with both teams."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = postgres.create_database(pg_url, name, template=office_template)
    monkeypatch.setenv("LEADFLOW_DATABASE_URL", url)
    monkeypatch.setenv("LEADFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LEADFLOW_POOL", "east")
    monkeypatch.setenv("COLUMNS", "200")
    with open_app(Settings(home=tmp_path / "home", database_url=url)) as app:
        yield Desk(capfd, Office(app))
    postgres.drop_database(pg_url, name)

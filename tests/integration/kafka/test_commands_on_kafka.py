"""Commands on a log in Kafka: the same as on one machine, and what is said when something is away."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadflow import postgres
from leadflow.cli import leadflow
from leadflow.cli.common import WAIT_S, Session, run
from leadflow.domain.requests import AdvanceClock
from leadflow.log.envelope import encode_request
from leadflow.log.kafka import Cluster
from leadflow.log.kafka.topics import TopicNames
from leadflow.settings import Settings
from tests.deciders import Office
from tests.deployment import Deployment, deployed
from tests.kafka_broker import create_topics, new_prefix
from tests.office import POLICY
from tests.processes import until
from tests.team import arrival, request

SOON = "5"
"""How long a command waits in vain, in seconds."""
PATIENCE_S = 180.0
LEADS = Path(__file__).resolve().parents[3] / "docs" / "tutorial" / "leads.csv"


@pytest.fixture(scope="module")
def settings(kafka: Cluster) -> Settings:
    """Topics of this module's own."""
    made = Settings(kafka_prefix=new_prefix(), kafka_partitions=2)
    create_topics(kafka, made)
    return made


@pytest.fixture(scope="module")
def deployment(kafka: Cluster, settings: Settings, pg_url: str) -> Iterator[Deployment]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = postgres.create_database(pg_url, name)
    with deployed(kafka.servers, settings.kafka_prefix, url) as running:
        yield running
    postgres.drop_database(pg_url, name)


class Patient:
    """How long a command waits: as long as it is told to, else longer than it would by itself."""

    def __get__(self, session: Session, _: object = None) -> float:
        asked = float(session.__dict__["wait_s"])
        return asked if asked < WAIT_S else PATIENCE_S

    def __set__(self, session: Session, wait_s: float) -> None:
        session.__dict__["wait_s"] = wait_s


class Shell:
    """The command line in this process; every test works in a pool of its own."""

    def __init__(self, capfd: pytest.CaptureFixture[str], pool: str) -> None:
        self._capture = capfd
        self.pool = pool
        self.said = ""
        """What the last command told on stderr."""

    def __call__(self, *arguments: str, code: int = 0) -> str:
        found, out = self.ends(*arguments)
        assert found == code, f"exit code {found}: {out}{self.said}"
        return out

    def ends(self, *arguments: str) -> tuple[int, str]:
        """What a command ends with, and what it prints."""
        self._capture.readouterr()
        try:
            found = run(leadflow, list(arguments))
        except SystemExit as ended:
            found = int(ended.code or 0)
        out, self.said = self._capture.readouterr()
        return found, out

    def json(self, *arguments: str) -> object:
        return json.loads(self(*arguments, "--json"))


@pytest.fixture
def shell(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Shell:
    """A pool with two reps."""
    pool = f"pool-{uuid.uuid4().hex[:8]}"
    for name, value in deployment.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LEADFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("LEADFLOW_POOL", pool)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(Session, "wait_s", Patient(), raising=False)
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY, "utf-8")
    opened = Shell(capfd, pool)
    opened("pool", "open", pool, "--policy", str(policy))
    for member in ("wang", "li"):
        opened("member", "add", member)
    return opened


def test_a_session_is_the_same_as_on_one_machine(shell: Shell, tmp_path: Path) -> None:
    planned = shell("import", str(LEADS), "--channel", "trade_show", "--dry-run")
    assert "3       1          0           1" in planned
    imported = shell("import", str(LEADS), "--channel", "trade_show")
    assert "3       1          0           1" in imported
    assert "0       0          4           1" in shell("import", str(LEADS), "--channel", "trade_show")
    listed = json.loads(shell("leads", "--as", "rep/li", "--json"))
    lead = listed["leads"][0]["lead"]
    assert json.loads(shell("next", "--show", "--as", "rep/li", "--json"))["next"]["lead"] == lead
    assert "li has the lead until" in shell("claim", lead, "--as", "rep/li", "--request-id", "mine")
    assert shell("claim", lead, "--as", "rep/li", "--request-id", "mine")
    assert "decided before" in shell.said
    shell("claim", lead, "--as", "rep/wang", code=1)
    assert "Refused: li has the lead already" in shell.said
    assert "Who claimed it first? li" in shell("trace", lead)
    assert json.loads(shell("lead", "show", lead, "--json"))["lead"]["owner"] == "li"
    assert "done" in shell("request", "show", "rep/li:mine")
    assert "reps" in shell("policy", "show")
    assert shell("report", "channels")
    assert shell("report", "channels", "--as-of", "2026-01-01")
    assert shell("log", "verify")
    assert shell("projections", "verify")
    assert shell("projections", "list")
    shell("log", "export", str(tmp_path / "facts.ndjson"))
    facts = (tmp_path / "facts.ndjson").read_text("utf-8").splitlines()
    assert any(json.loads(fact)["partitionkey"] == shell.pool for fact in facts)


def test_what_belongs_to_one_machine_says_why_it_does_not_work(shell: Shell, tmp_path: Path) -> None:
    shell("up", code=2)
    assert "leadflow decider" in shell.said
    assert "leadflow projector" in shell.said
    shell("backup", str(tmp_path / "backup.zip"), code=2)
    assert "pg_dump --schema=records" in shell.said
    shell("restore", str(tmp_path / "backup.zip"), code=2)
    assert "in Kafka" in shell.said


def test_an_outcome_that_is_late_can_be_asked_for(shell: Shell, deployment: Deployment) -> None:
    def told_to_ask_later() -> bool:
        # On a busy machine it may take more than one try to send the request in so short a time.
        code, _ = shell.ends("member", "add", "zhao", "--request-id", "late", "--wait", SOON)
        assert code == 3, shell.said
        return "leadflow request show manager/local:late" in shell.said

    with deployment.decider.standing_still():
        until(told_to_ask_later)
    shell("member", "add", "zhao", "--request-id", "late")
    assert "done" in shell("request", "show", "manager/local:late")


def test_what_is_stale_is_called_so(shell: Shell, deployment: Deployment) -> None:
    shell("import", str(LEADS), "--channel", "trade_show")
    lead = json.loads(shell("leads", "--json"))["leads"][0]["lead"]
    mine = ("claim", lead, "--as", "rep/li", "--request-id", "stale", "--wait", SOON)
    told: list[str] = []

    def claimed() -> bool:
        code, out = shell.ends(*mine)
        told.append(out)
        return code == 0

    with deployment.projector.standing_still():
        # However late its outcome is, the same request gets it.
        until(claimed)
    assert "li has the lead" in told[-1]
    assert "stale" in shell.said
    assert "leadflow projector" in shell.said


def test_what_is_away_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as away:
        away.setenv("LEADFLOW_KAFKA", "127.0.0.1:9")
        shell("member", "add", "zhao", "--wait", "0.5", code=3)
        assert "Kafka at 127.0.0.1:9" in shell.said
        # What has been waited for is not looked at once more; nothing else is away.
        assert shell.said.count("Kafka at") == 1
    monkeypatch.setenv("LEADFLOW_DATABASE_URL", "postgresql://127.0.0.1:9/nowhere")
    shell("member", "add", "zhao", "--wait", "0.5", code=3)
    assert "database nowhere at 127.0.0.1:9" in shell.said
    assert "refused" in shell.said.lower()
    assert "Kafka at" not in shell.said
    monkeypatch.setenv("LEADFLOW_KAFKA", "127.0.0.1:9")
    for command in (("member", "add", "zhao", "--wait", "0.5"), ("pool", "list")):
        shell(*command, code=3)
        assert "2 things are away" in shell.said
        assert "database nowhere at 127.0.0.1:9" in shell.said
        assert "Kafka at 127.0.0.1:9" in shell.said


def test_dead_letters_are_one_entry_each_and_can_be_corrected(
    shell: Shell, kafka: Cluster, settings: Settings
) -> None:
    office = Office(kafka, settings)
    intake = TopicNames.of(settings.kafka_prefix).intake
    ref = uuid.uuid4().hex
    data = {"touch": {"channel": "web_form", "ref": ref, "door": "push"}, "person": {"phones": ["12"]}}
    event = {
        "specversion": "1.0",
        "id": ref,
        "source": "/adapters/test",
        "type": "leadflow.command.submit-intake.v1",
        "authid": "adapter/test",
        "partitionkey": shell.pool,
        "data": data,
    }
    before = len(office.dead_letters())
    for _ in range(2):
        office.put(intake, json.dumps(event).encode(), shell.pool.encode())
    office.put(intake, b"\xff not json", shell.pool.encode())
    until(lambda: len(office.dead_letters()) == before + 3)
    letters = {one["ref"]: one for one in json.loads(shell("dead-letters", "list", "--json"))}
    entry, broken = str(letters[ref]["id"]), str(letters[None]["id"])
    assert letters[ref]["times"] == 2
    assert "person.phones" in letters[ref]["reason"]
    shown = json.loads(shell("dead-letters", "show", broken, "--json"))
    assert base64.b64decode(shown["record"]["value"]) == b"\xff not json"
    assert shown["record"]["topic"] == intake
    assert f"It stood in topic {intake}" in shell("dead-letters", "show", broken)
    assert f"key: {shell.pool}" in shell("dead-letters", "show", broken)
    shell("dead-letters", "retry", entry, code=2)
    assert "cannot be read yet" in shell.said
    sent = json.loads(shell("dead-letters", "retry", entry, "--set", "phone=138 0013 8001", "--json"))
    assert sent["answer"] == "created"
    again = json.loads(shell("dead-letters", "retry", entry, "--set", "phone=138 0013 8001", "--json"))
    assert (again["answer"], again["lead"]) == ("duplicate", sent["lead"])
    resent = json.loads(shell("dead-letters", "list", "--status", "resent", "--json"))
    assert f"lead {sent['lead']} of pool {shell.pool}, by manager/local" in {
        one["resolved_by"] for one in resent
    }
    shell("dead-letters", "retry", broken, "--set", "phone=13800138001", code=2)
    assert "--document FILE" in shell.said
    office.close()


def test_what_anybody_sends_is_shown_as_it_is_and_orders_nothing(
    shell: Shell, kafka: Cluster, settings: Settings
) -> None:
    office = Office(kafka, settings)
    intake, ref = TopicNames.of(settings.kafka_prefix).intake, uuid.uuid4().hex
    orders = "[/red]\x1b]0;mine\x07\x9b31m"
    touch = {"channel": "web_form", "ref": ref, "door": "push", "campaign": f"sale{orders}"}
    event = {
        "specversion": "1.0",
        "id": ref,
        "source": "/adapters/test",
        "type": "leadflow.command.submit-intake.v1",
        "authid": "adapter/test",
        "partitionkey": shell.pool,
        "data": {"touch": touch, "person": {"name": f"Mei{orders}", "phones": ["13800138001"]}},
    }
    before = len(office.dead_letters())
    for one in (event, event | {"specversion": f"2{orders}"}):
        office.put(intake, json.dumps(one).encode(), shell.pool.encode()).get(timeout=120)
    until(lambda: len(office.dead_letters()) == before + 1)
    until(lambda: bool(json.loads(shell("leads", "--json"))["leads"]))
    lead = json.loads(shell("leads", "--json"))["leads"][0]["lead"]
    letters = json.loads(shell("dead-letters", "list", "--json"))
    (entry,) = (str(one["id"]) for one in letters if one["ref"] == ref)
    for command in (
        ("dead-letters", "list"), ("dead-letters", "show", entry), ("leads",), ("lead", "show", lead),
        ("trace", lead), ("report", "channels"),
    ):  # fmt: skip
        shown = shell(*command)
        assert "[/red]" in shown, command
        assert not {"\x1b", "\x07", "\x9b"} & set(shown), command
    office.close()


def test_what_no_pool_took_can_be_sent_to_one(shell: Shell, kafka: Cluster, settings: Settings) -> None:
    office = Office(kafka, settings)
    ref = uuid.uuid4().hex
    before = len(office.dead_letters())
    office.send([arrival(7, f"nowhere-{ref[:8]}", ref=ref)])
    until(lambda: len(office.dead_letters()) == before + 1)
    letters = {one["ref"]: one for one in json.loads(shell("dead-letters", "list", "--json"))}
    assert "there is no pool" in letters[ref]["reason"]
    sent = json.loads(shell("dead-letters", "retry", str(letters[ref]["id"]), "--pool", shell.pool, "--json"))
    assert (sent["answer"], sent["pool"]) == ("created", shell.pool)
    office.close()


def test_read_models_of_another_log_are_not_shown(
    shell: Shell, kafka: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Settings(kafka_prefix=new_prefix(), kafka_partitions=2)
    create_topics(kafka, other)
    monkeypatch.setenv("LEADFLOW_KAFKA_PREFIX", other.kafka_prefix)
    for command in (("leads",), ("member", "add", "wang"), ("projections", "rebuild", "--all")):
        shell(*command, code=2)
        assert "the read models here are of another log" in shell.said


def test_a_dead_letter_that_causes_no_fact_is_sent_once(
    shell: Shell, kafka: Cluster, settings: Settings
) -> None:
    office = Office(kafka, settings)
    clock = request(AdvanceClock(), f"clock-{uuid.uuid4().hex}", pool=shell.pool)
    before = len(office.dead_letters())
    office.put(TopicNames.of(settings.kafka_prefix).commands, encode_request(clock), b"another")
    until(lambda: len(office.dead_letters()) == before + 1)
    (entry,) = (
        str(one["id"])
        for one in json.loads(shell("dead-letters", "list", "--json"))
        if one["pool"] == shell.pool
    )
    assert shell("dead-letters", "retry", entry, "--pool", shell.pool, "--json")
    assert "nothing was left to decide" in shell("dead-letters", "show", entry)
    office.close()

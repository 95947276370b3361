"""Running, proving and moving LeadFlow as an operator does: real commands, real files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leadflow import postgres
from leadflow.embedded.postgres import EmbeddedPostgres
from tests.processes import environment, leadflow, opened, running


@pytest.fixture(scope="module")
def before() -> Iterator[Path]:
    """A data directory with a pool and two reps, at rest; tests take copies."""
    directory = Path(tempfile.mkdtemp(prefix="leadflow-"))
    with EmbeddedPostgres(directory / "home"):
        leadflow(directory / "home", "pool", "open", "east")
        leadflow(directory / "home", "member", "add", "wang", "--region", "广东")
        leadflow(directory / "home", "member", "add", "li")
    yield directory / "home"
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def home(before: Path, place: Path) -> Iterator[Path]:
    """A copy of it, with its server running: commands join it and need not start one each."""
    copied = place / "home"
    _copy(before, copied)
    with EmbeddedPostgres(copied):
        yield copied


@pytest.fixture
def other(place: Path) -> Iterator[Path]:
    """A new data directory, with its server running."""
    with EmbeddedPostgres(place / "other"):
        yield place / "other"


def _copy(source: Path, target: Path) -> None:
    """Copy a data directory at rest, with the owner that Postgres has where tests run as root."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.sock", ".s.PGSQL*", "postmaster.pid"))
    if os.geteuid() != 0:
        return
    owner = (source / "postgres").stat()
    for path in [target / "postgres", *(target / "postgres").rglob("*")]:
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def run_sql(home: Path, statement: str) -> None:
    with opened(home) as app, postgres.connect(app.database.url) as connection:
        connection.execute(statement.encode())


# --- up -------------------------------------------------------------------------------------


def test_up_says_when_it_is_ready_refuses_a_second_and_ends_on_sigterm(home: Path) -> None:
    with running(home) as engine:
        second = leadflow(home, "up", code=3)
        assert "an engine runs in this data directory already" in second.stderr
        leadflow(home, "member", "add", "zhao")
        findings = {f["check"]: f for f in json.loads(leadflow(home, "--json", "doctor").stdout)}
        assert "runs" in findings["engine"]["what"]
        engine.send_signal(signal.SIGTERM)
        assert engine.wait(120) == 0
    assert "zhao" in leadflow(home, "member", "list").stdout


def test_ctrl_c_ends_it_as_well(home: Path) -> None:
    with running(home) as engine:
        engine.send_signal(signal.SIGINT)
        assert engine.wait(120) == 0


# --- the log --------------------------------------------------------------------------------


def test_a_changed_byte_is_found_and_its_event_named(home: Path) -> None:
    assert "east" in leadflow(home, "log", "verify").stdout
    run_sql(home, "UPDATE log.events SET state = set_byte(state, 60, 65) WHERE originator_version = 3")
    found = leadflow(home, "log", "verify", code=2)
    assert "east/3" in found.stdout
    assert "east/3" in found.stderr
    document = json.loads(leadflow(home, "--json", "log", "verify", code=2).stdout)
    assert document["ok"] is False
    assert document["pools"][0]["broken"]["event"] == "east/3"


def test_a_change_that_covers_its_tracks_breaks_the_chain(home: Path) -> None:
    run_sql(
        home,
        "UPDATE log.events SET state = convert_to("
        "replace(convert_from(state, 'UTF8'), '广东', '海南'), 'UTF8') WHERE originator_version = 3",
    )
    run_sql(home, "UPDATE log.events SET sha256 = sha256(state)")
    found = leadflow(home, "log", "verify", code=2)
    assert "east/4" in found.stdout
    assert "not the hash of east/3" in found.stdout


def test_an_event_that_is_gone_is_missed(home: Path) -> None:
    run_sql(home, "DELETE FROM log.events WHERE originator_version = 2")
    assert "east/2: is missing" in leadflow(home, "log", "verify", code=2).stdout


def test_export_is_the_log_byte_for_byte(home: Path, place: Path) -> None:
    file = place / "log.ndjson"
    leadflow(home, "log", "export", str(file))
    lines = file.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [f"east/{n}" for n in range(1, 5)]
    assert leadflow(home, "log", "export").stdout.splitlines() == lines
    with opened(home) as app:
        assert [stored.state.decode() for stored in app.log.read_pool("east")] == lines
    assert "a file already" in leadflow(home, "log", "export", str(file), code=2).stderr


# --- projections ----------------------------------------------------------------------------


def test_a_changed_row_is_named_and_a_rebuild_mends_it(home: Path) -> None:
    leadflow(home, "member", "list")
    run_sql(home, "UPDATE read.members SET status = 'paused' WHERE member = 'li'")
    found = leadflow(home, "projections", "verify", code=2)
    assert "east/li status: is 'paused', should be" in found.stdout
    assert "projections rebuild pools" in found.stderr
    leadflow(home, "projections", "rebuild", "pools")
    assert json.loads(leadflow(home, "--json", "projections", "verify").stdout)["ok"] is True
    states = json.loads(leadflow(home, "--json", "projections", "list").stdout)
    assert {state["status"] for state in states} == {"live"}
    leadflow(home, "projections", "rebuild", "nothing", code=2)
    leadflow(home, "projections", "rebuild", code=2)


# --- backup ---------------------------------------------------------------------------------


def test_a_backup_is_restored_elsewhere_and_is_the_same_log(home: Path, other: Path, place: Path) -> None:
    file = place / "east.zip"
    made = json.loads(leadflow(home, "--json", "backup", str(file)).stdout)
    assert (made["events"], list(made["heads"])) == (4, ["east"])
    assert "already" in leadflow(home, "backup", str(file), code=2).stderr
    restored = json.loads(leadflow(other, "--json", "restore", str(file)).stdout)
    assert restored["heads"] == made["heads"]
    assert leadflow(other, "log", "export").stdout == leadflow(home, "log", "export").stdout
    assert "wang" in leadflow(other, "member", "list").stdout
    assert "empty one only" in leadflow(home, "restore", str(file), code=2).stderr


def test_a_damaged_backup_leaves_nothing_behind(home: Path, place: Path) -> None:
    file = place / "east.zip"
    leadflow(home, "backup", str(file))
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 0xFF
    file.write_bytes(data)
    target = place / "restored"
    leadflow(target, "restore", str(file), code=2)
    assert not target.exists()


# --- data directories -----------------------------------------------------------------------


def test_a_data_directory_of_another_version_is_named(home: Path) -> None:
    (home / "leadflow.json").write_text('{"format": 99}', encoding="utf-8")
    said = leadflow(home, "pool", "list", code=2).stderr
    assert "format 99" in said
    assert str(home) in said
    findings = {f["check"]: f for f in json.loads(leadflow(home, "--json", "doctor", code=3).stdout)}
    assert findings["data directory"]["status"] == "fail"


def test_a_log_of_another_version_is_named(home: Path) -> None:
    run_sql(home, "COMMENT ON SCHEMA log IS 'leadflow log format 99'")
    assert "leadflow log format 99" in leadflow(home, "pool", "list", code=2).stderr


def test_a_data_directory_that_cannot_be_written_is_named(place: Path) -> None:
    if os.geteuid() == 0:
        place = Path("/proc/leadflow")
    else:
        (place / "locked").mkdir(mode=0o500)
        place = place / "locked" / "home"
    said = leadflow(place, "pool", "list", code=2).stderr
    assert "cannot be written" in said
    assert "--home" in said


def test_a_file_in_the_way_is_named(place: Path) -> None:
    (place / "home").write_text("mine", encoding="utf-8")
    assert "in the way" in leadflow(place / "home", "pool", "list", code=2).stderr


def test_a_missing_database_is_exit_code_3_and_hides_its_password(place: Path, monkeypatch: Any) -> None:
    kept = environment(place)
    url = "postgresql://joe:hidden@127.0.0.1:1/nowhere"
    monkeypatch.setattr("tests.processes.environment", lambda home: kept | {"LEADFLOW_DATABASE_URL": url})
    said = leadflow(place, "pool", "list", code=3).stderr
    assert "the database is away" in said
    shown = leadflow(place, "config", "show").stdout
    assert "hidden" not in said + shown
    assert "***" in shown
    findings = {f["check"]: f for f in json.loads(leadflow(place, "--json", "doctor", code=3).stdout)}
    assert findings["database"]["status"] == "fail"


# --- help -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(place: Path, shell: str) -> None:
    script = leadflow(place, "completion", shell).stdout
    assert "_LEADFLOW_COMPLETE" in script
    assert not any(place.iterdir()), "nothing was opened"


def test_completion_knows_the_commands(place: Path, monkeypatch: Any) -> None:
    kept = environment(place)
    asked = {"_LEADFLOW_COMPLETE": "bash_complete", "COMP_WORDS": "leadflow do", "COMP_CWORD": "1"}
    monkeypatch.setattr("tests.processes.environment", lambda home: kept | asked)
    assert "doctor" in leadflow(place).stdout

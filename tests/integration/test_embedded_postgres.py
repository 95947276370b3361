"""The server of a data directory: shared by processes, stopped by the last, unharmed by kills."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadflow import postgres
from leadflow.embedded.home import FORMAT_FILE, prepare_home
from leadflow.embedded.postgres import EmbeddedPostgres
from leadflow.errors import UsageError, WrongVersion

ROOT = Path(__file__).parents[2]
USER = """
import sys
from pathlib import Path
from leadflow.embedded.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
print(server.start(), flush=True)
sys.stdin.readline()
print(server.stop(), flush=True)
"""


class User:
    """Another process that uses the server of a data directory."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        )

    def said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> bool:
        """Whether the server stopped with it."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        stopped = self.said() == "True"
        self.process.wait()
        return stopped

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def home() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="leadflow-home-"))
    yield directory / "home"
    shutil.rmtree(directory, ignore_errors=True)


def answers(url: str) -> bool:
    with postgres.connect(url) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def test_the_server_is_shared_and_stops_with_its_last_user(home: Path) -> None:
    server = EmbeddedPostgres(home)
    url = server.start()
    with postgres.connect(url) as connection:
        for name, value in (("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on")):
            assert connection.execute("SELECT current_setting(%s)", (name,)).fetchone() == (value,)
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    others = [User(home), User(home)]
    assert [other.said() for other in others] == [url, url]
    assert not server.stop()
    assert not server.stop(), "a second time changes nothing"
    others[0].kill()
    assert answers(url), "one user is left"
    assert others[1].leave()
    with EmbeddedPostgres(home) as again, postgres.connect(again) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)


def test_two_users_in_one_process_are_two(home: Path) -> None:
    first, second = EmbeddedPostgres(home), EmbeddedPostgres(home)
    url = first.start()
    assert second.start() == url
    assert not first.stop()
    assert answers(url)
    assert second.stop()


def test_a_killed_user_leaves_a_server_that_the_next_one_uses_and_stops(home: Path) -> None:
    user = User(home)
    url = user.said()
    user.kill()
    server = EmbeddedPostgres(home)
    assert server.start() == url
    assert answers(url)
    assert server.stop()


def test_a_killed_server_and_a_stale_pid_file_are_recovered_from(home: Path) -> None:
    server = EmbeddedPostgres(home)
    url = server.start()
    with postgres.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    pid_file = home / "postgres" / "postmaster.pid"
    lines = pid_file.read_text(encoding="utf-8").splitlines()
    os.kill(int(lines[0]), signal.SIGKILL)
    # Whoever has the id now is some other living process: here, this one.
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n", encoding="utf-8")
    with EmbeddedPostgres(home) as again, postgres.connect(again) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)
    server.stop()


def test_a_start_that_was_killed_half_way_leaves_nothing_in_the_way(home: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chosen = random.Random(seed)
    for _ in range(3):
        user = User(home)
        while user.process.poll() is None and not list(home.glob(".postgres-new-*")):
            time.sleep(0.002)
        # What it had begun goes on without it for a while, and writes.
        time.sleep(chosen.uniform(0, 0.3))
        user.kill()
    with EmbeddedPostgres(home) as url:
        assert answers(url)
    assert not list(home.glob(".postgres-new-*"))


def test_a_path_too_long_for_a_socket_is_no_obstacle(home: Path) -> None:
    with EmbeddedPostgres(home / ("long-" * 12) / ("name-" * 12)) as url:
        assert answers(url)
        directory = Path(postgres.parameters(url)["host"])
        assert directory.stat().st_mode & 0o077 == 0
    shutil.rmtree(directory, ignore_errors=True)


def test_a_data_directory_of_another_version_is_refused(home: Path) -> None:
    prepare_home(home)
    prepare_home(home)
    file = home / FORMAT_FILE
    file.write_text(json.dumps({"format": 99}), encoding="utf-8")
    with pytest.raises(WrongVersion, match="99"):
        EmbeddedPostgres(home).start()
    file.write_text("{", encoding="utf-8")
    with pytest.raises(WrongVersion):
        prepare_home(home)
    file.unlink()
    (home / "postgres").mkdir()
    with pytest.raises(WrongVersion, match="no data directory"):
        prepare_home(home)


def test_a_file_in_the_way_is_named(home: Path) -> None:
    home.parent.mkdir(exist_ok=True)
    home.write_text("", encoding="utf-8")
    for place in (home, home / "below"):
        with pytest.raises(UsageError, match="in the way"):
            prepare_home(place)


def test_a_place_that_cannot_be_written_is_named() -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        prepare_home(Path("/proc/leadflow"))

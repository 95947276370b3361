"""Users, passwords and rights: docs/how-to/run-on-kafka.md gives each role exactly what it needs.

A broker of its own lets everybody in by SCRAM and permits nothing but what the page's commands permit.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka.errors import KafkaError

from leadflow.log.envelope import encode_request
from local_kafka import HOST, LocalKafka, free_ports
from tests.processes import ROOT, environment, until
from tests.team import arrival

PAGE = (ROOT / "docs/how-to/run-on-kafka.md").read_text(encoding="utf-8")
ROLES = ("adapter", "service", "decider", "projector", "operator")
PASSWORD = "secret-of-{}"
RESOURCES = {
    "--topic": ResourceType.TOPIC,
    "--group": ResourceType.GROUP,
    "--transactional-id": ResourceType.TRANSACTIONAL_ID,
}
OPERATIONS = {"DescribeConfigs": ACLOperation.DESCRIBE_CONFIGS}


def acls() -> list[ACL]:
    """What the page's commands permit."""
    found = []
    for line in re.findall(r"^kafka-acls.sh (.*)$", PAGE, re.MULTILINE):
        words = iter(shlex.split(line))
        operations, who, kind, name, prefixed = [], "", None, "", False
        for word in words:
            if word == "--allow-principal":
                who = next(words)
            elif word == "--operation":
                operations.append(next(words))
            elif word in RESOURCES:
                kind, name = RESOURCES[word], next(words)
            elif word == "--cluster":
                kind, name = ResourceType.CLUSTER, "kafka-cluster"
            elif word == "--resource-pattern-type":
                prefixed = next(words) == "prefixed"
            else:
                assert word == "--add", line
        pattern = ACLResourcePatternType.PREFIXED if prefixed else ACLResourcePatternType.LITERAL
        for operation in operations:
            permitted = OPERATIONS.get(operation) or ACLOperation[operation.upper()]
            resource = ResourcePattern(kind, name, pattern)
            found.append(ACL(who, "*", permitted, ACLPermissionType.ALLOW, resource))
    return found


class Guarded:
    """A broker that asks who one is."""

    def __init__(self, directory: Path) -> None:
        inside, guarded, controller = free_ports(3)
        login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        self.address = f"{HOST}:{guarded}"
        self.broker = LocalKafka(
            directory,
            port=inside,
            settings={
                "controller.quorum.voters": f"1@{HOST}:{controller}",
                "listeners": f"PLAINTEXT://{HOST}:{inside},SASL_PLAINTEXT://{self.address},"
                f"CONTROLLER://{HOST}:{controller}",
                "advertised.listeners": f"PLAINTEXT://{HOST}:{inside},SASL_PLAINTEXT://{self.address}",
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,"
                "CONTROLLER:PLAINTEXT",
                "sasl.enabled.mechanisms": "SCRAM-SHA-512",
                "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config": login,
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                # Who comes in by the other door, which only this test knows, may do everything.
                "super.users": "User:ANONYMOUS",
                "offsets.retention.minutes": "86400",
            },
        )
        self.broker.start()
        admin = KafkaAdminClient(
            bootstrap_servers=f"{HOST}:{inside}", bootstrap_timeout_ms=120_000, request_timeout_ms=120_000
        )
        for role in ROLES:
            credential = UserScramCredentialUpsertion(
                user=role, mechanism=ScramMechanism.SCRAM_SHA_512, password=PASSWORD.format(role).encode()
            )
            admin.alter_user_scram_credentials([credential])
        admin.create_acls(acls())
        admin.close()

    def environment(self, role: str, home: Path, password: str | None = None) -> dict[str, str]:
        """Of a process of this role."""
        file = home / f"{role}.password"
        file.write_text((password or PASSWORD.format(role)) + "\n")
        return {
            **environment(home),
            "LEADFLOW_KAFKA": self.address,
            "LEADFLOW_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "LEADFLOW_KAFKA_USER": role,
            "LEADFLOW_KAFKA_PASSWORD_FILE": str(file),
            "LEADFLOW_KAFKA_PARTITIONS": "2",
            "LEADFLOW_METRICS_PORT": "0",
        }

    def producer(self, role: str) -> KafkaProducer:
        return KafkaProducer(
            bootstrap_servers=self.address,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="SCRAM-SHA-512",
            sasl_plain_username=role,
            sasl_plain_password=PASSWORD.format(role),
            allow_auto_create_topics=False,
            bootstrap_timeout_ms=120_000,
            max_block_ms=120_000,
        )


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    directory = Path(tempfile.mkdtemp(prefix="leadflow-rights-"))
    made = Guarded(directory)
    yield made
    made.broker.stop()
    shutil.rmtree(directory, ignore_errors=True)


def run(given: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "leadflow.cli", *arguments],
        env=given, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


class Running:
    """A process of a role."""

    def __init__(self, given: dict[str, str], command: str) -> None:
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `stop`
        self._process = subprocess.Popen(
            [sys.executable, "-m", "leadflow.cli", command],
            env={**given, "LEADFLOW_LOG_LEVEL": "info"}, cwd=ROOT, stderr=self._output, text=True,
        )  # fmt: skip

    def said(self) -> str:
        return os.pread(self._output.fileno(), 1_000_000, 0).decode()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            assert self._process.wait(120) == 0, self.said()
        finally:
            print(self.said())
            self._process.kill()
            self._output.close()


def test_every_role_can_do_its_work_with_the_rights_of_the_page(
    guarded: Guarded, tmp_path: Path, empty_database: str
) -> None:
    def given(role: str) -> dict[str, str]:
        return {**guarded.environment(role, tmp_path), "LEADFLOW_DATABASE_URL": empty_database}

    made = run(given("operator"), "topics", "create")
    assert made.returncode == 0, made.stderr
    with Running(given("decider"), "decider") as decider, Running(given("projector"), "projector"):
        opened = run(given("service"), "pool", "open", "east", "--wait", "180")
        assert opened.returncode == 0, opened.stderr + decider.said()
        adapter = guarded.producer("adapter")
        sent = adapter.send("leadflow.intake", key=b"east", value=encode_request(arrival(1)))
        sent.get(timeout=120)
        adapter.close()

        def leads() -> int:
            listed = run(given("service"), "leads", "--json")
            assert listed.returncode == 0, listed.stderr
            return len(json.loads(listed.stdout)["leads"])

        until(lambda: leads() == 1)
        looked = run(given("operator"), "doctor", "--json")
        assert looked.returncode == 0, looked.stdout + looked.stderr
        assert "1 in the group leadflow-decider" in looked.stdout
        verified = run(given("service"), "log", "verify")
        assert verified.returncode == 0, verified.stderr


@pytest.mark.parametrize(
    ("role", "topic"),
    [("adapter", "commands"), ("adapter", "events"), ("service", "events"), ("projector", "intake")],
)
def test_nobody_can_do_another_s_work(guarded: Guarded, role: str, topic: str) -> None:
    producer = guarded.producer(role)
    with pytest.raises(KafkaError, match="Authorization"):
        producer.send(f"leadflow.{topic}", key=b"east", value=b"{}").get(timeout=120)
    producer.close()


def test_who_may_not_is_told_so(guarded: Guarded, tmp_path: Path) -> None:
    wrong = run(guarded.environment("decider", tmp_path, "a-wrong-one"), "topics", "check")
    # Its client tells no more than that nobody has let it in.
    assert wrong.returncode == 3, wrong.stderr
    assert "LEADFLOW_KAFKA_USER" in wrong.stderr
    assert "a-wrong-one" not in wrong.stdout + wrong.stderr
    other = run(guarded.environment("adapter", tmp_path), "decider")
    assert other.returncode == 2, other.stderr
    assert "See to the ACLs" in other.stderr or "topics are missing" in other.stderr

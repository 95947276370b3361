"""How the settings say to be let into a Kafka cluster, and what a process without crc32c does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from leadflow.errors import UsageError
from leadflow.log.kafka.client import Cluster
from leadflow.settings import Settings
from tests.processes import environment

SECRET = "s3cr@t"


def cluster(**variables: str) -> Cluster:
    given = {f"LEADFLOW_KAFKA_{name.upper()}": value for name, value in variables.items()}
    return Cluster.of(Settings.from_environment({"LEADFLOW_KAFKA": "here:9092", **given}))


def test_without_more_settings_nothing_is_secured() -> None:
    assert cluster().options == {"security_protocol": "PLAINTEXT"}


def test_a_user_and_a_password_from_the_environment_or_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    wanted = {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "decider",
        "sasl_plain_password": SECRET,
    }
    user = {"security_protocol": "sasl_plaintext", "user": "decider"}
    assert cluster(**user, password=SECRET).options == wanted
    found = cluster(**user, password_file=str(file))
    assert found.options == wanted
    assert SECRET not in repr(found)


def test_certificates(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.pem" for name in ("ca", "certificate", "key")}
    for file in files.values():
        file.write_text("-----BEGIN")
    given = {f"{name}_file": str(file) for name, file in files.items()}
    assert cluster(security_protocol="SSL", **given).options == {
        "security_protocol": "SSL",
        "ssl_cafile": str(files["ca"]),
        "ssl_certfile": str(files["certificate"]),
        "ssl_keyfile": str(files["key"]),
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"security_protocol": "TLS"}, "LEADFLOW_KAFKA_SECURITY_PROTOCOL"),
        ({"sasl_mechanism": "MD5"}, "LEADFLOW_KAFKA_SASL_MECHANISM"),
        ({"security_protocol": "SASL_SSL", "user": "decider"}, "a user and a password"),
        ({"security_protocol": "SASL_SSL", "password": SECRET}, "a user and a password"),
        ({"user": "decider", "password": SECRET}, "PLAINTEXT knows no users"),
        (
            {"security_protocol": "SASL_SSL", "user": "u", "password": SECRET, "password_file": "x"},
            "two passwords",
        ),
        ({"security_protocol": "SASL_SSL", "user": "u", "password_file": "nowhere"}, "nowhere"),
        ({"security_protocol": "SSL", "ca_file": "nowhere"}, "nowhere"),
    ],
)
def test_what_contradicts_itself_is_refused_by_name(given: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        cluster(**given)
    assert told in str(caught.value)
    assert SECRET not in str(caught.value)


def test_no_cluster_is_named() -> None:
    with pytest.raises(UsageError, match="no Kafka cluster"):
        Cluster.of(Settings.from_environment({}))


def test_passwords_are_not_shown() -> None:
    settings = Settings.from_environment({"LEADFLOW_KAFKA_PASSWORD": SECRET})
    assert settings.redacted()["LEADFLOW_KAFKA_PASSWORD"] == "***"
    assert SECRET not in f"{settings!r} {settings} {settings.described()} {settings.model_dump_json()}"


@pytest.mark.parametrize("command", [["decider"], ["topics", "check"]])
def test_without_crc32c_a_process_refuses_to_start_and_says_why(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "crc32c.py").write_text("raise ImportError('its library is for another processor')")
    given = environment(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "leadflow.cli", *command],
        env={
            **given,
            "LEADFLOW_KAFKA": "127.0.0.1:9",
            "PYTHONPATH": os.pathsep.join((str(tmp_path), given["PYTHONPATH"])),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2
    assert "crc32c cannot be used (its library is for another processor)" in done.stderr
    assert "pip install 'kafka-python[crc32c]'" in done.stderr
    assert "Traceback" not in done.stderr

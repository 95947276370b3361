"""The image and the compose file, as far as they can be checked without Docker."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.compose import COMPOSE, ROOT, image_environment, instructions, services


def test_compose_is_what_its_schema_says() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, str(COMPOSE)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_service_waits_for_what_it_needs_and_says_whether_it_is_well() -> None:
    found = services()
    ours = {"topics", "decider", "projector", "api", "snapshotter", "notifier", "cli"}
    assert set(found) == {"kafka", "postgres", *ours}
    for service in found.values():
        ends_by_itself = service.name in ("topics", "cli")
        assert (service.health is None) is ends_by_itself, service.name
        for needed, how in service.given.get("depends_on", {}).items():
            condition = how["condition"]
            if condition == "service_healthy":
                assert found[needed].health is not None, (service.name, needed)
            else:
                assert condition == "service_completed_successfully"
                assert found[needed].given["restart"] == "on-failure", (service.name, needed)
    assert set(found["projector"].given["depends_on"]) == {"topics", "postgres"}


def test_no_password_is_written_down() -> None:
    text = COMPOSE.read_text(encoding="utf-8")
    uses = re.findall(r"PASSWORD[^\n]*", text)
    assert len(uses) >= 3
    assert all(":?choose a password" in use or use.startswith("PASSWORD=...") for use in uses), uses


def test_own_processes_have_few_rights() -> None:
    for service in services().values():
        if "build" in service.given:
            assert service.given["read_only"] is True, service.name
            assert service.given["cap_drop"] == ["ALL"], service.name
            assert "no-new-privileges:true" in service.given["security_opt"], service.name


def test_kafka_is_the_version_that_tests_run() -> None:
    tested = re.search(r"<kafka.version>(.*?)<", (ROOT / "docker/kafka/pom.xml").read_text(encoding="utf-8"))
    assert tested
    assert services()["kafka"].given["image"] == f"apache/kafka:{tested[1]}"


def test_the_image_is_small_and_nobody_is_root_in_it() -> None:
    steps = instructions()
    stages = [at for at, (name, _) in enumerate(steps) if name == "FROM"]
    assert len(stages) == 2
    last = steps[stages[-1] :]
    user = [value for name, value in last if name == "USER"]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user[-1])
    assert [value for name, value in last if name == "COPY"] == ["--from=build /opt/leadflow /opt/leadflow"]
    assert not [value for name, value in last if name == "RUN" and re.search(r"\b(pip|apt-get)\b", value)]
    entry = next(json.loads(value) for name, value in last if name == "ENTRYPOINT")
    assert entry == ["leadflow"]
    check = next(value for name, value in last if name == "HEALTHCHECK")
    assert json.loads(check[check.index("CMD ") + 4 :]) == services()["decider"].health
    assert image_environment()["LEADFLOW_METRICS_PORT"].isdecimal()


def test_what_the_image_is_built_from_is_there_and_let_through() -> None:
    allowed = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    copied = {
        name
        for kind, value in instructions()
        if kind == "COPY" and not value.startswith("--from")
        for name in value.split()[:-1]
    }
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


def test_the_wheel_that_the_image_installs_holds_everything(tmp_path: Path) -> None:
    """Built as the Dockerfile does it: what is read at run time must be in it, not only what is imported."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--wheel-dir", str(tmp_path), str(ROOT)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        held = set(wheel.namelist())
    tops = ("src/leadflow", "projections", "consumers")
    files = [path for top in tops for path in (ROOT / top).rglob("*") if path.is_file()]
    names = [path.relative_to(ROOT).as_posix().removeprefix("src/") for path in files]
    built = ("__pycache__", ".mypy_cache")
    missing = [name for name in names if name not in held and not any(part in name for part in built)]
    assert not missing, missing

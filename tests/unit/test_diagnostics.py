"""The lines on stderr: one form for LeadFlow's own and those of the libraries."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import structlog
from click.testing import CliRunner
from pydantic import BaseModel, ValidationError

from leadflow.cli import leadflow
from leadflow.cli.diagnostics import log_to_stderr


def test_json_lines_say_who_where_and_when(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr("info", "json")
    log = structlog.get_logger("consumers.partition")
    with structlog.contextvars.bound_contextvars(partition=3):
        log.info("a partition is taken", position=7)
        log.debug("not heard")
    log.warning("kept", pool="east", request="rep/wang:1")
    line, kept = map(json.loads, capsys.readouterr().err.splitlines())
    assert (line["event"], line["level"], line["logger"]) == (
        "a partition is taken", "info", "consumers.partition",
    )  # fmt: skip
    assert (line["partition"], line["position"]) == (3, 7)
    assert line["timestamp"].endswith("Z")
    assert (kept["pool"], kept["request"]) == ("east", "rep/wang:1")
    assert "partition" not in kept


def test_an_error_is_one_line_with_its_trace_and_without_values(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr("info", "json")
    contact = "13800000000"
    try:
        int(contact) // 0
    except ZeroDivisionError as problem:
        structlog.get_logger("x").error("bad", exc_info=problem)
    lines = capsys.readouterr().err.splitlines()
    assert "ZeroDivisionError" in json.loads(lines[0])["exception"]
    assert len(lines) == 1
    assert contact not in lines[0]


class Person(BaseModel):
    phone: int


@pytest.mark.parametrize("form", ["json", "console"])
def test_what_an_error_says_is_not_told(capsys: pytest.CaptureFixture[str], form: Any) -> None:
    log_to_stderr("info", form)
    contact = "+86 138 0000 0000"
    try:
        try:
            Person.model_validate({"phone": contact})
        except ValidationError as problem:
            raise KeyError(str(problem)) from problem
    except KeyError as problem:
        structlog.get_logger("x").error("bad", exc_info=problem)
        structlog.get_logger("x").exception("bad")
        logging.getLogger("library").exception("bad")
    said = capsys.readouterr().err
    assert contact not in said
    for kind in ("ValidationError", "builtins.KeyError", "in test_what_an_error_says_is_not_told"):
        assert said.count(kind) >= 3
    assert said.index("ValidationError") < said.index("builtins.KeyError")


def test_libraries_speak_in_the_same_form_and_not_too_much(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr("info", "json")
    logging.getLogger("kafka.conn").info("connecting")
    logging.getLogger("kafka.conn").warning("broker %s is away", 1)
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(one["logger"], one["event"]) for one in told] == [
        ("kafka.conn", "broker 1 is away (more lines like this are shown at the level debug)")
    ]
    log_to_stderr("debug", "console")
    logging.getLogger("kafka.conn").info("connecting")
    logging.getLogger("kafka.conn").debug("a record with a person in it")
    said = capsys.readouterr().err
    assert "connecting" in said
    assert "person" not in said
    log_to_stderr("error", "console")
    logging.getLogger("kafka.conn").warning("not heard")
    structlog.get_logger("x").warning("not heard")
    structlog.get_logger("x").error("heard", pool="east")
    said = capsys.readouterr().err
    assert "not heard" not in said
    assert "heard" in said
    assert "pool=east" in said


def test_a_library_that_warns_each_second_is_heard_once(capsys: pytest.CaptureFixture[str]) -> None:
    began = 1_800_000_000.0

    def warn(after_s: float) -> None:
        words = ("kafka.net", logging.ERROR, "", 0, "no broker after %s s", (after_s,), None)
        line = logging.LogRecord(*words)
        line.created = began + after_s
        logging.getLogger("kafka.net").handle(line)

    def heard() -> list[str]:
        return [line for line in capsys.readouterr().err.splitlines() if "no broker" in line]

    log_to_stderr("warning", "json")
    for second in range(300):
        warn(second)
    logging.getLogger("other").error("no broker of another library")
    logging.getLogger("psycopg.pool").error("no database, no broker")
    first, other, database = heard()
    assert "after 0 s" in first
    assert "of another library" in other
    assert "no database" in database
    for second in (299 + 300, 300 + 300, 599 + 3_599, 599 + 3_600):
        warn(second)
    assert [line.split(" s ")[0].split()[-1] for line in heard()] == ["599", "4198"]
    for second in range(4_199, 4_199 + 7_300, 10):
        warn(second)
    assert len(heard()) == 2
    logging.getLogger("kafka.net.selector").warning("no broker: a turn took long")
    assert not heard()
    log_to_stderr("debug", "json")
    warn(0)
    warn(1)
    assert len(heard()) == 2


def test_whatever_a_process_says_is_json_where_its_lines_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADFLOW_LOG_FORMAT", "json")
    monkeypatch.delenv("LEADFLOW_KAFKA", raising=False)
    ended = CliRunner().invoke(leadflow, ["decider", "--metrics-port", "0"])
    assert ended.exit_code == 2
    where, why = map(json.loads, ended.stderr.splitlines())
    assert (where["level"], why["level"]) == ("info", "error")
    assert "/readyz" in where["event"]
    assert why["event"].startswith("Error: no Kafka cluster is named\nSet LEADFLOW_KAFKA")
    assert why["timestamp"].endswith("Z")

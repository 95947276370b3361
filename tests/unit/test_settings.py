"""Settings from the environment, and addresses without their passwords."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from leadflow.errors import LeadflowError, LogDamaged, Unavailable, UsageError
from leadflow.settings import Settings, redact


def test_defaults_hold_where_the_environment_says_nothing() -> None:
    settings = Settings.from_environment({"LEADFLOW_POOL": ""})
    assert (settings.database_url, settings.pool, settings.log_level) == (None, None, "warning")
    assert settings.home.name == "leadflow"
    assert settings.home.is_absolute()


def test_what_is_given_wins_over_the_environment() -> None:
    environment = {"LEADFLOW_HOME": "~/a", "LEADFLOW_POOL": "east", "LEADFLOW_LOG_LEVEL": "INFO"}
    settings = Settings.from_environment(environment, pool="west", home=None)
    assert (settings.pool, settings.log_level) == ("west", "info")
    assert settings.home == Path("~/a").expanduser()


def test_every_bad_value_is_named_by_its_variable() -> None:
    with pytest.raises(UsageError) as caught:
        Settings.from_environment({"LEADFLOW_POOL": "No Pool", "LEADFLOW_LOG_LEVEL": "loud"})
    assert "LEADFLOW_POOL" in str(caught.value)
    assert "LEADFLOW_LOG_LEVEL" in str(caught.value)


def test_every_setting_is_described_and_none_shows_a_password() -> None:
    settings = Settings.from_environment({"LEADFLOW_DATABASE_URL": "postgresql://joe:secret@db/x"})
    for row in settings.described():
        assert row.meaning
    assert settings.redacted()["LEADFLOW_DATABASE_URL"] == "postgresql://joe:***@db/x"
    assert "secret" not in str(settings.redacted())


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://joe:s3cr@t@db:5432/x?sslmode=require",
        "postgresql://joe:s3cr/t@db/x",
        "postgresql:///x?user=joe&password=s3cr%20t",
        "host=db password='s3cr \\' t' dbname=x",
        "PASSWORD=s3cr host=db",
        "host=db sslpassword = s3cr",
    ],
)
def test_no_form_of_a_password_is_shown(address: str) -> None:
    assert "s3cr" not in redact(address)
    assert "db" in redact(address) or "x" in redact(address)


def test_an_address_without_a_password_stays() -> None:
    for address in (
        "postgresql://db:5432/x",
        "postgresql://joe@/x?host=%2Ftmp",
        "host=db dbname=x",
        "kafka:9092",
    ):
        assert redact(address) == address


def test_an_error_says_what_where_and_what_to_do_also_after_a_journey() -> None:
    error = Unavailable("the database is away", where="db", do="Start it.")
    assert str(error) == "the database is away (db)\nStart it."
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (Unavailable, str(error))
    damaged = pickle.loads(pickle.dumps(LogDamaged("bad", event="east/1")))
    assert (damaged.event, str(damaged)) == ("east/1", "bad (event east/1)")
    assert str(LeadflowError("plain")) == "plain"

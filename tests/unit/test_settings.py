"""Settings from the environment, and addresses without their passwords."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from leadflow.errors import LeadflowError, LogDamaged, Unavailable, UsageError
from leadflow.right_settings import RIGHT
from leadflow.settings import Settings, redact, variable_of


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


WRONG = {
    "database_url": ("mysql://joe:s3cr@db/x", "foo"),
    "pool": ("East Pool",),
    "log_level": ("loud",),
    "kafka": ("http://kafka:9092", "kafka:99999", "a:1,,b:2"),
    "kafka_prefix": ("a b",),
    "kafka_partitions": ("many", "0", "1.5"),
    "kafka_replication": ("-1",),
    "kafka_min_isr": ("two",),
    "kafka_request_days": ("0",),
    "kafka_security_protocol": ("TLS",),
    "kafka_sasl_mechanism": ("MD5",),
    "log_format": ("xml",),
    "http": ("localhost", "127.0.0.1:99999", "http://127.0.0.1:8600", "8600"),
    "public_url": ("leads.example.com", "https://leads.example.com/app", "https://", "https://a:99999"),
    "http_body_max": ("1MB", "12"),
    "http_proxies": ("proxy", "300.1.1.1"),
    "session_idle_hours": ("zero", "0", "nan"),
    "session_hours": ("169",),
    "oidc_issuer": ("login.example.com",),
    "oidc_create": ("boss",),
    "metrics_port": ("99999", "http"),
    "metrics_host": ("127.0.0.1:9600", "a b"),
    "notify_private": ("yes",),
    "vendor_private": ("yes",),
    "smtp_host": ("smtp.example.com:587", "smtp://smtp.example.com"),
    "smtp_port": ("0", "smtp"),
    "smtp_security": ("ssl",),
    "smtp_from": ("LeadFlow", "a@b.cn\r\nBcc: c@d.cn"),
}


@pytest.mark.parametrize(("name", "value"), [(name, one) for name, all_ in WRONG.items() for one in all_])
def test_a_wrong_setting_is_answered_with_what_where_and_an_example(name: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        Settings.from_environment({variable_of(name): value})
    said = str(caught.value)
    assert said.startswith(variable_of(name))
    assert (
        f"has to be {RIGHT[name].words} (set in the environment)\nFor example: {variable_of(name)}=" in said
    )
    assert "^" not in said
    assert "s3cr" not in said


def test_every_setting_has_a_right_example() -> None:
    assert RIGHT.keys() == Settings.model_fields.keys()
    for name, right in RIGHT.items():
        Settings.from_environment({variable_of(name): right.example})


def test_a_wrong_option_is_answered_with_the_option_and_several_line_by_line() -> None:
    with pytest.raises(UsageError) as caught:
        Settings.from_environment({"LEADFLOW_HTTP": "off"}, http="localhost")
    assert str(caught.value) == (
        "--http is 'localhost', and has to be HOST:PORT with a port from 0 to 65535, or off (given by --http)"
        "\nFor example: --http 127.0.0.1:8600"
    )
    with pytest.raises(UsageError) as caught:
        Settings.from_environment({"LEADFLOW_POOL": "No Pool", "LEADFLOW_SMTP_PORT": "x"}, http="localhost")
    first, *rest = str(caught.value).splitlines()
    assert (first, len(rest)) == ("3 settings cannot be used:", 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("http", "[::1]:0"),
        ("http", "0.0.0.0:65535"),
        ("kafka", "kafka"),
        ("kafka", "[::1]:9092, b:9093"),
        ("public_url", "http://[::1]:8600"),
        ("smtp_host", "::1"),
        ("http_proxies", "*"),
        ("http_proxies", "127.0.0.1, 10.0.0.0/8"),
        ("database_url", "host=db dbname=x"),
        ("database_url", "postgres:///x"),
        ("database_url", "service=leads"),
    ],
)
def test_what_is_right_is_taken(name: str, value: str) -> None:
    assert getattr(Settings.from_environment({variable_of(name): value}), name) == value


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

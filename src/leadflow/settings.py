"""Settings: read once from the environment, then never change."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import platformdirs
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from leadflow.domain.values import PoolId
from leadflow.errors import UsageError


def _default_home() -> Path:
    return platformdirs.user_data_path("leadflow", appauthor=False)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


class Setting(NamedTuple):
    """One setting as it stands, for `config show` and the documentation."""

    variable: str
    value: str | None
    """What holds now; passwords hidden."""
    default: str
    from_environment: bool
    meaning: str


class Settings(BaseModel):
    """Every setting of LeadFlow. Each field's environment variable is `LEADFLOW_` and its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(
        default_factory=_default_home,
        description="The data directory: the embedded Postgres and what belongs to it.",
    )
    database_url: str | None = Field(
        default=None,
        min_length=1,
        description="A Postgres of your own, as a libpq address; instead of the embedded one.",
    )
    pool: PoolId | None = Field(default=None, description="The pool that commands mean where none is named.")
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = Field(
        default="warning", description="How much is told on stderr: debug, info, warning, error."
    )
    kafka: str | None = Field(
        default=None,
        min_length=1,
        description="Bootstrap servers of a Kafka cluster that holds the log, `host:port,…`.",
    )
    kafka_prefix: str = Field(
        default="leadflow",
        pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,200}$",
        description="What the names of the Kafka topics begin with.",
    )
    kafka_partitions: int = Field(
        default=12, ge=1, le=10_000, description="Partitions of each topic; fixed for the log's life."
    )
    kafka_replication: int | None = Field(
        default=None, ge=1, description="Copies of each partition; as many as there are brokers, at most 3."
    )
    kafka_min_isr: int | None = Field(
        default=None, ge=1, description="Copies that must have a fact before it counts; one less than all."
    )
    kafka_request_days: int = Field(
        default=30, ge=1, description="For how many days requests stay in their topics; facts stay for ever."
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
        """Settings from the environment; what is `given` and not None wins.

        A variable that is set to nothing counts as not set. Raises UsageError that names every
        variable with a value that cannot be used.
        """
        environment = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        for name in cls.model_fields:
            value = given.pop(name, None)
            values[name] = environment.get(variable_of(name)) or None if value is None else value
        try:
            settings = cls(**{name: value for name, value in values.items() if value is not None}, **given)
        except ValidationError as error:
            problems = "; ".join(
                f"{variable_of(str(problem['loc'][0]))}: {problem['msg']}" for problem in error.errors()
            )
            raise UsageError(f"settings cannot be used: {problems}") from error
        home = settings.home.expanduser().absolute()
        return settings if home == settings.home else settings.model_copy(update={"home": home})

    def redacted(self) -> dict[str, str | None]:
        """Every setting by its variable, passwords hidden: safe to print and to log."""
        return {setting.variable: setting.value for setting in self.described()}

    def described(self) -> list[Setting]:
        """Every setting with its value (passwords hidden), default and meaning."""
        rows = []
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            default = field.get_default(call_default_factory=True)
            rows.append(
                Setting(
                    variable_of(name),
                    None if value is None else redact(str(value)),
                    "" if default is None else str(default),
                    name in self.model_fields_set,
                    field.description or "",
                )
            )
        return rows


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return f"LEADFLOW_{name.upper()}"


_IN_ADDRESS = re.compile(r"(://[^:@/\s]*):.*@", re.DOTALL)
_IN_PARAMETER = re.compile(r"((?:^|[?&;\s])\w*password\s*=\s*)('(?:[^'\\]|\\.)*'|[^&;\s]*)", re.IGNORECASE)


def redact(address: str) -> str:
    """An address with its passwords hidden. Hides too much rather than too little."""
    return _IN_PARAMETER.sub(r"\1***", _IN_ADDRESS.sub(r"\1:***@", address))

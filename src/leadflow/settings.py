"""Settings: read once from the environment, then never change."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import platformdirs
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from leadflow import right_settings as right
from leadflow.domain.values import PoolId


def _default_home() -> Path:
    return platformdirs.user_data_path("leadflow", appauthor=False)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


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
        pattern=r"^(postgres(ql)?://|\s*\w+\s*=)",
        description="A Postgres of your own, as a libpq address; instead of the embedded one.",
    )
    pool: PoolId | None = Field(default=None, description="The pool that commands mean where none is named.")
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = Field(
        default="warning", description="How much is told on stderr: debug, info, warning, error."
    )
    kafka: Annotated[str, AfterValidator(right.servers)] | None = Field(
        default=None,
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
    kafka_security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], BeforeValidator(_upper)
    ] = Field(
        default="PLAINTEXT",
        description="How to talk to the brokers: PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL.",
    )
    kafka_sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], BeforeValidator(_upper)
    ] = Field(default="SCRAM-SHA-512", description="With SASL: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512.")
    kafka_user: str | None = Field(default=None, min_length=1, description="With SASL: the user.")
    kafka_password: SecretStr | None = Field(
        default=None, min_length=1, description="With SASL: the user's password; a file of it is safer."
    )
    kafka_password_file: Path | None = Field(
        default=None, description="With SASL: a file that holds the user's password and nothing else."
    )
    kafka_ca_file: Path | None = Field(
        default=None, description="With SSL: certificates (PEM) to trust, instead of the system's."
    )
    kafka_certificate_file: Path | None = Field(
        default=None, description="With SSL, where the brokers ask for one: this client's certificate (PEM)."
    )
    kafka_key_file: Path | None = Field(
        default=None, description="With SSL: the certificate's private key (PEM, without a password)."
    )
    log_format: Annotated[Literal["console", "json"], BeforeValidator(_lower)] = Field(
        default="console", description="The lines on stderr that tell of the work: console or json."
    )
    http: Annotated[str, AfterValidator(right.listening)] = Field(
        default="127.0.0.1:8600",
        description="Where the HTTP API listens, HOST:PORT (port 0 takes a free one); off for nowhere.",
    )
    public_url: Annotated[str, AfterValidator(right.public)] | None = Field(
        default=None,
        description="Where people reach the HTTP server, e.g. https://leads.example.com; without a path.",
    )
    http_body_max: int = Field(
        default=1_048_576, ge=1_024, description="Bytes that the body of a request over HTTP may have."
    )
    http_proxies: Annotated[str, AfterValidator(right.networks)] = Field(
        default="",
        description="Addresses of reverse proxies whose X-Forwarded-For and -Proto are believed, `a,b,…`.",
    )
    attribution: Path | None = Field(
        default=None,
        description="A file (TOML) of your own on which channel a website form's touch belongs to.",
    )
    session_idle_hours: float = Field(
        default=8, gt=0, le=168, description="After how many hours without a call a session ends."
    )
    session_hours: float = Field(
        default=168, gt=0, le=168, description="After how many hours a session ends in any case; at most 168."
    )
    oidc_issuer: str | None = Field(
        default=None,
        pattern=r"^https?://[^?#\s]+$",
        description="The company's OpenID Connect provider: its issuer, as it writes it itself.",
    )
    oidc_client_id: str | None = Field(
        default=None, min_length=1, description="With OpenID Connect: what the provider calls LeadFlow."
    )
    oidc_client_secret: SecretStr | None = Field(
        default=None, min_length=1, description="With OpenID Connect: the secret; a file of it is safer."
    )
    oidc_client_secret_file: Path | None = Field(
        default=None, description="With OpenID Connect: a file that holds the secret and nothing else."
    )
    oidc_name_claim: str = Field(
        default="preferred_username",
        min_length=1,
        description="With OpenID Connect: the claim that is the account's name.",
    )
    oidc_roles_claim: str | None = Field(
        default=None,
        min_length=1,
        description="With OpenID Connect: the claim that lists the account's roles, if there is one.",
    )
    oidc_create: Literal["rep", "manager", "marketing", "support", "analyst", "auditor"] | None = Field(
        default=None,
        description="With OpenID Connect: make accounts that are missing, with this role; none if not set.",
    )
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65_535,
        description="The port of a process's metrics and health; none if not set, 0 takes a free one.",
    )
    metrics_host: Annotated[str, AfterValidator(right.host)] = Field(
        default="127.0.0.1",
        description="The address that metrics and health listen on; 0.0.0.0 for every one.",
    )
    notify_private: Annotated[Literal["refuse", "allow"], BeforeValidator(_lower)] = Field(
        default="refuse",
        description="Webhooks to addresses inside your network, and by plain http: refuse, allow.",
    )
    vendor_private: Annotated[Literal["refuse", "allow"], BeforeValidator(_lower)] = Field(
        default="refuse",
        description="Asking vendors at addresses inside your network, and by plain http: refuse, allow.",
    )
    smtp_host: Annotated[str, AfterValidator(right.host)] | None = Field(
        default=None, description="The mail server that notifications are sent through."
    )
    smtp_port: int = Field(default=587, ge=1, le=65_535, description="The mail server's port.")
    smtp_security: Annotated[Literal["starttls", "tls", "none"], BeforeValidator(_lower)] = Field(
        default="starttls", description="How to talk to the mail server: starttls, tls, none."
    )
    smtp_user: str | None = Field(
        default=None, min_length=1, description="Who to log in as; not with LEADFLOW_SMTP_SECURITY=none."
    )
    smtp_password: SecretStr | None = Field(
        default=None, min_length=1, description="The password of the mail server's user; a file is safer."
    )
    smtp_password_file: Path | None = Field(
        default=None, description="A file that holds that password and nothing else."
    )
    smtp_from: str | None = Field(
        default=None,
        pattern=r"^[^\r\n@]+@[^\r\n@]+$",
        description="The address that notifications come from, `LeadFlow <leadflow@example.com>`.",
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
        """Settings from the environment; what is `given` and not None wins.

        A variable that is set to nothing counts as not set. Raises UsageError that names every
        variable with a value that cannot be used, where it was set, and a value that can.
        """
        environment = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        options = {name for name, value in given.items() if value is not None}
        for name in cls.model_fields:
            value = given.pop(name, None)
            values[name] = environment.get(variable_of(name)) or None if value is None else value
        try:
            settings = cls(**{name: value for name, value in values.items() if value is not None}, **given)
        except ValidationError as error:
            names = dict.fromkeys(str(problem["loc"][0]) for problem in error.errors(include_input=False))
            # Without its cause, which repeats the values, passwords too.
            raise right.wrong(names, values, options) from None
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
            shown = "***" if isinstance(value, SecretStr) else redact(str(value))
            default = field.get_default(call_default_factory=True)
            rows.append(
                Setting(
                    variable_of(name),
                    None if value is None else shown,
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

"""What a setting has to look like, and how one that does not is answered."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from leadflow.errors import UsageError

PORT_MAX = 65_535
HIDDEN = ("database_url", "kafka_password", "oidc_client_secret", "smtp_password")
"""Settings whose wrong value is not repeated: it may hold a password, and not where one is looked for."""
OPTIONS = {"home": "--home", "http": "--http", "metrics_port": "--metrics-port"}
"""Settings that an option of a command can give as well."""


class Right(NamedTuple):
    """What a setting has to be, in words that follow “has to be”; and one that is right."""

    words: str
    example: str


_FILE = "the path of a file"
_ROLE = "rep, manager, marketing, support, analyst or auditor"
_HOURS = "a number of hours, more than 0 and at most 168"
_COUNT = "a whole number from 1"
_TEXT = "a text"
_HOST = "a host's name or address, without a port"

RIGHT: dict[str, Right] = {
    "home": Right("the path of a directory", "/var/lib/leadflow"),
    "database_url": Right(
        "the address of a Postgres database", "postgresql://leadflow@db.example.com/leadflow"
    ),
    "pool": Right("a pool's id: up to 63 small letters, digits and dashes", "east"),
    "log_level": Right("debug, info, warning or error", "info"),
    "kafka": Right(
        "one or more HOST:PORT with commas between", "kafka-1.example.com:9092,kafka-2.example.com:9092"
    ),
    "kafka_prefix": Right("letters, digits, dots, dashes and underscores", "leadflow"),
    "kafka_partitions": Right("a whole number from 1 to 10000", "12"),
    "kafka_replication": Right(_COUNT, "3"),
    "kafka_min_isr": Right(_COUNT, "2"),
    "kafka_request_days": Right(_COUNT, "30"),
    "kafka_security_protocol": Right("PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", "SASL_SSL"),
    "kafka_sasl_mechanism": Right("PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", "SCRAM-SHA-512"),
    "kafka_user": Right(_TEXT, "leadflow"),
    "kafka_password": Right(_TEXT, "…"),
    "kafka_password_file": Right(_FILE, "/run/secrets/kafka-password"),
    "kafka_ca_file": Right(_FILE, "/etc/ssl/kafka-ca.pem"),
    "kafka_certificate_file": Right(_FILE, "/etc/ssl/leadflow.pem"),
    "kafka_key_file": Right(_FILE, "/run/secrets/leadflow-key.pem"),
    "log_format": Right("console or json", "json"),
    "http": Right(f"HOST:PORT with a port from 0 to {PORT_MAX}, or off", "127.0.0.1:8600"),
    "public_url": Right(
        "an address that begins with http:// or https:// and ends with the host or its port, without a path",
        "https://leads.example.com",
    ),
    "http_body_max": Right("a whole number of bytes from 1024", "1048576"),
    "http_proxies": Right("addresses or networks with commas between, or *", "10.0.0.5,10.1.0.0/16"),
    "attribution": Right(_FILE, "/etc/leadflow/attribution.toml"),
    "session_idle_hours": Right(_HOURS, "8"),
    "session_hours": Right(_HOURS, "168"),
    "oidc_issuer": Right("an address that begins with http:// or https://", "https://login.example.com/"),
    "oidc_client_id": Right(_TEXT, "leadflow"),
    "oidc_client_secret": Right(_TEXT, "…"),
    "oidc_client_secret_file": Right(_FILE, "/run/secrets/oidc-secret"),
    "oidc_name_claim": Right("a claim's name", "preferred_username"),
    "oidc_roles_claim": Right("a claim's name", "roles"),
    "oidc_create": Right(_ROLE, "rep"),
    "metrics_port": Right(f"a port from 0 to {PORT_MAX}", "9600"),
    "metrics_host": Right(_HOST, "127.0.0.1"),
    "notify_private": Right("refuse or allow", "allow"),
    "vendor_private": Right("refuse or allow", "allow"),
    "smtp_host": Right(_HOST, "smtp.example.com"),
    "smtp_port": Right(f"a port from 1 to {PORT_MAX}", "587"),
    "smtp_security": Right("starttls, tls or none", "starttls"),
    "smtp_user": Right(_TEXT, "leadflow@example.com"),
    "smtp_password": Right(_TEXT, "…"),
    "smtp_password_file": Right(_FILE, "/run/secrets/smtp-password"),
    "smtp_from": Right(
        "an e-mail address, with a name before it or without", "LeadFlow <leadflow@example.com>"
    ),
}
"""Of every setting."""


def wrong(names: Collection[str], values: Mapping[str, Any], options: Collection[str]) -> UsageError:
    """The error about settings that are wrong: each with what is wrong, where it was set and an example.

    `options` are the names of those that were given to the command, not by the environment.
    """
    found = [_about(name, values.get(name), name in options) for name in names]
    if len(found) == 1:
        what, where, do = found[0]
        return UsageError(what, where=where, do=do)
    lines = [f"  {what} ({where}). {do}" for what, where, do in found]
    return UsageError("\n".join([f"{len(found)} settings cannot be used:", *lines]))


def _about(name: str, value: Any, given: bool) -> tuple[str, str, str]:
    variable, option = f"LEADFLOW_{name.upper()}", OPTIONS.get(name)
    right = RIGHT.get(name)
    shown = "" if name in HIDDEN or value is None else f" is {str(value)!r}, and"
    where = f"given by {option}" if given and option else "given" if given else "set in the environment"
    title = option if given and option else variable
    if right is None:
        return f"{title}{shown} cannot be used", where, ""
    example = right.example if " " not in right.example else f"'{right.example}'"
    to_write = f"{option} {example}" if given and option else f"{variable}={example}"
    return f"{title}{shown} has to be {right.words}", where, f"For example: {to_write}"


# --- checks that a pattern cannot say ------------------------------------------------------------

_HOST_PORT = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^\s:/,@]+)(?::(\d{1,5}))?")


def listening(value: str) -> str:
    """HOST:PORT or off. Raises ValueError."""
    found = _HOST_PORT.fullmatch(value)
    if value != "off" and (found is None or found[1] is None or int(found[1]) > PORT_MAX):
        raise ValueError(RIGHT["http"].words)
    return value


def servers(value: str) -> str:
    """HOST:PORT,…; a port may be left out. Raises ValueError."""
    for one in value.split(","):
        found = _HOST_PORT.fullmatch(one.strip())
        if found is None or not 0 < int(found[1] or 1) <= PORT_MAX:
            raise ValueError(RIGHT["kafka"].words)
    return value


def public(value: str) -> str:
    """The scheme and the host of an address. Raises ValueError."""
    scheme, _, place = value.partition("://")
    found = _HOST_PORT.fullmatch(place)
    if scheme not in ("http", "https") or found is None or not 0 < int(found[1] or 1) <= PORT_MAX:
        raise ValueError(RIGHT["public_url"].words)
    return value


def host(value: str) -> str:
    """A host without a port: a name, or an address of IPv4 or IPv6. Raises ValueError."""
    if ":" in value:
        ipaddress.IPv6Address(value)
    elif not re.fullmatch(r"[^\s/,@]+", value):
        raise ValueError(_HOST)
    return value


def networks(value: str) -> str:
    """Addresses and networks with commas between, or `*`. Raises ValueError."""
    for one in value.split(","):
        if one.strip() not in ("", "*"):
            ipaddress.ip_network(one.strip(), strict=False)
    return value

"""The tables of identities, in the schema `records`."""

from __future__ import annotations

from leadflow.postgres import Database, ensure_table

_DDL = """
CREATE SCHEMA IF NOT EXISTS records;
CREATE TABLE IF NOT EXISTS records.accounts (
    name text PRIMARY KEY,
    display_name text,
    roles text[] NOT NULL,
    password_hash text,
    password_set_at timestamptz,
    oidc_subject text,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    disabled_at timestamptz
);
CREATE TABLE IF NOT EXISTS records.tokens (
    id text PRIMARY KEY,
    name text NOT NULL,
    actor text NOT NULL,
    scopes text[] NOT NULL,
    secret_hash text NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz,
    revoked_by text
);
CREATE UNIQUE INDEX IF NOT EXISTS tokens_name_idx ON records.tokens (name) WHERE revoked_at IS NULL;
CREATE TABLE IF NOT EXISTS records.sessions (
    id_hash text PRIMARY KEY,
    account text NOT NULL,
    opened_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS sessions_account_idx ON records.sessions (account);
CREATE TABLE IF NOT EXISTS records.signing_keys (
    purpose text PRIMARY KEY,
    key text NOT NULL,
    made_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS records.sign_in_failures (
    key text PRIMARY KEY,
    failures integer NOT NULL,
    failed_at timestamptz NOT NULL,
    free_at timestamptz NOT NULL
);
"""

# What was answered to a change that no pool decides, by who asked and the key that named it.
_DDL_REPEATS = """
CREATE TABLE IF NOT EXISTS records.repeats (
    actor text NOT NULL,
    key text NOT NULL,
    content text NOT NULL,
    status integer NOT NULL,
    answer text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (actor, key)
);
CREATE INDEX IF NOT EXISTS repeats_at_idx ON records.repeats (at);
"""


def prepare(database: Database) -> None:
    """Make the tables of identities where there are none."""
    ensure_table(database, "records.sign_in_failures", _DDL)
    ensure_table(database, "records.repeats", _DDL_REPEATS)


class Prepared:
    """A database whose tables of identities are made at the first use."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ready = False

    @property
    def database(self) -> Database:
        """The database, with the tables there."""
        if not self._ready:
            prepare(self._database)
            self._ready = True
        return self._database

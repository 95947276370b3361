"""Tables of records come to be when they are first needed, by whoever needs them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from leadflow.postgres import Database, ensure_table


def test_two_tables_of_a_new_schema_are_set_up_at_once(database: str) -> None:
    both = Barrier(2)

    def set_up(name: str) -> None:
        # Long enough in the transaction that the other one begins meanwhile.
        ddl = f"CREATE SCHEMA IF NOT EXISTS fresh; SELECT pg_sleep(0.5); CREATE TABLE fresh.{name} (id int)"
        with Database(database) as own:
            both.wait()
            ensure_table(own, f"fresh.{name}", ddl)

    with ThreadPoolExecutor(2) as executor:
        list(executor.map(set_up, ("one", "other")))
    with Database(database) as own, own.connection() as connection:
        found = connection.execute("SELECT to_regclass('fresh.one'), to_regclass('fresh.other')").fetchone()
    assert found == ("fresh.one", "fresh.other")

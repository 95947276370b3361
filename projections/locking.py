"""Who writes a generation's partitions: one at a time, and nobody for long who stands still."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog

from leadflow.postgres import Database
from projections.copying import Cursor
from projections.store import Generation

STILL_MAX = "20s"
"""How long a writer may leave its transaction standing."""
WAIT_MAX = "5s"
"""How long a lock is waited for before looking whether its holder stands still."""
# In the middle of a COPY a transaction is not idle, and none of Postgres's own limits ends it.
_TURN_OUT = """
SELECT pg_terminate_backend(pid) FROM (
    SELECT DISTINCT pid FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND pg_stat_activity.datname = current_database()
    AND ((classid::bigint << 32) | objid::bigint) IN (SELECT hashtextextended(unnest(%s::text[]), 0))
    AND wait_event = 'ClientRead' AND xact_start < clock_timestamp() - %s::interval
) AS still
"""

log_ = structlog.get_logger(__name__)


def lock_partitions(cursor: Cursor, generation: Generation, partitions: Iterable[int]) -> None:
    """Be the only writer of a generation's partitions until the transaction ends; others may be written
    meanwhile.

    Raises psycopg's LockNotAvailable after `WAIT_MAX`: see `turn_out`, then begin again.
    """
    name, *names = _names(generation, partitions)
    each = ", ".join(["pg_advisory_xact_lock(hashtextextended(%s, 0))"] * len(names))
    statement = (
        "SELECT set_config('lock_timeout', %s, true), pg_advisory_xact_lock_shared(hashtextextended(%s, 0)),"
        f" {each}, set_config('lock_timeout', '0', true)"
    )
    cursor.execute(statement.encode(), [WAIT_MAX, name, *names])


def lock(cursor: Cursor, generation: Generation) -> None:
    """Keep every writer out of a generation until the transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (_name(generation),))


def turn_out(database: Database, generation: Generation, partitions: Iterable[int]) -> None:
    """End the connection of who holds one of these locks and has stood still, so that others go on.

    Whoever it was reads from the database how far it is once it wakes up. Raises Unavailable.
    """
    with database.connection() as connection:
        ended = connection.execute(_TURN_OUT, (_names(generation, partitions), STILL_MAX)).fetchall()
    if ended:
        log_.warning(
            "a writer stood still and was turned out", projection=generation.name, writers=len(ended)
        )


def _names(generation: Generation, partitions: Iterable[int]) -> Sequence[str]:
    # In their order, so that two that want the same never wait for each other in a circle.
    name = _name(generation)
    return [name, *(f"{name}.{partition}" for partition in sorted(partitions))]


def _name(generation: Generation) -> str:
    return f"leadflow.projections.{generation.name}.{generation.number}"

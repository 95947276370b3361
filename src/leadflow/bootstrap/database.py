"""The Postgres that the settings name, or the data directory's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from leadflow.embedded.home import prepare_home
from leadflow.embedded.postgres import EmbeddedPostgres
from leadflow.settings import Settings


@contextmanager
def open_database(settings: Settings) -> Iterator[tuple[str, EmbeddedPostgres | None]]:
    """The address of the Postgres that the settings name, or of the data directory's, which is then started.

    Raises UsageError for a data directory that cannot be used, Unavailable.
    """
    prepare_home(settings.home)
    if settings.database_url is not None:
        yield settings.database_url, None
        return
    server = EmbeddedPostgres(settings.home)
    with server as url:
        yield url, server

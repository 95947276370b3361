"""Forgets what was to be kept for a time only, also where nobody comes any more: a part of `leadflow up` and
`leadflow api`.

Each table's own module knows for how long. Several processes may do so at once; what one has deleted, another
one finds no more.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from leadflow.errors import LeadflowError

if TYPE_CHECKING:
    from leadflow.bootstrap.serving import Service

EVERY_S = 3600.0
AGAIN_S = 60.0
"""After the database was away."""

log_ = structlog.get_logger(__name__)


def forget_old(service: Service) -> None:
    """Forget once. Raises Unavailable."""
    service.uploads.forget_old()
    service.app.identities.forget_old()


@contextmanager
def tidying(service: Service) -> Iterator[None]:
    """Forget at once, and every hour until the block ends."""
    stopping = threading.Event()

    def run() -> None:
        pause_s = 0.0
        while not stopping.wait(pause_s):
            pause_s = EVERY_S
            try:
                forget_old(service)
            except LeadflowError as error:
                log_.warning("what is old is not forgotten yet", problem=error.what)
                pause_s = AGAIN_S
            except Exception as error:
                log_.error(
                    "what is old is not forgotten", problem=f"a bug: {type(error).__name__}", exc_info=error
                )

    thread = threading.Thread(target=run, name="tidying")
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()

"""What a process tells of itself, and the port that it tells it on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from leadflow.settings import Settings

if TYPE_CHECKING:
    from consumers.operating import Operating


@contextmanager
def telling(settings: Settings, process: str, pause_s: float = 0.0) -> Iterator[tuple[Operating, str | None]]:
    """What the process tells its figures and its health to, and the address where they can be read.

    None where the settings name no port. `pause_s` is how long the process rests between two steps. Raises
    Unavailable if the port cannot be listened on.
    """
    from consumers.exposition import Exposition
    from consumers.operating import Operating

    operating = Operating(process, pause_s=pause_s)
    if settings.metrics_port is None:
        yield operating, None
        return
    with Exposition(operating, settings.metrics_host, settings.metrics_port) as exposition:
        yield operating, exposition.address

"""Trying a policy on a pool's history, for the doors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from leadflow.domain.events import Event
from leadflow.errors import LogDamaged, NotPermitted, UsageError
from leadflow.log.envelope import decode
from leadflow.rerunning.comparing import Comparison, Figure, Moved, RepFigures, compare
from leadflow.rerunning.rerun import Rerunning, Tried
from projections.reading import without_collector

if TYPE_CHECKING:
    from leadflow.bootstrap.app import App

EVERY = 500
"""So many facts between two looks at how far it is."""


def try_policy(
    app: App,
    actor: str,
    pool: str,
    tried: Tried | None,
    since: datetime | None,
    until: datetime | None,
    tell: Callable[[int, int], None],
    moved_max: int = 10,
) -> Comparison:
    """What a pool's history would have been under `tried` (without it, under the policies that there were).

    Nothing is written. Raises NotFound, NotPermitted, LogDamaged, and UsageError for an empty time or a
    policy that could not have held.
    """
    if app.views.reports(actor, pool).rep is not None:
        raise NotPermitted(
            f"{actor} may see its own figures only", do="A manager or an analyst may try policies."
        )
    end = until or app.now(pool)
    if since is not None and since > end:
        view = app.views.pool(pool)
        span = f"{view.local(since):%Y-%m-%d %H:%M} to {view.local(end):%Y-%m-%d %H:%M}"
        raise UsageError(f"there is no time from {span}, by the pool's clock", do="See --from and --to.")
    last = app.log.last(pool)

    def events() -> Iterator[Event]:
        for expected, stored in enumerate(app.log.read_pool(pool), 1):
            event = decode(stored.state)
            if event.sequence != expected:
                raise LogDamaged(
                    f"fact {expected} is missing before it", event=event.id, do="Run `leadflow log verify`."
                )
            if event.sequence % EVERY == 0:
                tell(event.sequence, last)
            yield event

    rerunning = Rerunning(pool, tried, since)
    with without_collector():
        for _ in rerunning.run(events(), end):
            pass
    tell(last, last)
    return compare(pool, rerunning.found, moved_max)


__all__ = ["Comparison", "Figure", "Moved", "RepFigures", "Tried", "try_policy"]

"""A policy tried on what has happened: what would have become of it."""

from __future__ import annotations

from pathlib import Path

import click

from leadflow.cli.common import Session, pass_session, pool_option, shared_options
from leadflow.cli.moments import TIME_FORMS, parse_time
from leadflow.cli.policy import PATH, read_file


@click.command("try")
@click.argument("file", type=PATH, required=False)
@click.option(
    "--from", "first", metavar="TIME", help=f"From when FILE holds: {TIME_FORMS}; a day, its beginning."
)
@click.option("--to", "last", metavar="TIME", help="Until when; a day means its end. Left out, now.")
@click.option(
    "--leads",
    "moved",
    metavar="N",
    default=10,
    show_default=True,
    type=click.IntRange(min=0),
    help="How many of the leads that would have gone to somebody else are named.",
)
@pool_option
@shared_options
@pass_session
def try_command(
    session: Session, file: Path | None, first: str | None, last: str | None, moved: int, pool: str | None
) -> None:
    """What would have happened under the policy in FILE: the pool's history, decided anew. Changes nothing.

    Arrivals, claims and managers' requests come again at the moments at which they came, and whoever has a
    lead then does the work that was done on it. Without FILE the policies hold that there were, which must
    give the same history again: a proof of every decision.
    """
    from leadflow.bootstrap.policies import build_calendar
    from leadflow.bootstrap.rerunning import Tried, try_policy
    from leadflow.cli import trial_tables

    app = session.app
    app.settle()
    name = session.pool(pool)
    view = app.views.pool(name)
    since = None
    if first is not None:
        since = parse_time(f"{first}T00:00" if len(first) == len("2026-10-15") else first, view)
    until = parse_time(last, view) if last else None
    tried = None
    if file is not None:
        policy = read_file(session, file)
        tried = Tried(policy, build_calendar(policy, view.local(since or view.opened_at).date()))
    with session.progress("Deciding anew") as tell:
        found = try_policy(app, session.actor, name, tried, since, until, tell, moved)
    under = f"under “{tried.policy.name}”" if tried else "decided again"
    session.emit(found, lambda out: trial_tables.render(out, found, under, view.local))

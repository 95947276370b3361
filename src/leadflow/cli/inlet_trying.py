"""Inlets: trying one with its kind's example, and fetching what a vendor did not push."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console

from leadflow.bootstrap.inlet_desk import InletDesk
from leadflow.bootstrap.inlets import period
from leadflow.bootstrap.reception import Reception
from leadflow.cli.common import Session, long_wait_option, pass_session, shared_options

DAY = click.DateTime(["%Y-%m-%d"])


@click.command("test")
@click.argument("name", metavar="ID")
@shared_options
@pass_session
def test_inlet(session: Session, name: str) -> None:
    """Send the kind's documented example through a door, as far as reading it; nothing is changed."""
    session.app.settle(fire=False)
    desk = InletDesk(session.app, session.actor)
    kind, trial = desk.get(name).kind, desk.tried(name)
    documents, lines = trial.documents, trial.arrivals
    document = {"inlet": name, "documents": documents, "arrivals": lines}

    def draw(console: Console) -> None:
        console.print(f"The example of {kind.title} proved itself and was read:", markup=False)
        for one in documents:
            console.print(f"  {json.dumps(one, ensure_ascii=False)}", markup=False, soft_wrap=True)
        for line in lines:
            if line["answer"] == "unreadable":
                console.print(f"It could not be read: {line['reason']}", markup=False)
                continue
            touch, where = line["touch"], line["pool"] or f"no pool, because {line['reason']}"
            console.print(
                f"It would be {line['answer']} in {where}: channel {touch['channel']}, door {touch['door']}, "
                f"campaign {touch.get('campaign') or '-'}, reference {touch['ref']}",
                markup=False,
            )
        console.print("Nothing was changed.", markup=False)

    session.emit(document, draw)


@click.command("reconcile")
@click.argument("name", metavar="ID")
@click.option("--from", "first", type=DAY, metavar="DAY", help="The first day; 30 days ago if left out.")
@click.option("--to", "last", type=DAY, metavar="DAY", help="The last day; today if left out.")
@long_wait_option
@shared_options
@pass_session
def reconcile_inlet(session: Session, name: str, first: datetime | None, last: datetime | None) -> None:
    """Ask a vendor for leads that were not pushed (Baidu), or for fields that could not be had (Meta).

    What is known already counts as a duplicate: this can be done as often as one likes.
    """
    session.app.settle()
    row = InletDesk(session.app, session.actor).get(name)
    begin, end = period(first, last, datetime.now(UTC))
    counts: Counter[str] = Counter()
    for done in Reception(session.app).reconcile(row, begin, end):
        counts[done.result.answer if done.result else "kept"] += 1
    session.app.decisions.catch_up()
    names = ("created", "merged", "duplicate", "unreadable", "kept")
    document: dict[str, Any] = {"inlet": name, "from": begin, "to": end, "asked": counts.total()}
    document |= {one: counts[one] for one in names}

    def draw(console: Console) -> None:
        told = ", ".join(f"{counts[one]} {one}" for one in names if counts[one]) or "nothing new"
        what = "waiting dead letters" if row.setup.kind == "meta" else f"leads from {begin} to {end}"
        console.print(f"{counts.total()} {what}: {told}", markup=False)

    session.emit(document, draw)

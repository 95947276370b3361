"""Inlets: trying one with its kind's example, and fetching what a vendor did not push."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console

from leadflow.bootstrap import Rehearsal, reason_of, request_of
from leadflow.bootstrap.inlets import EXAMPLE_FIELDS, InletReader, Sent, actor_of, completed, period
from leadflow.bootstrap.reception import Reception
from leadflow.cli.common import Session, long_wait_option, pass_session, plain, shared_options
from leadflow.errors import NotPermitted

DAY = click.DateTime(["%Y-%m-%d"])


def may_set_up(session: Session, pool: str | None) -> None:
    """Raise NotPermitted unless the actor manages the inlet's pool; or every pool, where it has none."""
    if pool is None:
        session.app.need("manage", session.actor)
    elif not session.app.views.may("manage", session.actor, pool):
        raise NotPermitted(f"{session.actor} may not set up doors of pool {pool}", do="See `--as`.")


@click.command("test")
@click.argument("name", metavar="ID")
@shared_options
@pass_session
def test_inlet(session: Session, name: str) -> None:
    """Send the kind's documented example through a door, as far as reading it; nothing is changed."""
    session.app.settle(fire=False)
    row = session.app.inlets.get(name)
    may_set_up(session, row.setup.pool)
    reception = Reception(session.app)
    reader = reception.reader_of(row)
    call = reader.kind.example(reader.inlet, datetime.now(UTC))
    sents = reader.sent(call)
    # Not the body itself: in some kinds it holds the secret.
    documents = [sent.document for sent in sents]
    lines = [_tried(session, reception, reader, sent) for sent in sents]
    document = {"inlet": name, "documents": documents, "arrivals": lines}

    def draw(console: Console) -> None:
        console.print(f"The example of {reader.kind.title} proved itself and was read:", markup=False)
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


def _tried(session: Session, reception: Reception, reader: InletReader, sent: Sent) -> dict[str, Any]:
    sent = completed(reader.inlet, sent, lambda inlet, lead: EXAMPLE_FIELDS)
    arrival = reader.incoming(sent).arrival
    notes = [asdict(problem) for problem in arrival.problems]
    if arrival.body is None:
        return {"answer": "unreadable", "pool": None, "reason": reason_of(arrival), "problems": notes}
    touch = plain(arrival.body.touch)
    pool = reception.places().of(reader.inlet, arrival.body)
    if not isinstance(pool, str):
        reason = f"{pool.field} {pool.message}"
        return {"answer": "kept", "pool": None, "reason": reason, "touch": touch, "problems": notes}
    rehearsal = Rehearsal(session.app.pool_state(pool))
    request = request_of(pool, actor_of(reader.inlet), "", arrival.body)
    answer, _ = rehearsal.answer(request, arrival.body)
    return {"answer": answer, "pool": pool, "touch": touch, "problems": notes}


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
    row = session.app.inlets.get(name)
    may_set_up(session, row.setup.pool)
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

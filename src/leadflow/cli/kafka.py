"""A Kafka deployment: its topics and its decider."""

from __future__ import annotations

import sys
from typing import Literal

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leadflow.bootstrap.kafka_processes import (
    check_topics,
    create_topics,
    new_decider,
    new_snapshotter,
    open_projector,
)
from leadflow.cli.common import Session, pass_session, shared_options
from leadflow.cli.diagnostics import quiet_libraries
from leadflow.cli.serving import metrics_option, running, served, stop_on_signals

SNAPSHOTS_PAUSE_S = 60.0
DEVIATES = 1
"""Exit code of `topics check` when something is not as it must be."""


def register(main: click.Group) -> None:
    """Add the commands."""
    for command in (topics, decider, projector, snapshotter):
        main.add_command(command)


@click.group()
def topics() -> None:
    """Make and check the topics of a log in Kafka (`LEADFLOW_KAFKA`)."""


@topics.command("create")
@shared_options
@pass_session
def topics_create(session: Session) -> None:
    """Make the topics that are missing; those that are there stay as they are."""
    quiet_libraries(session.settings.log_level)
    made = create_topics(session.settings)

    def draw(out: Console) -> None:
        out.print(f"Made {', '.join(made)}." if made else "Every topic is there already.", markup=False)

    session.emit({"made": made}, draw)


@topics.command("check")
@shared_options
@pass_session
def topics_check(session: Session) -> None:
    """Name every way in which the topics are not as they must be, and what it risks.

    Exit code 1 if there is any.
    """
    quiet_libraries(session.settings.log_level)
    found = check_topics(session.settings)

    def draw(out: Console) -> None:
        if not found:
            out.print("Every topic is as it must be.")
            return
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        for title in ("topic", "what", "is", "should be", "risk"):
            table.add_column(title, overflow="fold")
        for one in found:
            table.add_row(*map(escape, one))
        out.print(table)

    session.emit([one._asdict() for one in found], draw)
    if found:
        sys.exit(DEVIATES)


@click.command()
@click.option(
    "--clock",
    type=click.Choice(["real", "requests"]),
    default="real",
    show_default=True,
    help="The time that requests are decided at: when the log received them, or (for demos, tests and"
    " migrations) their own; then only the commands topic is read.",
)
@metrics_option
@shared_options
@pass_session
def decider(session: Session, clock: Literal["real", "requests"]) -> None:
    """Decide the requests of a log in Kafka (`LEADFLOW_KAFKA`) until SIGTERM or Ctrl-C.

    Several may run: they divide the partitions among themselves. Exit code 3 if another decider has taken
    over a partition that this one still wrote.
    """
    with served(session, "decider") as operating:
        process = new_decider(session.settings, operating, virtual=clock == "requests")
        stop_on_signals(process.stop)
        session.say(running("The decider", session.settings.kafka))
        process.run()
    session.say("Stopped.")


@click.command()
@metrics_option
@shared_options
@pass_session
def projector(session: Session) -> None:
    """Keep the read models of a log in Kafka (`LEADFLOW_KAFKA`) in Postgres until SIGTERM or Ctrl-C.

    Several may run on one database: they divide the partitions among themselves. Without
    `LEADFLOW_DATABASE_URL` the data directory's Postgres is used.
    """
    with (
        served(session, "projector") as operating,
        open_projector(session.settings, operating) as process,
    ):
        stop_on_signals(process.stop)
        session.say(running("The projector", session.settings.kafka))
        process.run()
    session.say("Stopped.")


@click.command()
@click.option(
    "--every",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    help="Facts after which a partition is worth another snapshot.",
)
@click.option("--once", is_flag=True, help="Take what is due now and end, instead of looking once a minute.")
@metrics_option
@shared_options
@pass_session
def snapshotter(session: Session, every: int, once: bool) -> None:
    """Keep snapshots of a log in Kafka in Postgres, so that deciders need not fold it whole when they start.

    It needs `LEADFLOW_KAFKA` and `LEADFLOW_DATABASE_URL`, and as much memory as a decider of the largest
    partition. Without snapshots deciders start later, and decide the same.
    """
    with served(session, "snapshotter", SNAPSHOTS_PAUSE_S) as operating:
        process = new_snapshotter(session.settings, operating)
        stop_on_signals(process.stop)
        if not once:
            session.say(running("The snapshotter", session.settings.kafka))
            process.run(every)
            session.say("Stopped.")
            return
        taken = process.take(every)

    def draw(out: Console) -> None:
        for one in taken:
            out.print(f"Partition {one.partition}: {one.pools} pools at position {one.position:,}.")
        if not taken:
            out.print(f"No partition has grown by {every:,} facts since its last snapshot.")

    session.emit([one._asdict() for one in taken], draw)

"""The HTTP API: in a process of its own, or within `leadflow up`."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from leadflow.cli.common import F, Session, pass_session, shared_options
from leadflow.cli.diagnostics import quiet_libraries
from leadflow.cli.serving import metrics_option, running, served, stop_on_signals

if TYPE_CHECKING:
    from leadflow.bootstrap.serving import Service

OFF = "off"
LOOK_S = 2.0
"""How often it is looked whether the database and Kafka answer."""
GC_THRESHOLD = (200_000, 50, 100)
"""Many small objects live for one request only: looked for less often, they are found all the same."""


def register(main: click.Group) -> None:
    """Add the command."""
    main.add_command(api)


def http_option(function: F) -> F:
    """`--http`, instead of the setting."""

    def take(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
        if value is not None:
            ctx.ensure_object(Session).given["http"] = value

    return click.option(
        "--http",
        expose_value=False,
        callback=take,
        metavar="HOST:PORT",
        help="Where the HTTP API listens (LEADFLOW_HTTP); port 0 takes a free one, `off` leaves it out.",
    )(function)


@contextmanager
def answering(session: Session, service: Service) -> Iterator[None]:
    """Answer over HTTP until the block ends, where the settings say; and say where."""
    if session.settings.http == OFF:
        yield
        return
    # It takes a moment to import, and most commands have no use for it.
    from leadflow.api.server import HttpServer

    with HttpServer(service, session.settings.http) as server:
        # What was imported stays: to look through it again and again for what could go is lost time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLD)
        session.say(f"The HTTP API is at {server.address}/v1, described at {server.address}/docs.")
        yield


@click.command()
@http_option
@metrics_option
@shared_options
@pass_session
def api(session: Session) -> None:
    """Answer the HTTP API until SIGTERM or Ctrl-C, in a process of its own.

    Requests go to the engine that runs in the data directory, are decided here where none does, or go to the
    deciders of a log in Kafka (LEADFLOW_KAFKA). `leadflow up` answers the same by itself.
    """
    from leadflow.bootstrap.pulling import pulling
    from leadflow.bootstrap.serving import Looking, open_service
    from leadflow.bootstrap.tidying import tidying

    if session.settings.http == OFF:
        raise click.UsageError("`off` leaves nothing to do: give --http HOST:PORT")
    if session.settings.kafka is not None:
        quiet_libraries(session.settings.log_level)
    stop = threading.Event()
    with (
        served(session, "api", LOOK_S) as operating,
        open_service(session.app, operating) as service,
        answering(session, service),
        pulling(service, operating),
        tidying(service),
    ):
        stop_on_signals(stop.set)
        operating.holds(())
        look = Looking(service.app, operating, session.say)
        look()
        session.say(running("The HTTP API", session.settings.kafka or session.settings.home))
        while not stop.wait(LOOK_S):
            look()
        operating.stopping()
        session.say("Stopping: what is under way is answered …")
    session.say("Stopped.")

"""What commands that run until they are told to stop have in common."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from leadflow.cli.common import F, Session
from leadflow.cli.diagnostics import json_line
from leadflow.errors import LeadflowError

if TYPE_CHECKING:
    from leadflow.bootstrap.kafka_processes import Operating


def metrics_option(function: F) -> F:
    """`--metrics-port`, instead of the setting."""

    def take(ctx: click.Context, _: click.Parameter, value: int | None) -> None:
        if value is not None:
            ctx.ensure_object(Session).given["metrics_port"] = value

    return click.option(
        "--metrics-port",
        type=click.IntRange(0, 65_535),
        expose_value=False,
        callback=take,
        metavar="PORT",
        help="Serve metrics and health there (LEADFLOW_METRICS_PORT); 0 takes a free port.",
    )(function)


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Let SIGTERM and Ctrl-C call `stop`."""

    def handle(number: int, _: FrameType | None) -> None:
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)


@contextmanager
def served(session: Session, process: str, pause_s: float = 0.0) -> Iterator[Operating]:
    """What the process tells its figures and its health to; where they can be read is said.

    Where its lines are JSON, what it ends with is one of them, too.
    """
    from leadflow.bootstrap.telling import telling

    session.serves = True
    try:
        with telling(session.settings, process, pause_s) as (operating, address):
            if address is not None:
                session.say(f"Metrics and health are at {address}/metrics, /healthz and /readyz.")
            yield operating
    except LeadflowError as error:
        if session.settings.log_format != "json":
            raise
        click.echo(json_line(f"Error: {error}", "error"), err=True)
        sys.exit(error.exit_code)


def running(what: str, where: Any) -> str:
    """What is said once a process runs."""
    return f"{what} is running (process {os.getpid()}, {where})."

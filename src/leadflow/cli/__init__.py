"""The command line, `leadflow`: thin; it parses, calls and prints."""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path

import click

from leadflow.cli import groups
from leadflow.cli.common import Session, run, shared_options

# LeadFlow has no plugins of pydantic: looking for them goes through every package that is installed.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if not asked or ctx.resilient_parsing:
        return
    # It takes longer to import than all the rest of this.
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version("leadflow")
    except PackageNotFoundError:
        found = "from a source tree"
    click.echo(f"leadflow {found}")
    ctx.exit()


@click.group(
    cls=groups.Sectioned, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@shared_options
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_version,
    help="Show the version and exit.",
)
@click.pass_context
def leadflow(ctx: click.Context) -> None:
    """LeadFlow takes every lead into a pool, scores it, hands it out, takes it back, and can prove it."""
    ctx.ensure_object(Session)


def main() -> None:
    """The entry point of the `leadflow` command."""
    if sys.stdout is None:
        # Its caller has closed it; what would be said goes nowhere.
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a sign is no reason not to show the rest.
            stream.reconfigure(errors="backslashreplace")
    code = run(leadflow)
    if callable(signal.getsignal(signal.SIGTERM)):
        # It has ended as asked or by itself. While Python ends, the signal would have its default back, and
        # take the place of the exit code.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(code)

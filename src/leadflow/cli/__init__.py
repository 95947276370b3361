"""The command line, `leadflow`: thin; it parses, calls and prints."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version

import click

from leadflow.cli import groups
from leadflow.cli.common import Session, run, shared_options


def _version() -> str:
    try:
        return version("leadflow")
    except PackageNotFoundError:
        return "from a source tree"


@click.group(
    cls=groups.Sectioned, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@shared_options
@click.version_option(_version(), message="leadflow %(version)s")
@click.pass_context
def leadflow(ctx: click.Context) -> None:
    """LeadFlow takes every lead into a pool, scores it, hands it out, takes it back, and can prove it."""
    ctx.ensure_object(Session)


groups.register(leadflow)


def main() -> None:
    """The entry point of the `leadflow` command."""
    sys.exit(run(leadflow))

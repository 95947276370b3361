"""Running LeadFlow: the engine, its settings and its health, backups, completion."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import nullcontext
from pathlib import Path

import click
from click.shell_completion import get_completion_class
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leadflow.bootstrap.doctoring import examine
from leadflow.bootstrap.opening import engine_runs, own_log, running_app
from leadflow.bootstrap.operations import Finding, Summary, backup, check_backup, restore
from leadflow.cli.api import answering, http_option
from leadflow.cli.common import Session, pass_session, shared_options
from leadflow.cli.diagnostics import quiet_libraries
from leadflow.cli.serving import metrics_option, served, stop_on_signals
from leadflow.errors import UsageError

PATH = click.Path(path_type=Path)
AWAY = 3
"""Exit code of a command that something it needs kept from working."""
SHELLS = ("bash", "zsh", "fish")
MARKS = {"ok": "[green]ok[/]", "warn": "[yellow]warn[/]", "fail": "[bold red]fail[/]"}


def register(main: click.Group) -> None:
    """Add the commands."""
    for command in (up, config, doctor, backup_command, restore_command, completion):
        main.add_command(command)


@click.command()
@http_option
@metrics_option
@shared_options
@pass_session
def up(session: Session) -> None:
    """Run the engine, its clock, the read models and the HTTP API until SIGTERM or Ctrl-C.

    Deadlines are decided when they are due, and other commands hand their requests to it.
    """
    from leadflow.bootstrap.pulling import pulling
    from leadflow.bootstrap.serving import Service
    from leadflow.bootstrap.tidying import tidying

    def leave(*_: object) -> None:
        raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    session.serves = True
    session.say(f"Starting LeadFlow in {session.settings.home} …")
    with (
        served(session, "engine") as operating,
        running_app(session.settings, operating) as (app, embedded),
        nullcontext(Service(app, embedded.commits.send, operating)) as service,
        answering(session, service),
        pulling(service, operating),
        tidying(service),
    ):
        stop_on_signals(embedded.stop)
        session.say(f"LeadFlow is running (process {os.getpid()}, {len(app.log.pools())} streams).")
        session.say("Other commands hand their requests to it. Stop it with Ctrl-C or SIGTERM.")
        while not embedded.wait(60):
            pass
        session.say("Stopping: what waits is decided, and the read models catch up …")
    session.say("Stopped.")


@click.group()
def config() -> None:
    """Look at the settings."""


@config.command("show")
@shared_options
@pass_session
def config_show(session: Session) -> None:
    """Every setting with its value, where it comes from and what it means; passwords hidden."""
    rows = session.settings.described()

    def draw(out: Console) -> None:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        for title in ("setting", "value", "from", "meaning"):
            table.add_column(title, overflow="fold")
        for row in rows:
            value = "[dim]not set[/]" if row.value is None else escape(row.value)
            table.add_row(row.variable, value, "given" if row.from_environment else "default", row.meaning)
        out.print(table)

    session.emit(rows, draw)


@click.command()
@shared_options
@pass_session
def doctor(session: Session) -> None:
    """Look at everything that LeadFlow needs, and say what to do about it.

    Exit code 3 if something needed is away; a warning alone is exit code 0.
    """
    if session.settings.kafka is not None:
        quiet_libraries(session.settings.log_level)
    findings: list[Finding] = list(examine(session.settings))
    session.emit(findings, lambda out: _draw_findings(out, findings))
    if any(finding.status == "fail" for finding in findings):
        sys.exit(AWAY)


def _draw_findings(out: Console, findings: list[Finding]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column()
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for finding in findings:
        do = f"\n[cyan]→ {escape(finding.do)}[/]" if finding.do else ""
        table.add_row(MARKS[finding.status], finding.check, escape(finding.what) + do)
    out.print(table)
    counts = [sum(finding.status == status for finding in findings) for status in ("fail", "warn")]
    if counts == [0, 0]:
        out.print("\nEverything that LeadFlow needs is there.")
    else:
        out.print(f"\n{counts[0]} failed, {counts[1]} to look at.")


@click.command("backup")
@click.argument("file", type=PATH)
@shared_options
@pass_session
def backup_command(session: Session, file: Path) -> None:
    """Write the log and the records to FILE, read it again and prove it. Work may go on meanwhile."""
    session.app.need("see_contacts", session.actor)
    log = own_log(session.app)
    with session.progress("Backing up") as tell:
        summary = backup(log, file, tell)
    _told(session, summary, f"Backed up to {file}")


@click.command("restore")
@click.argument("file", type=PATH)
@shared_options
@pass_session
def restore_command(session: Session, file: Path) -> None:
    """Fill a new data directory from a backup FILE, all or nothing, and prove what is there then."""
    if session.settings.kafka is None:
        # A file that is no backup leaves no data directory behind.
        check_backup(file)
    app = session.app
    if engine_runs(session.settings):
        raise UsageError(
            "an engine is running here", where=str(app.home), do="Name a new data directory with --home."
        )
    log = own_log(app)
    with session.progress("Restoring") as tell:
        summary = restore(log, file, tell)
    with session.progress("Filling the read models") as tell:
        app.projections.start()
        app.projections.rebuild(progress=tell)
    _told(session, summary, f"Restored from {file}")


def _told(session: Session, summary: Summary, what: str) -> None:
    def draw(out: Console) -> None:
        out.print(
            f"{what}: {summary.events} events, {summary.records} records; the chain holds.", markup=False
        )
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        table.add_column("pool")
        table.add_column("last hash", overflow="fold")
        for pool, last in summary.heads.items():
            table.add_row(pool, last)
        if summary.heads:
            out.print(table)

    session.emit(summary._asdict() | {"path": str(summary.path)}, draw)


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the completion script of a SHELL.

    \b
    bash:  leadflow completion bash >> ~/.bashrc
    zsh:   leadflow completion zsh >> ~/.zshrc
    fish:  leadflow completion fish > ~/.config/fish/completions/leadflow.fish
    """  # noqa: D301 - click's sign that the lines stay as they are
    kind = get_completion_class(shell)
    assert kind is not None
    main = click.get_current_context().find_root().command
    script = kind(main, {}, "leadflow", "_LEADFLOW_COMPLETE")
    # The script as text; `source()` would first look which version of the shell is installed.
    click.echo(script.source_template % script.source_vars())

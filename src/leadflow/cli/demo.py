"""The demo: a sales team's month, played and then looked at."""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from leadflow.bootstrap.app import App
from leadflow.bootstrap.asking import new_request_id
from leadflow.bootstrap.opening import open_app
from leadflow.cli.common import Session, pass_session, shared_options
from leadflow.cli.diagnostics import quiet_libraries
from leadflow.demo.deployment import deployed, settings_of
from leadflow.demo.play import Played, play
from leadflow.demo.screens import Screen, disputed_lead, screens
from leadflow.errors import UsageError
from leadflow.settings import Settings

SEED = 2026
PREFIX = "leadflow-demo"
"""What the names of a demo's topics begin with."""
WAIT_S = 60.0
TERMINATED = 143
"""Exit code of what was ended by SIGTERM, as shells have it."""
WIDTH = 100


def register(main: click.Group) -> None:
    """Add the command."""
    main.add_command(demo)


@click.command()
@click.option("--seed", default=SEED, show_default=True, metavar="N", help="The same seed, the same month.")
@click.option(
    "--keep",
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[DIR]",
    help="Keep the data, in DIR if given, to look around in it afterwards.",
)
@click.option("--yes", is_flag=True, help="Do not wait for Enter between the screens.")
@shared_options
@pass_session
def demo(session: Session, seed: int, keep: str | None, yes: bool) -> None:
    """Play a sales team's month on a virtual clock, and show what LeadFlow knows of it.

    It has a data directory of its own, which is removed at the end unless --keep says otherwise. Where
    LEADFLOW_KAFKA names a cluster, its log is there, in topics of its own, and a decider and a projector run
    as processes meanwhile.
    """
    root = click.get_current_context().find_root().command
    assert isinstance(root, click.Group)
    with leaving() as go_on, _home(keep) as home, _opened(session, home) as app:
        played = _play(session, app, seed, go_on)
        app.settle()
        go_on()
        if session.json:
            data = {
                **played._asdict(),
                "disputed_lead": disputed_lead(app),
                "home": str(home) if keep else None,
            }
            session.emit(data, lambda _: None)
            return
        shown = screens(app, played)
        for number, screen in enumerate(shown, 1):
            _show(root, app, screen, f"{number}/{len(shown)}")
            if number < len(shown) and not yes and sys.stdin.isatty() and sys.stdout.isatty():
                click.pause("Enter shows the next screen …")
        _next_steps(_session(app).out, app.settings, shown, kept=keep is not None)


@contextmanager
def leaving() -> Iterator[Callable[[], None]]:
    """Asked to end, by Ctrl-C or SIGTERM, the demo ends what it has begun. Gives what to call now and then:
    Kafka's client swallows what is raised while its own tasks run."""
    asked: list[int] = []

    def go_on() -> None:
        if asked:
            raise KeyboardInterrupt if asked[0] == signal.SIGINT else SystemExit(TERMINATED)

    def leave(number: int, _: object) -> None:
        asked.append(number)
        go_on()

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield go_on
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _opened(session: Session, home: Path) -> Iterator[App]:
    """LeadFlow on a virtual clock: on a log of this machine, or of the cluster that is named."""
    if session.settings.kafka is None:
        with open_app(Settings(home=home), virtual=True) as app:
            yield app
        return
    quiet_libraries(session.settings.log_level)
    settings = settings_of(session.settings, home, f"{PREFIX}-{new_request_id()[-12:]}")
    session.say(f"Starting a decider and a projector on {settings.kafka}, topics {settings.kafka_prefix}.* …")
    with deployed(settings), open_app(settings, wait_s=WAIT_S, warn=session.say) as app:
        yield app


def _session(app: App) -> Session:
    """A session as a command of its own would have, on the app that is open."""
    session = Session()
    session.use(app)
    if not session.out.is_terminal:
        session.out.width = WIDTH
    return session


@contextmanager
def _home(keep: str | None) -> Iterator[Path]:
    """A data directory of the demo's own. Raises UsageError for one that holds something already."""
    if keep:
        home = Path(keep).expanduser().absolute()
        if home.exists() and (not home.is_dir() or any(home.iterdir())):
            raise UsageError(
                "the demo needs a directory of its own", where=str(home), do="Name one that is empty or new."
            )
        yield home
        return
    home = Path(tempfile.mkdtemp(prefix="leadflow-demo-"))
    try:
        yield home
    finally:
        if keep is None:
            shutil.rmtree(home, ignore_errors=True)


def _play(session: Session, app: App, seed: int, go_on: Callable[[], None]) -> Played:
    columns = (TextColumn("October 2026 in a sales team"), BarColumn(), TextColumn("day {task.completed}/31"))
    quiet = not session.err.is_terminal
    if quiet:
        session.say(f"Playing October 2026 in a sales team, seed {seed} …")
    with Progress(*columns, console=session.err, transient=True, disable=quiet) as bar:
        task = bar.add_task("month", total=31)

        def played(day: int, days: int) -> None:
            go_on()
            bar.update(task, completed=day, total=days)

        return play(app, seed, played)


def _show(root: click.Group, app: App, screen: Screen, place: str) -> None:
    session = _session(app)
    out = session.out
    out.print()
    out.rule(Text(f"{place}  {screen.title}", style="bold"), align="left", style="cyan")
    out.print(Text(screen.words), width=min(out.width, WIDTH), soft_wrap=False)
    if screen.draw is not None:
        out.print()
        screen.draw(out)
        out.print()
    out.print(Text(f"$ leadflow {' '.join(screen.command)}", style="bold green"))
    out.print()
    root.main(args=list(screen.command), prog_name="leadflow", obj=session, standalone_mode=False)


def _next_steps(out: Console, settings: Settings, shown: list[Screen], *, kept: bool) -> None:
    out.print()
    out.rule(Text("What to run next", style="bold"), align="left", style="cyan")
    if not kept:
        lines = [
            ("leadflow demo --keep ./demo", "the same month again, kept to look around in"),
            ("leadflow demo --seed 7", "another month"),
        ]
    else:
        settled = {"LEADFLOW_HOME": str(settings.home)}
        if settings.kafka is not None:
            settled["LEADFLOW_KAFKA_PREFIX"] = settings.kafka_prefix
        meanings = ("this month's data", "this month's log")
        lines = [
            (f"export {name}={shlex.quote(value)}", meaning)
            for (name, value), meaning in zip(settled.items(), meanings, strict=False)
        ]
        lines += [(f"leadflow {' '.join(screen.command)}", screen.title.lower()) for screen in shown]
        # The month's own pool stands still: nothing can be opened or taken in beside it.
        lines.append((f"unset {' '.join(settled)}", "away from this month"))
        lines.append(("leadflow policy try", "would every decision come out again?"))
    lines += [
        ("leadflow pool open east", "a pool of your own, in your own data directory"),
        ("leadflow import leads.xlsx --channel trade_show", "your leads"),
        ("leadflow --help", "everything else"),
    ]
    lines.append(("docs/tutorial/first-hour.md", "leads through your first hour"))
    width = max(len(command) for command, _ in lines)
    for command, what in lines:
        line = Text("  ")
        line.append(command.ljust(width), style="bold green")
        line.append(f"   {what}", style="dim")
        out.print(line, soft_wrap=True)

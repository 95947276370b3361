"""What every command shares: whose it is, how it prints, how it ends.

Data goes to stdout (a table for people, one JSON document with `--json`), messages to stderr.
Exit codes: 0 done, 1 refused by a rule, 2 wrong usage or unreadable input, 3 something needed is away.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from leadflow.cli.groups import ReadEnough
from leadflow.cli.terminal import discard_output, only_signs
from leadflow.cli.values import plain
from leadflow.errors import LeadflowError, UsageError

# Each of these takes a moment to import, and is imported where it is used: `--version` waits for none.
if TYPE_CHECKING:
    from rich.console import Console

    from leadflow.bootstrap.app import App
    from leadflow.bootstrap.looking import Outcome
    from leadflow.domain.requests import Body
    from leadflow.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

WAIT_S = 10.0
"""How long outcomes and read models are waited for, unless `--wait` says otherwise."""
PIPE_COLUMNS = 200
LONG_WAIT_S = 60.0
REFUSED = 1
"""Exit code of a command that a rule refused."""


class Session:
    """One run of the command line: who acts, on which data, and where output goes."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}
        self.actor = "manager/local"
        self.json = False
        self.wait_s = WAIT_S
        self.serves = False
        """Whether this is a process that runs until it is told to stop, and whose lines machines may read."""
        self._settings: Settings | None = None
        self._app: App | None = None
        self.hint: Callable[[Outcome], str | None] | None = None
        """What is said beside a refusal, for whoever asked."""

    @cached_property
    def out(self) -> Console:
        """Where data for people goes."""
        from rich.console import Console

        # Through a pipe a row stays on one line, so that it can be searched and cut.
        wide = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else PIPE_COLUMNS
        only_signs()
        return Console(highlight=False, soft_wrap=not sys.stdout.isatty(), width=wide)

    @cached_property
    def err(self) -> Console:
        """Where messages go."""
        from rich.console import Console

        only_signs()
        return Console(stderr=True, highlight=False, soft_wrap=True)

    @property
    def settings(self) -> Settings:
        """The settings of this run."""
        if self._settings is None:
            from leadflow.cli.diagnostics import log_to_stderr
            from leadflow.settings import Settings

            self._settings = Settings.from_environment(**self.given)
            log_to_stderr(self._settings.log_level, self._settings.log_format)
        return self._settings

    @property
    def app(self) -> App:
        """LeadFlow, opened at the first use and closed when the command ends."""
        if self._app is None:
            from leadflow.bootstrap.opening import open_app
            from leadflow.cli.diagnostics import quiet_libraries

            if self.settings.kafka is not None:
                quiet_libraries(self.settings.log_level)
            opened = open_app(self.settings, wait_s=self.wait_s, warn=self.say)
            self._app = click.get_current_context().with_resource(opened)
        return self._app

    def use(self, app: App) -> None:
        """Work on an app that somebody else opened, and will close."""
        self._app, self._settings = app, app.settings

    # --- output ---------------------------------------------------------------------------------

    def say(self, message: str) -> None:
        """A message for the person, on stderr; of a process, a line of JSON where its others are."""
        if self.serves and self.settings.log_format == "json":
            from leadflow.cli.diagnostics import json_line

            click.echo(json_line(message, "info"), err=True)
        else:
            self.err.print(message, markup=False)

    def emit(self, data: Any, render: Callable[[Console], None]) -> None:
        """Print data: as JSON where asked for, else as `render` draws it for people."""
        if self.json:
            # Where signs have to be written out, JSON has its own way for all of them.
            ascii_only = not (sys.stdout.encoding or "utf-8").lower().startswith("utf")
            click.echo(json.dumps(plain(data), ensure_ascii=ascii_only, indent=2))
        else:
            render(self.out)

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """A progress bar on stderr, where somebody looks at it; gives what is told (done, of how many)."""
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        columns = (TextColumn(what, markup=False), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        bar = Progress(*columns, console=self.err, transient=True, disable=not self.err.is_terminal)
        with bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    # --- requests -------------------------------------------------------------------------------

    def pool(self, given: str | None) -> str:
        """The pool that is meant: the one named, the setting's, or the only one there is."""
        if given or self.settings.pool:
            return str(given or self.settings.pool)
        pools = self.app.pools()
        if len(pools) == 1:
            return pools[0]
        if not pools:
            raise UsageError("there is no pool yet", do="Open one: `leadflow pool open ID`.")
        raise UsageError(f"there are several pools: {', '.join(pools)}", do="Say which with `--pool ID`.")

    def send(self, pool: str, kind: type[Body], request_id: str | None = None, **fields: Any) -> Outcome:
        """Have a request decided; what is None is left out.

        Prints a refusal with its reason and position and ends the command with exit code 1.
        """
        from pydantic import ValidationError

        from leadflow.bootstrap.asking import new_request_id, request_of

        values = {name: value for name, value in fields.items() if value is not None}
        try:
            body = kind(**values)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, p['loc'])) or 'request'}: {_in_words(p['msg'])}" for p in error.errors()
            )
            raise UsageError(f"{kind.__name__} cannot be sent: {problems}") from error
        request = request_of(pool, self.actor, request_id or new_request_id(), body)
        outcome = self.app.one(request)
        if outcome.refusal is not None:
            self.refused(outcome)
        return outcome

    def refused(self, outcome: Outcome) -> None:
        """Say why a rule refused a request, and end with exit code 1."""
        from leadflow.bootstrap.looking import refusal_text
        from leadflow.cli.telling import moment

        refusal, event = outcome.refusal, outcome.events[0]
        assert refusal is not None
        if self.json:
            self.emit({"refused": refusal, "fact": event.id, "time": event.time}, lambda _: None)
        view = self.app.views.pools().get(event.pool)
        said = refusal_text(refusal, event, partial(moment, view)) if view else refusal_text(refusal, event)
        self.say(f"Refused: {said} (fact {event.id})")
        if self.hint is not None and (more := self.hint(outcome)):
            self.say(more)
        sys.exit(REFUSED)


def _in_words(message: str) -> str:
    """What a model's check says, for people."""
    if message.startswith("String should match pattern '^[^"):
        return "a name has no blanks, slashes or colons"
    return message.removeprefix("Value error, ").replace("String should", "it should")


pass_session = click.make_pass_decorator(Session, ensure=True)


def _actor(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(Session).actor = value


def _json(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Session).json = True


def _home(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(Session).given["home"] = value


class ActorType(click.ParamType[str]):
    """`role/id`, checked where it is typed."""

    name = "role/id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The actor, or a usage error naming the roles."""
        from pydantic import TypeAdapter, ValidationError

        from leadflow.domain.values import ROLES, ActorName

        try:
            return str(TypeAdapter(ActorName).validate_python(value))
        except ValidationError:
            self.fail(f"{value!r} is not ROLE/ID; roles are {', '.join(ROLES)}", param, ctx)


def place_options(function: F) -> F:
    """`--json` and `--home`, on every command."""
    for option in (
        click.option(
            "--home",
            expose_value=False,
            callback=_home,
            metavar="DIR",
            help="The data directory (LEADFLOW_HOME).",
        ),
        click.option("--json", is_flag=True, expose_value=False, callback=_json, help="Print data as JSON."),
    ):
        function = option(function)
    return function


def shared_options(function: F) -> F:
    """`--as`, `--json` and `--home`, on every command as well as on `leadflow` itself."""
    return click.option(
        "--as",
        "actor",
        type=ActorType(),
        expose_value=False,
        callback=_actor,
        metavar="ROLE/ID",
        help="Who acts; manager/local if left out.",
    )(place_options(function))


def pool_option(function: F) -> F:
    """`--pool`, which may be left out where there is one pool."""
    return click.option("--pool", metavar="ID", help="The pool; may be left out where there is one.")(
        function
    )


def _country(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    from pydantic import TypeAdapter, ValidationError

    from leadflow.bootstrap.importing import PhoneRegion

    try:
        return str(TypeAdapter(PhoneRegion).validate_python(value.strip().upper()))
    except ValidationError as error:
        message = f"{value!r} is no country: two letters of ISO 3166, as in DE or US"
        raise click.BadParameter(message, ctx, param) from error


phone_region_option = click.option(
    "--phone-region",
    metavar="COUNTRY",
    callback=_country,
    help="Country (ISO 3166, as DE) of phone numbers without a country code; CN if left out.",
)
"""`--phone-region`, checked where it is typed."""


def _wait(ctx: click.Context, _: click.Parameter, value: float) -> None:
    ctx.ensure_object(Session).wait_s = value


def _wait_option(default_s: float) -> Callable[[F], F]:
    return click.option(
        "--wait",
        type=click.FloatRange(min=0.1),
        default=default_s,
        expose_value=False,
        callback=_wait,
        metavar="SECONDS",
        help=f"Where the log is in Kafka: how long to wait while nothing comes of it ({default_s:g}).",
    )


wait_option = _wait_option(WAIT_S)
"""`--wait`: how long a command waits for outcomes and read models."""
long_wait_option = _wait_option(LONG_WAIT_S)
"""The same for many requests: a decider may be away for a moment in the middle."""


def request_option(function: F) -> F:
    """`--request-id`: the same id again gets the first outcome; and `--wait`."""
    return click.option(
        "--request-id", metavar="ID", help="Name the request: sent again, it gets its first outcome."
    )(wait_option(function))


def run(main: click.Group, arguments: Sequence[str] | None = None) -> int:
    """Run the command line; every way that it ends becomes an exit code and words on stderr."""
    try:
        result = main.main(args=arguments, prog_name="leadflow", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except click.Abort:
        click.echo("Stopped.", err=True)
        return 130
    except LeadflowError as error:
        click.echo(f"Error: {error}", err=True)
        return error.exit_code
    except ReadEnough:
        discard_output()
        return 0
    except OSError as error:
        # Of the system, not of LeadFlow: a full disk under the output, a limit on open files.
        place = f" ({error.filename})" if error.filename else ""
        click.echo(f"Error: the system refuses: {error.strerror or error}{place}", err=True)
        with suppress(OSError):
            sys.stdout.close()
        return 3
    except Exception as error:
        if os.environ.get("LEADFLOW_LOG_LEVEL", "").lower() == "debug":
            raise
        click.echo(f"Error: {type(error).__name__}: {error}".rstrip(": "), err=True)
        click.echo("This is a bug of LeadFlow. LEADFLOW_LOG_LEVEL=debug shows where it is.", err=True)
        return 2

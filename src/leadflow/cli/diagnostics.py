"""The lines on stderr that tell of the work: LeadFlow's own and those of the libraries, in one form."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterator
from typing import Literal, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import ExcInfo

NOISY = ("kafka", "psycopg")
"""Libraries that tell of every connection; below a warning they are heard at `debug` only. Their own `debug`
is never heard: it shows whole records, and with them people's contact points."""
QUIET_S = 300.0
"""A library that warns again after less than this still tells of the same thing."""
AGAIN_S = 3_600.0
"""After so long it is worth another line all the same."""
IDLE = "kafka.net.selector"
"""It warns of a turn of its own loop that took a tenth of a second, as every busy machine has."""


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what is stderr at that moment: tests and progress bars exchange it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override] # the base class stores one
        return sys.stderr


class _FirstOfMany(logging.Filter):
    """Lets the first line through that a noisy library warns with, and no more until it was quiet.

    Kafka's client warns several times a second of a broker that is away. A process says itself what it
    cannot do, and that it works again; the client's first line is for what the process does not notice, as
    the loss of one broker of three.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, tuple[float, float]] = {}
        """By library, when it was heard, and when that was told."""

    def filter(self, record: logging.LogRecord) -> bool:
        library = record.name.partition(".")[0]
        if library not in NOISY or record.levelno < logging.WARNING:
            return True
        if record.name == IDLE and record.levelno < logging.ERROR:
            return False
        heard, told = self._last.get(library, (0.0, 0.0))
        same = record.created - heard < QUIET_S and record.created - told < AGAIN_S
        self._last[library] = (record.created, told if same else record.created)
        if same:
            return False
        record.msg = f"{record.getMessage()} (more lines like this are shown at the level debug)"
        record.args = ()
        return True


def _frames(exc_info: ExcInfo) -> str:
    """Where it went wrong and what kinds of errors it was, in the order that they came about.

    Never what they say: a library's message may hold the value that it did not like, and with it a person's.
    """
    parts = []
    for problem in reversed(list(_causes(exc_info[1]))):
        kind = f"{type(problem).__module__}.{type(problem).__qualname__}"
        parts.append("".join([*traceback.format_tb(problem.__traceback__), kind]))
    return "\n".join(parts)


def _causes(problem: BaseException | None) -> Iterator[BaseException]:
    """The error, and what it came from."""
    seen: set[int] = set()
    while problem is not None and id(problem) not in seen:
        seen.add(id(problem))
        yield problem
        hidden = problem.__suppress_context__
        problem = problem.__cause__ or (None if hidden else problem.__context__)


def json_line(message: str, level: Literal["info", "error"]) -> str:
    """What a process says whatever its level is, as one of its lines in JSON."""
    line: structlog.typing.EventDict = {"event": message, "logger": "leadflow", "level": level}
    stamped = structlog.processors.TimeStamper(fmt="iso", utc=True)(None, level, line)
    return str(structlog.processors.JSONRenderer(ensure_ascii=False)(None, level, stamped))


def log_to_stderr(level: str, form: Literal["console", "json"]) -> None:
    """Let lines go to stderr, from this level on; stdout is for data.

    `json` is one object a line: `timestamp` (UTC), `level`, `logger`, `event`, and what belongs to it.
    """
    common: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_frames),
    ]
    renderer: structlog.typing.Processor
    if form == "json":
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    else:
        colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        renderer = structlog.dev.ConsoleRenderer(colors=colors)
    structlog.configure(
        processors=[*common, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = _Stderr()
    handler.setFormatter(
        ProcessorFormatter(
            processors=[ProcessorFormatter.remove_processors_meta, renderer], foreign_pre_chain=common
        )
    )
    if level != "debug":
        handler.addFilter(_FirstOfMany())
    root = logging.getLogger()
    root.handlers = [*(known for known in root.handlers if not isinstance(known, _Stderr)), handler]
    root.setLevel(level.upper())
    quiet = logging.INFO if level == "debug" else max(logging.WARNING, root.level)
    for name in NOISY:
        logging.getLogger(name).setLevel(quiet)


def quiet_libraries(level: str) -> None:
    """Let libraries' lines be heard at `debug` only: what goes wrong, a command says itself."""
    if level != "debug":
        for name in NOISY:
            logging.getLogger(name).setLevel(logging.CRITICAL)

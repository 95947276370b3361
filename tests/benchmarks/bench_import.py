"""Importing a month of files: read, decided, appended durably (fsync on) and projected.

Run it with `make bench`, or alone: `python tests/benchmarks/bench_import.py [rounds]`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from leadflow.bootstrap.app import App
from leadflow.bootstrap.asking import new_request_id, request_of
from leadflow.bootstrap.importing import Destination, import_file, open_arrivals
from leadflow.bootstrap.looking import Outcome
from leadflow.bootstrap.opening import open_app
from leadflow.calendars import build_calendar
from leadflow.domain.requests import AddMember, OpenPool, Request
from leadflow.policies import default_policy
from leadflow.settings import Settings
from tests.benchmarks.common import calibrate

OCTOBER = Path(__file__).parents[1] / "data" / "october"
FILES = {
    "website_forms.jsonl": "web_form",
    "baidu_leads.jsonl": "baidu_ads",
    "douyin_leads.jsonl": "douyin_ads",
    "trade_show_cards.xlsx": "trade_show",
    "purchased_list.csv": "purchased_list",
    "survey.csv": "survey",
}
ACTOR = "manager/local"


class Stopwatch:
    """Adds up the CPU time that files take to be read, in whichever thread that happens."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.seconds = 0.0

    def submit_all(self, batches: Iterable[Sequence[Request]]) -> Iterator[list[Outcome]]:
        return self.app.submit_all(self._read(iter(batches)))

    def _read(self, batches: Iterator[Sequence[Request]]) -> Iterator[Sequence[Request]]:
        while True:
            began = time.thread_time()
            batch = next(batches, None)
            self.seconds += time.thread_time() - began
            if batch is None:
                return
            yield batch


def month(app: App, pool: str, again: bool = False) -> None:
    """Import every file into a pool, and print the rates."""
    watch, rows, answers = Stopwatch(app), 0, [0, 0, 0, 0]
    began, cpu_began = time.perf_counter(), time.process_time()
    for name, channel in FILES.items():
        report = import_file(
            open_arrivals(OCTOBER / name, channel),
            Destination(pool=pool),
            ACTOR,
            watch.submit_all,
            app.dead_letters,
        )
        rows += report.rows
        for index, count in enumerate((report.created, report.merged, report.duplicate, report.unreadable)):
            answers[index] += count
    durable, imported = time.perf_counter() - began, time.process_time() - cpu_began
    app.projections.catch_up()
    whole, cpu = time.perf_counter() - began, time.process_time() - cpu_began
    title = "again" if again else "first"
    print(f"{title}: {rows:,} rows in {whole:.2f} s = {rows / whole:,.0f} rows/s, projected")
    counts = "/".join(map(str, answers))
    print(f"  durable {rows / durable:,.0f} rows/s; {counts} created/merged/duplicate/unreadable")
    parts = {
        "read": watch.seconds,
        "open, decide and append": imported - watch.seconds,
        "project": cpu - imported,
    }
    print(f"  {cpu:.2f} s CPU here: " + ", ".join(f"{name} {s:.2f} s" for name, s in parts.items()))


def main() -> None:
    """Import the month into a new pool, several times, in a data directory of its own."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    calibrate()
    with tempfile.TemporaryDirectory() as home, open_app(Settings(home=Path(home))) as app:
        app.projections.start()
        policy = default_policy()
        for number in range(1, rounds + 1):
            pool = f"month-{number}"
            calendar = build_calendar(policy, datetime.now(UTC).date())
            for body in (OpenPool(policy=policy, calendar=calendar), *map(_rep, ("wang", "li", "zhao"))):
                app.one(request_of(pool, ACTOR, new_request_id(), body))
            month(app, pool)
        month(app, pool, again=True)


def _rep(name: str) -> AddMember:
    return AddMember(member=name)


if __name__ == "__main__":
    main()

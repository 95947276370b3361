"""µs for each step of one intake, from the bytes of a line to `SubmitIntake`.

Run: `python tests/benchmarks/bench_intake_parse.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from leadflow.domain.requests import SubmitIntake
from leadflow.intake import contacts, moments, regions
from leadflow.intake.arrivals import ArrivalReader
from leadflow.intake.bodies import flatten
from leadflow.intake.files import open_arrivals
from leadflow.intake.sizes import company_size

OCTOBER = Path(__file__).parents[1] / "data" / "october"
FILES = {
    "website_forms.jsonl": "web_form",
    "baidu_leads.jsonl": "baidu_ads",
    "douyin_leads.jsonl": "douyin_ads",
    "trade_show_cards.xlsx": "trade_show",
    "purchased_list.csv": "purchased_list",
    "survey.csv": "survey",
}
ROUNDS = 15


def measure(label: str, count: int, run: Callable[[], Any]) -> None:
    """Print the best of some rounds, in µs for each of `count`."""
    best = min(_seconds(run) for _ in range(ROUNDS))
    print(f"{label:<46}{best / count * 1e6:>9.1f} µs{count / best:>12,.0f}/s")


def _seconds(run: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def main() -> None:
    """Steps over the website's submissions first, then whole files."""
    lines = (OCTOBER / "website_forms.jsonl").read_bytes().splitlines()
    documents = [orjson.loads(line) for line in lines]
    count, zone = len(lines), ZoneInfo("Asia/Shanghai")
    bodies = [body for body in (ArrivalReader("web_form").read(one).body for one in documents) if body]
    dumped = [body.model_dump() for body in bodies]

    def column(name: str) -> list[Any]:
        return [one.get(name, "") for one in documents]

    phones, emails, sizes, places, times = map(
        column, ("phone", "email", "company_size", "region", "submitted_at")
    )
    measure("JSON line to a dictionary", count, lambda: [orjson.loads(line) for line in lines])
    measure("flatten", count, lambda: [flatten(one) for one in documents])
    measure("phone to E.164", count, lambda: [contacts.phones(value) for value in phones])
    measure(
        "phone to E.164, by libphonenumber alone",
        count,
        lambda: [contacts.valid_number(v, "CN") for v in phones],
    )
    measure("e-mail", count, lambda: [contacts.emails(value) for value in emails])
    measure("company size", count, lambda: [company_size(value) for value in sizes])
    measure("region", count, lambda: [regions.place(value) for value in places])
    measure("time", count, lambda: [moments.moment(value, zone) for value in times])
    measure(
        "pydantic: SubmitIntake from plain values",
        len(dumped),
        lambda: [SubmitIntake(**one) for one in dumped],
    )

    def whole() -> None:
        reader = ArrivalReader("web_form")
        for line in lines:
            reader.read(orjson.loads(line))

    measure("whole: line to SubmitIntake", count, whole)
    for name, channel in FILES.items():
        rows = sum(1 for _ in open_arrivals(OCTOBER / name, channel))
        measure(f"file: {name}", rows, partial(_read_all, name, channel))


def _read_all(name: str, channel: str) -> None:
    for _ in open_arrivals(OCTOBER / name, channel):
        pass


if __name__ == "__main__":
    main()

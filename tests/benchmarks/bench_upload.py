"""Memory of a real `leadflow up` while files of many rows are uploaded, tried and taken in over HTTP.

A CSV file comes first, then a workbook with other people. What the process holds in the end is the pool's
memory of its leads; what it held at most beyond that belongs to the upload. Memory is the process's resident
set (`VmRSS`), looked at ten times a second.
Run with `python tests/benchmarks/bench_upload.py [rows]`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from openpyxl import Workbook

from leadflow.bootstrap.opening import open_app
from leadflow.settings import Settings
from tests.benchmarks.bench_api import cpu_of, prepared, served
from tests.benchmarks.common import calibrate

HEADER = ("name", "phone", "company", "note")
BUSY = ("waiting", "checking", "running")
PLAN = {"channel": "purchased_list", "pool": "east"}
MIB = 1 << 20


def rows(count: int, first: int) -> Iterator[tuple[str, ...]]:
    """So many people, with a note each."""
    for number in range(first, first + count):
        yield f"P{number}", f"139{number:08}", f"C{number % 1000}", "x" * 80


def written(directory: Path, kind: str, count: int, first: int) -> Path:
    """A file of so many rows."""
    file = directory / f"many.{kind}"
    if kind == "csv":
        with file.open("w", encoding="utf-8") as out:
            out.writelines(",".join(row) + "\n" for row in (HEADER, *rows(count, first)))
        return file
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Leads")
    for row in (HEADER, *rows(count, first)):
        sheet.append(row)
    book.save(file)
    return file


def resident(process: int) -> float:
    """MiB of a process that are in memory now."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def waited(api: httpx.Client, path: str, process: int) -> tuple[dict[str, Any], float]:
    """The upload once it rests, and the most memory meanwhile."""
    most = resident(process)
    while (found := api.get(path).json())["status"] in BUSY:
        most = max(most, resident(process))
        time.sleep(0.1)
    return found, most


def measure(api: httpx.Client, file: Path, process: int) -> None:
    """Upload, try and take in one file, and print what that took."""
    before = resident(process)
    with file.open("rb") as content:
        upload = api.post("/v1/uploads", data=PLAN, files={"file": (file.name, content)}, timeout=600).json()
    path = f"/v1/uploads/{upload['upload']}"
    print(f"{file.name}, {file.stat().st_size / MIB:.1f} MiB: uploaded +{resident(process) - before:.0f} MiB")
    for step in ("check", "start"):
        before, cpu, began = resident(process), cpu_of(process), time.perf_counter()
        api.post(f"{path}/{step}", headers={"Prefer": "respond-async"}).raise_for_status()
        found, most = waited(api, path, process)
        seconds, cpu, after = time.perf_counter() - began, cpu_of(process) - cpu, resident(process)
        counts = ", ".join(f"{count} {name}" for name, count in found["counts"].items() if count)
        print(
            f"  {step}: {found['status']} in {seconds:.0f} s ({cpu:.0f} s CPU), {counts}; memory {before:.0f}"
            f" MiB before, {most:.0f} at most (+{most - before:.0f}), {after:.0f} after"
        )


def main(count: int) -> None:
    """Measure and print."""
    calibrate()
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory) / "home"
        with open_app(Settings(home=home)) as app:
            token = prepared(app)["adapter/website"]
        with served(home) as (host, port, process):
            headers = {"Authorization": f"Bearer {token}"}
            with httpx.Client(base_url=f"http://{host}:{port}", headers=headers, timeout=60) as api:
                for turn, kind in enumerate(("csv", "xlsx")):
                    measure(api, written(Path(directory), kind, count, turn * count), process)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)

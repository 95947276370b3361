"""Publishes what is new of the contracts, and refuses what would break somebody: `make contracts`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from leadflow.contracts.keeping import PLACE, check, current, read_from


def publish(directory: Path) -> list[str]:
    """Write what is not published yet; gives the names. What breaks somebody is told, and nothing written.

    Words (titles, descriptions, examples) are brought up to date as well.
    """
    directory.mkdir(exist_ok=True)
    before = read_from(directory) if any(directory.iterdir()) else {}
    now = current()
    found = check(before, now)
    if found.broken:
        raise SystemExit("\n".join(["Nothing was published.", *map(str, found.broken)]))
    written = [name for name in now if now[name] != before.get(name)]
    for name in written:
        text = json.dumps(now[name], ensure_ascii=False, separators=(",", ":"))
        (directory / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    return written


if __name__ == "__main__":
    for published in publish(Path(__file__).parent / PLACE):
        print(published, file=sys.stderr)

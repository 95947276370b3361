"""What the documents say is checked against the code that they speak of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from leadflow.errors import LeadflowError

ROOT = Path(__file__).resolve().parents[2]


def kinds_of(kind: type[LeadflowError]) -> Iterator[type[LeadflowError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from kinds_of(narrower)


def test_every_exit_code_is_explained() -> None:
    page = (ROOT / "docs/reference/exit-codes.md").read_text(encoding="utf-8")
    explained = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert explained == {0, 1} | {kind.exit_code for kind in kinds_of(LeadflowError)}


def test_every_page_is_reached_from_the_index() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "docs/README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md" and page.is_file():
            reached.add(page)
            links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
            waiting += [(page.parent / link).resolve() for link in links if "://" not in link]
    lost = [str(p.relative_to(ROOT)) for p in sorted((ROOT / "docs").rglob("*.md")) if p not in reached]
    assert not lost, "pages that no other page links to: " + ", ".join(lost)


def test_make_shows_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    phony = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split())
    assert explained == phony
    assert {"setup", "demo", "test", "lint", "types", "bench", "clean"} <= explained

"""What holds for every file of the repository, whoever adds it."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BYTES_MAX = 1_000_000
LINES_MAX = 350
NOT_OURS = (".git", ".venv", "build", "dist", "__pycache__")

# Catalogues: one declaration after the other, no logic to get lost in. They grow with the words.
CATALOGUES = (
    "src/leadflow/domain/events.py",
    "src/leadflow/domain/requests.py",
)

# The patterns are put together from pieces, so that this file does not find itself.
REGISTRIES = re.compile(
    "|".join(
        (
            "pypi" + r"\.(org|io|python)",
            "files" + r"\.pythonhosted",
            "registry" + r"\.(npmjs|yarnpkg)",
            "--(extra-)?" + "index-url[ =]",
            "--trusted" + "-host[ =]",
            "--find" + "-links[ =]",
        )
    )
)
PLACES = ("ro" + "ot", "wo" + "rk", "t" + "mp", "ho" + r"me/\w+", "Us" + r"ers/\w+")
MACHINE_PATHS = re.compile(rf"(?<![\w.$}}~:/-])/({'|'.join(PLACES)})/|[A-Z]:\\+Users")
UNFINISHED = re.compile(r"\b(TO" + "DO|FIX" + r"ME)\b")


@cache
def files() -> tuple[Path, ...]:
    """What is or would be committed; without git, all that is not built."""
    if shutil.which("git") and (ROOT / ".git").exists():
        listed = subprocess.run(
            # Whoever runs the tests need not be who owns the files.
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout.decode()
        found = [ROOT / name for name in listed.split("\0") if name]
    else:
        found = [p for p in ROOT.rglob("*") if not set(p.relative_to(ROOT).parts) & set(NOT_OURS)]
    return tuple(sorted(path for path in found if path.is_file()))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """Name and text of every text file but the test data, which is what others wrote."""
    found = []
    for path in files():
        if not name_of(path).startswith("tests/data/"):
            content = path.read_bytes()
            if b"\0" not in content:
                found.append((name_of(path), content.decode("utf-8")))
    return tuple(found)


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        (REGISTRIES, "addresses or options of a package registry"),
        (MACHINE_PATHS, "paths of somebody's machine"),
        (UNFINISHED, "marks of unfinished work"),
    ],
    ids=["registries", "machine-paths", "unfinished"],
)
def test_no_file_holds(pattern: re.Pattern[str], what: str) -> None:
    found = lines_with(pattern)
    assert not found, f"{what}:\n" + "\n".join(found)


def test_the_patterns_find_what_they_are_for() -> None:
    assert REGISTRIES.search("--extra-" + "index-url https://example.invalid/simple")
    assert MACHINE_PATHS.search('open("/' + 'root/x")')
    assert MACHINE_PATHS.search("cd /" + "home/wang/leadflow")
    assert not MACHINE_PATHS.search("https://example.com/" + "home/wang/")
    assert not MACHINE_PATHS.search("docs/" + "work/notes")
    assert UNFINISHED.search("# TO" + "DO later")
    assert not UNFINISHED.search("a mas" + "todon")


def test_no_file_is_large() -> None:
    large = [f"{name_of(p)}: {p.stat().st_size} bytes" for p in files() if p.stat().st_size > BYTES_MAX]
    assert not large, f"files over {BYTES_MAX} bytes:\n" + "\n".join(large)


def test_modules_stay_readable() -> None:
    long = [
        f"{name}: {count} lines"
        for name, text in texts()
        if name.endswith(".py") and name not in CATALOGUES and (count := len(text.splitlines())) > LINES_MAX
    ]
    assert not long, f"modules over {LINES_MAX} lines; split them by their nouns:\n" + "\n".join(long)


def test_every_dependency_is_pinned() -> None:
    lock = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    loose = [
        line
        for line in lock.splitlines()
        if line and not line.lstrip().startswith("#") and not re.match(r"^[a-z0-9.-]+==\S+( ;.*)?$", line)
    ]
    assert not loose, "requirements-dev.txt pins by ==; renew it with `make lock`:\n" + "\n".join(loose)


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for name, text in texts():
        for target in re.findall(r"\]\(([^)\s]+)\)", text) if name.endswith(".md") else ():
            path = target.split("#")[0]
            elsewhere = not path or "://" in path or path.startswith("mailto:")
            if not elsewhere and not (ROOT / name).parent.joinpath(path).exists():
                broken.append(f"{name}: {target}")
    assert not broken, "links to files that are not there:\n" + "\n".join(broken)

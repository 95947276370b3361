"""The commands that README and the tutorials show, run as a reader would run them.

A fenced block that begins with ```console or ```sh is a session. Its rules:

- A line that starts with `$ ` is a command; while it ends with a backslash, the next line belongs to it.
- A command ends with exit code 0, unless a comment on it says another: `$ leadflow claim L1  # exit code 1`.
- Lines below a command are output of it, shown in part: each must occur, in this order, in what the
  command printed to either stream. Runs of blanks count as one, and `…` stands for anything.
- A command that ends with `&` runs on in the background; what is shown below it is waited for.
- All blocks of a document run in one shell, in order, in a scratch directory that looks like the
  repository's root, with a data directory of its own, and a free port of its own for `127.0.0.1:8600`.
- `make TARGET` is checked against the Makefile instead of being run, and the lines that fetch the
  repository or activate .venv are taken as done.
"""

from __future__ import annotations

import os
import queue
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local_kafka import free_ports
from tests.adapters import ensure

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs" / "tutorial").glob("*.md"))]
SECONDS_MAX = 600
HTTP = "127.0.0.1:8600"
"""Where `leadflow up` answers unless it is told otherwise."""
FENCE = re.compile(r"^( *)```(\S*)[^\n]*\n(.*?)^\1```[ ]*$", re.MULTILINE | re.DOTALL)
EXIT_CODE = re.compile(r"#.*\bexit code (\d+)\s*$")
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
START = "import sys; sys.argv[0] = 'leadflow'; from leadflow.cli import main; sys.exit(main())"
TAKEN_AS_DONE = re.compile(r"git clone \S+( \S+)?|cd leadflow|(\.|source) \.venv/bin/activate")


@dataclass(frozen=True)
class Step:
    """A command of a document, what it should return, and what is shown of its output."""

    line: int
    command: str
    exit_code: int
    shown: tuple[str, ...]


def steps_of(text: str) -> list[Step]:
    """The commands in a document's sessions. Raises ValueError for a session that has none."""
    found: list[Step] = []
    for block in FENCE.finditer(text):
        if block[2] in ("console", "sh"):
            first_line = text.count("\n", 0, block.start(3)) + 1
            lines = [line.removeprefix(block[1]) for line in block[3].splitlines()]
            steps = list(steps_in(lines, first_line))
            if not steps:
                raise ValueError(f"line {first_line}: a session without a line that starts with '$ '")
            found += steps
    return found


def steps_in(lines: list[str], first_line: int) -> Iterator[Step]:
    position = 0
    while position < len(lines):
        start = position
        position += 1
        if not lines[start].startswith("$ "):
            if lines[start].strip():
                raise ValueError(f"line {first_line + start}: output before the first command")
            continue
        command = lines[start][2:]
        while command.endswith("\\") and position < len(lines):
            command += "\n" + lines[position].removeprefix("> ")
            position += 1
        shown = []
        while position < len(lines) and not lines[position].startswith("$ "):
            shown.append(lines[position])
            position += 1
        code = EXIT_CODE.search(command)
        yield Step(first_line + start, command, int(code[1]) if code else 0, tuple(filter(str.strip, shown)))


def squeezed(text: str) -> str:
    return " ".join(ANSI.sub("", text).split())


def missing_line(shown: tuple[str, ...], output: str) -> str | None:
    """The first shown line that the output does not hold after the lines before it, or None."""
    lines = [squeezed(line) for line in output.splitlines()]
    for line in shown:
        parts = [part.strip() for part in squeezed(line).split("…")]
        if any(parts):
            pattern = re.compile(".*".join(re.escape(part) for part in parts))
            while lines and not pattern.search(lines[0]):
                lines.pop(0)
            if not lines:
                return line
            lines.pop(0)
    return None


class Shell:
    """One bash that runs a document's commands one after the other, both streams read together."""

    END = "end-of-command"

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self.lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def run(self, step: Step) -> tuple[int, str]:
        """Exit code and output of a command. Raises TimeoutError when it does not end in time."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{{ {step.command}\n}} </dev/null\nprintf '\\n{self.END} %d\\n' $?\n")
        self.process.stdin.flush()
        deadline, output, code = time.monotonic() + SECONDS_MAX, "", None
        background = step.command.rstrip().endswith("&")
        while code is None or (background and missing_line(step.shown, output) is not None):
            try:
                line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeoutError(f"not done after {SECONDS_MAX} s; so far it printed:\n{output}") from None
            if line is None:
                return self.process.wait(), output
            if line.startswith(self.END):
                code = int(line.split()[1])
            else:
                output += line
        return code, output

    def close(self) -> None:
        """End the shell; a job that it left in the background is asked to end, as a terminal would."""
        assert self.process.stdin is not None
        if self.process.poll() is None:
            self.process.stdin.write("jobs -p | xargs -r kill -TERM\nwait\nexit\n")
            self.process.stdin.close()
        try:
            self.process.wait(SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):(?!=)", makefile, re.MULTILINE))


def problem_of(step: Step, shell: Shell) -> str | None:
    """What a reader would stumble over at this step, or None."""
    plain = step.command.split("#")[0].strip()
    if TAKEN_AS_DONE.fullmatch(plain):
        return None
    if plain.split()[0] == "make":
        named = [word for word in shlex.split(plain)[1:] if "=" not in word]
        unknown = [word for word in named if word not in targets()]
        return f"the Makefile has no target {', '.join(unknown)}" if unknown else None
    code, output = shell.run(step)
    if code != step.exit_code:
        return f"exit code {code} instead of {step.exit_code}; it printed:\n{output}"
    if (line := missing_line(step.shown, output)) is not None:
        return f"the output lacks the line\n  {line}\nit was:\n{output}"
    return None


def play(text: str, name: str, directory: Path) -> None:
    """Run a document's sessions. Raises AssertionError that names document, line and command."""
    (port,) = free_ports(1)
    steps = steps_of(text.replace(HTTP, f"127.0.0.1:{port}"))
    shell = Shell(scratch(directory), environment(directory, port))
    try:
        for step in steps:
            problem = problem_of(step, shell)
            if problem is not None:
                raise AssertionError(f"{name}:{step.line}: $ {step.command}\n{problem}")
    finally:
        shell.close()


def scratch(directory: Path) -> Path:
    """A directory that looks like the repository's root, so that what is written stays out of it."""
    place = directory / "leadflow"
    place.mkdir(parents=True)
    for entry in ROOT.iterdir():
        if entry.name not in (".git", ".venv"):
            (place / entry.name).symlink_to(entry)
    return place


def environment(directory: Path, port: int) -> dict[str, str]:
    """The reader's environment: the `leadflow` of this source tree, and nothing of this machine's own."""
    programs = directory / "bin"
    programs.mkdir()
    starter = programs / "leadflow"
    starter.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{START}" "$@"\n', encoding="utf-8")
    starter.chmod(0o755)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LEADFLOW_", "PG"))}
    return clean | {
        "PATH": f"{programs}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{clean.get('PATH', '')}",
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LEADFLOW_HOME": str(directory / "home"),
        "LEADFLOW_HTTP": f"127.0.0.1:{port}",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "COLUMNS": "120",
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_the_documents_show_is_so(document: Path) -> None:
    ensure("curl")
    # Not in pytest's own directory: every other run of pytest closes that to the user that Postgres
    # runs as where the tests run as root.
    with tempfile.TemporaryDirectory(prefix="leadflow-test-") as directory:
        play(document.read_text(encoding="utf-8"), document.relative_to(ROOT).as_posix(), Path(directory))


SAMPLE = """
# A sample

```console
$ git clone https://example.invalid/leadflow
$ make demo
$ LEAD=$(echo lead-7) && export LEAD
$ printf 'one\\ntwo   words\\nlast of %s\\n' "$LEAD"
one
…
two words
…
last of lead-…
$ ls pyproject.toml; cat && echo "$LEADFLOW_HOME" \\
> && echo written > made-here
pyproject.toml
…/home
```

Between, a block that nobody runs:

```text
$ false
```

  ```sh
  $ cat made-here
  written
  $ sh -c 'echo refused >&2; exit 1'  # exit code 1
  refused
  $ sh -c 'sleep 0.2; echo ready; exec sleep 600' &
  ready
  ```
"""


def test_a_sample_document_plays(tmp_path: Path) -> None:
    play(SAMPLE, "sample.md", tmp_path)
    assert (tmp_path / "leadflow" / "made-here").exists()
    assert not (ROOT / "made-here").exists()


@pytest.mark.parametrize(
    ("session", "says"),
    [
        ("$ false", "exit code 1 instead of 0"),
        ("$ true  # exit code 1", "exit code 0 instead of 1"),
        ("$ echo one\ntwo", "lacks the line\n  two"),
        ("$ printf 'b\\na\\n'\na\nb", "lacks the line\n  b"),
        ("$ echo one\none\none", "lacks the line\n  one"),
        ("$ make dinner", "no target dinner"),
        ("$ no-such-program", "exit code 127"),
        ("$ exit 3", "exit code 3"),
    ],
)
def test_what_is_not_so_is_named(session: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as raised:
        play(f"\n```console\n{session}\n```\n", "sample.md", tmp_path)
    assert str(raised.value).startswith("sample.md:3: $ ")
    assert says in str(raised.value)


@pytest.mark.parametrize("session", ["leadflow leads", ""])
def test_a_session_without_a_command_is_named(session: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        steps_of(f"```console\n{session}\n```\n")

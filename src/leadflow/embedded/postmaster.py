"""The first process of the embedded server, as its pid file and its socket tell of it."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from urllib.parse import quote

import psycopg

ADMIN = "postgres"
PORT = 5432
_SOCKET_LINE = 4
"""Of `postmaster.pid`: process id, data directory, start time, port, socket directory, …."""


class Postmaster:
    """Whoever serves a cluster's directory now, if anybody does."""

    def __init__(self, data: Path) -> None:
        self.file = data / "postmaster.pid"
        self._data = data

    def _lines(self) -> list[str]:
        try:
            return self.file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        lines = self._lines()
        directory = lines[_SOCKET_LINE] if len(lines) > _SOCKET_LINE else str(self._data)
        return f"postgresql://{ADMIN}@/{database}?host={quote(directory, safe='')}"

    def state(self) -> str:
        """ready, starting (or stopping), or dead: as the server's own socket says."""
        lines = self._lines()
        if len(lines) <= _SOCKET_LINE or not lines[_SOCKET_LINE]:
            return "starting" if lines and _is_postgres(lines[0]) else "dead"
        try:
            with psycopg.connect(self.url(ADMIN), connect_timeout=5):
                return "ready"
        except psycopg.OperationalError as error:
            if any(word in str(error) for word in ("starting up", "shutting down", "not yet accepting")):
                return "starting"
            if _listens(lines[_SOCKET_LINE]):
                # It is up, and refuses for a reason of its own, which the real connection will tell.
                return "ready"
            return "starting" if _is_postgres(lines[0]) else "dead"

    def forget_dead(self) -> None:
        """Remove the lock files of a server that is gone, whose id is another process's now.

        Postgres itself believes any process of its user with that id to be its postmaster, a zombie
        too, and in a container ids come again soon. Call it when nothing listens: `state` has looked.
        Children that outlive a killed server are still found, by their shared memory.
        """
        lines = self._lines()
        directory = Path(lines[_SOCKET_LINE]) if len(lines) > _SOCKET_LINE else self._data
        for file in (self.file, directory / f".s.PGSQL.{PORT}.lock"):
            try:
                process_id = file.read_text(encoding="utf-8").partition("\n")[0]
            except FileNotFoundError:
                continue
            if not _is_postgres(process_id):
                file.unlink(missing_ok=True)


def _listens(directory: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(f"{directory}/.s.PGSQL.{PORT}")
        except OSError:
            return False
        return True


def _is_postgres(pid: str) -> bool:
    """Whether a process of that id is a Postgres that runs; in doubt it is."""
    number = pid.strip().lstrip("-")
    if not number.isdigit():
        return False
    if Path("/proc/self/stat").exists():
        try:
            # `id (name) state …`; a zombie (Z) waits only for its parent to take notice.
            name, _, rest = Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(")")
            return "postgres" in name and not rest.startswith(" Z")
        except (FileNotFoundError, ProcessLookupError):
            return False
        except OSError:
            return True
    try:
        told = subprocess.run(
            ["ps", "-p", number, "-o", "state=,comm="],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return True
    return "postgres" in told.stdout and not told.stdout.lstrip().startswith("Z")

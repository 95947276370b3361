"""Handing requests to the engine that runs: a Unix socket in the data directory.

A frame is four bytes of length (big-endian) and a JSON document. A question is
`{"requests": [<CloudEvents document>, …]}`, its answer `{"outcomes": […], "position": n}`. Whoever can
open the socket can do everything, as with the data directory itself: only its owner may.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import socket
import socketserver
import stat
import struct
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import structlog

from leadflow.domain.requests import Request
from leadflow.engine import Outcome
from leadflow.errors import BrokenInvariant, HomeInUse, LeadflowError, Unavailable, UsageError
from leadflow.log.envelope import GENESIS, decode, decode_request, encode, encode_request

if TYPE_CHECKING:
    from consumers.group_commit import GroupCommit

FRAME_MAX = 64 * 1024 * 1024
"""Bytes of one frame."""
PATH_MAX = 100
"""Bytes of a socket's path that every system takes."""
QUESTION_MAX = 1_000
"""Requests of one question: far below a frame's size, and below what may wait."""
ANSWER_WAIT_S = 120.0
ANSWERS_WAIT_S = 10.0
"""How long an engine that stops waits until its last answers are sent."""
_SEND_AGAIN = "Send the same request again: it is decided once, however often it is sent."
_LENGTH = struct.Struct(">I")

log_ = structlog.get_logger(__name__)


def socket_path(home: Path) -> Path:
    """Where the engine of a data directory listens."""
    path = home.resolve() / "leadflow.sock"
    if len(os.fsencode(path)) <= PATH_MAX:
        return path
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:24]
    return Path(tempfile.gettempdir()) / f"leadflow-{name}.sock"


def _receive(connection: socket.socket) -> Any:
    head = _exactly(connection, _LENGTH.size)
    if not head:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > FRAME_MAX:
        raise Unavailable(f"a frame of {length} bytes is larger than {FRAME_MAX}")
    return json.loads(_exactly(connection, length))


def _exactly(connection: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = connection.recv(min(count - len(parts), 1 << 20))
        if not part:
            if parts:
                raise Unavailable("the connection to the engine ended in the middle of an answer")
            return b""
        parts += part
    return bytes(parts)


def _send(connection: socket.socket, document: Any) -> None:
    data = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    connection.sendall(_LENGTH.pack(len(data)) + data)


def _outcome_document(outcome: Outcome) -> dict[str, Any]:
    error = outcome.error
    return {
        "events": [encode(event, GENESIS).decode() for event in outcome.events],
        "repeated": outcome.repeated,
        "error": _error_document(error) if error else None,
    }


def _error_document(error: LeadflowError) -> dict[str, Any]:
    return {"kind": type(error).__name__, "what": error.what, "where": error.where, "do": error.do}


def _error(document: dict[str, Any]) -> LeadflowError:
    kinds = {kind.__name__: kind for kind in _all_kinds(LeadflowError)}
    kind = kinds.get(document["kind"], LeadflowError)
    try:
        return kind(document["what"], where=document["where"], do=document["do"])
    except TypeError:
        # Some kinds are made from more than these three.
        return LeadflowError(document["what"], where=document["where"], do=document["do"])


def _all_kinds(kind: type[LeadflowError]) -> list[type[LeadflowError]]:
    return [kind, *(found for below in kind.__subclasses__() for found in _all_kinds(below))]


class HandoverServer:
    """Takes requests from other processes and queues them for group commit."""

    def __init__(self, home: Path, commits: GroupCommit) -> None:
        """Listen. Raises HomeInUse if another engine of this data directory does."""
        self.path = socket_path(home)
        self._lock = _only_engine(home)
        try:
            # A socket that is there now was left by an engine that was killed.
            self.path.unlink(missing_ok=True)
            umask = os.umask(0o177)
            try:
                self._server = _Server(str(self.path), commits)
            finally:
                os.umask(umask)
        except OSError as error:
            self._lock.close()
            what = f"the engine's socket cannot be made: {error.strerror}"
            do = "Remove it, or choose another data directory with --home."
            raise Unavailable(what, where=str(self.path), do=do) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="handover", daemon=True
        )
        self._thread.start()

    def stop_listening(self) -> None:
        """Take no new connections; those that are open go on."""
        self.path.unlink(missing_ok=True)
        self._server.shutdown()

    def close(self) -> None:
        """Let go of the data directory, once the answers under way are sent."""
        self._server.finish(ANSWERS_WAIT_S)
        self._server.server_close()
        self._lock.close()


def _only_engine(home: Path) -> IO[str]:
    """A lock that one engine of a data directory holds; the system takes it back from the dead."""
    try:
        lock = (home / ".engine.lock").open("a", encoding="utf-8")
    except OSError as error:
        do = "Give yourself the right to write there, or choose another data directory with --home."
        what = f"the data directory cannot be written: {error.strerror}"
        raise UsageError(what, where=str(home), do=do) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise _in_use(home) from error
    return lock


def refuse_second(home: Path) -> None:
    """Raise HomeInUse if an engine listens in this data directory, before anything is done there."""
    if HandoverClient.reachable(home):
        raise _in_use(home)


def _in_use(home: Path) -> HomeInUse:
    do = "Stop it first. While it runs, other commands hand their requests to it."
    return HomeInUse("an engine runs in this data directory already", where=str(home), do=do)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, path: str, commits: GroupCommit) -> None:
        self.commits = commits
        self._answering = 0
        self._idle = threading.Condition()
        super().__init__(path, _Handler)

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """While a question is answered, `finish` waits."""
        with self._idle:
            self._answering += 1
        try:
            yield
        finally:
            with self._idle:
                self._answering -= 1
                self._idle.notify_all()

    def finish(self, timeout_s: float) -> None:
        """Wait until no question is being answered."""
        with self._idle:
            self._idle.wait_for(lambda: not self._answering, timeout_s)


class _Handler(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            try:
                while (question := _receive(self.request)) is not None:
                    with self.server.answering():
                        _send(self.request, self._answer(question))
            except Unavailable as error:
                # Half a question, or one that is too large: there is no next one to wait for.
                _send(self.request, {"error": _error_document(error)})

    def _answer(self, question: Any) -> dict[str, Any]:
        try:
            requests = [decode_request(document.encode()) for document in question["requests"]]
            futures: list[Future[Outcome]] = [self.server.commits.send(request) for request in requests]
            outcomes = [future.result(timeout=ANSWER_WAIT_S) for future in futures]
        except LeadflowError as error:
            return {"error": _error_document(error)}
        except TimeoutError:
            late = Unavailable(f"no decision within {ANSWER_WAIT_S:g} seconds", do=_SEND_AGAIN)
            return {"error": _error_document(late)}
        except Exception as problem:
            log_.exception("a question could not be answered")
            bug = BrokenInvariant(f"the engine met a bug: {type(problem).__name__}", do="See its log.")
            return {"error": _error_document(bug)}
        return {
            "outcomes": [_outcome_document(outcome) for outcome in outcomes],
            "position": self.server.commits.position,
        }


class HandoverClient:
    """Sends requests to the engine that runs in a data directory."""

    def __init__(self, home: Path) -> None:
        """Connect. Raises Unavailable if no engine listens."""
        path = socket_path(home)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(ANSWER_WAIT_S)
        try:
            if path.exists() and path.stat().st_uid not in (os.geteuid(), 0):
                raise Unavailable(
                    "the engine's socket belongs to somebody else",
                    where=str(path),
                    do="Run the command as the user whose data directory it is.",
                )
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise Unavailable(
                "no engine is running", where=str(home), do="Start one with `leadflow up`."
            ) from error

    @staticmethod
    def reachable(home: Path) -> bool:
        """Whether an engine listens in this data directory."""
        path = socket_path(home)
        try:
            if not stat.S_ISSOCK(path.stat().st_mode):
                return False
        except (FileNotFoundError, NotADirectoryError):
            # An engine that ends takes its socket away at any moment.
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            return probe.connect_ex(str(path)) == 0

    def submit(self, requests: Sequence[Request]) -> tuple[list[Outcome], int]:
        """The outcomes, and a position of the log by which all their facts stand there.

        Raises Unavailable if the engine goes away; whether the requests were decided is then unknown,
        and they can be sent again.
        """
        outcomes: list[Outcome] = []
        position = 0
        for start in range(0, len(requests), QUESTION_MAX):
            part = requests[start : start + QUESTION_MAX]
            answer = self._ask({"requests": [encode_request(request).decode() for request in part]})
            outcomes += [
                Outcome(
                    request,
                    tuple(decode(document.encode()) for document in found["events"]),
                    found["repeated"],
                    _error(found["error"]) if found["error"] else None,
                )
                for request, found in zip(part, answer["outcomes"], strict=True)
            ]
            position = answer["position"]
        return outcomes, position

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            _send(self._socket, question)
            answer = _receive(self._socket)
        except OSError as error:
            raise Unavailable("the engine went away before it answered", do=_SEND_AGAIN) from error
        if not isinstance(answer, dict):
            raise Unavailable("the engine went away before it answered", do=_SEND_AGAIN)
        if answer.get("error"):
            raise _error(answer["error"])
        return answer

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

"""The server of the HTTP API: uvicorn in a thread of its own, on a socket that is bound before."""

from __future__ import annotations

import socket
import threading
from types import TracebackType

import structlog
import uvicorn

from leadflow.api.app import create_app
from leadflow.bootstrap.serving import Service
from leadflow.errors import Unavailable

BACKLOG = 2048
START_WAIT_S = 30.0
FINISH_S = 30
"""How long requests under way may take once the server is told to stop."""
KEEP_ALIVE_S = 30
HEADERS_MAX = 32 * 1024
"""Bytes of a request's headers."""

log_ = structlog.get_logger(__name__)


class HttpServer:
    """Answers until it is closed. Then it takes no more connections, answers what is under way, and ends."""

    def __init__(self, service: Service, http: str) -> None:
        """`http` is HOST:PORT. Raises Unavailable if it cannot be listened on."""
        self._service = service
        self._socket = bound(http)
        host, port = self._socket.getsockname()[:2]
        self.address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        """Where it answers."""
        config = uvicorn.Config(
            create_app(service),
            http="httptools",
            loop="uvloop",
            ws="none",
            lifespan="off",
            # The API writes lines of its own, which hold no query and no secret.
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=FINISH_S,
            h11_max_incomplete_event_size=HEADERS_MAX,
            proxy_headers=bool(service.app.settings.http_proxies),
            forwarded_allow_ips=service.app.settings.http_proxies or None,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._failed: BaseException | None = None

    def __enter__(self) -> HttpServer:
        self._thread.start()
        waited = threading.Event()
        for _ in range(int(START_WAIT_S / 0.01)):
            if self._server.started or self._failed is not None or not self._thread.is_alive():
                break
            waited.wait(0.01)
        if not self._server.started:
            self.close()
            what = f"the HTTP server did not start: {type(self._failed).__name__}"
            raise Unavailable(what, where=self.address) from self._failed
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Answer what is under way, then end."""
        self._service.stopping.set()
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._service.feeds.close()
        self._service.uploads.close()
        self._socket.close()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        except BaseException as error:
            self._failed = error
            log_.error("the HTTP server ended", problem=type(error).__name__, exc_info=error)


def bound(http: str) -> socket.socket:
    """A socket that listens on HOST:PORT. Raises Unavailable."""
    host, _, port = http.rpartition(":")
    name = host.strip("[]")
    do = "Choose another: `--http HOST:PORT` (LEADFLOW_HTTP), port 0 for a free one, or `--http off`."
    found: socket.socket | None = None
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            name, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(place)
        found.listen(BACKLOG)
        found.setblocking(False)
    except (OSError, OverflowError) as error:
        if found is not None:
            found.close()
        why = getattr(error, "strerror", None) or str(error)
        raise Unavailable(f"the HTTP API cannot listen on {http}: {why}", do=do) from error
    return found

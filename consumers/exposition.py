"""The port of a process's metrics and health: `/metrics`, `/healthz`, `/readyz`.

`/healthz` says whether the process has to be started again, `/readyz` whether it does its work at this
moment; each answers 200 or 503 and the same JSON. https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from consumers.operating import Operating
from leadflow.errors import Unavailable

REQUEST_WAIT_S = 10.0
"""How long somebody who has connected may take to ask."""


class Exposition:
    """Serves what a process tells of itself until it is closed. Use as a context manager, or close it."""

    def __init__(self, operating: Operating, host: str, port: int) -> None:
        """Port 0 takes a free one. Raises Unavailable if it cannot be listened on."""
        handler = type("Handler", (_Handler,), {"operating": operating})
        try:
            kind = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            server = type("Server", (ThreadingHTTPServer,), {"address_family": kind})
            self._server: ThreadingHTTPServer = server((host, port), handler)
        except OSError as problem:
            raise Unavailable(
                f"metrics and health cannot be served: {problem}",
                where=f"{host}:{port}",
                do="Each process needs a port of its own (--metrics-port, LEADFLOW_METRICS_PORT), at an"
                " address of this machine (LEADFLOW_METRICS_HOST).",
            ) from problem
        self.port = int(self._server.server_address[1])
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def __enter__(self) -> Exposition:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    operating: Operating
    timeout = REQUEST_WAIT_S
    server_version = "leadflow"
    sys_version = ""

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path == "/metrics":
            self._answer(200, *self.operating.exposed(self.headers.get("Accept", "")))
        elif path in ("/healthz", "/readyz"):
            health = self.operating.health()
            well = health.ready if path == "/readyz" else health.alive
            body = json.dumps(health._asdict(), ensure_ascii=False).encode() + b"\n"
            self._answer(200 if well else 503, "application/json", body)
        else:
            self._answer(404, "text/plain; charset=utf-8", b"/metrics, /healthz, /readyz\n")

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Who asks every few seconds is not worth a line."""

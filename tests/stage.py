"""A server with forms and a trade show, another site that embeds the script, and a real browser."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from leadflow.bootstrap.forms import pass_for
from tests.chromium import Browser
from tests.gates import Gate

EVIL = "<img src=x onerror=\"document.title='evil'\">"
CARD = (
    "BEGIN:VCARD\nVERSION:3.0\nN:张;伟;;;\nORG:甲公司\nTITLE:采购经理\nTEL;TYPE=CELL:138 1234 5678\n"
    "EMAIL:zhang.wei@example.cn\nEND:VCARD"
)


@dataclass
class Scene:
    """All of it."""

    gate: Gate
    browser: Browser
    site: str

    @property
    def own(self) -> str:
        return self.gate.door.address

    def arrived(self, name: str) -> list[Any]:
        """The arrivals of one inlet's people, by what their names begin with."""
        return [one for one in self.gate.arrived() if (one.person.name or "").startswith(name)]

    def fair(self, **who: str) -> str:
        """A booth's link."""
        now = datetime.now(UTC)
        inlet = self.gate.inlet("fair")
        until = now + timedelta(days=1)
        return f"{self.own}/fair/fair?lang=zh#{pass_for(inlet, who.get('rep'), who.get('booth'), until, now)}"


class site:  # noqa: N801 - used like a function
    """Another site: its pages by their paths."""

    def __init__(self, pages: dict[str, str]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = pages.get(self.path.partition("?")[0], "").encode()
                self.send_response(200 if content else 404)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Nothing: pytest has no use for it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

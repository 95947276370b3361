"""A server that plays the vendors which LeadFlow asks: Meta's Graph API, Baidu's marketing API, a captcha."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "token-of-the-vendor"
CAPTCHA_SECRET = "secret-of-the-captcha"
SOLVED = "a-solved-captcha"


class Vendor:
    """What the vendors know, and what they were asked."""

    def __init__(self) -> None:
        self.leads: dict[str, dict[str, Any]] = {}
        """Of Meta, by their ids."""
        self.notices: list[dict[str, Any]] = []
        """Of Baidu; `solutionType` and `commitTime` say which question they answer."""
        self.away = False
        self.redirects: str | None = None
        """Where every question is sent on to."""
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        """Path with query, headers, body."""
        self.address = ""

    def graph(self, path: str, headers: dict[str, str]) -> tuple[int, Any]:
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"error": {"message": "Invalid OAuth access token", "code": 190}}
        found = self.leads.get(path.rpartition("/")[2])
        return (200, found) if found else (404, {"error": {"message": "Unsupported get request"}})

    def baidu(self, question: Any) -> tuple[int, Any]:
        header, body = question["header"], question["body"]
        if header != {"userName": "acme", "accessToken": TOKEN}:
            return 200, {"header": {"status": 2, "desc": "failure", "failures": [{"code": 8904}]}}
        begin, end = (date.fromisoformat(body[name][:10]) for name in ("startDate", "endDate"))
        if (end - begin).days >= 30:
            return 200, {"header": {"status": 2, "desc": "failure", "failures": [{"code": 901021}]}}
        rows = [
            {name: value for name, value in row.items() if name != "solutionType"}
            for row in self.notices
            if row["solutionType"] == body["solutionType"]
            and begin <= date.fromisoformat(row["commitTime"][:10]) <= end
        ]
        first = (body["pageNo"] - 1) * body["pageSize"]
        page = rows[first : first + body["pageSize"]]
        data = [{"totalNum": len(rows), "noticeDetailList": page}] if rows else []
        return 200, {"header": {"status": 0, "desc": "success"}, "body": {"data": data}}

    def captcha(self, form: str) -> tuple[int, Any]:
        given = {name: values[0] for name, values in parse_qs(form).items()}
        solved = given.get("secret") == CAPTCHA_SECRET and given.get("response") == SOLVED
        return 200, {"success": solved}


@contextmanager
def vendors() -> Iterator[Vendor]:
    """The server, on a free port of this machine."""
    played = Vendor()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            text = self.rfile.read(length).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            played.asked.append((self.path, headers, text))
            path = urlsplit(self.path).path
            if played.away:
                status, document = 500, {"error": {"message": "An unknown error occurred"}}
            elif path.startswith("/graph/"):
                status, document = played.graph(path, headers)
            elif path.endswith("/LeadsNoticeService/getNoticeList"):
                status, document = played.baidu(json.loads(text))
            else:
                status, document = played.captcha(text)
            content = json.dumps(document).encode()
            if played.redirects is not None:
                status = 302
            self.send_response(status)
            if played.redirects is not None:
                self.send_header("location", played.redirects)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            """Nothing: pytest has no use for it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    played.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield played
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

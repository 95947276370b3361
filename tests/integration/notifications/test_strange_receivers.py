"""Receivers that send elsewhere, answer strangely, never, or are not who they should be."""

from __future__ import annotations

import ssl
import time
from http.server import BaseHTTPRequestHandler

import pytest

from leadflow.notifications.kinds import ASSIGNED
from tests.bureau import Bureau
from tests.receivers import NewReceiver, Receiver, nobody, silent


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(bureau: Bureau, new_receiver: NewReceiver, status: int) -> None:
    receiver, elsewhere = new_receiver(), new_receiver()
    receiver.status, receiver.headers = status, {"Location": elsewhere.url}
    bureau.subscribe(receiver.url)
    bureau.assigned(1)
    bureau.settle()
    assert len(receiver.received) == 1
    assert elsewhere.received == []
    assert "redirects are not followed" in (bureau.rows()[0].problem or "")


def drip(handler: BaseHTTPRequestHandler) -> None:
    """An answer that comes a byte at a time, and never ends."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        handler.wfile.write(b"a")
        handler.wfile.flush()
        time.sleep(0.02)


def long(handler: BaseHTTPRequestHandler) -> None:
    """An answer whose body never ends; its beginning is enough."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    while True:
        handler.wfile.write(b"a" * 65_536)


def rubbish(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\x00\xff not http\r\n\r\n")


def nothing(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def test_an_answer_that_never_ends_has_its_time(bureau: Bureau, receiver: Receiver) -> None:
    receiver.answer = drip
    bureau.subscribe(receiver.url)
    bureau.assigned(1)
    hasty = bureau.another(patience_s=1)
    bureau.settle(hasty)
    hasty.close()
    (row,) = bureau.rows("pending")
    assert row.problem == "the receiver did not answer within 1 seconds"


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (rubbish, "no HTTP"),
        (nothing, "ended the connection"),
        (long, None),
    ],
)
def test_receivers_that_answer_strangely(
    bureau: Bureau, receiver: Receiver, answer: object, problem: str | None
) -> None:
    receiver.answer = answer  # type: ignore[assignment]
    bureau.subscribe(receiver.url)
    bureau.assigned(1)
    bureau.settle()
    (row,) = bureau.rows()
    if problem is None:
        assert row.state == "sent"
    else:
        assert (row.state, problem in (row.problem or "")) == ("pending", True), row.problem


def test_who_takes_the_connection_and_says_nothing(bureau: Bureau) -> None:
    with silent() as (quiet, _):
        bureau.subscribe(quiet)
        bureau.assigned(1)
        hasty = bureau.another(patience_s=1)
        bureau.settle(hasty)
        hasty.close()
    (row,) = bureau.rows("pending")
    assert row.problem == "the receiver did not answer within 1 seconds"


def test_who_is_not_there(bureau: Bureau) -> None:
    with nobody() as url:
        bureau.subscribe(url)
        bureau.subscribe("http://no-such-host.invalid/")
        bureau.assigned(1)
        bureau.settle()
    problems = sorted(row.problem or "" for row in bureau.rows("pending"))
    assert problems[0].startswith("the receiver cannot be reached")
    assert problems[1] == "the receiver's name is not known"


def test_https_needs_a_certificate_that_is_trusted_for_the_host(
    bureau: Bureau, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = Receiver(context)
    try:
        bureau.subscribe(receiver.url)
        fact = bureau.assigned(1)[0]
        bureau.settle()
        assert receiver.ids[0].startswith(fact)
        bureau.subscribe(receiver.url.replace("127.0.0.1", "localhost"), kinds=[ASSIGNED])
        bureau.subscribe(receiver.url.replace("https", "http"))
        monkeypatch.delenv("SSL_CERT_FILE")
        bureau.assigned(1, first=2)
        bureau.settle()
        problems = [row.problem or "" for row in bureau.rows("pending")]
        assert len(problems) == 3
        assert sum("not to be trusted" in problem for problem in problems) == 2
        assert len(receiver.received) == 1
    finally:
        receiver.close()

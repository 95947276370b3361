"""E-mails, through real mail servers on this machine: plain, with STARTTLS, with TLS, with a login."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.policy import default
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from leadflow.notifications.kinds import ASSIGNED, KINDS
from leadflow.notifications.mails import Mails, MailServer, message_of
from tests.bureau import PATIENCE_S, PHONE, Bureau
from tests.receivers import nobody, silent

SENDER = "LeadFlow <leadflow@example.com>"


class Mailbox:
    """Keeps what comes; answers as a test says."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.secure: list[bool] = []
        self.answer_rcpt = ""
        self.answer_data = "250 OK"

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.answer_rcpt:
            return self.answer_rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.answer_data.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.mails.append(envelope.content)
            self.secure.append(session.ssl is not None)
        return self.answer_data


class AnyPort(Controller):
    """A mail server on a free port, which it looks for to see whether it runs."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def serving(box: Mailbox, context: ssl.SSLContext | None = None, **options: Any) -> Iterator[int]:
    """A mail server; gives its port. With `context`, TLS from the beginning."""
    controller = AnyPort(
        box, hostname="127.0.0.1", port=0, ssl_context=context, ready_timeout=PATIENCE_S, **options
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def text_of(mail: Message) -> str:
    body = message_from_bytes(mail.as_bytes(), policy=default).get_body()
    assert body is not None
    return str(body.get_content())


def server(port: int, security: Any = "none", **login: str) -> MailServer:
    return MailServer("127.0.0.1", port, security, SENDER, **login)


def test_a_rep_gets_one_e_mail_in_plain_words(bureau: Bureau) -> None:
    box = Mailbox()
    with serving(box) as port:
        notifier = bureau.another(server(port))
        one = bureau.subscribe("wang@example.com", way="email", secret=None)
        fact = bureau.assigned(1)[0]
        bureau.settle(notifier)
        bureau.settle(notifier)
    (raw,) = box.mails
    mail = message_from_bytes(raw)
    assert (mail["From"], mail["To"]) == (SENDER, "wang@example.com")
    assert str(make_header(decode_header(mail["Subject"]))) == "A lead was assigned to wang (pool east)"
    assert mail["Message-ID"] == f"<{fact}/{one.id}@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    text = text_of(mail)
    parts = ("local assigned it to wang", "Deadline: ", "(+08:00)", "Channel: web_form", "Score: ")
    link = "https://leads.example.com/v1/pools/east/leads/"
    for part in (*parts, link, f"unsubscribe {one.id}", KINDS[ASSIGNED]):
        assert part in text
    for secret in (PHONE[-8:], "王小明", "Bcc", "p1@example.com"):
        assert secret not in text
        assert secret not in raw.decode()
    assert [row.state for row in bureau.rows()] == ["sent"]


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_starttls_tls_and_a_login(context: ssl.SSLContext) -> None:
    box, known = Mailbox(), []

    def login(_: Any, __: Any, ___: Any, mechanism: str, data: Any) -> AuthResult:
        known.append((data.login, data.password))
        return AuthResult(success=data.password == b"hush", handled=False)

    def send(port: int, security: str, password: str = "hush") -> Any:
        mails = Mails(server(port, security, user="leadflow", password=password), timeout_s=PATIENCE_S)
        return mails.send("wang@example.com", "east/1/x", "s", "t", datetime.now(UTC))

    options: dict[str, Any] = {"authenticator": login, "auth_required": True}
    with serving(box, tls_context=context, require_starttls=True, **options) as port:
        assert send(port, "starttls").outcome == "sent"
        refused = send(port, "starttls", "wrong")
        assert (refused.outcome, "refuses the login" in refused.problem) == ("failed", True)
    with serving(box, context, auth_require_tls=False, **options) as port:
        assert send(port, "tls").outcome == "sent"
    # Of the second, the server itself speaks nothing but TLS.
    assert (box.secure[0], len(box.mails)) == (True, 2)
    assert (b"leadflow", b"hush") in known


def test_a_server_that_is_not_trusted_or_does_not_offer_it_gets_no_password(
    context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Mailbox()

    def send(port: int, security: str) -> Any:
        mails = Mails(server(port, security, user="leadflow", password="hush"), timeout_s=PATIENCE_S)
        return mails.send("wang@example.com", "east/1/x", "s", "t", datetime.now(UTC))

    with serving(box) as port:
        assert "LEADFLOW_SMTP_SECURITY" in send(port, "starttls").problem
    monkeypatch.delenv("SSL_CERT_FILE")
    with serving(box, tls_context=context) as port:
        assert "not to be trusted" in send(port, "starttls").problem
    with serving(box, context) as port:
        assert "not to be trusted" in send(port, "tls").problem
    assert box.mails == []


def test_what_the_mail_server_refuses_for_now_is_tried_again_and_for_good_is_parked(bureau: Bureau) -> None:
    box = Mailbox()
    with serving(box) as port:
        notifier = bureau.another(server(port))
        bureau.subscribe("wang@example.com", way="email", secret=None)
        bureau.assigned(1)
        box.answer_data = "451 later"
        bureau.settle(notifier)
        (row,) = bureau.rows()
        assert (row.state, row.problem) == ("pending", "the mail server answered 451")
        box.answer_rcpt = "450 busy"
        bureau.later(minutes=1)
        bureau.settle(notifier)
        assert bureau.rows()[0].state == "pending"
        box.answer_rcpt = "550 nobody here"
        bureau.later(minutes=10)
        bureau.settle(notifier)
        (row,) = bureau.rows("parked")
        assert (row.attempts, row.problem) == (3, "the mail server does not take mail for this address (550)")
        box.answer_rcpt, box.answer_data = "", "250 OK"
        bureau.ledger.replay(row.id, bureau.clock.now())
        bureau.settle(notifier)
    assert [found.state for found in bureau.rows()] == ["sent"]
    assert f"<{row.message}@example.com>".encode() in box.mails[0]


def test_a_mail_server_that_is_away_or_says_nothing() -> None:
    def send(port: Any, security: Any) -> Any:
        mails = Mails(server(port, security), timeout_s=0.3)
        return mails.send("wang@example.com", "east/1/x", "s", "t", datetime.now(UTC))

    with silent() as (_, listening):
        port = listening.getsockname()[1]
        for security in ("none", "starttls", "tls"):
            assert "did not answer within" in send(port, security).problem
    with nobody() as url:
        assert "cannot be reached" in send(urlsplit(url).port, "none").problem
    assert "LEADFLOW_SMTP_HOST" in (
        Mails(None).send("wang@example.com", "m", "s", "t", datetime.now(UTC)).problem or ""
    )


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\x0b", "\x00"])
def test_a_line_break_begins_no_header(break_: str) -> None:
    subject = f"A lead of 王小明{break_}Bcc: everybody@example.com{break_}{break_}<b>text</b>"
    mail = message_of(
        server(25), "wang@example.com", "east/1/x", subject, f"a{break_}Bcc: x", datetime.now(UTC)
    )
    again = message_from_bytes(mail.as_bytes())
    assert again["Bcc"] is None
    assert sorted(name.lower() for name in again) == sorted(
        ["from", "to", "subject", "date", "message-id", "auto-submitted", "content-type",
         "content-transfer-encoding", "mime-version"]
    )  # fmt: skip

"""Sending an e-mail through the company's mail server."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Literal

from leadflow.errors import UsageError
from leadflow.notifications.addresses import mail_address
from leadflow.notifications.attempts import SENT, Answer
from leadflow.notifications.webhooks import TIMEOUT_S
from leadflow.settings import Settings

PERMANENT = 500
"""SMTP's replies from here on will not change by trying again (RFC 5321, 4.2.1)."""
_BREAKS = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True)
class MailServer:
    """Where e-mails are handed in, and as whom."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    sender: str
    user: str | None = None
    password: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> MailServer | None:
        """The one that the settings name; None if they name none. Raises UsageError."""
        if settings.smtp_host is None:
            return None
        password = _password(settings)
        if settings.smtp_from is None:
            raise UsageError("a mail server is named, and no sender", do="Set LEADFLOW_SMTP_FROM.")
        if _BREAKS.search(settings.smtp_from):
            raise UsageError("LEADFLOW_SMTP_FROM holds a line break")
        mail_address(parseaddr(settings.smtp_from)[1])
        if (settings.smtp_user is None) != (password is None):
            raise UsageError(
                "of the mail server's user and password there is only one",
                do="Set LEADFLOW_SMTP_USER and LEADFLOW_SMTP_PASSWORD_FILE, or neither.",
            )
        if settings.smtp_user is not None and settings.smtp_security == "none":
            raise UsageError(
                "the mail server's password would be sent for anybody to read",
                do="Set LEADFLOW_SMTP_SECURITY to starttls or tls.",
            )
        return cls(
            settings.smtp_host,
            settings.smtp_port,
            settings.smtp_security,
            settings.smtp_from,
            settings.smtp_user,
            password,
        )


def _password(settings: Settings) -> str | None:
    file = settings.smtp_password_file
    if settings.smtp_password is not None:
        if file is not None:
            raise UsageError(
                "there are two passwords: LEADFLOW_SMTP_PASSWORD and LEADFLOW_SMTP_PASSWORD_FILE"
            )
        return settings.smtp_password.get_secret_value()
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is no text"
        do = "LEADFLOW_SMTP_PASSWORD_FILE is to name a file that holds it and nothing else."
        raise UsageError(
            f"the mail server's password cannot be read: {reason}", where=str(file), do=do
        ) from problem


def message_of(
    server: MailServer, to: str, message: str, subject: str, text: str, at: datetime
) -> EmailMessage:
    """The e-mail. `message` makes its Message-ID, by which receivers know it again at another attempt."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = server.sender
    mail["To"] = to
    # A line break in a header would begin another one.
    mail["Subject"] = _BREAKS.sub(" ", subject)
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{message}@{parseaddr(server.sender)[1].rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    return mail


class Mails:
    """Sends through one mail server. Safe to use from several threads: each e-mail has its own connection."""

    def __init__(self, server: MailServer | None, *, timeout_s: float = TIMEOUT_S) -> None:
        self.server = server
        self._timeout_s = timeout_s

    def send(self, to: str, message: str, subject: str, text: str, at: datetime) -> Answer:
        """One attempt."""
        if self.server is None:
            return Answer("failed", "no mail server is named: set LEADFLOW_SMTP_HOST and LEADFLOW_SMTP_FROM")
        mail = message_of(self.server, to, message, subject, text, at)
        late = threading.Event()
        try:
            with self._connected(self.server) as link:
                watch = threading.Timer(self._timeout_s, _cut, (link, late))
                watch.daemon = True
                watch.start()
                try:
                    self._hand_in(link, self.server, mail)
                finally:
                    watch.cancel()
            return SENT
        except (OSError, smtplib.SMTPException) as error:
            return self._problem(error, late=late.is_set())

    @contextmanager
    def _connected(self, server: MailServer) -> Iterator[smtplib.SMTP]:
        """A connection; how the goodbye goes does not matter, as what was handed in is accepted by then."""
        name = socket.gethostname()
        if server.security == "tls":
            context = ssl.create_default_context()
            link: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, name, timeout=self._timeout_s, context=context
            )
        else:
            link = smtplib.SMTP(server.host, server.port, name, timeout=self._timeout_s)
        try:
            yield link
            with suppress(OSError, smtplib.SMTPException):
                link.quit()
        finally:
            link.close()

    def _hand_in(self, link: smtplib.SMTP, server: MailServer, mail: EmailMessage) -> None:
        if server.security == "starttls":
            link.starttls(context=ssl.create_default_context())
        if server.user is not None and server.password is not None:
            link.login(server.user, server.password)
        link.send_message(mail)

    def _problem(self, error: Exception, *, late: bool) -> Answer:
        # smtplib makes of a time-out that the connection was closed.
        if late or isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            return Answer("failed", f"the mail server did not answer within {self._timeout_s:g} seconds")
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            codes = [code for code, _ in error.recipients.values()]
            hopeless = all(code >= PERMANENT for code in codes)
            what = f"the mail server does not take mail for this address ({', '.join(map(str, codes))})"
            return Answer("hopeless" if hopeless else "failed", what)
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return Answer(
                "failed", "the mail server refuses the login: look at LEADFLOW_SMTP_USER and its password"
            )
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return Answer(
                "failed",
                "the mail server does not offer what is set: look at LEADFLOW_SMTP_SECURITY and _USER",
            )
        if isinstance(error, smtplib.SMTPResponseException):
            return Answer("failed", f"the mail server answered {error.smtp_code}")
        if isinstance(error, ssl.SSLCertVerificationError):
            return Answer(
                "failed", f"the mail server's certificate is not to be trusted: {error.verify_message}"
            )
        if isinstance(error, smtplib.SMTPServerDisconnected):
            return Answer("failed", "the mail server ended the connection")
        said = getattr(error, "strerror", None) or type(error).__name__
        return Answer("failed", f"the mail server cannot be reached: {said}")


def _cut(link: smtplib.SMTP, late: threading.Event) -> None:
    """End whatever waits for the mail server; called by another thread when the time is over."""
    late.set()
    if link.sock is not None:
        with suppress(OSError):
            # An SSLSocket's own shutdown would take away what the other thread still reads with.
            socket.socket.shutdown(link.sock, socket.SHUT_RDWR)

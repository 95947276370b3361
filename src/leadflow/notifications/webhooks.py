"""Sending a webhook, signed as Standard Webhooks says: one request, one answer, within one time limit.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from standardwebhooks.webhooks import Webhook

from leadflow.errors import UsageError
from leadflow.network import Refused, connect
from leadflow.notifications.addresses import ALLOW, Target, target_of
from leadflow.notifications.attempts import SENT, Answer

TIMEOUT_S = 10.0
"""For everything together, from the name's look-up on to the answer."""
ANSWER_BYTES_MAX = 1_024
"""No more of an answer's body is read."""
GONE = 410


def signed(secrets_: Sequence[str], message: str, at: datetime, body: str) -> dict[str, str]:
    """The headers that prove a message: one signature for each secret, so that secrets can be changed."""
    moment = at.astimezone(UTC)
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message, moment, body) for secret in secrets_),
    }


class _Link(http.client.HTTPConnection):
    """A connection to an address that was looked at, cut when its time is over."""

    def __init__(self, target: Target, timeout_s: float, *, private: bool) -> None:
        super().__init__(target.host, target.port, timeout=timeout_s)
        self._target = target
        self._private = private
        self._limit_s = timeout_s
        self._guard = threading.Lock()
        self.late = False

    def connect(self) -> None:
        """Connect, and for https prove who the receiver is."""
        raw = connect(self._target.host, self._target.port, self._limit_s, private=self._private)
        if self._target.secure:
            context = ssl.create_default_context()
            raw = context.wrap_socket(raw, server_hostname=self._target.host, do_handshake_on_connect=False)
        with self._guard:
            self.sock = raw
            late = self.late
        if late:
            raise TimeoutError
        if isinstance(raw, ssl.SSLSocket):
            raw.do_handshake()

    def cut(self) -> None:
        """End whatever waits; called by another thread when the time is over."""
        with self._guard:
            self.late = True
            link = self.sock
        if link is not None:
            with suppress(OSError):
                # An SSLSocket's own shutdown would take away what the other thread still reads with.
                socket.socket.shutdown(link, socket.SHUT_RDWR)


class Webhooks:
    """Sends to the addresses of subscriptions. Safe to use from several threads."""

    def __init__(self, *, private: bool = False, timeout_s: float = TIMEOUT_S) -> None:
        """`private` permits plain http and addresses inside the network."""
        self.private = private
        self._timeout_s = timeout_s
        self._agent = f"LeadFlow/{_version()}"

    def send(self, url: str, secrets_: Sequence[str], message: str, body: str, at: datetime) -> Answer:
        """One attempt. `message` is the webhook-id, the same at every attempt; `at` is signed too."""
        try:
            target = target_of(url, private=self.private)
        except UsageError as error:
            return Answer("hopeless", error.what)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": self._agent,
            "Connection": "close",
            **signed(secrets_, message, at, body),
        }
        link = _Link(target, self._timeout_s, private=self.private)
        watch = threading.Timer(self._timeout_s, link.cut)
        watch.daemon = True
        watch.start()
        try:
            link.request("POST", target.path, body.encode(), headers)
            answer = link.getresponse()
            if link.late:
                # What was cut off looks like an answer that is over.
                raise TimeoutError
            with suppress(OSError, http.client.HTTPException):
                # The status is what counts; a little is read so that the receiver can end its answer.
                answer.read(ANSWER_BYTES_MAX)
            return _judged(answer.status)
        except (OSError, http.client.HTTPException, Refused, UnicodeError) as error:
            return self._problem(error, late=link.late)
        finally:
            watch.cancel()
            link.close()

    def _problem(self, error: Exception, *, late: bool) -> Answer:
        if isinstance(error, Refused):
            return Answer("hopeless", f"the receiver may not be connected to: {error}. {ALLOW}")
        if late or isinstance(error, TimeoutError):
            return Answer("failed", f"the receiver did not answer within {self._timeout_s:g} seconds")
        if isinstance(error, ssl.SSLCertVerificationError):
            return Answer(
                "failed", f"the receiver's certificate is not to be trusted: {error.verify_message}"
            )
        if isinstance(error, ssl.SSLError):
            return Answer("failed", f"no secure connection to the receiver: {error.reason or 'TLS failed'}")
        if isinstance(error, socket.gaierror | UnicodeError):
            return Answer("failed", "the receiver's name is not known")
        if isinstance(error, http.client.HTTPException | ConnectionResetError | BrokenPipeError):
            return Answer("failed", "the receiver ended the connection, or its answer is no HTTP")
        said = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        return Answer("failed", f"the receiver cannot be reached: {said}")


def _judged(status: int) -> Answer:
    if 200 <= status < 300:
        return SENT
    if status == GONE:
        return Answer("gone", "the receiver answered 410: it wants nothing more of this subscription")
    if 300 <= status < 400:
        return Answer(
            "failed", f"the receiver answered {status}: redirects are not followed, subscribe where it points"
        )
    return Answer("failed", f"the receiver answered {status}")


def _version() -> str:
    try:
        return version("leadflow")
    except PackageNotFoundError:
        return "source"

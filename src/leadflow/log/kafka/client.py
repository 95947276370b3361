"""Connections to a Kafka cluster, and the one translation of its client's errors.

What the client must be told differently from its defaults is told here, each with its reason.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka import errors as kafka_errors

from leadflow.errors import Fenced, LeadflowError, NotFound, Rebalanced, TooLarge, Unavailable, UsageError
from leadflow.log.kafka import unpacking
from leadflow.log.kafka.connecting import Client, told
from leadflow.settings import Settings

unpacking.install()

TRANSACTION_TIMEOUT_MS = 15_000
"""After this long the broker aborts a transaction; until then it holds up every reader."""
ANSWER_WAIT_MS = 10_000
"""How long to wait for a broker that does not answer."""
CLOSE_WAIT_S = 5.0
CLOSE_ATTEMPTS = 6
"""Together longer than any record may be on its way."""
RECORD_BYTES_MAX = 8 * 1024 * 1024
"""The largest record; the events topic is created with it."""
BATCH_BYTES = 1024 * 1024
FETCH_WAIT_MS = 50
"""How long a broker may wait for records before it answers that there are none. The client asks for what it
holds no records of, one question at a time: one that leaves out the partition whose records have just come
holds up the next of that partition for as long (500 ms by default)."""

IsolationLevel = Literal["read_committed", "read_uncommitted"]


@dataclass(frozen=True)
class Cluster:
    """How to reach a Kafka cluster. Opens nothing by itself."""

    servers: str
    """Bootstrap servers, `host:port,…`."""
    client_id: str = "leadflow"
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """More options for every client (security_protocol, sasl_mechanism, ssl_cafile, …)."""

    def __post_init__(self) -> None:
        try:
            importlib.import_module("crc32c")
        except ImportError as problem:
            # The client would say nothing, and be slow.
            raise LeadflowError(
                f"the package crc32c cannot be used ({problem}); without it Kafka is 12 to 15 times slower",
                do="Install it: pip install 'kafka-python[crc32c]'.",
            ) from problem

    @classmethod
    def of(cls, settings: Settings) -> Cluster:
        """The cluster that the settings name, as they say how to be let in.

        Raises UsageError if they name none, contradict each other, or a file cannot be read.
        """
        if settings.kafka is None:
            raise UsageError("no Kafka cluster is named", do="Set LEADFLOW_KAFKA to its bootstrap servers.")
        return cls(settings.kafka, options=_security(settings))

    @property
    def where(self) -> str:
        """The cluster, for messages."""
        return f"Kafka at {self.servers}"

    @contextmanager
    def _connecting(self, name: str) -> Iterator[dict[str, Any]]:
        """What every client is told, while it is made; raises LeadflowError.

        One that does not reach the cluster is closed: the constructors leave the thread behind that goes on
        trying to connect, and a process that waits for Kafka would have one more of them with every look.
        """
        begun: list[Client] = []

        def begin(**configs: Any) -> Client:
            begun.append(Client(**configs))
            return begun[-1]

        try:
            yield {
                "bootstrap_servers": self.servers.split(","),
                "client_id": f"{self.client_id}-{name}",
                "bootstrap_timeout_ms": ANSWER_WAIT_MS,
                "reconnect_backoff_max_ms": 1_000,
                "kafka_client": begin,
                **self.options,
            }
        except BaseException as error:
            for client in begun:
                with suppress(Exception):
                    client.close()
            if isinstance(error, kafka_errors.KafkaError):
                # The client says that it could not, and not why.
                why = "; ".join(client.connections.why for client in begun if client.connections.why)
                raise translate(error, self.where, why) from error
            raise

    def transactional_producer(self, transactional_id: str) -> KafkaProducer:
        """A producer whose records count only as a transaction. Raises LeadflowError."""
        with self._connecting(transactional_id) as common:
            return KafkaProducer(
                **common,
                metrics_enabled=False,
                transactional_id=transactional_id,
                transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
                # The next transaction's first request meets the last one's end and sleeps one backoff: at
                # the default of 100 ms, transactions back to back take 109 ms each; with 5 ms they take 8.
                retry_backoff_ms=5,
                max_block_ms=ANSWER_WAIT_MS,
                request_timeout_ms=ANSWER_WAIT_MS,
                delivery_timeout_ms=TRANSACTION_TIMEOUT_MS,
                # One batch of a partition is on its way at a time, so a transaction should be few of them.
                # To let records linger until all are flushed would make one of a dozen; but a single claim
                # would wait for its thread's turn once more, which costs it more than that saves.
                batch_size=BATCH_BYTES,
                max_request_size=RECORD_BYTES_MAX,
                allow_auto_create_topics=False,
            )

    def producer(self) -> KafkaProducer:
        """A producer of single records, written once each even when it has to try again."""
        with self._connecting("producer") as common:
            return KafkaProducer(
                **common,
                metrics_enabled=False,
                max_block_ms=ANSWER_WAIT_MS,
                request_timeout_ms=ANSWER_WAIT_MS,
                delivery_timeout_ms=2 * ANSWER_WAIT_MS,
                max_request_size=RECORD_BYTES_MAX,
                allow_auto_create_topics=False,
            )

    def consumer(
        self,
        name: str,
        *,
        isolation_level: IsolationLevel = "read_committed",
        **options: Any,
    ) -> KafkaConsumer:
        """A consumer that commits nothing by itself and never moves past what is missing."""
        with self._connecting(name) as common:
            return KafkaConsumer(
                **{
                    **common,
                    "metrics_enabled": False,
                    "isolation_level": isolation_level,
                    "enable_auto_commit": False,
                    "auto_offset_reset": "none",
                    "request_timeout_ms": ANSWER_WAIT_MS,
                    "fetch_max_wait_ms": FETCH_WAIT_MS,
                    "allow_auto_create_topics": False,
                    **options,
                }
            )

    def admin(self) -> KafkaAdminClient:
        """A client for topics and their settings."""
        with self._connecting("admin") as common:
            return KafkaAdminClient(**common, request_timeout_ms=ANSWER_WAIT_MS)


def _security(settings: Settings) -> dict[str, Any]:
    """The client's options for its security. Raises UsageError."""
    protocol = settings.kafka_security_protocol
    options: dict[str, Any] = {"security_protocol": protocol}
    if "SSL" in protocol.split("_"):
        files = {
            "ssl_cafile": settings.kafka_ca_file,
            "ssl_certfile": settings.kafka_certificate_file,
            "ssl_keyfile": settings.kafka_key_file,
        }
        for file in filter(None, files.values()):
            _read(file)
        options |= {name: str(file) for name, file in files.items() if file is not None}
    if protocol.startswith("SASL_"):
        password = _password(settings)
        if settings.kafka_user is None or not password:
            raise UsageError(
                f"{protocol} needs a user and a password",
                do="Set LEADFLOW_KAFKA_USER, and LEADFLOW_KAFKA_PASSWORD_FILE or LEADFLOW_KAFKA_PASSWORD.",
            )
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_user,
            "sasl_plain_password": password,
        }
    elif settings.kafka_user is not None:
        # Whoever names a user believes to be known by it.
        raise UsageError(
            f"LEADFLOW_KAFKA_USER is set, and {protocol} knows no users",
            do="Set LEADFLOW_KAFKA_SECURITY_PROTOCOL to SASL_SSL (or SASL_PLAINTEXT).",
        )
    return options


def _password(settings: Settings) -> str | None:
    if settings.kafka_password is None:
        return _read(settings.kafka_password_file).strip("\r\n") if settings.kafka_password_file else None
    if settings.kafka_password_file is not None:
        raise UsageError("there are two passwords: LEADFLOW_KAFKA_PASSWORD and LEADFLOW_KAFKA_PASSWORD_FILE")
    return settings.kafka_password.get_secret_value()


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is no text"
        what = f"a file of Kafka's security cannot be read: {reason}"
        do = "See to LEADFLOW_KAFKA_PASSWORD_FILE, _CA_FILE, _CERTIFICATE_FILE and _KEY_FILE."
        raise UsageError(what, where=str(file), do=do) from problem


def close_producer(producer: KafkaProducer, wait_s: float = CLOSE_WAIT_S) -> None:
    """Close a producer within `wait_s` seconds, or later on a thread if it has records on their way.

    The client refuses to close as long as they neither arrived nor expired, and would ask for ever.
    """
    try:
        producer.close(timeout=wait_s)
    except Exception:
        closing = threading.Thread(target=_close_later, args=(producer,), name="kafka-closing", daemon=True)
        closing.start()


def _close_later(producer: KafkaProducer) -> None:
    for _ in range(CLOSE_ATTEMPTS):
        with suppress(Exception):
            producer.close(timeout=CLOSE_WAIT_S)
            return
    # Records that wait for a transaction's coordinator, or for a producer's number, do not expire.
    give_up_producer(producer)


def give_up_producer(producer: KafkaProducer) -> None:
    """Close a producer whatever it has on its way, and end every wait in it with an error.

    Its thread looks for a transaction's coordinator without a limit, also when it is to close; and who waits
    for a transaction is forgotten by it when it ends. Takes up to two time-outs of an answer.
    """
    sender: Any = producer._sender
    manager: Any = producer._transaction_manager
    manager.transition_to_fatal_error(kafka_errors.KafkaTimeoutError("the brokers have not answered"))
    sender.force_close()
    sender.join(2 * ANSWER_WAIT_MS / 1_000)
    while manager._pending_requests:
        # After such an error nothing is sent any more: each is told of it instead.
        manager.next_request_handler(False)


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Kafka's errors as LeadFlow's, with their cause kept."""
    try:
        yield
    except kafka_errors.KafkaError as error:
        raise translate(error, where) from error


_TOO_LARGE = (kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError)
_FENCED = (kafka_errors.ProducerFencedError, kafka_errors.InvalidProducerEpochError)
_WRONG_USE = (kafka_errors.KafkaConfigurationError, kafka_errors.IllegalStateError)
_REBALANCED = (
    kafka_errors.CommitFailedError, kafka_errors.IllegalGenerationError,
    kafka_errors.UnknownMemberIdError, kafka_errors.FencedInstanceIdError,
)  # fmt: skip


def translate(error: BaseException, where: str, why: str = "") -> LeadflowError:
    """The error of LeadFlow's tree that says what this one of the client means. `why` is what kept the client
    from connecting, if it is known."""
    for cause in _causes(error):
        words = told(cause)
        if isinstance(cause, _WRONG_USE):
            return UsageError(f"the Kafka client refuses ({cause})", where=where)
        if isinstance(cause, _FENCED):
            return Fenced(
                "another process has taken over this partition",
                where=where,
                do="Only one decider may write a partition. Look for a second one, or start this one again.",
            )
        if isinstance(cause, _REBALANCED):
            return Rebalanced(f"the group has given the partition to another member ({words})", where=where)
        if isinstance(cause, kafka_errors.SaslAuthenticationFailedError):
            do = "See to LEADFLOW_KAFKA_USER, its password and LEADFLOW_KAFKA_SASL_MECHANISM."
            return UsageError(f"Kafka does not know this user by this password ({words})", where=where, do=do)
        if isinstance(cause, kafka_errors.AuthorizationError):
            return UsageError(f"Kafka does not permit this ({words})", where=where, do="See to the ACLs.")
        if isinstance(cause, _TOO_LARGE):
            return TooLarge(f"a record is too large ({words})", where=where)
        if isinstance(cause, kafka_errors.UnknownTopicOrPartitionError):
            return NotFound("a topic is missing", where=where, do="Run `leadflow topics create`.")
    return Unavailable(
        f"Kafka does not answer as it should ({why or told(error)})",
        where=where,
        do="See whether its brokers are up, can be reached from here, and let this process in"
        " (LEADFLOW_KAFKA_SECURITY_PROTOCOL, LEADFLOW_KAFKA_USER).",
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, those that it carries as arguments, and those that it came from."""
    at: BaseException | None = error
    while at is not None:
        yield at
        yield from (inner for inner in at.args if isinstance(inner, BaseException))
        at = at.__cause__

"""The topics: their names, what they must be, making them, and every deviation with what it risks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors
from kafka.admin import ConfigResource, ConfigResourceType

from leadflow.errors import UsageError
from leadflow.log.kafka.client import RECORD_BYTES_MAX, Cluster, translated
from leadflow.settings import Settings

DAY_MS = 24 * 60 * 60 * 1000
FOR_EVER = -1
CREATE_WAIT_MS = 30_000
SETTLE_S = 2.0


class TopicNames(NamedTuple):
    """The four topics of one log."""

    intake: str
    commands: str
    events: str
    dead_letters: str

    @classmethod
    def of(cls, prefix: str) -> TopicNames:
        """The names with a prefix: `leadflow.intake`, …"""
        return cls(f"{prefix}.intake", f"{prefix}.commands", f"{prefix}.events", f"{prefix}.dead-letters")


class TopicSpec(NamedTuple):
    """What a topic must be."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]


class Deviation(NamedTuple):
    """Where a topic or the cluster is not as it must be."""

    topic: str
    what: str
    found: str
    wanted: str
    risk: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.what} is {self.found}, should be {self.wanted}: {self.risk}"


_RISKS = {
    "cleanup.policy": "compaction removes facts whose key comes again, which is every fact of a pool",
    "retention.ms": "facts are deleted when they are older than this; requests, before a decider that was"
    " away has read them",
    "retention.bytes": "what is oldest is deleted when the topic is larger than this",
    "min.insync.replicas": "a fact counts as written while fewer copies have it, and is lost with them;"
    " or nothing is written when a broker is away",
    "message.timestamp.type": "times would be the senders' clocks: deadlines and `as of` would follow them",
    "max.message.bytes": "large facts (merged leads, policies) cannot be written and their pool stands still",
    "compression.type": "requests stay as their senders compressed them, and one in a codec that the decider"
    " cannot read (lz4, snappy, zstd) stops it",
    "unclean.leader.election.enable": "a broker that lags behind may become leader, and facts that were"
    " acknowledged are gone",
}
_RISK_PARTITIONS = "pools would be looked for in other partitions than those that they are in"
_RISK_REPLICATION = "with that many copies, facts are lost when as many brokers are"
_RISK_MISSING = "nothing can be written or read"


def specs(settings: Settings, brokers: int) -> tuple[TopicSpec, ...]:
    """What the topics must be, on a cluster of so many brokers.

    Replication is as set, else 3 or as many as there are brokers; `min.insync.replicas` as set, else one
    less than that. Raises UsageError for settings that contradict each other.
    """
    copies = settings.kafka_replication or min(3, brokers)
    enough = settings.kafka_min_isr or max(1, copies - 1)
    if enough > copies:
        raise UsageError(
            f"LEADFLOW_KAFKA_MIN_ISR is {enough}, with {copies} copies of each partition",
            do="Set LEADFLOW_KAFKA_REPLICATION to at least that; in production 3, and 2 in-sync.",
        )
    names = TopicNames.of(settings.kafka_prefix)
    common = {
        "cleanup.policy": "delete",
        "retention.bytes": str(FOR_EVER),
        "min.insync.replicas": str(enough),
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(RECORD_BYTES_MAX),
        "unclean.leader.election.enable": "false",
    }
    for_ever = {**common, "retention.ms": str(FOR_EVER)}
    requests = {
        **common,
        "retention.ms": str(settings.kafka_request_days * DAY_MS),
        # The broker undoes whatever compression an adapter chose: the client here reads gzip alone.
        "compression.type": "uncompressed",
    }
    configs = (requests, requests, for_ever, for_ever)
    return tuple(
        TopicSpec(name, settings.kafka_partitions, copies, config)
        for name, config in zip(names, configs, strict=True)
    )


class Topics:
    """The topics of one log in a cluster. Use as a context manager, or close it."""

    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        """Raises Unavailable if the cluster cannot be reached."""
        self.where = cluster.where
        self._admin: KafkaAdminClient = cluster.admin()
        with translated(self.where):
            brokers = len(self._admin.describe_cluster()["brokers"])
        self.specs = specs(settings, brokers)

    def __enter__(self) -> Topics:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._admin.close()

    def create(self) -> list[str]:
        """Make the topics that are missing, and wait until they can be used; gives their names.

        Those that are there stay as they are: `check` says how. Raises LeadflowError.
        """
        there = self._found()
        missing = [spec for spec in self.specs if spec.name not in there]
        made: list[str] = []
        with translated(self.where):
            for spec in missing:
                wanted = {
                    "num_partitions": spec.partitions,
                    "replication_factor": spec.replication,
                    "configs": dict(spec.config),
                }
                try:
                    self._admin.create_topics({spec.name: wanted}, timeout_ms=CREATE_WAIT_MS)
                    made.append(spec.name)
                except kafka_errors.TopicAlreadyExistsError:
                    continue  # Another was quicker.
            if missing:
                self._admin.wait_for_topics([spec.name for spec in missing], timeout_ms=CREATE_WAIT_MS)
        return made

    def check(self) -> list[Deviation]:
        """Every way in which the topics are not as they must be. Raises LeadflowError."""
        there = self._found()
        until = time.monotonic() + SETTLE_S
        while len(there) < len(self.specs) and time.monotonic() < until:
            # A broker may not know yet of what another has just made.
            time.sleep(SETTLE_S / 10)
            there = self._found()
        present = [spec for spec in self.specs if spec.name in there]
        configs = self._configs([spec.name for spec in present])
        found = [
            Deviation(spec.name, "topic", "missing", "there", _RISK_MISSING)
            for spec in self.specs
            if spec.name not in there
        ]
        for spec in present:
            found += _deviations(spec, there[spec.name], configs[spec.name])
        return found

    def _found(self) -> dict[str, list[dict[str, Any]]]:
        """The partitions of those of the topics that exist."""
        with translated(self.where):
            names = set(self._admin.list_topics())
            wanted = [spec.name for spec in self.specs if spec.name in names]
            described = self._admin.describe_topics(wanted) if wanted else []
        return {one["name"]: one["partitions"] for one in described}

    def _configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        with translated(self.where):
            asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
            answer = self._admin.describe_configs(asked, config_filter="all")["topic"]
        return {
            name: {key: str(one["value"]) for key, one in config.items()} for name, config in answer.items()
        }


def _deviations(
    spec: TopicSpec, partitions: Sequence[Mapping[str, Any]], config: Mapping[str, str]
) -> list[Deviation]:
    found = []
    if len(partitions) != spec.partitions:
        wanted = str(spec.partitions)
        found.append(Deviation(spec.name, "partitions", str(len(partitions)), wanted, _RISK_PARTITIONS))
    copies = min((len(partition["replica_nodes"]) for partition in partitions), default=0)
    if copies != spec.replication:
        wanted = str(spec.replication)
        found.append(Deviation(spec.name, "replication", str(copies), wanted, _RISK_REPLICATION))
    for key, wanted in spec.config.items():
        if (value := config.get(key, "unknown")) != wanted:
            found.append(Deviation(spec.name, key, value, wanted, _RISKS[key]))
    return found

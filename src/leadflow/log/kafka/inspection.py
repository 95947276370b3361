"""How a cluster stands: its brokers, copies in step, the settings that matter here, groups and their lag."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.structs import TopicPartition

from leadflow.log.kafka.client import TRANSACTION_TIMEOUT_MS, Cluster, translated
from leadflow.log.kafka.topics import Deviation, TopicNames
from leadflow.settings import Settings

MINUTES_A_DAY = 24 * 60
TRIES, PAUSE_S = 20, 0.25
"""A cluster that nobody has used yet makes its own topics at the first question."""

T = TypeVar("T")


class Copies(NamedTuple):
    """Partitions of a topic that are not as safe as they should be, by their numbers."""

    topic: str
    without_leader: list[int]
    too_few: list[int]
    """Fewer copies in step than `min.insync.replicas`: nothing can be written."""
    behind: list[int]
    """Some copies are behind or away; writing goes on."""


class GroupStanding(NamedTuple):
    """A consumer group: who is in it, and what waits for it."""

    name: str
    state: str
    members: int
    waiting: dict[str, int]
    """By topic, how many records wait to be consumed."""


class Inspection:
    """Questions to a cluster. Use as a context manager."""

    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        """Raises Unavailable if the cluster cannot be reached."""
        self.where = cluster.where
        self.names = TopicNames.of(settings.kafka_prefix)
        self._settings = settings
        self._admin: KafkaAdminClient = cluster.admin()

    def __enter__(self) -> Inspection:
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.close()

    def brokers(self) -> list[str]:
        """The brokers that answer the controller, as `id (host:port)`. Raises LeadflowError."""
        with translated(self.where):
            found = self._admin.describe_cluster()["brokers"]
        return [f"{one['broker_id']} ({one['host']}:{one['port']})" for one in found if not one["is_fenced"]]

    def copies(self, min_insync: int) -> list[Copies]:
        """The topics whose partitions lack copies. Raises LeadflowError."""
        with translated(self.where):
            described = self._admin.describe_topics(list(self.names))
        found = []
        for topic in described:
            parts = sorted(topic["partitions"], key=lambda one: int(one["partition_index"]))

            def where(lacks: Callable[[Any], bool], parts: Sequence[Any] = parts) -> list[int]:
                return [int(one["partition_index"]) for one in parts if lacks(one)]

            copies = Copies(
                topic["name"],
                where(lambda one: one["leader_id"] < 0),
                where(lambda one: 0 < len(one["isr_nodes"]) < min_insync),
                where(lambda one: min_insync <= len(one["isr_nodes"]) < len(one["replica_nodes"])),
            )
            if any(copies[1:]):
                found.append(copies)
        return found

    def brokers_settings(self, copies: int) -> list[Deviation]:
        """What the brokers are set to that puts a log with so many copies at risk.

        What this user may not read is passed over. Raises LeadflowError.
        """
        with translated(self.where):
            ids = [str(one["broker_id"]) for one in self._admin.describe_cluster()["brokers"]]
            asked = [ConfigResource(ConfigResourceType.BROKER, one) for one in ids]
            try:
                answer = self._admin.describe_configs(asked, config_filter="all")["broker"]
            except kafka_errors.AuthorizationError:
                return []
        wanted = (
            ("offsets.retention.minutes", self._settings.kafka_request_days * MINUTES_A_DAY, _RISK_OFFSETS),
            ("offsets.topic.replication.factor", copies, _RISK_INTERNAL),
            ("transaction.state.log.replication.factor", copies, _RISK_INTERNAL),
            ("transaction.max.timeout.ms", TRANSACTION_TIMEOUT_MS, _RISK_TRANSACTIONS),
        )
        found = []
        for key, least, risk in wanted:
            values = {str(answer[one][key]["value"]) for one in ids if key in answer.get(one, {})}
            for value in sorted(value for value in values if value.isdecimal() and int(value) < least):
                found.append(Deviation("brokers", key, value, f"at least {least}", risk))
        return found

    def group(self, name: str, topics: Sequence[str]) -> GroupStanding:
        """A group's members, and how many records of each topic it has not consumed. Raises LeadflowError."""
        with translated(self.where):
            told = _patiently(lambda: self._admin.describe_groups([name]))[name]
            offsets = _patiently(lambda: self._admin.list_group_offsets([name]))[name]
            described = self._admin.describe_topics(list(topics))
            places = [
                TopicPartition(one["name"], int(part["partition_index"]))
                for one in described
                for part in one["partitions"]
            ]
            first = self._admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
            ends = self._admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
        waiting = dict.fromkeys(topics, 0)
        for place in places:
            committed = offsets.get(place)
            at = first[place].offset if committed is None else committed.offset
            waiting[place.topic] += max(0, ends[place].offset - at)
        return GroupStanding(name, told["group_state"], len(told["members"]), waiting)


_RISK_OFFSETS = (
    "a decider that was away for longer does not know any more what it has consumed, and stops where requests"
    " were deleted meanwhile"
)
_RISK_INTERNAL = (
    "when a broker is away, deciders cannot join their group or commit, or their offsets are lost"
)
_RISK_TRANSACTIONS = "deciders cannot open their transactions"


def _patiently(ask: Callable[[], T]) -> T:
    for left in range(TRIES, 0, -1):
        try:
            return ask()
        except (kafka_errors.CoordinatorNotAvailableError, kafka_errors.CoordinatorLoadInProgressError):
            if left == 1:
                raise
            time.sleep(PAUSE_S)
    raise AssertionError  # The last turn of the loop returns or raises.

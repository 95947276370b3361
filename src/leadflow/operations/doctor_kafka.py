"""What `leadflow doctor` looks at in a Kafka deployment: brokers, topics, deciders, projectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version

from leadflow.errors import LeadflowError
from leadflow.log.kafka.client import Cluster
from leadflow.log.kafka.inspection import Copies, GroupStanding, Inspection
from leadflow.log.kafka.topics import Deviation, Topics, TopicSpec
from leadflow.operations.doctor import LAG_COMFORTABLE, Finding, failed
from leadflow.settings import Settings

STOPS_WORK = ("topic", "partitions")
"""Deviations with which nothing can be decided rightly; the others put something at risk."""


def kafka(settings: Settings) -> Iterator[Finding]:
    """Everything about the cluster; errors are findings."""
    try:
        cluster = Cluster.of(settings)
        with Inspection(cluster, settings) as inspection, Topics(cluster, settings) as topics:
            yield brokers(inspection.brokers(), settings)
            deviations = topics.check()
            yield from of_topics(topics.specs, deviations)
            copies = topics.specs[0].replication
            for one in inspection.brokers_settings(copies):
                do = f"Set {one.what} on every broker."
                yield Finding(
                    "brokers", "warn", f"{one.what} is {one.found}, {one.wanted} is wanted: {one.risk}", do
                )
            if any(one.what == "topic" for one in deviations):
                return
            for lacking in inspection.copies(int(topics.specs[0].config["min.insync.replicas"])):
                yield from of_copies(lacking)
            names = inspection.names
            prefix = settings.kafka_prefix
            yield decider(inspection.group(f"{prefix}-decider", [names.intake, names.commands]))
            yield projector(inspection.group(f"{prefix}-projector", [names.events]))
    except LeadflowError as error:
        yield failed("kafka", error)


def brokers(found: Sequence[str], settings: Settings) -> Finding:
    """The brokers that answer, and the client that asks."""
    try:
        client = f"kafka-python {version('kafka-python')}, crc32c {version('crc32c')}"
    except PackageNotFoundError as missing:
        return Finding("kafka", "fail", f"{missing.name} is not installed", "Run `make setup`.")
    answer = "1 broker answers" if len(found) == 1 else f"{len(found)} brokers answer"
    what = f"{answer}: {', '.join(found)} ({settings.kafka_security_protocol}); {client}"
    return Finding("kafka", "ok", what)


def of_topics(specs: Sequence[TopicSpec], deviations: Sequence[Deviation]) -> Iterator[Finding]:
    """Every deviation with what it risks, or that there is none."""
    for one in deviations:
        do = (
            "Run `leadflow topics create`."
            if one.what == "topic"
            else "Set LEADFLOW_KAFKA_PARTITIONS to what the topics have: it is fixed for the log's life."
            if one.what == "partitions"
            else "Change the topic with Kafka's own tools; see docs/how-to/run-on-kafka.md."
        )
        yield Finding("topics", "fail" if one.what in STOPS_WORK else "warn", str(one), do)
    if not deviations:
        spec = specs[0]
        enough = spec.config["min.insync.replicas"]
        copies = "1 copy" if spec.replication == 1 else f"{spec.replication} copies"
        what = (
            f"{', '.join(one.name for one in specs)} are as they must be: {spec.partitions} partitions,"
            f" {copies} of each, {enough} in step before a fact counts"
        )
        if spec.replication == 1:
            do = "In production have three brokers, and LEADFLOW_KAFKA_REPLICATION=3."
            yield Finding("topics", "warn", f"{what}; when its only broker's disk is lost, so is the log", do)
        else:
            yield Finding("topics", "ok", what)


def of_copies(lacking: Copies) -> Iterator[Finding]:
    """Partitions that cannot be read or written, or soon could not."""
    do = "See which broker is away, and bring it back."
    if lacking.without_leader:
        what = (
            f"{lacking.topic}: partitions {_numbers(lacking.without_leader)} have no leader and stand still"
        )
        yield Finding("topics", "fail", what, do)
    if lacking.too_few:
        what = f"{lacking.topic}: {_numbers(lacking.too_few)} have too few copies in step to be written"
        yield Finding("topics", "fail", what, do)
    if lacking.behind:
        what = f"{lacking.topic}: copies of partitions {_numbers(lacking.behind)} are behind or away"
        yield Finding("topics", "warn", what, do)


def decider(group: GroupStanding) -> Finding:
    """Whether somebody decides, and how many requests wait."""
    waiting = ", ".join(f"{count} in {topic}" for topic, count in group.waiting.items())
    what = f"{group.members} in the group {group.name} ({group.state.lower()}); requests that wait: {waiting}"
    total = sum(group.waiting.values())
    if not group.members:
        do = (
            "Start one: `leadflow decider`. Requests wait until then, and are decided at the times they came."
        )
        return Finding("decider", "warn", f"none runs; requests that wait: {waiting}", do)
    if total > LAG_COMFORTABLE:
        return Finding("decider", "warn", what, "See the deciders' logs and metrics; start more of them.")
    return Finding("decider", "ok", what)


def projector(group: GroupStanding) -> Finding:
    """Whether somebody fills the read models; how far they are is told with them."""
    if not group.members:
        do = "Start one: `leadflow projector`. What is shown is stale until then."
        return Finding("projector", "warn", "none runs", do)
    return Finding("projector", "ok", f"{group.members} in the group {group.name} ({group.state.lower()})")


def _numbers(partitions: Sequence[int]) -> str:
    return ", ".join(map(str, partitions))

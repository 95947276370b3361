"""`leadflow doctor` on a log in Kafka: the cluster, its deciders and projectors, the Postgres beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from leadflow.bootstrap.database import open_database
from leadflow.bootstrap.kafka import LOOK_WAIT_MS
from leadflow.errors import LeadflowError, Unavailable
from leadflow.log.kafka import Cluster, KafkaLog
from leadflow.log.kafka.topics import TopicNames
from leadflow.operations import doctor, doctor_kafka
from leadflow.operations.doctor import Finding
from leadflow.postgres import Database, connect, place_of
from leadflow.settings import Settings
from leadflow.views.leads import Views
from projections import registry
from projections.runner import Projections


def examine_kafka(settings: Settings) -> Iterator[Finding]:
    """What is found, one thing after the other; errors are findings."""
    yield doctor.versions()
    away = False
    for one in doctor_kafka.kafka(settings):
        away = away or (one.check, one.status) == ("kafka", "fail")
        yield one
    try:
        with open_database(settings) as (url, _):
            yield doctor.database(url)
            with Database(url) as database:
                registry.prepare(database)
                if not registry.live(database):
                    do = "Start a projector: `leadflow projector`."
                    yield Finding("projections", "warn", "the read models were never filled", do)
                    return
                if away:
                    what = "how far they are behind the log is unknown while Kafka is away"
                    yield Finding("projections", "warn", what)
                else:
                    yield from doctor.guarded("projections", lambda: _read_models(settings, database))
                yield from doctor.guarded("calendar", lambda: doctor.calendars(Views(database).pools()))
                yield from doctor.guarded("notifications", lambda: doctor.notifications(database))
                yield from doctor.guarded("inlets", lambda: doctor.inlets(database))
    except LeadflowError as error:
        yield doctor.failed("database", error)


def all_away(settings: Settings, first: Unavailable) -> Unavailable:
    """The error with everything that is away of what commands need, not only with what was missed first."""
    found, missed = [first], first.where or ""
    database = place_of(settings.database_url) if settings.database_url is not None else None
    for where, reach in ((Cluster.of(settings).where, _reach_kafka), (database, _reach_database)):
        if where is None or missed.startswith(where):
            # It was waited for already.
            continue
        try:
            reach(settings)
        except Unavailable as other:
            found.append(other)
        except LeadflowError:
            # It answers; what else is wrong with it is no part of this.
            continue
    if len(found) == 1:
        return first
    return Unavailable(f"{len(found)} things are away", do="\n".join(map(str, found)))


def _reach_kafka(settings: Settings) -> None:
    cluster = Cluster.of(settings)
    patient = replace(cluster, options={**cluster.options, "bootstrap_timeout_ms": LOOK_WAIT_MS})
    with KafkaLog(patient, TopicNames.of(settings.kafka_prefix).events) as log:
        log.reach(LOOK_WAIT_MS)


def _reach_database(settings: Settings) -> None:
    assert settings.database_url is not None
    connect(settings.database_url, wait_s=LOOK_WAIT_MS // 1_000).close()


def _read_models(settings: Settings, database: Database) -> Iterator[Finding]:
    names = TopicNames.of(settings.kafka_prefix)
    with KafkaLog(Cluster.of(settings), names.events) as log:
        Projections(log, database).prepare()
        yield from doctor.read_models(Projections(log, database), running=True)

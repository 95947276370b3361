"""`leadflow doctor`: everything that LeadFlow needs, looked at one thing after the other."""

from __future__ import annotations

from collections.abc import Iterator

from consumers.handover import HandoverClient
from leadflow.bootstrap.opening import open_app, own_log
from leadflow.errors import LeadflowError
from leadflow.operations import doctor
from leadflow.operations.doctor import Finding
from leadflow.settings import Settings


def examine(settings: Settings) -> Iterator[Finding]:
    """What `leadflow doctor` finds, one thing after the other; errors are findings."""
    if settings.kafka is not None:
        # Its client takes a moment to import, and most data directories have no use for it.
        from leadflow.bootstrap.examining import examine_kafka

        yield from examine_kafka(settings)
        return
    yield doctor.versions()
    yield (place := doctor.data_directory(settings.home, embedded=settings.database_url is None))
    yield doctor.disk(settings.home)
    running = HandoverClient.reachable(settings.home)
    yield doctor.engine(running)
    if place.status == "fail" or not (settings.database_url or settings.home.exists()):
        return
    try:
        with open_app(settings) as app:
            yield doctor.database(app.database.url)
            app.projections.start()
            yield from doctor.of_log(own_log(app), app.projections, app.views.pools, running=running)
    except LeadflowError as error:
        yield doctor.failed("database", error)

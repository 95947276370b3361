"""The one place that puts parts together: what the command line and other doors start from.

Each name is imported when it is first asked for: a command waits for what it uses, and for nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from consumers.operating import Operating as Operating
    from leadflow import contracts, policies
    from leadflow.bootstrap.app import App
    from leadflow.bootstrap.asking import new_request_id, request_of
    from leadflow.bootstrap.doctoring import examine
    from leadflow.bootstrap.kafka_processes import (
        check_topics,
        create_topics,
        new_decider,
        new_snapshotter,
        open_projector,
    )
    from leadflow.bootstrap.notifying import KINDS, Notifying, open_notifier
    from leadflow.bootstrap.opening import WAIT_S, engine_runs, open_app, own_log, running_app
    from leadflow.calendars import build_calendar, coverage_warning
    from leadflow.domain.access import Action
    from leadflow.engine import Outcome
    from leadflow.incoming.editing import EDITABLE, amount_of, corrections
    from leadflow.incoming.importing import (
        Destination,
        Rehearsal,
        Report,
        check_channel,
        counted,
        destination,
        import_file,
        reason_of,
        rehearse_file,
        unreadable,
    )
    from leadflow.incoming.resending import corrected
    from leadflow.incoming.spending import figures as spend_figures
    from leadflow.intake.arrivals import Arrival, ArrivalReader
    from leadflow.intake.files import open_arrivals
    from leadflow.intake.mapping import FIELDS, MappingFile, PhoneRegion, load_mapping
    from leadflow.log.verify import export, verify
    from leadflow.notifications.ledger import Notification
    from leadflow.notifications.subscriptions import Subscription
    from leadflow.operations.backup import Summary, backup, restore
    from leadflow.operations.backup import check as check_backup
    from leadflow.operations.doctor import Finding
    from leadflow.records import DeadLetter
    from leadflow.views import report_records
    from leadflow.views.csv_out import write_csv
    from leadflow.views.leads import ORDERS, STATUSES, Criteria, LeadView, Place, PoolView
    from leadflow.views.refusals import refusal_text
    from leadflow.views.reports import (
        ChannelRow,
        ChannelsReport,
        Fairness,
        FunnelRow,
        MoneyFigures,
        Period,
        RepRow,
        Share,
    )
    from leadflow.views.sentences import sentence
    from leadflow.views.stories import Story
    from leadflow.views.tracing import Attempt, Holding, Line, Trace
    from projections.queries import loads as member_loads
    from projections.queries import pool_summaries

__all__ = [
    "EDITABLE",
    "FIELDS",
    "KINDS",
    "ORDERS",
    "STATUSES",
    "WAIT_S",
    "Action",
    "App",
    "Arrival",
    "ArrivalReader",
    "Attempt",
    "ChannelRow",
    "ChannelsReport",
    "Criteria",
    "DeadLetter",
    "Destination",
    "Fairness",
    "Finding",
    "FunnelRow",
    "Holding",
    "LeadView",
    "Line",
    "MappingFile",
    "MoneyFigures",
    "Notification",
    "Notifying",
    "Outcome",
    "Period",
    "PhoneRegion",
    "Place",
    "PoolView",
    "Rehearsal",
    "RepRow",
    "Report",
    "Share",
    "Story",
    "Subscription",
    "Summary",
    "Trace",
    "amount_of",
    "backup",
    "build_calendar",
    "check_backup",
    "check_channel",
    "check_topics",
    "contracts",
    "corrected",
    "corrections",
    "counted",
    "coverage_warning",
    "create_topics",
    "destination",
    "engine_runs",
    "examine",
    "export",
    "import_file",
    "load_mapping",
    "member_loads",
    "new_decider",
    "new_request_id",
    "new_snapshotter",
    "open_app",
    "open_arrivals",
    "open_notifier",
    "open_projector",
    "own_log",
    "policies",
    "pool_summaries",
    "reason_of",
    "refusal_text",
    "rehearse_file",
    "report_records",
    "request_of",
    "restore",
    "running_app",
    "sentence",
    "spend_figures",
    "unreadable",
    "verify",
    "write_csv",
]

_PLACES: dict[str, tuple[str, ...]] = {
    "leadflow.operations.backup": (
        "Summary",
        "backup",
        "check as check_backup",
        "restore",
    ),
    "leadflow.bootstrap.app": ("App",),
    "leadflow.bootstrap.opening": ("WAIT_S", "engine_runs", "open_app", "own_log", "running_app"),
    "leadflow.bootstrap.doctoring": ("examine",),
    "leadflow.bootstrap.asking": (
        "new_request_id",
        "request_of",
    ),
    "leadflow.bootstrap.kafka_processes": (
        "check_topics",
        "create_topics",
        "new_decider",
        "new_snapshotter",
        "open_projector",
    ),
    "leadflow.bootstrap.notifying": (
        "KINDS",
        "Notifying",
        "open_notifier",
    ),
    "leadflow.calendars": (
        "build_calendar",
        "coverage_warning",
    ),
    "leadflow.views.csv_out": ("write_csv",),
    "leadflow.operations.doctor": ("Finding",),
    "leadflow.domain.access": ("Action",),
    "leadflow.incoming.editing": (
        "EDITABLE",
        "amount_of",
        "corrections",
    ),
    "leadflow.engine": ("Outcome",),
    "leadflow.incoming.importing": (
        "Destination",
        "Rehearsal",
        "Report",
        "check_channel",
        "counted",
        "destination",
        "import_file",
        "reason_of",
        "rehearse_file",
        "unreadable",
    ),
    "leadflow.intake.arrivals": (
        "Arrival",
        "ArrivalReader",
    ),
    "leadflow.intake.files": ("open_arrivals",),
    "leadflow.intake.mapping": (
        "FIELDS",
        "MappingFile",
        "PhoneRegion",
        "load_mapping",
    ),
    "leadflow.log.verify": (
        "export",
        "verify",
    ),
    "leadflow.notifications.ledger": ("Notification",),
    "leadflow.notifications.subscriptions": ("Subscription",),
    "leadflow.records": ("DeadLetter",),
    "leadflow.views.refusals": ("refusal_text",),
    "leadflow.views.reports": (
        "ChannelRow",
        "ChannelsReport",
        "Fairness",
        "FunnelRow",
        "MoneyFigures",
        "Period",
        "RepRow",
        "Share",
    ),
    "leadflow.incoming.resending": ("corrected",),
    "leadflow.views.sentences": ("sentence",),
    "leadflow.incoming.spending": ("figures as spend_figures",),
    "leadflow.views.stories": ("Story",),
    "leadflow.views.tracing": (
        "Attempt",
        "Holding",
        "Line",
        "Trace",
    ),
    "leadflow.views.leads": (
        "Criteria",
        "LeadView",
        "ORDERS",
        "Place",
        "PoolView",
        "STATUSES",
    ),
    "projections.queries": (
        "loads as member_loads",
        "pool_summaries",
    ),
}
"""Where each name comes from: the same as above, for when the program runs."""
_MODULES = {
    "contracts": "leadflow.contracts",
    "policies": "leadflow.policies",
    "report_records": "leadflow.views.report_records",
}
"""Modules that are asked for as a whole."""
_NAMES = {
    shown: (module, own)
    for module, names in _PLACES.items()
    for name in names
    for own, _, shown in [name.partition(" as ") if " as " in name else (name, "", name)]
}


def __getattr__(name: str) -> Any:
    """What is asked for by this name for the first time (PEP 562)."""
    if name in _MODULES:
        found: Any = import_module(_MODULES[name])
    elif name in _NAMES:
        module, own = _NAMES[name]
        found = getattr(import_module(module), own)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found

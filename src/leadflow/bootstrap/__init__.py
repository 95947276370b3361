"""The one place that puts parts together: what the command line and other doors start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadflow import contracts, policies, report_records
from leadflow.backup import Summary, backup, restore
from leadflow.backup import check as check_backup
from leadflow.bootstrap.app import (
    WAIT_S,
    App,
    engine_runs,
    examine,
    open_app,
    own_log,
    running_app,
    wait_until_running,
)
from leadflow.bootstrap.asking import new_request_id, request_of
from leadflow.bootstrap.kafka_processes import (
    check_topics,
    create_topics,
    new_decider,
    new_snapshotter,
    open_projector,
)
from leadflow.bootstrap.notifying import KINDS, Notifying, open_notifier
from leadflow.bootstrap.telling import telling
from leadflow.calendars import build_calendar, coverage_warning
from leadflow.csv_out import write_csv
from leadflow.doctor import Finding
from leadflow.domain.access import Action
from leadflow.editing import EDITABLE, amount_of, corrections
from leadflow.engine import Outcome
from leadflow.importing import (
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
from leadflow.intake.arrivals import Arrival, ArrivalReader
from leadflow.intake.files import open_arrivals
from leadflow.intake.mapping import FIELDS, MappingFile, PhoneRegion, load_mapping
from leadflow.intake.spend import SpendRow, read_spend
from leadflow.log.verify import export, verify
from leadflow.notifications.ledger import Notification
from leadflow.notifications.subscriptions import Subscription
from leadflow.records import DeadLetter
from leadflow.refusals import refusal_text
from leadflow.reporting import (
    ChannelRow,
    ChannelsReport,
    Fairness,
    FunnelRow,
    MoneyFigures,
    Period,
    RepRow,
    Share,
)
from leadflow.resending import corrected
from leadflow.sentences import sentence
from leadflow.spending import SpendReport
from leadflow.spending import check as check_spend
from leadflow.spending import figures as spend_figures
from leadflow.spending import key_of as spend_key
from leadflow.spending import request_id as spend_request_id
from leadflow.spending import same as same_spend
from leadflow.stories import Story
from leadflow.tracing import Attempt, Holding, Line, Trace
from leadflow.views import ORDERS, STATUSES, Criteria, LeadView, Place, PoolView
from projections.queries import loads as member_loads
from projections.queries import pool_summaries

if TYPE_CHECKING:
    from consumers.operating import Operating as Operating

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
    "SpendReport",
    "SpendRow",
    "Story",
    "Subscription",
    "Summary",
    "Trace",
    "amount_of",
    "backup",
    "build_calendar",
    "check_backup",
    "check_channel",
    "check_spend",
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
    "read_spend",
    "reason_of",
    "refusal_text",
    "rehearse_file",
    "report_records",
    "request_of",
    "restore",
    "running_app",
    "same_spend",
    "sentence",
    "spend_figures",
    "spend_key",
    "spend_request_id",
    "telling",
    "unreadable",
    "verify",
    "wait_until_running",
    "write_csv",
]

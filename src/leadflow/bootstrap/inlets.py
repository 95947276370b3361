"""What doors need to know of inlets: their kinds, the calls that come to them, and what becomes of those."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from leadflow.errors import UsageError
from leadflow.incoming.inlets import KEEP_OLD, InletChanges
from leadflow.incoming.kept_inlets import KeptInlet, Made
from leadflow.incoming.receiving import Places, Received, actor_of, decided, received, results, undecided
from leadflow.intake.attribution import AttributionTable, default_attribution, load_attribution
from leadflow.intake.channels import meta, website
from leadflow.intake.channels.base import (
    Call,
    Inlet,
    Kind,
    NotAuthentic,
    NotTaken,
    Reply,
    Result,
    Sent,
    TooMany,
)
from leadflow.intake.channels.kinds import KINDS, InletReader, completed, kind_of
from leadflow.intake.channels.rates import Rates
from leadflow.intake.channels.setting_up import option_values, options_of
from leadflow.intake.channels.website import origin_allowed, thanks
from leadflow.settings import Settings

RECONCILE_DAYS_MAX = 366


def challenge(reader: InletReader, query: Mapping[str, str]) -> str:
    """What a vendor wants back that verifies the inlet. Raises NotAuthentic."""
    if reader.inlet.kind != "meta":
        raise NotAuthentic
    return meta.challenge(reader.inlet, query)


def period(first: datetime | None, last: datetime | None, now: datetime) -> tuple[date, date]:
    """The days to reconcile: the last 30, unless said otherwise. Raises UsageError."""
    today = now.astimezone(ZoneInfo("Asia/Shanghai")).date()
    end = today if last is None else last.date()
    begin = end - timedelta(days=29) if first is None else first.date()
    if begin > end:
        raise UsageError("the first day is after the last")
    if (end - begin).days > RECONCILE_DAYS_MAX:
        raise UsageError(f"that are more than {RECONCILE_DAYS_MAX} days", do="Ask for one year at a time.")
    return begin, end


def attribution_of(settings: Settings) -> AttributionTable:
    """The table that tells the channel of a website form's touch. Raises UsageError."""
    own = settings.attribution
    return (default_attribution() if own is None else load_attribution(own)).table


EXAMPLE_FORM = website.EXAMPLE
"""A website form, as a browser posts it."""
EXAMPLE_FIELDS = meta.EXAMPLE_FIELDS
"""What the Graph API would give of the lead in Meta's example."""

__all__ = [
    "EXAMPLE_FIELDS",
    "EXAMPLE_FORM",
    "KEEP_OLD",
    "KINDS",
    "Call",
    "Inlet",
    "InletChanges",
    "InletReader",
    "KeptInlet",
    "Kind",
    "Made",
    "NotTaken",
    "Places",
    "Rates",
    "Received",
    "Reply",
    "Result",
    "Sent",
    "TooMany",
    "actor_of",
    "attribution_of",
    "challenge",
    "completed",
    "decided",
    "kind_of",
    "option_values",
    "options_of",
    "origin_allowed",
    "period",
    "received",
    "results",
    "thanks",
    "undecided",
]

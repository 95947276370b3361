"""What doors need to know of inlets: their kinds, the calls that come to them, and what becomes of those."""

from __future__ import annotations

from collections.abc import Mapping

from leadflow.inlets import KEEP_OLD, KeptInlet, Made
from leadflow.intake.channels import meta
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
from leadflow.intake.channels.setting_up import options_of
from leadflow.intake.channels.website import origin_allowed, thanks
from leadflow.receiving import Received, actor_of, decided, received, results, undecided


def challenge(reader: InletReader, query: Mapping[str, str]) -> str:
    """What a vendor wants back that verifies the inlet. Raises NotAuthentic."""
    if reader.inlet.kind != "meta":
        raise NotAuthentic
    return meta.challenge(reader.inlet, query)


EXAMPLE_FIELDS = meta.EXAMPLE_FIELDS
"""What the Graph API would give of the lead in Meta's example."""

__all__ = [
    "EXAMPLE_FIELDS",
    "KEEP_OLD",
    "KINDS",
    "Call",
    "Inlet",
    "InletReader",
    "KeptInlet",
    "Kind",
    "Made",
    "NotTaken",
    "Rates",
    "Received",
    "Reply",
    "Result",
    "Sent",
    "TooMany",
    "actor_of",
    "challenge",
    "completed",
    "decided",
    "kind_of",
    "options_of",
    "origin_allowed",
    "received",
    "results",
    "thanks",
    "undecided",
]

"""What people read, for the doors: leads, pools, traces, and how they are said in words."""

from __future__ import annotations

from leadflow.domain.access import Action
from leadflow.engine import Outcome
from leadflow.views.leads import ORDERS, STATUSES, Criteria, LeadView, Place, PoolView
from leadflow.views.promises import Promise, how_lost, promise_after, promise_in_words
from leadflow.views.refusals import refusal_text
from leadflow.views.sentences import corrected_fields, sentence
from leadflow.views.stories import Story
from leadflow.views.tracing import Attempt, Holding, Line, Trace
from projections.queries import loads as member_loads
from projections.queries import pool_summaries

__all__ = [
    "ORDERS",
    "STATUSES",
    "Action",
    "Attempt",
    "Criteria",
    "Holding",
    "LeadView",
    "Line",
    "Outcome",
    "Place",
    "PoolView",
    "Promise",
    "Story",
    "Trace",
    "corrected_fields",
    "how_lost",
    "member_loads",
    "pool_summaries",
    "promise_after",
    "promise_in_words",
    "refusal_text",
    "sentence",
]

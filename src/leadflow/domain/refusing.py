"""Refusals that many requests share: the lead is not one with which this can be done."""

from __future__ import annotations

from leadflow.domain.draft import Draft
from leadflow.domain.pool import PUBLIC, QUEUE, Lead


def refuse_unowned(lead: Lead, draft: Draft) -> None:
    """There is no owner who works on the lead: nobody has it now, or it is closed."""
    if lead.status in (PUBLIC, QUEUE):
        draft.refuse("not_owned", subject=lead.id)
    else:
        refuse_closed(lead, draft)


def refuse_closed(lead: Lead, draft: Draft) -> None:
    """Nothing more can be done with the lead here: what became of it, by which fact."""
    told = {"winner": lead.owner, "position": lead.closed_seq, "detail": lead.merged_into}
    draft.refuse(lead.status, subject=lead.id, **told)

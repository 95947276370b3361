"""A second, naive statement of the rules: what a pool must answer to a request.

`judge` says of a request, given all facts so far, either every reason for which it must be refused or the
facts that it must have. Where several reasons for a refusal hold, any of them may be named. It looks through
everything there is; `tests/reference/deadlines.py` says the same of what time itself brings about.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from leadflow.domain import requests as r
from tests.reference import closing, leads
from tests.reference.intake import intake, receive
from tests.reference.leads import Verdict, refused
from tests.reference.rules import has_role
from tests.reference.state import History

ABOUT: dict[type[r.Body], Callable[..., Verdict]] = {
    r.ClaimLead: leads.claim,
    r.AssignLead: leads.assign,
    r.RevealContact: leads.reveal,
    r.HandOverLead: leads.hand_over,
    r.ReturnLead: leads.give_back,
    r.WithdrawLead: leads.withdraw,
    r.LogContact: leads.contact,
    r.AddCollaborator: leads.collaborate,
    r.RemoveCollaborator: leads.part,
    r.ProtectLead: leads.protect,
    r.UnprotectLead: leads.unprotect,
    r.EditLead: closing.edit,
    r.MergeLeads: closing.merge,
    r.TransferLead: closing.transfer,
    r.ConvertLead: closing.convert,
    r.RecordDeal: closing.deal,
    r.ReverseDeal: closing.reverse,
    r.DisqualifyLead: closing.disqualify,
    r.ReopenLead: closing.reopen,
}
GENERAL: dict[type[r.Body], Callable[..., Verdict]] = {
    r.ClaimNext: leads.claim_next,
    r.PublishPolicy: closing.publish,
    r.AddMember: closing.add,
    r.ChangeMember: closing.change,
    r.PauseMember: closing.pause,
    r.ResumeMember: closing.resume,
    r.RemoveMember: closing.remove,
}
MANAGERS_ONLY = (
    *(r.HandOverLead, r.WithdrawLead, r.MergeLeads, r.TransferLead, r.ReopenLead, r.PublishPolicy),
    *(r.AddMember, r.ChangeMember, r.PauseMember, r.ResumeMember, r.RemoveMember),
)


def judge(history: History, request: r.Request, now: datetime) -> Verdict:
    """What must come of a request that was never asked before."""
    body, actor = request.body, request.actor
    now = max(now, history.time)
    if isinstance(body, r.SubmitIntake):
        return intake(history, request, body, now)
    if isinstance(body, r.ReceiveTransfer):
        return receive(history, request, body, now)
    allowed = ("manager", "marketing") if isinstance(body, r.AssignLead) else ("manager",)
    if isinstance(body, (*MANAGERS_ONLY, r.AssignLead)) and not has_role(history, actor, *allowed):
        return refused("not_permitted")
    if not isinstance(body, r.LeadBody):
        return GENERAL[type(body)](history, body, actor, now)
    lead = history.leads.get(body.lead)
    if lead is None:
        return refused("unknown_lead", "not_permitted", "unknown_rep")
    verdict = ABOUT[type(body)](history, lead, body, actor, now)
    if body.if_sequence is None or body.if_sequence >= lead.last or verdict == refused("not_permitted"):
        return verdict
    return (verdict if isinstance(verdict, dict) else {}) | {"stale": {"position": lead.last}}

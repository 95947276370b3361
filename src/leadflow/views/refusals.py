"""Refusals in plain sentences: what a rule said no to, and what would help."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from leadflow.domain.events import Event, RequestRefused
from leadflow.domain.values import format_time

SENTENCES: dict[str, str] = {
    "already_owned": "{winner} has the lead already, by fact {position}",
    "already_converted": "the lead was converted already, by fact {position}; {winner} owns the customer",
    "converted": "the lead is {winner}'s customer since fact {position}",
    "disqualified": "the lead was closed as disqualified by fact {position}; a manager may reopen it",
    "merged": "the lead was merged into {detail} by fact {position}",
    "transferred": "the lead went to another pool by fact {position}",
    "in_queue": "the lead waits in the managers' queue ({detail}) and cannot be claimed",
    "owned": "{winner} owns the lead since fact {position}; withdraw it or hand it over instead",
    "not_owned": "nobody owns the lead",
    "not_owner": "the lead is not {rep}'s; {winner} owns it",
    "already_owner": "{winner} owns the lead already, since fact {position}",
    "stale": "the lead has changed since you saw it; its last change is fact {position}",
    "unknown_lead": "there is no such lead in this pool",
    "unknown_rep": "{detail} is no rep of this pool",
    "unknown_member": "{detail} is no member of this pool",
    "already_member": "{subject} is a member already",
    "already_open": "the pool is open already, since fact {position}",
    "not_permitted": "this is not for the role {detail} here",
    "rep_needed": "say for which rep (`--for REP`)",
    "paused": "{rep} is paused since fact {position}",
    "already_paused": "{subject} is paused already, since fact {position}",
    "not_paused": "{subject} is not paused",
    "at_cap": "{rep} holds {used} leads and may hold {limit}",
    "min_gap": "the next claim is possible at {until}",
    "daily_limit": "{rep} has made {used} of {limit} claims today; more from {until}",
    "pool_daily_limit": "the pool has seen {used} of {limit} claims today; more from {until}",
    "group_daily_limit": "group {detail} has made {used} of {limit} claims today; more from {until}",
    "class_daily_limit": "{rep} has claimed {used} of {limit} {detail} leads today; more from {until}",
    "cool_down": "{rep} had this lead and may claim it again from {until}",
    "not_open_yet": "the lead may be claimed from {until}",
    "nothing_to_claim": "there is no lead that {rep} may claim now",
    "reveal_limit": "{rep} has revealed {used} of {limit} contacts today",
    "reason_needed": "a reason is needed (`--reason`)",
    "unknown_outcome": "the policy knows no outcome {detail}; see `leadflow policy explain`",
    "protection_limit": "{rep} protects {used} of {limit} leads",
    "protection_too_long": "the longest protection ends at {until}",
    "already_protected": "the lead is protected already, since fact {position}",
    "not_protected": "the lead is not protected",
    "already_collaborator": "{detail} collaborates already, since fact {position}",
    "no_collaborator": "{detail} does not collaborate on the lead",
    "expired": "{until} has passed",
    "not_converted": "the lead is no customer yet; convert it first",
    "not_disqualified": "the lead is not closed as disqualified; it is {detail}",
    "amount_not_positive": "a deal's amount must be above zero; what was recorded by mistake is reversed",
    "unknown_deal": "fact {position} records no deal of this lead",
    "others_deal": "the deal of fact {position} is {winner}'s; a manager may reverse it",
    "already_reversed": "the deal was reversed already, by fact {position}",
    "contact_taken": "what was given is the {detail} already; a manager may merge the two",
    "nothing_to_change": "nothing was given to change",
    "same_lead": "a lead cannot be merged into itself",
    "same_pool": "the lead is in pool {detail} already; name another one",
    "group_without_rep": "a rule names a group that has no rep: {detail}",
    "owns_leads": "{subject} owns {used} leads or customers; hand them over first",
    "customers_need_owner": "{subject} has customers ({used}): say who gets them (`--customers-to REP`)",
    "identity_reused": "this request id was used for something else, decided by fact {position}",
    "spend_overlaps": "the period overlaps {detail}, recorded by fact {position}",
    "calendar_not_covered": "the calendar does not cover {detail}; publish the policy again",
    "no_working_time": "the calendar has no working time around {detail}",
    "wrong_stream": "this cannot be asked of {detail}",
}


OWN_ONLY: dict[str, str] = {
    "rep": "a rep may do this with its own leads only",
    "support": "support may do this with leads that it collaborates on only",
}
"""What `not_permitted` means for roles that may do this, but not with this lead."""
_OWN_REQUESTS = {
    "rep": (
        "ReturnLead",
        "LogContact",
        "ConvertLead",
        "RecordDeal",
        "ReverseDeal",
        "DisqualifyLead",
        "ProtectLead",
        "UnprotectLead",
        "EditLead",
        "AddCollaborator",
        "RemoveCollaborator",
    ),
    "support": ("LogContact",),
}


def refusal_text(refusal: RequestRefused, event: Event, when: Callable[[datetime], str] = format_time) -> str:
    """The refusal as a sentence, with names, figures and times; never a person's data.

    `when` writes a time, by default in UTC.
    """
    values = {
        name: when(value) if name == "until" and value is not None else value for name, value in refusal
    }
    sentence = SENTENCES.get(refusal.reason, refusal.reason.replace("_", " "))
    if refusal.reason == "not_permitted" and refusal.request in _OWN_REQUESTS.get(refusal.detail or "", ()):
        sentence = OWN_ONLY[refusal.detail or ""]
    if refusal.reason == "contact_taken" and " of lead " not in (refusal.detail or ""):
        # Whose it is, is told to managers only.
        values["detail"] = f"{refusal.detail} of another lead"
    if refusal.until is None:
        sentence = sentence.removesuffix("; more from {until}")
    values["winner"] = refusal.winner or "nobody"
    if refusal.position is not None:
        values["position"] = f"{event.pool}/{refusal.position}"
    return sentence.format(subject=event.subject, **values)

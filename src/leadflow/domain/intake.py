"""Intake: an arrival becomes a lead, or a touch of the lead that it is."""

from __future__ import annotations

from leadflow.domain import events as e
from leadflow.domain.distribution import Wanted, distribute
from leadflow.domain.draft import Draft
from leadflow.domain.joining import joined_company
from leadflow.domain.pool import CONVERTED, DISQUALIFIED, Lead, Pool
from leadflow.domain.requests import ReceiveTransfer, SubmitIntake
from leadflow.domain.values import Company, Person, Touch, derived_id

_captured = e.maker(e.LeadCaptured)


def matches(pool: Pool, person: Person) -> tuple[str | None, Lead | None, tuple[str, ...]]:
    """By what and which lead of the pool the person is known, and which other leads match too.

    The order is phone, e-mail, WeChat id, then the oldest lead.
    """
    found: dict[str, Lead] = {}
    best: tuple[str, Lead] | None = None
    for kind, key in pool.contact_keys(person):
        lead = pool.contacts.get(key)
        if lead is None:
            continue
        found[lead.id] = lead
        if best is None or (best[0] == kind and lead.number < best[1].number):
            best = (kind, lead)
    if best is None:
        return None, None, ()
    others = sorted((x for x in found.values() if x is not best[1]), key=lambda x: x.number)
    return best[0], best[1], tuple(lead.id for lead in others)


def with_cost(pool: Pool, touch: Touch) -> Touch:
    """The touch with what it cost: its own figure, or the channel's unit cost."""
    if touch.cost is not None:
        return touch if touch.cost_basis else touch.but(cost_basis="own")
    cost = pool.rules.unit_costs.get(touch.channel)
    if cost is None:
        return touch
    return touch.but(cost=cost, cost_basis="unit_cost")


def submit(pool: Pool, body: SubmitIntake, draft: Draft) -> None:
    """Take an arrival in: a new lead, scored and distributed at once, or a touch of a known one."""
    touch, person, company = with_cost(pool, body.touch), body.person, body.company
    kind, lead, others = matches(pool, person)
    if lead is not None and kind is not None:
        _touch(pool, lead, kind, others, touch, body, draft)
        return
    asked, filled = body.asked, body.filled
    scored = pool.rules.score(touch, company, asked, filled)
    rule = pool.rules.first(touch, company, scored.score)
    lead_id = derived_id("lead", pool.id, draft.causation)
    draft.add(
        lead_id,
        _captured(
            touch=touch,
            person=person,
            company=company,
            asked=asked,
            filled=filled,
            score=scored.score,
            breakdown=scored.breakdown,
            score_class=scored.score_class,
            rule=rule.name if rule else None,
        ),
    )
    placed = distribute(pool, rule, Wanted(company.region, company.industry, {}), draft.now)
    if placed is not None:
        draft.add(lead_id, placed)


def _touch(
    pool: Pool,
    lead: Lead,
    kind: str,
    others: tuple[str, ...],
    touch: Touch,
    body: SubmitIntake,
    draft: Draft,
) -> None:
    draft.add(
        lead.id,
        e.TouchRecorded.model_validate(
            {
                "touch": touch,
                "person": body.person,
                "company": body.company,
                "matched_by": kind,
                "also_matches": others,
                "owner": lead.owner,
                "status": lead.status,
            }
        ),
    )
    if lead.status != CONVERTED:
        known = lead.unpack().company
        rescore(pool, lead, joined_company(known, body.company), known, draft)
    if lead.status == DISQUALIFIED:
        draft.add(lead.id, e.LeadReopened(cause="touch"))


def rescore(pool: Pool, lead: Lead, company: Company, known: Company, draft: Draft) -> None:
    """A new score, if what is now known of the company changes it."""
    if company == known:
        return
    dossier = lead.unpack()
    scored = pool.rules.score(dossier.touches[0], company, dossier.asked, dossier.filled)
    if scored.score != lead.score:
        draft.add(
            lead.id,
            e.LeadRescored(
                score=scored.score,
                before=lead.score,
                breakdown=scored.breakdown,
                score_class=scored.score_class,
            ),
        )


def receive(pool: Pool, body: ReceiveTransfer, draft: Draft) -> None:
    """Take a lead in that another pool gave away: it happens once, known by that pool's fact."""
    kind, known, others = matches(pool, body.person)
    first, company = body.touches[0], body.company
    scored = pool.rules.score(first, company, body.asked, body.filled)
    rule = pool.rules.first(first, company, scored.score) if kind is None else None
    into = known.id if known is not None else None
    draft.add(
        body.lead if into is None else into,
        e.LeadTransferredIn(
            from_pool=body.from_pool,
            from_fact=body.from_fact,
            into=into,
            also_matches=others,
            person=body.person,
            company=company,
            touches=body.touches,
            asked=body.asked,
            filled=body.filled,
            score=scored.score,
            breakdown=scored.breakdown,
            score_class=scored.score_class,
            rule=rule.name if rule else None,
        ),
    )
    if known is not None:
        if known.dossier:
            before = known.unpack().company
            rescore(pool, known, joined_company(before, company), before, draft)
        if known.status == DISQUALIFIED:
            draft.add(known.id, e.LeadReopened(cause="touch"))
        return
    placed = distribute(pool, rule, Wanted(company.region, company.industry, {}), draft.now)
    if placed is not None:
        draft.add(body.lead, placed)

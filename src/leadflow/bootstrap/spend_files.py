"""Recording a file of spend in an actor's name: for the command line and the HTTP API alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from leadflow.bootstrap.app import App
from leadflow.bootstrap.asking import request_of
from leadflow.domain.currencies import known as known_currency
from leadflow.domain.requests import Request
from leadflow.domain.values import COMPANY_STREAM
from leadflow.engine import Outcome
from leadflow.errors import NotPermitted, UsageError
from leadflow.incoming import spending
from leadflow.incoming.spending import SpendReport
from leadflow.incoming.spending import figures as spend_figures
from leadflow.intake.spend import read_spend
from leadflow.views.refusals import refusal_text

__all__ = ["record_file", "spend_figures"]

Submit = Callable[[Sequence[Request]], list[Outcome]]


def record_file(
    app: App, actor: str, path: Path, name: str, *, currency: str, submit: Submit | None = None
) -> SpendReport:
    """What became of the rows of a file, which is called `name`. A figure that is in force is known already;
    one for the same channel, campaign, period and currency replaces the one before.

    Raises NotPermitted, UsageError for a currency that does not exist, UnreadableFile, UnmappableHeader, and
    SpendUnreadable naming every row that is wrong: all rows are asked for, or none.
    """
    pools = app.views.pools()
    if not any(app.views.may("spend", actor, pool) for pool in pools):
        raise NotPermitted(f"{actor} may not record spend", do="Managers and marketing may; see `--as`.")
    rows = read_spend(path, currency=_known(currency))
    declared = [pool.policy.get("channels", {}).items() for pool in pools.values()]
    names = spending.channels_by_name((name, of.get("label")) for one in declared for name, of in one)
    known = spend_figures(app.database)
    report = SpendReport(name)
    asked: list[tuple[int, bool, Request]] = []
    for row, body in spending.check(rows, names, Path(name).name):
        report.rows += 1
        figure = known.get(spending.key_of(body))
        if spending.same(body, figure):
            report.unchanged += 1
            continue
        request = request_of(COMPANY_STREAM, actor, spending.request_id(body, figure), body)
        asked.append((row, figure is not None, request))
    outcomes = (submit or app.submit)([request for _, _, request in asked])
    for (row, replaces, _), outcome in zip(asked, outcomes, strict=True):
        event = outcome.facts()[0]
        if outcome.refusal is not None:
            why = refusal_text(outcome.refusal, event)
            refused = {"row": row, "reason": outcome.refusal.reason, "says": why, "fact": event.id}
            report.refused.append(refused)
        elif outcome.repeated:
            report.unchanged += 1
        elif replaces:
            report.replaced += 1
        else:
            report.recorded += 1
    return report


def _known(currency: str) -> str:
    try:
        return known_currency(currency.strip().upper())
    except ValueError as problem:
        raise UsageError(str(problem)) from problem

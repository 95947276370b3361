"""What commands about one lead share: naming it, having the request decided, saying what follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial, wraps
from typing import Any, TypeVar

import click
from rich.console import Console

from leadflow.bootstrap.looking import (
    LeadView,
    Outcome,
    PoolView,
    Promise,
    how_lost,
    promise_after,
    promise_in_words,
)
from leadflow.cli.common import Session, pass_session, pool_option, request_option, shared_options
from leadflow.cli.moments import parse_time
from leadflow.cli.telling import moment, tell
from leadflow.cli.values import plain
from leadflow.domain.events import Event
from leadflow.domain.requests import Body
from leadflow.domain.values import role_of
from leadflow.errors import NotFound

F = TypeVar("F", bound=Callable[..., Any])

_HIDDEN = ("person", "touch", "touches", "policy", "calendar")
"""Parts of facts that an answer leaves out: people, the web pages that they came from, and long documents."""
UNTIL = "A day (its end) or a time, local to the pool: 2026-11-24 or 2026-11-24T18:00."


def lead_command(function: Callable[..., None]) -> Callable[..., None]:
    """LEAD and the options that every command about a lead has, given to the function as one `Acting`."""

    @wraps(function)
    def asked(
        session: Session,
        /,
        lead: str,
        pool: str | None,
        request_id: str | None,
        if_sequence: int | None,
        **own: Any,
    ) -> None:
        function(Acting(session, pool, lead, request_id=request_id, if_sequence=if_sequence), **own)

    command: Callable[..., None] = pass_session(asked)
    for option in (
        shared_options,
        pool_option,
        request_option,
        click.option(
            "--if-sequence",
            type=int,
            metavar="N",
            help="The lead's last sequence that you saw; refused as stale if it has changed.",
        ),
        click.argument("lead"),
    ):
        command = option(command)
    return command


def for_option(function: F) -> F:
    """`--for REP`: for whom a manager acts."""
    return click.option("--for", "rep", metavar="REP", help="The rep for whom a manager acts.")(function)


class Acting:
    """One command about one lead, from its reference to the sentence at the end."""

    def __init__(
        self,
        session: Session,
        pool: str | None,
        lead: str,
        *,
        request_id: str | None,
        if_sequence: int | None,
    ) -> None:
        """Find the lead. Raises NotFound, or UsageError where several begin so."""
        session.app.settle()
        self.session = session
        self.request_id = request_id
        self.if_sequence = if_sequence
        named = pool or session.settings.pool
        pools = [named] if named else list(session.app.views.pools())
        self.pool, self.lead = session.app.views.named(session.actor, pools, lead)
        self.view = session.app.views.pool(self.pool)
        session.hint = self._lost

    def moment(self, text: str | None) -> datetime | None:
        """A time that was typed, in UTC."""
        return None if text is None else parse_time(text, self.view)

    def _lost(self, outcome: Outcome) -> str | None:
        self.session.app.settle()
        return how_lost(self.session.app.views, outcome.events[0], partial(moment, self.view))

    def ask(
        self,
        kind: type[Body],
        *,
        members: Iterable[str | None] = (),
        show: Callable[[Outcome], LeadView | None] | None = None,
        keeps: bool = False,
        **fields: Any,
    ) -> None:
        """Send the request and say what became of it. `members` are ids that must be the pool's, as that of
        the rep for whom a manager acts; with `keeps`, until when the lead is its owner's is said, too."""
        check_members(self.session, self.pool, (*members, fields.get("rep")))
        outcome = self.session.send(
            self.pool, kind, self.request_id, lead=self.lead, if_sequence=self.if_sequence, **fields
        )
        promise = self._promise(outcome) if keeps else None
        report(self.session, self.view, outcome, show(outcome) if show else None, promise)

    def _promise(self, outcome: Outcome) -> Promise | None:
        self.session.app.settle()
        views = self.session.app.views
        lead = views.lead(self.session.actor, self.pool, self.lead)
        return promise_after(views, lead, outcome.facts()[0])


def check_members(session: Session, pool: str, members: Iterable[str | None]) -> None:
    """Raise NotFound for an id that never was a member of the pool."""
    known = session.app.views.members(pool)
    for member in members:
        if member is not None and member not in known:
            reps = [name for name, row in known.items() if row["status"] != "left"]
            raise NotFound(
                f"{member!r} is no member of the pool",
                where=f"pool {pool}",
                do=f"There are: {', '.join(reps) or 'none yet'}. Add one: `leadflow member add {member}`.",
            )


def report(
    session: Session,
    pool: PoolView,
    outcome: Outcome,
    lead: LeadView | None = None,
    promise: Promise | None = None,
) -> None:
    """Print what happened and what follows; with contact points of a lead that may be seen now, and until
    when it is its owner's."""

    def draw(console: Console) -> None:
        if outcome.repeated:
            session.say("This request was decided before; this was its outcome:")
        for sentence in tell(pool, outcome.events):
            console.print(sentence, markup=False)
        if promise is not None:
            console.print(promise_in_words(promise, partial(moment, pool)), markup=False)
        if lead is not None and not lead.masked:
            console.print(f"  {reachable(lead)}", markup=False, style="bold")

    more: dict[str, Any] = {} if lead is None else {"seen": lead}
    if promise is not None:
        more["promise"] = promise
    lead_id = outcome.events[0].subject if outcome.events else None
    session.emit(change_document(outcome, lead=lead_id, **more), draw)


def change_document(outcome: Outcome, **more: Any) -> dict[str, Any]:
    """What every change that becomes facts answers with `--json`, as the HTTP API names it; and `more`."""
    return {
        "pool": outcome.request.pool,
        "request": outcome.request.id,
        "repeated": outcome.repeated,
        "facts": [fact_document(event) for event in outcome.events],
        **more,
    }


def fact_document(event: Event) -> dict[str, Any]:
    """A fact for programs, without the person: who may see that asks for the lead."""
    data = {name: value for name, value in plain(event.data).items() if name not in _HIDDEN}
    names = {"id": event.id, "type": event.type, "time": plain(event.time), "subject": event.subject}
    return names | {"data": data}


def reachable(lead: LeadView) -> str:
    """Who it is and how to reach them, in one line."""
    points = [*lead.phones, *lead.emails, *(f"WeChat {one}" for one in lead.wechats)]
    who = " ".join(part for part in (lead.person_name, lead.company_name) if part)
    return " · ".join([*([who] if who else []), *points])


def seen_by_actor(session: Session, pool: str) -> Callable[[Outcome], LeadView | None]:
    """The lead of an outcome as the actor sees it now; None where it does not."""

    def look(outcome: Outcome) -> LeadView | None:
        if role_of(session.actor) not in ("rep", "manager"):
            return None
        session.app.settle()
        try:
            return session.app.views.lead(session.actor, pool, outcome.events[0].subject)
        except NotFound:
            return None

    return look

"""Looking back at one lead: who owned it, when, why, and who else asked."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.console import Console
from rich.text import Text

from leadflow.bootstrap.looking import Attempt, Holding, LeadView, PoolView, Trace
from leadflow.cli.common import Session, pass_session, shared_options
from leadflow.cli.moments import TIME_FORMS, parse_time, yet_to_come

MODES = {
    "claim": "claimed",
    "next": "claimed (best lead)",
    "rotation": "by rotation",
    "directed": "directed",
    "timeout": "given out, as nobody took it",
    "manual": "assigned by hand",
    "hand_over": "handed over",
}


def register(main: click.Group) -> None:
    """Add the command."""
    main.add_command(trace)


@click.command()
@click.argument("lead")
@click.option("--at", "at", metavar="TIME", help=f"What was known then: {TIME_FORMS}; a day means its end.")
@click.option("--pool", metavar="ID", help="The pool; may be left out.")
@click.option("--brief", is_flag=True, help="The owners and the refusals only, not every fact.")
@shared_options
@pass_session
def trace(session: Session, lead: str, at: str | None, pool: str | None, brief: bool) -> None:
    """Who owned LEAD, when and why, who else asked and what they were told.

    Every line names its fact, POOL/SEQUENCE: of two claims the lower sequence was first. With --at, only
    what was known at that time counts.
    """
    app = session.app
    app.settle()
    named = pool or session.settings.pool
    pools = [named] if named else list(app.views.pools())
    pool_id, lead_id = app.views.named(session.actor, pools, lead)
    view = app.views.pool(pool_id)
    moment = parse_time(at, view) if at else None
    if moment is not None and (note := yet_to_come(moment, view)):
        session.say(note)
    shown, found = app.traces.of(session.actor, pool_id, lead_id, moment)
    session.emit(found, lambda console: render(console, view, shown, found, brief=brief))


def render(console: Console, pool: PoolView, lead: LeadView, found: Trace, *, brief: bool) -> None:
    """Draw a trace: the answer first, then the owners, then everything."""
    _head(console, pool, lead, found)
    _owners(console, pool, found)
    if brief or not found.history:
        return
    console.print()
    console.print(Text("Everything that is known of it", style="bold"))
    for line in found.history:
        text = f"{line.says}" + (f" “{line.reason}”" if line.reason else "")
        style = "red" if line.type.endswith("refused.v1") else ""
        _row(console, line.fact, f"{pool.local(line.time):%m-%d %H:%M:%S}", text, style)


def _head(console: Console, pool: PoolView, lead: LeadView, found: Trace) -> None:
    zone = f"{pool.local(lead.captured_at):%z}"
    about = " · ".join(filter(None, (lead.company_name, lead.region, lead.industry)))
    console.print(Text(f"Lead {found.lead}  pool {found.pool}", style="bold"))
    if about and found.at is None:
        # What is known of it now was perhaps not known then.
        console.print(Text(about))
    console.print(Text(f"Times are the pool's, UTC{zone[:3]}:{zone[3:]}.", style="dim"))
    console.print()
    if found.at is not None:
        _then(console, pool, found)
    first = next((h for h in found.holdings if h.mode in ("claim", "next")), None)
    if first is not None:
        line = f"Who claimed it first? {first.owner}, by fact {first.fact} on {_time(pool, first)}."
        console.print(Text(line, style="green"))
        refused = [*found.refused_while_public, *(one for h in found.holdings for one in h.refused)]
        if refused:
            console.print(_refused(refused), markup=False)
    elif found.holdings:
        console.print("Nobody claimed it; it was given out.", markup=False)
    else:
        console.print("Nobody has owned it.", markup=False)
    if found.at is None:
        owner = f"owned by {found.owner}" if found.owner else "owned by nobody"
        state = "a customer, " if found.status == "converted" else ""
        console.print(f"Now: {state}{owner} ({found.status}).", markup=False)


def _refused(attempts: Sequence[Attempt]) -> str:
    """How many were refused, and how many of them because another was first."""
    count, were = len(attempts), "was" if len(attempts) == 1 else "were"
    late = sum(one.winner_fact is not None and one.winner != one.rep for one in attempts)
    if late == count:
        return f"{_many(count, 'request')} of others {were} refused; each names the fact that was first."
    also = f"; {late} of them because another was first, whose fact it names" if late else ""
    return f"{_many(count, 'request')} {were} refused{also}."


def _then(console: Console, pool: PoolView, found: Trace) -> None:
    assert found.at is not None
    at = f"{pool.local(found.at):%Y-%m-%d %H:%M:%S}"
    holding = found.holdings[-1] if found.owner else None
    if holding is None:
        known = f"nobody owned it ({found.status})" if found.facts_known else "nothing was known of it"
    else:
        until = f", promised until {pool.local(holding.until):%Y-%m-%d %H:%M}" if holding.until else ""
        known = f"{found.owner} owned it by fact {holding.fact}{until}"
    console.print(Text(f"At {at}: {known}.", style="bold"))
    console.print(f"{found.facts_known} of today's {found.facts_now} facts were known then.", markup=False)
    if found.owner_then != found.owner:
        now = found.owner_then or "nobody"
        console.print(f"By what was written later, {now} owned it at that time.", markup=False)


def _owners(console: Console, pool: PoolView, found: Trace) -> None:
    waiting = list(found.refused_while_public)
    for number, holding in enumerate(found.holdings, 1):
        earlier = [attempt for attempt in waiting if attempt.position < holding.position]
        waiting = waiting[len(earlier) :]
        _unowned(console, pool, earlier)
        console.print()
        _holding(console, pool, number, holding)
    _unowned(console, pool, waiting)


def _unowned(console: Console, pool: PoolView, attempts: Sequence[Attempt]) -> None:
    if attempts:
        console.print()
        console.print(Text("Asked while nobody had it", style="bold"))
    for attempt in attempts:
        _attempt(console, pool, attempt, None)


def _holding(console: Console, pool: PoolView, number: int, holding: Holding) -> None:
    head = Text(f"{number}. {holding.owner}", style="bold cyan")
    head.append(
        f"  {MODES.get(holding.mode, holding.mode)}, policy {holding.policy}", style="default not bold"
    )
    console.print(head)
    _row(console, holding.fact, _time(pool, holding)[5:], holding.why)
    for line in holding.candidates:
        _row(console, "", "", line, "dim")
    if holding.turn is not None:
        counted = f"turn {holding.turn} of the shares that count since fact {holding.shares_since}"
        _row(console, "", "", counted, "dim")
    if holding.promised is not None:
        promise = f"promised until {pool.local(holding.promised):%Y-%m-%d %H:%M}"
        if holding.until is not None and holding.until != holding.promised:
            promise += f"; kept until {pool.local(holding.until):%Y-%m-%d %H:%M}"
            promise += f" by {_many(holding.contacts, 'contact')}" if holding.contacts else ""
        _row(console, "", "", promise)
    for attempt in holding.refused:
        _attempt(console, pool, attempt, holding)
    if holding.ended is not None:
        when = f"{pool.local(holding.ended):%m-%d %H:%M:%S}"
        _row(console, holding.end_fact or "", when, f"ended: {holding.end_why}", "yellow")
    else:
        protected = ", protected: no deadline runs" if holding.protected else ""
        _row(console, "", "", f"has it still{protected}", "green")


def _attempt(console: Console, pool: PoolView, attempt: Attempt, holding: Holding | None) -> None:
    after = ""
    if holding is not None and attempt.request.startswith("Claim"):
        seconds = (attempt.time - holding.since).total_seconds()
        # Of another pool, whose clock may be behind, it can have come later and bear an earlier time.
        after = f" {seconds:.2f} s later" if 0 <= seconds < 60 else ""
    who = attempt.rep if attempt.actor.endswith(f"/{attempt.rep}") else f"{attempt.actor} for {attempt.rep}"
    text = f"{who} asked {attempt.request}{after} and was told: {attempt.told}"
    _row(console, attempt.fact, f"{pool.local(attempt.time):%m-%d %H:%M:%S}", text, "red")


def _row(console: Console, fact: str, when: str, text: str, style: str = "") -> None:
    """One line: the fact, when, and what; continued under the text where it is long."""
    width = max(console.width if console.is_terminal else 100, 60)
    margin = " " * 3 + f"{fact:<12} {when:<14} "
    lines = Text(text).wrap(console, width - len(margin))
    for number, line in enumerate(lines):
        line.rstrip()
        line.stylize(style)
        console.print(Text(margin if number == 0 else " " * len(margin), style="dim") + line)


def _time(pool: PoolView, holding: Holding) -> str:
    return f"{pool.local(holding.since):%Y-%m-%d %H:%M:%S}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"

"""Looking at leads: lists, and one lead whole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from leadflow.bootstrap.looking import ORDERS, STATUSES, Criteria, LeadView, PoolView
from leadflow.cli.common import Session, pass_session, pool_option, shared_options
from leadflow.cli.showing import draw_story
from leadflow.cli.telling import short, span
from leadflow.domain.values import id_of
from leadflow.errors import UsageError

GAP = 2
"""Blanks between columns."""
WHO_WIDTH_MIN = 12
LEFT_OUT = ("age", "deadline", "channel", "contact", "left", "owner")
"""Columns that a narrow terminal does without, in this order; `lead show` has them all."""
SOON_S = 24 * 3600
"""Deadlines that are nearer than this are drawn in yellow; past ones in red."""


def register(main: click.Group) -> None:
    """Add the commands."""
    main.add_command(leads)
    main.add_command(lead)


def _no_leads(pool: str, narrowed: bool, mine: bool) -> str:
    if narrowed:
        return f"No leads of pool {pool} that you may see are like that; leave out one of the options."
    if mine:
        return f"No leads of pool {pool} are yours. Get the best that you may claim: leadflow next"
    do = "Take some in: leadflow import FILE --channel NAME, or leadflow intake"
    return f"No leads of pool {pool} that you may see. {do}"


@click.command()
@click.option("--status", type=click.Choice(STATUSES), multiple=True, help="May be given several times.")
@click.option("--owner", metavar="REP", help="Only leads and customers of this rep.")
@click.option("--mine", is_flag=True, help="Only those that the actor owns.")
@click.option("--channel", metavar="NAME", help="Only leads whose first touch came through this channel.")
@click.option("--campaign", metavar="NAME", help="Only leads whose first touch came from this campaign.")
@click.option("--region", metavar="TEXT", help="Only leads of this region.")
@click.option("--industry", metavar="TEXT", help="Only leads of this industry.")
@click.option(
    "--min-score", type=click.IntRange(0, 100), metavar="N", help="Only leads with at least this score."
)
@click.option("--waiting", is_flag=True, help="Only those that wait for a rep or a manager.")
@click.option(
    "--search", metavar="TEXT", help="Part of company, place, industry, campaign, or what is not masked."
)
@click.option(
    "--sort", type=click.Choice(list(ORDERS)), default="score", show_default=True, help="What comes first."
)
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=30,
    show_default=True,
    metavar="COUNT",
    help="How many leads to list.",
)
@pool_option
@shared_options
@pass_session
def leads(
    session: Session,
    status: tuple[str, ...],
    owner: str | None,
    mine: bool,
    channel: str | None,
    campaign: str | None,
    region: str | None,
    industry: str | None,
    min_score: int | None,
    waiting: bool,
    search: str | None,
    sort: str,
    limit: int,
    pool: str | None,
) -> None:
    """List the leads that the actor may see: score, owner, deadline, time left.

    Closed leads (converted, disqualified, merged, transferred) are listed where --status names them.
    """
    if mine and owner:
        raise UsageError("--mine and --owner say two different things", do="Leave one of them out.")
    session.app.settle()
    name = session.pool(pool)
    view = session.app.views.pool(name)
    if channel is not None and channel not in (declared := view.policy.get("channels", {})):
        raise UsageError(
            f"the channel {channel!r} is not declared in the policy of pool {name}",
            do=f"Declared are: {', '.join(sorted(declared)) or 'none'}.",
        )
    narrowed = any((status, owner, channel, campaign, region, industry, min_score, waiting, search))
    mine_or_owner = id_of(session.actor) if mine else owner
    everything = status or (("private", "converted") if mine else ("public", "queue", "private"))
    criteria = Criteria(
        status=everything,
        owner=mine_or_owner,
        channel=channel,
        campaign=campaign,
        region=region,
        industry=industry,
        score_min=min_score,
        waiting=waiting,
        search=search,
        order=next(order for order in ORDERS if order == sort),
        limit=limit,
    )
    page = session.app.views.leads(session.actor, name, criteria)

    def draw(console: Console) -> None:
        if not page.leads:
            console.print(_no_leads(name, narrowed, mine), markup=False)
            return
        draw_leads(console, view, page.leads, session.app.now(name))
        more = f"; {page.total - len(page.leads):,} more with --limit" if page.total > len(page.leads) else ""
        console.print(f"{len(page.leads):,} of {page.total:,} leads{more}", style="dim", markup=False)

    session.emit({"leads": page.leads, "total": page.total}, draw)


def draw_leads(console: Console, pool: PoolView, leads: Sequence[LeadView], now: datetime) -> None:
    """A table of leads; times are the pool's local ones."""
    promised = any(one.until is not None for one in leads)
    rows = [_cells(pool, one, now) for one in leads]
    unused = set() if promised else {"deadline", "left"}
    widths = {
        name: max(cell_len(text) for text in (name, *(row[name].plain for row in rows)))
        for name in rows[0]
        if name not in unused
    }
    longest = widths["who"]
    widths["who"] = min(longest, WHO_WIDTH_MIN)
    # A narrow terminal leaves whole columns out and cuts names of people and companies short: half a
    # phone number or score would be taken for a whole one.
    for name in LEFT_OUT:
        if sum(widths.values()) + GAP * (len(widths) - 1) > console.width:
            widths.pop(name, None)
    room = console.width - sum(widths.values()) - GAP * (len(widths) - 1)
    widths["who"] = min(longest, widths["who"] + max(0, room))
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    for name, width in widths.items():
        justify: JustifyMethod = "right" if name == "score" else "left"
        table.add_column(name, justify=justify, no_wrap=True, overflow="ellipsis", width=width)
    for row in rows:
        table.add_row(*(row[name] for name in widths))
    console.print(table)


def _cells(pool: PoolView, lead: LeadView, now: datetime) -> dict[str, Text]:
    score = f"{lead.score}{' ' + lead.score_class if lead.score_class else ''}"
    points = [*lead.phones, *lead.emails, *lead.wechats]
    contact = points[0] + (f" +{len(points) - 1}" if len(points) > 1 else "") if points else "-"
    who = " ".join(filter(None, (lead.person_name, lead.company_name, lead.city or lead.region)))
    deadline, left = _deadline(pool, lead, now)
    return {
        "lead": Text(short(lead.lead)),
        "score": Text(score),
        "owner": Text(_holder(lead)),
        "deadline": deadline,
        "left": left,
        "age": Text(span(now - lead.captured_at).split(" ")[0]),
        "channel": Text(lead.channel),
        "contact": Text(contact),
        "who": Text(who or "-"),
    }


def _holder(lead: LeadView) -> str:
    if lead.status == "private":
        return f"{lead.owner}{' (protected)' if lead.protected else ''}"
    if lead.status == "converted":
        return f"{lead.owner} (customer)"
    if lead.status == "queue":
        return f"queue {lead.queue}"
    return "public" + (", waits" if lead.waiting else "") if lead.status == "public" else lead.status


def _deadline(pool: PoolView, lead: LeadView, now: datetime) -> tuple[Text, Text]:
    if lead.until is None:
        return Text("-"), Text("-")
    left = lead.until - now
    seconds = left.total_seconds()
    style = "red" if seconds < 0 else "yellow" if seconds < SOON_S else ""
    return Text(f"{pool.local(lead.until):%m-%d %H:%M}"), Text(span(left), style=style)


# --- one lead -------------------------------------------------------------------------------


@click.group("lead")
def lead() -> None:
    """One lead."""


@lead.command("show")
@click.argument("reference", metavar="LEAD")
@pool_option
@shared_options
@pass_session
def show(session: Session, reference: str, pool: str | None) -> None:
    """Show LEAD: score, owner and deadline with the reason, touches, contacts, history in short.

    LEAD is its id or the beginning of it, six characters or more.
    """
    app = session.app
    app.settle()
    named = pool or session.settings.pool
    pools = [named] if named else list(app.views.pools())
    name, lead_id = app.views.named(session.actor, pools, reference)
    story = app.story(session.actor, name, lead_id)
    view = app.views.pool(name)
    session.emit(story, lambda console: draw_story(console, view, story, app.now(name)))

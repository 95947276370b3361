"""Looking at leads: lists, and one lead whole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from leadflow.bootstrap import ORDERS, STATUSES, Criteria, LeadView, PoolView, Story
from leadflow.cli.acting import reachable
from leadflow.cli.common import Session, pass_session, pool_option, shared_options
from leadflow.cli.telling import moment, short, span
from leadflow.domain.values import id_of
from leadflow.errors import UsageError

SHOWN_HISTORY = 12
SOON_S = 24 * 3600
"""Deadlines that are nearer than this are drawn in yellow; past ones in red."""
MODES = {
    "claim": "claimed it",
    "next": "took it as the best lead",
    "rotation": "got it in turn",
    "directed": "was directed to get it",
    "timeout": "got it because nobody took it",
    "manual": "was assigned it by hand",
    "hand_over": "got it handed over",
}


def register(main: click.Group) -> None:
    """Add the commands."""
    main.add_command(leads)
    main.add_command(lead)


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
            console.print("No leads." if page.total == 0 else "")
            return
        draw_leads(console, view, page.leads, session.app.now(name))
        more = f"; {page.total - len(page.leads):,} more with --limit" if page.total > len(page.leads) else ""
        console.print(f"{len(page.leads):,} of {page.total:,} leads{more}", style="dim", markup=False)

    session.emit({"leads": page.leads, "total": page.total}, draw)


def draw_leads(console: Console, pool: PoolView, leads: Sequence[LeadView], now: datetime) -> None:
    """A table of leads; times are the pool's local ones."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("lead", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    for name in ("owner", "deadline", "left", "age", "channel", "who", "contact"):
        table.add_column(name, no_wrap=name not in ("who", "contact"), overflow="fold")
    for one in leads:
        points = [*one.phones, *one.emails, *one.wechats]
        who = " ".join(filter(None, (one.person_name, one.company_name, one.city or one.region)))
        score = f"{one.score}{' ' + one.score_class if one.score_class else ''}"
        until, left = _deadline(pool, one, now)
        row = (score, Text(_holder(one)), until, left, span(now - one.captured_at).split(" ")[0])
        contact = points[0] + (f" +{len(points) - 1}" if len(points) > 1 else "") if points else "-"
        table.add_row(short(one.lead), *row, Text(one.channel), Text(who or "-"), Text(contact))
    console.print(table)


def _holder(lead: LeadView) -> str:
    if lead.status == "private":
        return f"{lead.owner}{' (protected)' if lead.protected else ''}"
    if lead.status == "converted":
        return f"{lead.owner} (customer)"
    if lead.status == "queue":
        return f"queue {lead.queue}"
    return "public" + (", waits" if lead.waiting else "") if lead.status == "public" else lead.status


def _deadline(pool: PoolView, lead: LeadView, now: datetime) -> tuple[str, Text]:
    if lead.until is None:
        return "-", Text("-")
    left = lead.until - now
    seconds = left.total_seconds()
    style = "red" if seconds < 0 else "yellow" if seconds < SOON_S else ""
    return f"{pool.local(lead.until):%m-%d %H:%M}", Text(span(left), style=style)


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


def draw_story(console: Console, pool: PoolView, story: Story, now: datetime) -> None:
    """A lead, whole."""
    one = story.lead
    console.print(Text.assemble(("Lead ", "dim"), (one.lead, "bold"), (f"  pool {one.pool}", "dim")))
    facts = [
        ("who", reachable(one) + ("  (masked)" if one.masked else "")),
        ("company", _company(one)),
        ("score", _score(one)),
        ("now", _standing(pool, story, now)),
        ("came", f"{moment(pool, one.captured_at)}, {span(now - one.captured_at)} ago"),
    ]
    if one.collaborators:
        with_ends = [
            who + (f" until {moment(pool, datetime.fromisoformat(end))}" if end else "")
            for who, end in one.collaborators.items()
        ]
        facts.append(("with", ", ".join(with_ends)))
    facts += [("note", note) for note in story.notes]
    facts += [(name, value) for name, value in story.answers.items()]
    facts.append(("sequence", f"{one.last_sequence} (for --if-sequence)"))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in facts:
        if text:
            grid.add_row(Text(name), Text(text))
    console.print(grid)
    _draw_touches(console, pool, story)
    _draw_contacts(console, pool, story)
    _draw_history(console, pool, story)


def _company(lead: LeadView) -> str:
    size = f"{lead.size} employees" if lead.size is not None else None
    places = [place for place in (lead.region, lead.city) if place]
    place = " ".join(dict.fromkeys(places)) or None
    return " · ".join(part for part in (lead.company_name, lead.industry, size, place) if part)


def _score(lead: LeadView) -> str:
    parts = " ".join(f"{part['rule']} {part['points']:+d}" for part in lead.breakdown)
    return f"{lead.score}{f' ({lead.score_class})' if lead.score_class else ''}" + (
        f" = {parts}" if parts else ""
    )


def _standing(pool: PoolView, story: Story, now: datetime) -> str:
    """What the lead is, why, and what will happen to it when."""
    one = story.lead
    if one.status == "private":
        return " ".join([*_owned(pool, story), *_kept(pool, story, now)])
    if one.status == "converted":
        return f"customer {one.customer} of {one.owner}"
    if one.status == "merged":
        return f"part of lead {one.merged_into}"
    if one.status == "transferred":
        return f"moved to pool {one.to_pool}"
    if one.status not in ("public", "queue"):
        return one.status
    what = f"in the queue {one.queue}" if one.status == "queue" else "in the public pool"
    since = f" since {moment(pool, one.public_since)}" if one.public_since else ""
    rule = f", rule {one.rule}" if one.rule else ""
    failed = f"; nobody could be given it: {one.failed.replace('_', ' ')}" if one.failed else ""
    by = f"; assigned if nobody takes it by {moment(pool, story.assigned_by)}" if story.assigned_by else ""
    return what + since + rule + failed + by


def _owned(pool: PoolView, story: Story) -> list[str]:
    one, why = story.lead, story.why
    if why is None:
        return [f"{one.owner} has it."]
    how = MODES.get(why.mode, why.mode)
    by = "".join(
        [
            f" by rule {why.rule}" if why.rule else "",
            f", group {why.group}" if why.group else "",
            f", by {why.actor}" if why.mode in ("manual", "hand_over") else "",
            f" (“{why.reason}”)" if why.reason else "",
        ]
    )
    return [f"{one.owner} {how}{by} on {moment(pool, why.time)}, fact {why.fact}, policy {why.policy}."]


def _kept(pool: PoolView, story: Story, now: datetime) -> list[str]:
    one = story.lead
    if one.protected:
        ends = f" until {moment(pool, one.protected_until)}" if one.protected_until else ""
        return [f"Protected{ends}: no deadline."]
    if one.until is None:
        return ["No deadline."]
    do = "a contact that counts keeps it longer" if one.contacts else "log a contact by then"
    said = [f"Deadline {moment(pool, one.until)}, {span(one.until - now)} left: {do}."]
    if story.at_the_longest is not None:
        said.append(f"At the longest until {moment(pool, story.at_the_longest)}.")
    return said


def _draw_touches(console: Console, pool: PoolView, story: Story) -> None:
    console.print(Text(f"Touches ({len(story.touches)})", style="bold"))
    for touch in story.touches:
        cost = f"  {touch.cost.amount} {touch.cost.currency}" if touch.cost else ""
        campaign = f" / {touch.campaign}" if touch.campaign else ""
        when = moment(pool, touch.occurred_at or touch.time)
        door = f"  by {touch.door}" if touch.door != touch.channel else ""
        web = "".join(f"  {part}" for part in (touch.landing_page, touch.referrer) if part)
        console.print(Text(f"  {when}  {touch.channel}{campaign}{door}{cost}{web}  {touch.fact}"))


def _draw_contacts(console: Console, pool: PoolView, story: Story) -> None:
    if not story.contacts:
        return
    console.print(Text(f"Contacts ({len(story.contacts)})", style="bold"))
    for line in story.contacts:
        how = f" ({line.means})" if line.means else ""
        counts = "" if line.counts else ", does not count"
        note = f"  “{line.note}”" if line.note else ""
        console.print(Text(f"  {moment(pool, line.time)}  {line.by}{how}: {line.outcome}{counts}{note}"))


def _draw_history(console: Console, pool: PoolView, story: Story) -> None:
    if story.history is None:
        return
    lines = story.history[-SHOWN_HISTORY:]
    left_out = len(story.history) - len(lines)
    title = "History" + (f" (the last {len(lines)} of {len(story.history)})" if left_out else "")
    console.print(Text(f"{title}; `leadflow trace {short(story.lead.lead)}` tells it whole", style="bold"))
    for line in lines:
        when = f"{pool.local(line.time):%m-%d %H:%M}"
        console.print(Text(f"  {when}  {line.type}  {line.says}  {line.actor}  {line.fact}"))

"""One lead, drawn whole."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from leadflow.bootstrap.looking import LeadView, PoolView, Story
from leadflow.cli.acting import reachable
from leadflow.cli.telling import moment, short, span

SHOWN_HISTORY = 12
MODES = {
    "claim": "claimed it",
    "next": "took it as the best lead",
    "rotation": "got it in turn",
    "directed": "was directed to get it",
    "timeout": "got it because nobody took it",
    "manual": "was assigned it by hand",
    "hand_over": "got it handed over",
}


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
        if touch.joined and touch.occurred_at is None:
            door += f"  joined by the {touch.joined}"
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
        console.print(Text(f"  {when}  {line.says}  {line.fact}"))

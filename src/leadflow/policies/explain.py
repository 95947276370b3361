"""A policy in plain sentences: what will happen to a lead, and when.

Every setting that a policy has is spoken of somewhere here; a test changes each and looks.
"""

from __future__ import annotations

from collections.abc import Iterator

from leadflow.domain.policy import Calendar, FollowUp, Policy
from leadflow.wording import condition, listed, many, target, words

_DAYS = {
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}


def explain(policy: Policy, calendar: Calendar) -> list[str]:
    """The policy as lines: a section's title without a full stop, then its sentences."""
    return [line for title, lines in sections(policy, calendar).items() for line in (title, *lines)]


def sections(policy: Policy, calendar: Calendar) -> dict[str, list[str]]:
    """The sentences by the title of their section."""
    parts = {
        "The policy": _policy(policy),
        "Working time": _working_time(policy, calendar),
        "Channels": _channels(policy),
        "How a lead is scored": _scoring(policy),
        "Groups": _groups(policy),
        "Who gets a new lead": _rules(policy),
        "Claiming a lead": _claiming(policy),
        "While a lead is yours": _follow_up(policy),
        "Protecting and handing over": _protection(policy),
        "When nobody follows up or claims": _recycling(policy),
    }
    found = {title: list(lines) for title, lines in parts.items()}
    return {title: lines for title, lines in found.items() if lines}


def _policy(policy: Policy) -> Iterator[str]:
    yield (
        f"This is the policy “{policy.name}”. Days and hours are those of {policy.timezone}; "
        f"costs are in {policy.currency}."
    )


def _working_time(policy: Policy, calendar: Calendar) -> Iterator[str]:
    rules = policy.calendar
    days = [name for day, name in _DAYS.items() if day in rules.days]
    yield f"The team works on {listed(days)}, {rules.hours}."
    yield (
        "Working hours and working days count in that time only; "
        "seconds, minutes, hours and days run on the clock, through nights, weekends and holidays."
    )
    past = (
        "plain weekdays are counted, and the facts say so"
        if rules.past_coverage == "weekdays"
        else "whatever would need working time is refused"
    )
    if rules.country is None:
        yield "No country's public holidays are observed."
    elif calendar.covered_until is not None:
        yield (
            f"Public holidays of {rules.country} are days off, and days moved for them are working days "
            f"({calendar.source}). They are known until {calendar.covered_until}; after that, {past}."
        )
    else:
        yield f"Public holidays of {rules.country} are days off; where they are not known, {past}."
    if rules.country is None and rules.past_coverage == "refuse":
        yield f"If a country were named: after the days that are known, {past}."


def _channels(policy: Policy) -> Iterator[str]:
    names = {name: f"{name} ({c.label})" if c.label else name for name, c in policy.channels.items()}
    for name, channel in policy.channels.items():
        if channel.unit_cost is not None:
            cost = f"{channel.unit_cost:f} {policy.currency}"
            yield f"{names[name]}: a touch costs {cost}, unless it brings its own figure."
    free = [names[name] for name, channel in policy.channels.items() if channel.unit_cost is None]
    if free:
        yield f"A touch costs only what it brings as its own figure from {listed(free)}."


def _scoring(policy: Policy) -> Iterator[str]:
    scoring = policy.scoring
    yield f"Every lead starts at {many(scoring.base, 'point')}; a score stays between 0 and 100."
    if scoring.completeness:
        yield (
            f"A form that is filled completely adds {many(scoring.completeness, 'point')}, "
            "a part of it the same part of them."
        )
    for rule in scoring.rules:
        when = condition(rule.when)
        yield f"{rule.points:+d} {f'if {when}' if when else 'for every lead'} ({rule.name})."
    if policy.score_classes:
        floors = sorted(policy.score_classes.items(), key=lambda pair: (-pair[1], pair[0]))
        yield "Classes: " + ", ".join(f"{name} from {floor} points" for name, floor in floors) + "."


def _groups(policy: Policy) -> Iterator[str]:
    for name, group in policy.groups.items():
        who = "all reps of the pool" if group.reps == "all" else listed(group.reps)
        weights = [f"{rep} {weight}" for rep, weight in group.weights.items()]
        others = group.reps == "all" or set(group.reps) - set(group.weights)
        rest = "; 1 for everybody else" if others else ""
        tail = f" Shares go by weight: {listed(weights)}{rest}." if weights else ""
        yield f"{name}: {who}.{tail}"


def _rules(policy: Policy) -> Iterator[str]:
    for number, rule in enumerate(policy.rules, 1):
        when = condition(rule.when)
        lead = "every lead that comes this far" if not when else f"if {when}"
        yield f"{number}. {rule.name}: {lead}: {target(rule.target)}."
    if policy.rules:
        yield "The first rule that fits decides."
        yield "A lead that no rule fits stays in the public pool, and managers are told."
    else:
        yield "There is no rule: every lead stays in the public pool, and managers are told."
    if any(rule.target.rotation for rule in policy.rules):
        yield (
            "A rep that is paused, on leave, outside its hours, full, or whose regions or industries do not "
            "match is passed over. If nobody is there, the lead waits in the public pool, where it can be "
            "claimed, and goes to the first rep that becomes available."
        )
    if any(rule.target.directed for rule in policy.rules):
        yield (
            "A rep that leads are directed to by name gets them outside its hours too; while it is paused, "
            "on leave or full, they stay in the public pool, and managers are told."
        )


def _claiming(policy: Policy) -> Iterator[str]:
    rules = policy.claiming
    yield "Who claims first in the log has the lead; everybody else is told who that is."
    if rules.per_rep_per_day is not None:
        yield f"You may claim {many(rules.per_rep_per_day, 'lead')} a day; returning one gives none back."
    for name, limit in rules.per_class_per_day.items():
        yield f"Of class {name} you may claim {many(limit, 'lead')} a day."
    for name, limit in rules.per_group_per_day.items():
        yield f"The reps of {name} together may claim {many(limit, 'lead')} a day."
    if rules.per_pool_per_day is not None:
        yield f"All reps together may claim {many(rules.per_pool_per_day, 'lead')} a day."
    if not (rules.per_rep_per_day is not None or rules.per_class_per_day or rules.per_group_per_day):
        yield "How many leads one rep claims in a day is not limited."
    if rules.held_at_once is not None:
        yield (
            f"You may hold {many(rules.held_at_once, 'lead')} at once, unless you have a cap of your own; "
            "converted and closed leads do not count."
        )
    if rules.min_gap is not None:
        yield f"Between two claims of yours lie at least {words(rules.min_gap)}."
    if rules.cool_down is not None:
        yield f"A lead that left you cannot be claimed by you again for {words(rules.cool_down)}."
    if rules.open_after is not None:
        yield f"A fresh lead can be claimed {words(rules.open_after)} after it came, by nobody earlier."
    if rules.reveals_per_day:
        yield (
            "Before the claim, phone numbers, e-mails and WeChat ids are masked; you may reveal those of "
            f"{many(rules.reveals_per_day, 'lead')} a day, and each reveal is recorded."
        )
    else:
        yield "Before the claim, phone numbers, e-mails and WeChat ids are masked."


def _follow_up(policy: Policy) -> Iterator[str]:
    rules = policy.follow_up
    back = (
        "it goes back to the public pool"
        if policy.recycling.after_recycle == "public"
        else "it goes on to the next rep"
    )
    counts = listed(rules.counts, "or")
    yield from _deadline(policy.follow_up, back, counts)
    if rules.warn_before:
        times = listed(words(before) for before in rules.warn_before)
        yield f"You are warned {times} before the deadline."
    idle = [outcome for outcome in rules.outcomes if outcome not in rules.counts]
    moved = "is recorded but moves" if len(idle) == 1 else "are recorded but move"
    yield (
        f"Outcomes of a contact: {listed(rules.outcomes)}."
        + (f" Of these, {listed(idle)} {moved} no deadline." if idle else "")
        + f" Those that count: {counts}."
    )
    yield "A new policy never shortens the deadline that you were given."


def _deadline(rules: FollowUp, back: str, counts: str) -> Iterator[str]:
    first, keep, most = rules.first_contact_within, rules.keep_for, rules.hold_at_most
    if first is not None and not rules.counts:
        yield f"A claimed or assigned lead is yours for {words(first)}. After that {back}."
        yield "No outcome of a contact counts, so none keeps it longer."
        return
    if first is not None:
        yield (
            f"A claimed or assigned lead is yours for {words(first)}. "
            f"Log a contact that counts ({counts}) in that time, or {back}."
        )
    elif most is not None:
        yield f"A claimed or assigned lead is yours for {words(most)}. After that {back}."
        yield "No contact keeps it longer."
    else:
        yield "A lead that is yours stays yours: it has no deadline."
    if keep is not None:
        cap = f", but no longer than {words(most)} after it became yours" if most is not None else ""
        yield (
            f"A contact that counts keeps it yours for {words(keep)} from when you log it{cap}. "
            "No contact ever shortens a deadline."
        )
    elif first is not None and most is not None:
        yield f"A contact that counts keeps it yours until {words(most)} after it became yours."
    elif first is not None:
        yield "After a contact that counts it stays yours without a deadline."
    if most is not None:
        yield f"Convert it, or have it protected, before those {words(most)} are over."


def _protection(policy: Policy) -> Iterator[str]:
    rules = policy.follow_up
    if rules.protected_per_rep:
        limit = f", each for {words(rules.protect_at_most)} at most" if rules.protect_at_most else ""
        yield (
            f"You may protect {many(rules.protected_per_rep, 'lead')} at a time{limit}; "
            "a protected lead has no deadline."
        )
        keep = rules.keep_for or rules.first_contact_within
        if keep is not None:
            yield f"When its protection ends, you have at least {words(keep)} from then."
    else:
        limit = f" (they would last {words(rules.protect_at_most)} at most)" if rules.protect_at_most else ""
        yield f"Leads cannot be protected{limit}."
    yield (
        "Whoever is handed a lead gets a fresh deadline."
        if rules.fresh_deadline_on_hand_over
        else "Whoever is handed a lead takes over its deadline."
    )


def _recycling(policy: Policy) -> Iterator[str]:
    rules = policy.recycling
    group = "its rule's group"
    groupless = not all(rule.target.rotation for rule in policy.rules) or not policy.rules
    if rules.after_recycle == "public":
        yield "A lead whose deadline passes goes back to the public pool, where others may claim it."
    else:
        else_of = f" (of {rules.fallback}, where the rule names none)" if rules.fallback else ""
        yield (
            f"A lead whose deadline passes or that is returned goes on to the next rep of {group}{else_of} "
            "who has not had it yet; who is full or outside its hours is waited for, and it can be claimed "
            "meanwhile. When all have had it, it starts over with another rep than the one who had it last. "
            "Only where there is nobody else does the same rep get it again."
        )
    if rules.assign_after is None:
        yield "A lead that nobody claims stays in the public pool."
    else:
        else_of = f", or of {rules.fallback} where that has nobody" if rules.fallback else ""
        yield (
            f"A public or queued lead that nobody takes within {words(rules.assign_after)} is assigned "
            f"to the next available rep of {group}{else_of}. If nobody is available, managers are told, and "
            "it goes to the first who becomes available."
        )
    if rules.fallback is None:
        if groupless and (rules.assign_after is not None or rules.after_recycle == "rotate"):
            yield "A lead whose rule names no group stays where it is then, and can be given by hand."
    elif rules.assign_after is None and rules.after_recycle == "public":
        yield f"The fallback, {rules.fallback}, has no effect: nothing is assigned that nobody takes."

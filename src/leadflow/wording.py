"""How the parts of a policy are said: durations, lists, conditions, targets."""

from __future__ import annotations

from collections.abc import Iterable

from leadflow.domain.policy import Condition, Duration, Range, Target

_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "wh": "working hour", "wd": "working day"}


def words(duration: Duration) -> str:
    """A duration as one says it: `3 days`, `1 working hour`."""
    name = _UNITS[duration.unit]
    return f"{duration.count} {name}" if duration.count == 1 else f"{duration.count} {name}s"


def many(count: int, thing: str) -> str:
    """`1 lead`, `3 leads`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def listed(names: Iterable[str], word: str = "and") -> str:
    """`a, b and c`; `none` for nothing."""
    *rest, last = list(names) or ["none"]
    return f"{', '.join(rest)} {word} {last}" if rest else last


def condition(what: Condition) -> str:
    """`the channel is a or b and the score is at least 70`; empty where anything goes."""
    parts: list[str] = []
    for field, begin in (
        ("channel", "the channel is"),
        ("campaign", "the campaign is"),
        ("region", "the region is"),
        ("industry", "the industry is"),
    ):
        if getattr(what, field) is not None:
            parts.append(f"{begin} {listed(getattr(what, field), 'or')}")
    if what.company_size is not None:
        parts.append(f"the company has {_range(what.company_size)} employees")
    if what.score is not None:
        parts.append(f"the score is {_range(what.score)}")
    if what.landing_page is not None:
        parts.append(f"the landing page begins with {listed(what.landing_page, 'or')}")
    if what.referrer_class is not None:
        parts.append(f"the referrer is of the class {listed(what.referrer_class, 'or')}")
    if what.search_engine is not None:
        parts.append(f"the search engine is {listed(what.search_engine, 'or')}")
    for key, value in (what.utm or {}).items():
        parts.append(f"utm_{key.removeprefix('utm_')} is {value}")
    return " and ".join(parts)


def _range(bounds: Range) -> str:
    if bounds.max is None:
        return f"at least {bounds.min}"
    if bounds.min is None:
        return f"at most {bounds.max}"
    return f"{bounds.min} to {bounds.max}"


def target(of: Target) -> str:
    """What a distribution rule does with a lead."""
    if of.rotation is not None:
        order = (
            "the reps of {} in turn, each by its weight"
            if of.order == "weighted"
            else "the rep of {} who holds the fewest leads"
        )
        return "it goes to " + order.format(of.rotation)
    # The order of a rotation says nothing here, but what is set is spoken of.
    order = "" if of.order == "weighted" else " (its order, least_loaded, is for rotations and has no effect)"
    if of.directed is not None:
        return f"it goes to {of.directed}{order}"
    if of.queue is not None:
        whose = "the managers" if of.queue == "managers" else of.queue
        return f"it waits in the queue of {whose}, where reps neither see nor claim it{order}"
    return f"it stays in the public pool to be claimed{order}"

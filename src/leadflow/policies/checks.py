"""What a policy's parts must be to each other, and what looks like a mistake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import pairwise

from leadflow.calendars import country_known, zone_offsets
from leadflow.domain.calendar import parse_hours
from leadflow.domain.currencies import known as known_currency
from leadflow.domain.policy import Condition, Duration, Policy, Range
from leadflow.domain.routing import RoutingTable
from leadflow.domain.values import COMPANY_STREAM
from leadflow.errors import UsageError
from leadflow.policies.problems import Problem, error, path_of, warning

RESERVED_SCORING_NAMES = ("base", "completeness")
"""Lines of every score's breakdown that are no rule's."""
EMPLOYEES_MAX = 10_000_000
"""The largest company that a lead can be of."""
YEARS_MAX = 10
"""The longest that a duration in working time may take."""


def check_policy(
    policy: Policy, *, whole: bool = True, faulty: Collection[str] = frozenset()
) -> list[Problem]:
    """Errors and warnings of a policy by itself.

    Without `whole`, faulty parts are already gone from it, those at the paths `faulty` among them: what is
    only missing then is not told.
    """
    checks: list[Callable[[Policy], Iterator[Problem]]] = [
        _zone,
        _currency,
        _groups,
        _scoring,
        _conditions,
        _rules,
        _claiming,
        _follow_up,
        _recycling,
        _working_durations,
    ]
    if whole:
        checks += [_reachable, _unused]
    found = [problem for check in checks for problem in check(policy)]
    return found + list(_without_deadline(policy, faulty))


def check_routing(table: RoutingTable, pools: set[str] | None, *, whole: bool = True) -> list[Problem]:
    """Errors and warnings of a routing table; `pools` are those that exist, None if not known.

    `whole` as in `check_policy`.
    """
    found: list[Problem] = []
    named = [(f"routes[{index}].pool", route.pool) for index, route in enumerate(table.routes)]
    for path, pool in [*named, ("default", table.default)]:
        if pool == COMPANY_STREAM:
            found.append(error(path, f"{COMPANY_STREAM} is no pool"))
        elif pools is not None and pool not in pools:
            found.append(error(path, f"there is no pool {pool}"))
    parts = ("channel", "campaign", "region", "industry")
    for index, route in enumerate(table.routes):
        for part in parts:
            if getattr(route, part) == ():
                found.append(error(f"routes[{index}].{part}", "an empty list matches nothing"))
    open_rows = [i for i, route in enumerate(table.routes) if all(getattr(route, p) is None for p in parts)]
    if whole and open_rows:
        last = open_rows[0] == len(table.routes) - 1
        hidden = "`default` is never used" if last else "no row after it is ever used, nor `default`"
        found.append(warning(f"routes[{open_rows[0]}]", f"it has no condition, so {hidden}"))
    return found


def _zone(policy: Policy) -> Iterator[Problem]:
    try:
        zone_offsets(policy.timezone)
    except UsageError as problem:
        yield error("timezone", f"{problem.what}; {problem.do}")
    country = policy.calendar.country
    if country is not None and not country_known(country):
        yield error("calendar.country", f"there are no public holidays for {country}")


def _currency(policy: Policy) -> Iterator[Problem]:
    try:
        known_currency(policy.currency)
    except ValueError as problem:
        yield error("currency", str(problem))


def _groups(policy: Policy) -> Iterator[Problem]:
    for name, group in policy.groups.items():
        if group.reps == ():
            yield error(path_of(("groups", name, "reps")), "the group has no rep")
        for rep in group.weights:
            if group.reps != "all" and rep not in group.reps:
                yield error(path_of(("groups", name, "weights", rep)), f"{rep} is not in the group")
    for path, name in policy.group_names().items():
        if name not in policy.groups:
            yield error(path, f"there is no group {name}")


def _repeated(names: Iterable[str], path: str) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        if name in seen:
            yield error(f"{path}[{index}].name", f"{path}[{seen[name]}] has the name {name} too")
        seen.setdefault(name, index)


def _scoring(policy: Policy) -> Iterator[Problem]:
    yield from _repeated((rule.name for rule in policy.scoring.rules), "scoring.rules")
    for index, rule in enumerate(policy.scoring.rules):
        path = f"scoring.rules[{index}]"
        if rule.name in RESERVED_SCORING_NAMES:
            yield error(f"{path}.name", f"{rule.name} is a line of its own in every score")
        if rule.when.score is not None:
            yield error(f"{path}.when.score", "a score cannot depend on itself")
    floors = policy.score_classes
    for name, floor in floors.items():
        twins = [other for other, its in floors.items() if its == floor and other < name]
        if twins:
            yield error(path_of(("score_classes", name)), f"class {twins[0]} begins at {floor} too")
    if floors and min(floors.values()) > 0:
        yield warning("score_classes", f"a lead below {min(floors.values())} points has no class")


def _conditions(policy: Policy) -> Iterator[Problem]:
    places = [(f"rules[{index}].when", rule.when) for index, rule in enumerate(policy.rules)]
    places += [(f"scoring.rules[{i}].when", rule.when) for i, rule in enumerate(policy.scoring.rules)]
    for path, condition in places:
        for index, channel in enumerate(condition.channel or ()):
            if channel not in policy.channels:
                yield error(f"{path}.channel[{index}]", f"channel {channel} is not declared in channels")
        for field in Condition.model_fields:
            if getattr(condition, field) in ((), {}):
                yield error(f"{path}.{field}", "an empty list matches nothing; leave it out")
        score = condition.score
        if score is not None and ((score.min or 0) > 100 or (score.max is not None and score.max < 0)):
            yield error(f"{path}.score", "a score is 0 to 100")
        size = condition.company_size
        if size is not None:
            yield from _employees(size, f"{path}.company_size")


def _employees(size: Range, path: str) -> Iterator[Problem]:
    """Bounds of a number of employees. A whole number beyond 64 bits could not be read from the log again."""
    for name, bound in (("min", size.min), ("max", size.max)):
        if bound is not None and not 0 <= bound <= EMPLOYEES_MAX:
            yield error(f"{path}.{name}", f"a number of employees is 0 to {EMPLOYEES_MAX:,}")


def _rules(policy: Policy) -> Iterator[Problem]:
    yield from _repeated((rule.name for rule in policy.rules), "rules")


def _claiming(policy: Policy) -> Iterator[Problem]:
    claiming = policy.claiming
    for name in claiming.per_class_per_day:
        if name not in policy.score_classes:
            yield error(path_of(("claiming", "per_class_per_day", name)), f"there is no score class {name}")
    for field in ("per_rep_per_day", "per_pool_per_day", "held_at_once"):
        if getattr(claiming, field) == 0:
            yield warning(f"claiming.{field}", "0 lets nobody claim; leave it out for no limit")
    if _longer(claiming.open_after, policy.recycling.assign_after, or_equal=True):
        yield warning(
            "claiming.open_after",
            f"leads are assigned after {policy.recycling.assign_after}, before anybody may claim them",
        )


def _follow_up(policy: Policy) -> Iterator[Problem]:
    rules = policy.follow_up
    first = rules.first_contact_within
    for field in ("first_contact_within", "keep_for", "hold_at_most", "protect_at_most"):
        if _zero(getattr(rules, field)):
            yield error(f"follow_up.{field}", "is zero; leave it out, or give some time")
    yield from _warnings_ahead(policy)
    if _longer(first, rules.hold_at_most):
        yield error(
            "follow_up.hold_at_most", f"{rules.hold_at_most} is less than first_contact_within, {first}"
        )
    if first is not None and not rules.counts:
        yield warning("follow_up.counts", "no outcome counts, so no contact ever keeps a lead")
    if rules.protect_at_most is not None and not rules.protected_per_rep:
        yield warning("follow_up.protect_at_most", "has no effect while protected_per_rep is 0")


def _without_deadline(policy: Policy, faulty: Collection[str]) -> Iterator[Problem]:
    """What needs a deadline where none is given; one that was given wrongly is not missing."""
    rules = policy.follow_up
    first = rules.first_contact_within is not None or "follow_up.first_contact_within" in faulty
    if rules.keep_for is not None and not first:
        yield error("follow_up.keep_for", "has nothing to move without first_contact_within")
    if rules.warn_before and not (first or rules.hold_at_most or "follow_up.hold_at_most" in faulty):
        yield error(
            "follow_up.warn_before", "there is no deadline without first_contact_within or hold_at_most"
        )


def _warnings_ahead(policy: Policy) -> Iterator[Problem]:
    rules = policy.follow_up
    name = "first_contact_within" if rules.first_contact_within else "hold_at_most"
    limit = rules.first_contact_within or rules.hold_at_most
    for index, before in enumerate(rules.warn_before):
        path = f"follow_up.warn_before[{index}]"
        if _zero(before):
            yield error(path, "is zero; a warning comes before the deadline")
        elif _longer(before, limit, or_equal=True):
            yield error(path, f"{before} is not less than {name}, {limit}")
        if before in rules.warn_before[:index]:
            yield warning(path, f"{before} stands twice")


def _recycling(policy: Policy) -> Iterator[Problem]:
    rules = policy.recycling
    rotations = [rule for rule in policy.rules if rule.target.rotation is not None]
    if _zero(rules.assign_after):
        yield error("recycling.assign_after", "is zero; let a rule with a rotation assign at once")
    if rules.fallback is None:
        for field, used in (
            ("assign_after", rules.assign_after is not None),
            ("after_recycle", rules.after_recycle == "rotate"),
        ):
            if used and not rotations:
                yield error(f"recycling.{field}", "no rule names a group, and there is no fallback")
            elif used and len(rotations) < len(policy.rules):
                names = ", ".join(rule.name for rule in policy.rules if rule.target.rotation is None)
                yield warning(
                    f"recycling.{field}", f"leads of {names} have no group to go to without a fallback"
                )
    elif rules.assign_after is None and rules.after_recycle == "public":
        yield warning("recycling.fallback", "has no effect without assign_after or after_recycle rotate")


def _reachable(policy: Policy) -> Iterator[Problem]:
    if not policy.rules:
        yield warning("rules", "there is no rule: every lead stays in the public pool, and managers are told")
    for index, (rule, _) in enumerate(pairwise(policy.rules)):
        if all(getattr(rule.when, field) is None for field in Condition.model_fields):
            for later, other in enumerate(policy.rules[index + 1 :], index + 1):
                yield warning(
                    f"rules[{later}]", f"{other.name} is never reached: {rule.name} matches every lead"
                )
            return


def _unused(policy: Policy) -> Iterator[Problem]:
    used = Counter(policy.group_names().values())
    for name in policy.groups:
        if not used[name]:
            yield warning(path_of(("groups", name)), "no rule, limit or fallback uses the group")


def _working_durations(policy: Policy) -> Iterator[Problem]:
    """With a short week or short hours, much working time would reach far into the future."""
    opening, closing = parse_hours(policy.calendar.hours)
    days_max = YEARS_MAX * 52 * len(policy.calendar.days)
    hours_max = days_max * (closing - opening) // 60
    places = [
        (f"{part}.{field}", getattr(getattr(policy, part), field))
        for part in ("claiming", "follow_up", "recycling")
        for field in type(getattr(policy, part)).model_fields
    ]
    for index, before in enumerate(policy.follow_up.warn_before):
        places.append((f"follow_up.warn_before[{index}]", before))
    for path, value in places:
        if not isinstance(value, Duration) or not value.on_calendar:
            continue
        if value.count > (hours_max if value.unit == "wh" else days_max):
            yield error(path, f"{value} is more than {YEARS_MAX} years of working time")


def _zero(duration: Duration | None) -> bool:
    return duration is not None and duration.count == 0


def _longer(left: Duration | None, right: Duration | None, *, or_equal: bool = False) -> bool:
    """Whether `left` is surely longer; the clock and working time cannot be compared."""
    if left is None or right is None:
        return False
    if not left.on_calendar and not right.on_calendar:
        return left.clock > right.clock or (or_equal and left.clock == right.clock)
    return left.unit == right.unit and (left.count > right.count or (or_equal and left.count == right.count))

"""What a policy names, against the pool's members as they are now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

from leadflow.domain.policy import Policy
from leadflow.policies.problems import Problem, error, path_of, warning


class Team(NamedTuple):
    """The present reps and managers of a pool."""

    reps: tuple[str, ...]
    managers: tuple[str, ...]

    @classmethod
    def of(cls, members: Iterable[Mapping[str, Any]]) -> Self:
        """Those of the rows of a pool's members who have not left."""
        roles = {row["member"]: row["role"] for row in members if row["status"] != "left"}
        named = (tuple(who for who, role in roles.items() if role == x) for x in ("rep", "manager"))
        return cls(*named)


def check_members(
    policy: Policy, reps: Iterable[str], managers: Iterable[str] | None = None
) -> list[Problem]:
    """What the policy names, against the pool's present members.

    A group that is used and has no present rep is an error, and so is a rule directed to nobody; a
    name that is no member is a warning. A pool without any rep yet makes `all` a warning only.
    """
    present = set(reps)
    found: list[Problem] = []
    used = policy.group_names()
    for name, group in policy.groups.items():
        place = path_of(("groups", name, "reps"))
        if group.reps == "all":
            if not present:
                found.append(warning(place, "the pool has no rep yet; leads wait until one joins"))
            continue
        if not present & set(group.reps):
            users = [path for path, group_name in used.items() if group_name == name]
            message = "none of its reps is in the pool"
            if users:
                need = "needs" if len(users) == 1 else "need"
                found.append(error(place, f"{message}, and {', '.join(users)} {need} it"))
            else:
                found.append(warning(place, message))
        for index, rep in enumerate(group.reps):
            if rep not in present:
                found.append(warning(f"{place}[{index}]", f"{rep} is no rep of the pool"))
    for name, group in policy.groups.items():
        for rep in group.weights:
            if group.reps == "all" and rep not in present:
                found.append(
                    warning(path_of(("groups", name, "weights", rep)), f"{rep} is no rep of the pool")
                )
    for index, rule in enumerate(policy.rules):
        target = rule.target
        if target.directed is not None and target.directed not in present:
            found.append(error(f"rules[{index}].target.directed", f"{target.directed} is no rep of the pool"))
        known = {"managers"} | set(managers or ())
        if managers is not None and target.queue is not None and target.queue not in known:
            found.append(warning(f"rules[{index}].target.queue", f"{target.queue} is no manager of the pool"))
    return found

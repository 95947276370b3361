"""Who may see and do what over HTTP, cell by cell: what the documented table says is what happens."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from leadflow import postgres
from leadflow.domain.access import TABLE
from leadflow.domain.values import id_of, role_of
from tests.integration.api.permission_scene import KINDS, Scene, open_scene, told
from tests.office import NAME, office_template

__all__ = ["office_template"]

PAGE = Path(__file__).parents[3] / "docs/reference/permissions.md"
INSIDE = {
    "rep": "rep/wang",
    "manager": "manager/ma",
    "marketing": "marketing/mei",
    "support": "support/su",
    "analyst": "analyst/an",
    "auditor": "auditor/kim",
    "adapter": "adapter/web",
}
"""Who stands for a role; those of a pool's roles are members of the pool east."""
OUTSIDE = ("rep/zhao", "manager/mo", "marketing/wen", "support/sun")
"""The same of the pool west."""
IMPOSTORS = ("rep/ma", "manager/wang", "manager/nobody", "marketing/su", "support/mei")
"""Who acts in a role that it has in no pool."""


def the_table() -> dict[str, dict[str, str]]:
    """The table of the documentation: row, role, cell."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    roles = rows[0][1:]
    return {row[0]: dict(zip(roles, row[1:], strict=True)) for row in rows[2:]}


DOCUMENTED = the_table()
CELLS = [(row, role) for row, cells in DOCUMENTED.items() for role in cells]
ROWS = {
    "public pool, masked": ("see_public",),
    "private pool": ("see_private",),
    "contact points": ("see_contacts",),
    "claim, contact, return, convert": ("work", "contact"),
    "assign": ("assign",),
    "hand over, merge, policy, members": ("manage",),
    "reports": ("report",),
    "history and proofs": ("history",),
    "correct details, add collaborators": ("edit",),
    "record spend": ("spend",),
    "open pools": ("open_pool",),
    "send leads in": ("submit",),
    "subscribe to notifications": ("subscribe",),
}
"""The actions of the code's table that a row is about."""
OWN, POOL, ALL, SHARED = {"own"}, {"pool"}, {"all"}, {"collaborator"}
SCOPES: dict[str, set[str]] = {
    "–": set(),
    "own": OWN,
    "own leads": OWN,
    "own figures": OWN,
    "own pools": POOL,
    "own pools, for a rep": POOL,
    "own pools, for anybody": POOL,
    "own leads, and as collaborator": OWN | SHARED,
    "as collaborator": SHARED,
    "contact, as collaborator": SHARED,
    "all": ALL,
    "all, no contact points": ALL,
    "with a reason, as a fact": {"reason"},
    "writes only": set(),
}
"""What the words of a cell mean in the code's table."""


@pytest.fixture(scope="module")
def scene(pg_url: str, office_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = postgres.create_database(pg_url, name, template=office_template)
    with open_scene(url, tmp_path_factory.mktemp("home")) as found:
        yield found
    postgres.drop_database(pg_url, name)


# --- the documentation and the code say the same --------------------------------------------


@pytest.mark.parametrize(("row", "role"), CELLS)
def test_the_documented_cell_is_the_codes(row: str, role: str) -> None:
    expected = SCOPES[DOCUMENTED[row][role]]
    found = {scope for action in ROWS[row] for scope in TABLE[action].get(role, ())}  # type: ignore[index]
    if (row, role) == ("claim, contact, return, convert", "rep"):
        # Whoever works on a lead with its owner logs contacts: domain words, "Contact, as collaborator".
        expected = expected | SHARED
    assert found == expected


def test_every_action_of_the_code_is_documented() -> None:
    assert {action for actions in ROWS.values() for action in actions} == set(TABLE)
    assert list(DOCUMENTED) == list(ROWS)
    assert all(set(cells) == set(INSIDE) for cells in DOCUMENTED.values())


# --- what each cell lets happen -------------------------------------------------------------


def seen(scene: Scene, actor: str) -> dict[str, dict[str, Any]]:
    """The standing leads that the actor sees, each as it sees it."""
    found = {}
    for kind, lead in scene.standing.items():
        answer = scene.answer(actor, "GET", f"/v1/pools/{scene.pool_of(kind)}/leads/{lead}")
        assert answer.status_code in (200, 404), answer.text
        if answer.status_code == 200:
            found[kind] = answer.json()["lead"]
    return found


def see_public(scene: Scene, actor: str) -> set[str]:
    return seen(scene, actor).keys() & {"public", "away_public"}


def see_private(scene: Scene, actor: str) -> set[str]:
    return seen(scene, actor).keys() - {"public", "away_public"}


def see_contacts(scene: Scene, actor: str) -> set[str]:
    return {kind for kind, lead in seen(scene, actor).items() if not lead["masked"]}


def try_all(
    scene: Scene, actor: str, kinds: tuple[str, ...], ask: Callable[[str, str], tuple[str, Any]]
) -> set[str]:
    """Kinds of leads of which a fresh one takes what the actor asks for; whatever else is a clear refusal."""
    done = set()
    for kind in kinds:
        lead = scene.lead(kind)
        address = f"/v1/pools/{scene.pool_of(kind)}/leads/{lead}"
        path, document = ask(kind, lead)
        method = "PATCH" if path == "" else "POST"
        answer = scene.answer(actor, method, address + path, document)
        if answer.status_code == 200:
            done.add(kind)
        else:
            refused(answer)
    return done


REASONS = ("not_permitted", "unknown_rep", "not_owner", "already_owned", "customer")


def refused(answer: httpx.Response) -> None:
    """It says no, for a reason of permissions or of whose lead it is, and tells of nobody."""
    assert answer.status_code in (403, 404, 409), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert told(answer.text) == []
    if answer.status_code == 409:
        assert answer.json()["reason"] in REASONS, answer.text


OWNERS = {"mine": "wang", "shared": "li", "other": "li", "customer": "wang", "away": "zhao"}
UNOWNED, OWNED = ("public", "away_public"), ("mine", "shared", "other", "away")


def for_rep(actor: str, kind: str) -> dict[str, str]:
    """A manager says for which rep: the owner, or somebody of the pool."""
    rep = OWNERS.get(kind, "zhao" if kind.startswith("away") else "wang")
    return {"rep": rep} if role_of(actor) == "manager" else {}


def work(scene: Scene, actor: str) -> set[str]:
    def after(path: str, **more: str) -> Callable[[str, str], tuple[str, Any]]:
        return lambda kind, _: (path, {**more, **for_rep(actor, kind)})

    claimed = try_all(scene, actor, UNOWNED, after("/claim"))
    contacted = try_all(scene, actor, OWNED, after("/contacts", outcome="reached"))
    returned = try_all(scene, actor, OWNED, after("/return"))
    converted = try_all(scene, actor, OWNED, after("/convert"))
    return (
        {f"claim {kind}" for kind in claimed}
        | {f"contact {kind}" for kind in contacted}
        | {f"return {kind}" for kind in returned}
        | {f"convert {kind}" for kind in converted}
    )


def assign(scene: Scene, actor: str) -> set[str]:
    def ask(kind: str, _: str) -> tuple[str, Any]:
        return "/assign", {"to": "zhao" if kind.startswith("away") else "li", "reason": "knows them"}

    return try_all(scene, actor, UNOWNED, ask)


def manage(scene: Scene, actor: str) -> set[str]:
    done = set()
    to = {"mine": "li", "shared": "wang", "other": "wang", "away": "yu"}
    scene.member("west", "yu")
    for kind in try_all(scene, actor, OWNED, lambda kind, _: ("/hand-over", {"to": to[kind]})):
        done.add(f"hand over {kind}")
    for kind in try_all(scene, actor, UNOWNED, lambda kind, _: ("/merge", {"absorbed": scene.lead(kind)})):
        done.add(f"merge {kind}")
    for pool in ("east", "west"):
        new = scene.answer(actor, "POST", f"/v1/pools/{pool}/members", {"member": f"m{uuid.uuid4().hex[:8]}"})
        policy = scene.answer(actor, "PUT", f"/v1/pools/{pool}/policy", {"toml": scene.policy()})
        for name, answer in (("members", new), ("policy", policy)):
            if answer.status_code in (200, 201):
                done.add(f"{name} {pool}")
            else:
                refused(answer)
    return done


def report(scene: Scene, actor: str) -> set[str]:
    done = set()
    for pool in ("east", "west"):
        funnel, fairness, channels, reps = (
            scene.answer(actor, "GET", f"/v1/reports/{name}?pool={pool}")
            for name in ("funnel", "fairness", "channels", "reps")
        )
        assert funnel.status_code == reps.status_code
        assert told(funnel.text + fairness.text + channels.text + reps.text) == []
        if funnel.status_code != 200:
            for answer in (funnel, fairness, channels):
                refused(answer)
            continue
        own = {row["rep"] for row in reps.json()["rows"]} == {id_of(actor)}
        # What channels brought, and what everybody was given, is no rep's own figure.
        assert channels.status_code == fairness.status_code == (403 if own else 200)
        done.add(f"own figures of {pool}" if own else pool)
    return done


def history(scene: Scene, actor: str) -> set[str]:
    done, shown = set(), see_contacts(scene, actor)
    for kind, lead in scene.standing.items():
        address = f"/v1/pools/{scene.pool_of(kind)}/leads/{lead}"
        answers = [scene.answer(actor, "GET", f"{address}/{name}") for name in ("history", "trace")]
        assert len({answer.status_code for answer in answers}) == 1
        assert kind in shown or told("".join(answer.text for answer in answers)) == []
        if answers[0].status_code == 200:
            done.add(kind)
        else:
            refused(answers[0])
    return done


def edit(scene: Scene, actor: str) -> set[str]:
    kinds = ("public", *OWNED, "away_public")
    edited = try_all(scene, actor, kinds, lambda *_: ("", {"city": "苏州"}))
    member = {"away": "sun", "away_public": "sun"}
    shared = try_all(
        scene, actor, OWNED, lambda kind, _: ("/collaborators", {"member": member.get(kind, "mei")})
    )
    assert shared == edited & set(OWNED)
    return edited


def spend(scene: Scene, actor: str) -> set[str]:
    day = f"2026-{1 + len(scene.days) // 28:02}-{1 + len(scene.days) % 28:02}"
    scene.days.append(day)
    figure = {"channel": "seo", "first_day": day, "last_day": day, "amount": "10.00", "currency": "CNY"}
    answer = scene.answer(actor, "POST", "/v1/spend", figure)
    if answer.status_code == 200:
        return {"figures"}
    refused(answer)
    return set()


def open_pool(scene: Scene, actor: str) -> set[str]:
    answer = scene.answer(actor, "POST", "/v1/pools", {"pool": f"p{uuid.uuid4().hex[:8]}"})
    if answer.status_code == 201:
        return {"pools"}
    refused(answer)
    return set()


def submit(scene: Scene, actor: str) -> set[str]:
    done = set()
    for pool in ("east", "west"):
        fields = {"phone": scene.phone(), "name": NAME}
        arrival = {"channel": "web_form", "ref": uuid.uuid4().hex, "fields": fields}
        answer = scene.answer(actor, "POST", f"/v1/pools/{pool}/intake", arrival)
        assert told(answer.text) == []
        if answer.status_code in (200, 201):
            done.add(pool)
        else:
            refused(answer)
    return done


EAST = {"public", "mine", "shared", "other", "customer"}
WORK_EAST = {
    "claim public",
    *(f"{what} {kind}" for what in ("contact", "return", "convert") for kind in ("mine", "shared", "other")),
}
MANAGE_EAST = {
    *(f"hand over {kind}" for kind in ("mine", "shared", "other")),
    *("merge public", "members east", "policy east"),
}
MEANS: dict[str, tuple[Callable[[Scene, str], set[str]], dict[str, set[str]]]] = {
    "public pool, masked": (see_public, {"own pools": {"public"}, "all": {"public", "away_public"}}),
    "private pool": (
        see_private,
        {
            "own leads, and as collaborator": {"mine", "shared", "customer"},
            "own pools": EAST - {"public"},
            "as collaborator": {"shared"},
            "all": EAST - {"public"} | {"away"},
        },
    ),
    "contact points": (
        see_contacts,
        {
            "own leads, and as collaborator": {"mine", "shared", "customer"},
            "own pools": EAST,
            "as collaborator": {"shared"},
            "with a reason, as a fact": set(),
            "writes only": set(),
        },
    ),
    "claim, contact, return, convert": (
        work,
        {
            "own": {"claim public", "contact mine", "contact shared", "return mine", "convert mine"},
            "own pools, for a rep": WORK_EAST,
            "contact, as collaborator": {"contact shared"},
        },
    ),
    "assign": (assign, {"own pools": {"public"}}),
    "hand over, merge, policy, members": (manage, {"own pools": MANAGE_EAST}),
    "reports": (
        report,
        {
            "own figures": {"own figures of east"},
            "own pools": {"east"},
            "all, no contact points": {"east", "west"},
            "all": {"east", "west"},
        },
    ),
    "history and proofs": (
        history,
        {"own leads": {"mine", "customer"}, "own pools": EAST, "all": set(KINDS)},
    ),
    "correct details, add collaborators": (
        edit,
        {"own leads": {"mine"}, "own pools": {"public", "mine", "shared", "other"}},
    ),
    "record spend": (spend, {"own pools": {"figures"}}),
    "open pools": (open_pool, {"all": {"pools"}}),
    "send leads in": (submit, {"own pools": {"east"}, "all": {"east", "west"}}),
}
"""How a row is tried, and what each of its cells lets happen to somebody of the pool east."""


@pytest.mark.parametrize(("row", "role"), [(row, role) for row, role in CELLS if row in MEANS])
def test_a_cell_lets_happen_what_it_says(scene: Scene, row: str, role: str) -> None:
    attempt, means = MEANS[row]
    cell = DOCUMENTED[row][role]
    assert attempt(scene, INSIDE[role]) == (set() if cell == "–" else means[cell])


@pytest.mark.parametrize("row", list(MEANS))
@pytest.mark.parametrize("actor", OUTSIDE)
def test_whoever_belongs_to_another_pool_has_nothing_here(scene: Scene, row: str, actor: str) -> None:
    found = MEANS[row][0](scene, actor)
    here = {one for one in found if one.split()[-1] in {*EAST, "east"}}
    assert here == set()


@pytest.mark.parametrize("row", [row for row in MEANS if row not in ("open pools", "record spend")])
@pytest.mark.parametrize("actor", IMPOSTORS)
def test_whoever_acts_in_a_role_that_it_has_nowhere_has_nothing(scene: Scene, row: str, actor: str) -> None:
    assert MEANS[row][0](scene, actor) == set()

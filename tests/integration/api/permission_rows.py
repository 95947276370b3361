"""How each row of the table of permissions is tried over HTTP, and what its cells let happen."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import httpx

from leadflow.domain.values import id_of, role_of
from tests.integration.api.permission_scene import KINDS, Scene, told
from tests.office import NAME


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
        funnel, fairness, channels, origins, reps = (
            scene.answer(actor, "GET", f"/v1/reports/{name}?pool={pool}")
            for name in ("funnel", "fairness", "channels", "origins", "reps")
        )
        of_the_pool = (funnel, fairness, channels, origins)
        assert told(reps.text + "".join(answer.text for answer in of_the_pool)) == []
        if reps.status_code != 200:
            for answer in (reps, *of_the_pool):
                refused(answer)
            continue
        own = {row["rep"] for row in reps.json()["rows"]} == {id_of(actor)}
        # What channels brought, and what everybody was given, is no rep's own figure.
        assert {one.status_code for one in (funnel, channels, origins)} == {403 if own else 200}
        assert fairness.status_code == 200
        assert not own or fairness.json()["rows"] == []
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

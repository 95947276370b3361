"""Every look at random histories of two pools, at the command line and over HTTP, ends with an answer.

The pools' rules are unusual, so what hardly a team has is shown here too: policies without a name, limits of
none, deadlines past a calendar's end. More histories: `LEADFLOW_TEST_SEEDS=20`.
"""

from __future__ import annotations

import os
import random
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.persistence import StoredEvent

from leadflow import postgres
from leadflow.bootstrap.opening import open_app
from leadflow.log.embedded import EmbeddedLog
from leadflow.settings import Settings
from tests.doors import Door, open_door
from tests.office import Desk, Office
from tests.reference.pair import Pair

SEEDS = range(int(os.environ.get("LEADFLOW_TEST_SEEDS", "1")))
REQUESTS = 200
LEADS = 4
LOOKS = (
    "pool list",
    "pool show {pool}",
    "member list --pool {pool}",
    "policy show --pool {pool}",
    "policy explain --pool {pool}",
    "policy try --pool {pool}",
    "leads --pool {pool} --limit 500",
    "dead-letters list",
    "report channels --from {from} --to {to}",
    "report channels --as-of {at}",
    "report funnel --from {from} --to {to}",
    "report funnel --as-of {at}",
    "report reps --from {from} --to {to}",
    "report reps --as-of {at}",
    "projections list",
    "projections verify",
    "log verify",
)
OF_LEAD = (
    "lead show {lead} --pool {pool}",
    "trace {lead} --pool {pool}",
    "trace {lead} --pool {pool} --at {at}",
)
PERHAPS = (
    "leads --pool {pool}",
    "lead show {lead} --pool {pool}",
    "next --show --pool {pool} --for {rep}",
    "report reps",
)
"""What not everybody is shown."""
ENDS = {0, 1, 2}
"""Exit codes: it is shown, a rule refuses it, there is no such lead for whoever asks."""
ANSWERS = {200, 401, 403, 404, 409, 422}
"""What a look is answered with; 409 is a rule's refusal."""


@pytest.fixture(params=SEEDS, scope="module")
def history(request: pytest.FixtureRequest) -> Pair:
    print(f"seed {request.param}")
    return Pair(request.param).run(REQUESTS)


@pytest.fixture
def url(pg_url: str, history: Pair) -> Iterator[str]:
    """A database of the test's own that holds the history."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = postgres.create_database(pg_url, name)
    log = EmbeddedLog(url)
    log.append([StoredEvent(x.pool, x.sequence, x.type, x.document) for x in history.entries()])
    log.close()
    yield url
    postgres.drop_database(pg_url, name)


class Places:
    """What there is to look at in a pool of a history, and who looks."""

    def __init__(self, history: Pair, pool: str, rng: random.Random) -> None:
        held = history.teams[pool].pool
        self.pool, self.rng = pool, rng
        self.leads = sorted(held.leads)
        self.reps = sorted(x.id for x in held.members.values() if x.role == "rep")
        self.moments = [x.time for x in history.events]
        self.actors = ("manager/ma", "auditor/au", "analyst/an", f"rep/{rng.choice(self.reps)}")

    def names(self, lead: str) -> dict[str, str]:
        """Words for the places' holders."""
        first, last = sorted(self.rng.sample(self.moments, 2))
        return {
            "pool": self.pool,
            "lead": lead,
            "rep": self.rng.choice(self.reps),
            "from": first.date().isoformat(),
            "to": last.date().isoformat(),
            "at": self.rng.choice(self.moments).isoformat(),
        }

    def few(self) -> list[str]:
        """Some of the leads."""
        return self.rng.sample(self.leads, min(LEADS, len(self.leads)))


def places(history: Pair) -> Iterator[Places]:
    rng = random.Random(len(history.events))
    for pool in history.pools:
        yield Places(history, pool, rng)


def test_at_the_command_line(
    history: Pair,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LEADFLOW_DATABASE_URL", url)
    monkeypatch.setenv("LEADFLOW_HOME", str(tmp_path / "home"))
    with open_app(Settings(home=tmp_path / "home", database_url=url)) as app:
        app.settle()
        desk = Desk(capfd, Office(app))
        for place in places(history):
            lines = [(look, lead) for look in LOOKS for lead in place.few()[:1]]
            lines += [(look, lead) for look in OF_LEAD for lead in place.few()]
            for look, lead in lines:
                words = look.format(**place.names(lead)).split()
                desk(*words)
                desk.json(*words)
            for actor in place.actors:
                for look in PERHAPS:
                    words = look.format(**place.names(place.rng.choice(place.leads))).split()
                    code, _, said = desk.any("--as", actor, *words)
                    assert code in ENDS, (actor, words, said)
                    assert "bug" not in said, (actor, words, said)


def test_over_http(history: Pair, url: str, tmp_path: Path) -> None:
    found: Counter[int] = Counter()
    with open_door(url, tmp_path / "home") as door:
        door.app.settle()
        looks = [(path, operation) for path, operation in _looks(door) if "oidc" not in path]
        assert len(looks) > 30
        for place in places(history):
            for actor in place.actors:
                client = door.as_(actor)
                for path, operation in looks:
                    for lead in place.few() if "{lead}" in path else [place.leads[0]]:
                        names = place.names(lead) | {"member": place.reps[0], "name": place.reps[0]}
                        target = "/".join(
                            names.get(x[1:-1], "1") if x[:1] == "{" else x for x in path.split("/")
                        )
                        answer = client.any("GET", target, params=_asked(operation, names, place.rng))
                        assert answer.status_code in ANSWERS, (actor, target, answer.url, answer.text)
                        found[answer.status_code] += 1
    assert found[200] > found.total() / 4, found


def _looks(door: Door) -> list[tuple[str, Any]]:
    """Every operation that only reads and ends by itself."""
    document = door.nobody().get("/openapi.json")
    return [
        (path, methods["get"])
        for path, methods in document["paths"].items()
        if path.startswith("/v1/") and "get" in methods
        if "text/event-stream" not in str(methods["get"]["responses"].get("200"))
    ]


def _asked(operation: Any, names: dict[str, str], rng: random.Random) -> dict[str, Any]:
    """A query of some of the parameters that there are."""
    found: dict[str, Any] = {}
    for parameter in operation.get("parameters", ()):
        kinds = parameter["schema"].get("anyOf", [parameter["schema"]])
        kind = kinds[0].get("items", kinds[0])
        if parameter["in"] != "query" or (not parameter.get("required") and rng.random() < 0.5):
            continue
        name = parameter["name"]
        if "enum" in kind:
            found[name] = rng.choice(kind["enum"])
        elif kind.get("type") in ("boolean", "integer"):
            found[name] = 1
        elif name in ("at", "as_of", "from", "to", "pool", "rep"):
            found[name] = names.get(name, names["at"])
    return found

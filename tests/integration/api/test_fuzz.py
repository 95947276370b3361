"""The whole API by what its own document says of it: no bug, and every answer as documented.

Requests are made by schemathesis from /openapi.json, right ones and wrong ones, of a manager, a rep and
nobody. The stream of facts never ends by itself: it has tests of its own.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from leadflow.bootstrap.inlets import Inlet
from tests.doors import Door, door, office_template

__all__ = ["door", "office_template"]

SEED = int(os.environ.get("LEADFLOW_FUZZ_SEED", "5"))
EXAMPLES = int(os.environ.get("LEADFLOW_FUZZ_EXAMPLES", "3"))
"""Of each operation and kind: they are spread over the callers."""
KINDS = ("website", "webhook", "survey")
"""Inlets that there are, each called as its kind."""
LEFT_OUT = {"streamEvents", "isReady"}
"""One never ends; the other says 503 of itself, rightly: nothing of a process runs here but what answers."""
NAMES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


@pytest.fixture(autouse=True)
def chance_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service runs in this process. What its connections draw must not come from the numbers that
    Hypothesis makes requests from: it takes that for a strategy that cannot be repeated."""
    monkeypatch.setattr("psycopg_pool.base.random", random.Random(SEED).random)


class Callers:
    """A manager, a rep, and nobody, one after the other."""

    def __init__(self, door: Door) -> None:
        self.door = door
        tokens = [door.token("manager/ma"), door.token("rep/wang")]
        self._headers: list[dict[str, str]] = [{"Authorization": f"Bearer {one}"} for one in tokens]
        self._headers.append({})
        self.lead = door.office.arrives("card-1")
        for kind in KINDS:
            inlet = Inlet(id=kind, kind=kind, channel="web_form", pool="east")
            door.app.inlets.add(inlet, by="manager/ma", now=datetime.now(UTC))
        self._chance = random.Random(SEED)
        self.statuses: Counter[int] = Counter()
        load_all_checks()
        self._checks: Any = CHECKS.get_by_names(list(NAMES))

    def call(self, case: Case[Any]) -> None:
        """Send a request and look at the answer."""
        inlet = self._chance.choice(KINDS)
        known = {"pool": "east", "lead": self.lead, "member": "wang", "inlet": inlet}
        if case.path_parameters and self._chance.random() < 0.7:
            # What names nothing is answered alike everywhere: most requests name what there is.
            case.path_parameters.update({name: known[name] for name in case.path_parameters if name in known})
        headers = self._chance.choice(self._headers)
        for name in ("Authorization", "authorization", "Cookie"):
            if case.headers:
                case.headers.pop(name, None)
        case.cookies = {}
        answer = case.call(base_url=self.door.address, headers=headers, timeout=180)
        self.statuses[answer.status_code] += 1
        case.validate_response(answer, checks=self._checks)


def operations(schema: Any) -> list[Any]:
    found = [result.ok() for result in schema.get_all_operations()]
    return [one for one in found if one.definition.raw.get("operationId") not in LEFT_OUT]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
def test_every_answer_is_as_documented(door: Door, mode: GenerationMode) -> None:
    print(f"seed {SEED}: LEADFLOW_FUZZ_SEED sets another")
    schema = schemathesis.openapi.from_dict(httpx.get(f"{door.address}/openapi.json", timeout=180).json())
    callers = Callers(door)
    failed: list[str] = []
    tried = 0
    for operation in operations(schema):
        try:
            strategy = operation.as_strategy(generation_mode=mode)

            @seed(SEED)
            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=strategy)
            def each(case: Case[Any]) -> None:
                callers.call(case)

            each()
            tried += 1
        except Unsatisfiable:
            # Nothing can be wrong with a request that takes nothing.
            tried += 1
        except (Exception, ExceptionGroup) as error:
            failed.append(f"{operation.label}: {_told(error)}")
    print(f"{tried} operations answered as documented, {len(failed)} not; {dict(callers.statuses)}")
    assert not failed, "\n\n".join(failed)


def _told(error: BaseException) -> str:
    inner = getattr(error, "exceptions", ())
    return "\n".join([str(error), *map(_told, inner)])[:1500]


@pytest.mark.parametrize(
    ("path", "size"),
    [("/v1/intake", 1_100_000), ("/v1/pools/east/intake", 1_100_000), ("/v1/session", 2_000_000)],
)
def test_an_oversized_body_is_refused_before_it_is_read(door: Door, path: str, size: int) -> None:
    ma = door.as_("manager/ma")
    ma("POST", path, status=413, content=b"[" * size, headers={"Content-Type": "application/json"})
    # Also where it does not say how large it is.
    pieces = (b" " * 100_000 for _ in range(size // 100_000 + 1))
    ma("POST", path, status=413, content=pieces, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize(
    "body", ["[" * 100_000, '{"a":' * 50_000, "1e999", '"\\ud800"', "NaN", "\ufeff{}", ""]
)
def test_what_is_hardly_json_is_refused(door: Door, body: str) -> None:
    answer = httpx.post(
        f"{door.address}/v1/pools/east/intake",
        content=body.encode(),
        headers={"Authorization": f"Bearer {door.token('manager/ma')}", "Content-Type": "application/json"},
    )
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_nobody_writes_a_line_into_the_log(door: Door, capfd: pytest.CaptureFixture[str]) -> None:
    forged = "x\n2026-11-21 [info] paid=1\x1b[2J"
    ma = door.as_("manager/ma")
    fields = {"name": forged, "phone": "138 0013 8001", "company": forged, "note": forged, forged: forged}
    ma.post(
        "/v1/pools/east/intake", {"channel": "web_form", "ref": forged, "campaign": forged, "fields": fields}
    )
    ma.get("/v1/pools/east/leads", params={"search": forged, "owner": forged[:60]})
    ma.get("/v1/pools/east/leads/x%0A%5Binfo%5D%20paid=1", status=422)
    for name in ("Leadflow-Role", "Idempotency-Key", "If-Match", "User-Agent", "X-Forwarded-For"):
        answer = httpx.get(f"{door.address}/v1/pools", headers={name: "x [info] paid=1 \x1b[2J"})
        assert answer.status_code in (400, 401, 422)
    told = "".join(capfd.readouterr())
    assert "paid=1" not in told
    assert "\x1b[2J" not in told

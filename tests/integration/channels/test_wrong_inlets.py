"""An inlet that another version wrote, and that this one cannot use: it is named, and the others go on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from consumers.operating import Operating
from leadflow.bootstrap.doctoring import examine
from leadflow.bootstrap.pulling import Pulling
from leadflow.bootstrap.reception import Reception
from leadflow.cli import leadflow
from leadflow.cli.common import run
from tests.gates import Gate, door, gate, office_template, vendor
from tests.vendors import TOKEN, Vendor

__all__ = ["door", "gate", "office_template", "vendor"]

KEYS = {"user_name": "acme", "access_token": TOKEN}
WRONG = "options.pull_minutes: Input should be less than or equal to 1440"


@pytest.fixture(autouse=True)
def command(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line works on the same database."""
    assert gate.app.settings.database_url is not None
    monkeypatch.setenv("LEADFLOW_DATABASE_URL", gate.app.settings.database_url)
    monkeypatch.setenv("LEADFLOW_HOME", str(gate.app.home))
    monkeypatch.setenv("LEADFLOW_VENDOR_PRIVATE", "allow")


def spoil(gate: Gate, name: str, column: str = "options", value: Any = None) -> None:
    """Write what an older version may have written."""
    written = json.dumps({"pull_minutes": 100_000, "left_out_since": 1} if value is None else value)
    update = f"UPDATE records.inlets SET {column} = %s WHERE id = %s"
    with gate.app.database.connection() as connection:
        connection.execute(update.encode(), (written.strip('"') if column == "kind" else written, name))


def two(gate: Gate, vendor: Vendor) -> None:
    """A good inlet and a wrong one, both asking their vendor."""
    for name in ("a-wrong", "good"):
        gate.add(
            "baidu", name, options={"api_url": vendor.address, "solution_types": "form"}, credentials=KEYS
        )
    spoil(gate, "a-wrong")


def pulling(gate: Gate) -> Pulling:
    return Pulling(Reception(gate.app), gate.door.service.submit, Operating("api"))


def test_the_others_are_pulled_for_and_the_log_names_it_once(gate: Gate, vendor: Vendor) -> None:
    two(gate, vendor)
    puller = pulling(gate)
    with capture_logs() as lines:
        assert puller.step() == ["good"]
        assert puller.step() == []
    told = [line for line in lines if line["event"] == "an inlet takes nothing"]
    assert [(line["inlet"], line["log_level"]) for line in told] == [("a-wrong", "error")]
    assert WRONG in told[0]["problem"]
    assert vendor.asked


def test_it_is_named_wherever_inlets_are_looked_at(gate: Gate, vendor: Vendor, capfd: Any) -> None:
    two(gate, vendor)
    client = gate.door.as_("manager/ma", "manage")
    gate.door.office.ask("manager/local", _joins(), "month")
    rows = {row["id"]: row for row in client.get("/v1/inlets")["items"]}
    assert WRONG in rows["a-wrong"]["wrong"]
    assert rows["good"]["wrong"] is None
    assert "left_out_since" in client.get("/v1/inlets/a-wrong")["wrong"]
    assert run(leadflow, ["inlet", "list"]) == 0
    said = capfd.readouterr().out
    assert f"a-wrong takes nothing: {WRONG}" in said
    assert run(leadflow, ["inlet", "show", "a-wrong"]) == 0
    assert WRONG in capfd.readouterr().out
    found = {one.what: one for one in examine(gate.app.settings) if one.check == "inlets"}
    (bad,) = [one for one in found.values() if one.status == "fail"]
    assert bad.what.startswith("a-wrong takes nothing: ")
    assert "leadflow inlet change a-wrong" in (bad.do or "")
    assert "1 of 2 take what comes" in found


def test_what_comes_to_it_is_to_come_again_and_tells_strangers_nothing(gate: Gate, vendor: Vendor) -> None:
    two(gate, vendor)
    call = gate.example("good")
    gate.send(call, "good")
    for path in ("/in/a-wrong", "/in/a-wrong/guess"):
        answer = gate.http.post(path, content=call.body)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert "pull_minutes" not in answer.text
    assert len(gate.arrived()) == 1
    assert run(leadflow, ["inlet", "test", "a-wrong"]) == 3
    assert run(leadflow, ["inlet", "reconcile", "a-wrong"]) == 3


def test_it_is_mended_with_its_address_and_secret(gate: Gate, vendor: Vendor, capfd: Any) -> None:
    two(gate, vendor)
    secret = gate.made["a-wrong"].secret
    assert run(leadflow, ["inlet", "change", "a-wrong", "--set", "pull_minutes=30"]) == 2
    assert "left_out_since" in capfd.readouterr().err
    change = ["inlet", "change", "a-wrong", "--set", "pull_minutes=30", "--unset", "left_out_since"]
    address = ["--set", f"api_url={vendor.address}", "--campaign", "winter"]
    assert run(leadflow, [*change, *address]) == 0
    row = gate.app.inlets.get("a-wrong")
    assert row.wrong is None
    assert (row.setup.options.pull_minutes, row.setup.campaign) == (30, "winter")
    gate.app.inlets.enable("a-wrong")
    gate.door.service.forget()
    gate.send(gate.example("a-wrong"), "a-wrong")
    assert gate.example("a-wrong").path_secret == secret
    puller = pulling(gate)
    assert set(puller.step()) == {"a-wrong", "good"}


def test_over_http_every_wrong_option_is_listed(gate: Gate, vendor: Vendor) -> None:
    two(gate, vendor)
    gate.door.office.ask("manager/local", _joins(), "month")
    client = gate.door.as_("manager/ma", "manage")
    body = {"options": {"nonsense": 1}}
    problem = client("PATCH", "/v1/inlets/a-wrong", json=body, status=422).json()
    fields = {one["field"] for one in problem["errors"]}
    assert fields == {"options.nonsense", "options.left_out_since", "options.pull_minutes"}
    mended = {
        "options": {"pull_minutes": None, "left_out_since": None},
        "origins": [],
        "allow_ips": ["203.0.113.0/24"],
    }
    found = client("PATCH", "/v1/inlets/a-wrong", json=mended).json()
    assert (found["wrong"], found["options"]["pull_minutes"], found["allow_ips"]) == (
        None,
        15,
        ["203.0.113.0/24"],
    )
    client("PATCH", "/v1/inlets/a-wrong", json={"allow_ips": ["nowhere"]}, status=422)
    client("PATCH", "/v1/inlets/a-wrong", json={"channel": "carrier_pigeon"}, status=422)
    client("PATCH", "/v1/inlets/none", json=mended, status=404)


@pytest.mark.parametrize(
    ("column", "value"), [("kind", "fax"), ("mapping", {"currency": "yuan"}), ("mapping", {"fields": 1})]
)
def test_a_kind_or_a_mapping_of_another_version(
    gate: Gate, vendor: Vendor, column: str, value: Any, capfd: Any
) -> None:
    two(gate, vendor)
    spoil(gate, "a-wrong", column, value)
    assert pulling(gate).step() == ["good"]
    capfd.readouterr()
    assert run(leadflow, ["inlet", "list", "--json"]) == 0
    rows = {row["id"]: row for row in json.loads(capfd.readouterr().out)}
    assert column in rows["a-wrong"]["wrong"]
    assert run(leadflow, ["inlet", "show", "a-wrong"]) == 0
    assert run(leadflow, ["inlet", "disable", "a-wrong"]) == 0


def _joins() -> Any:
    from leadflow.domain.requests import AddMember

    return AddMember(member="ma", role="manager")

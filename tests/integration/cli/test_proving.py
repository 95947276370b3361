"""The log, the read models and the outcome of requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.office import Desk, desk, office_template

__all__ = ["desk", "office_template"]


def test_who_may_prove_and_who_may_take_along(desk: Desk, tmp_path: Path) -> None:
    assert "All" in desk("log", "verify", "--as", "auditor/au")
    assert {pool["pool"] for pool in desk.json("log", "verify")["pools"]} == {"east", "west"}
    for actor, pool in (("manager/ma", "east"), ("manager/mo", "west")):
        (proven,) = desk.json("log", "verify", "--as", actor)["pools"]
        assert (proven["pool"], proven["broken"]) == (pool, None)
    for actor in ("rep/wang", "manager/nobody", "analyst/an"):
        assert "every pool" in desk("log", "verify", "--as", actor, code=1)
    for actor in ("auditor/au", "manager/ma"):
        assert "every pool" in desk("log", "export", str(tmp_path / "x"), "--as", actor, code=1)
        assert "every pool" in desk("backup", str(tmp_path / "x"), "--as", actor, code=1)
    assert not (tmp_path / "x").exists()


def test_an_auditor_compares_with_what_was_proved_earlier(desk: Desk, tmp_path: Path) -> None:
    proof, export = tmp_path / "proof.json", tmp_path / "log.ndjson"
    proof.write_text(desk("log", "verify", "--json"), encoding="utf-8")
    then = json.loads(proof.read_text(encoding="utf-8"))
    desk.office.arrives("later", phone="+8613900000009")
    desk("log", "export", str(export))

    for place in ([], [str(export)]):
        found = desk.json("log", "verify", *place, "--against", str(proof), "--as", "auditor/au")
        assert found["ok"]
        assert found["compared"] == then["events"] < found["events"]
        assert f"The {then['events']} that stood" in desk("log", "verify", *place, "--against", str(proof))
    (own,) = desk.json("log", "verify", "--against", str(proof), "--as", "manager/mo")["pools"]
    mine = desk.json("log", "verify", "--against", str(proof), "--as", "manager/mo")["compared"]
    assert mine == own["events"] < then["events"]
    # Nobody's rights are asked for what is not this log.
    assert desk.json("log", "verify", str(export), "--as", "rep/wang")["events"] == found["events"]

    lines = export.read_text(encoding="utf-8").splitlines(keepends=True)
    export.write_text(
        "".join(line for line in lines if '"partitionkey":"west"' not in line), encoding="utf-8"
    )
    assert "All" in desk("log", "verify", str(export))
    said = desk("log", "verify", str(export), "--against", str(proof), code=2)
    assert "west/1: is missing: the pool had" in said
    assert "1 of 2 pools are broken, west from west/1 on" in said


def test_what_is_no_proof_is_told(desk: Desk, tmp_path: Path) -> None:
    proof = tmp_path / "proof.json"
    for content in (
        "",
        "{}",
        "[]",
        '{"pools": [1]}',
        '{"pools": [{"pool": "east"}]}',
        "\udcff",
        "[" * 100_000,
    ):
        proof.write_text(content, encoding="utf-8", errors="surrogateescape")
        said = desk("log", "verify", "--against", str(proof), code=2)
        assert "this is no proof of a log" in said
        assert "log verify --json" in said
    good = {"pool": "east", "events": 3, "last_hash": "0" * 64, "broken": None}
    odd: list[dict[str, Any]] = [{"pool": "[/x]"}, {"events": True}, {"events": 3.7}, {"last_hash": None}]
    for wrong in (*odd, {"events": float("inf")}, {"last_hash": "x" * 64}, {"pool": ["east"]}):
        proof.write_text(json.dumps({"pools": [good | wrong]}))
        assert "this is no proof of a log" in desk("log", "verify", "--against", str(proof), code=2)
    proof.write_text(json.dumps({"pools": [good, good]}))
    assert "this is no proof of a log" in desk("log", "verify", "--against", str(proof), code=2)
    proof.write_text('{"pools": [{"pool": "east", "events": 3, "last_hash": null, "broken": {}}]}')
    assert "it says that pool 'east' was broken then" in desk(
        "log", "verify", "--against", str(proof), code=2
    )
    assert "both FILE and --against" in desk("log", "verify", "-", "--against", "-", code=2)
    for arguments in (["--against", str(tmp_path / "none")], [str(tmp_path / "none")], [str(tmp_path)]):
        assert "the file cannot be read" in desk("log", "verify", *arguments, code=2)
    export = tmp_path / "log.ndjson"
    for line in ("Dear auditor,", '{"partitionkey": "[/x]", "sequence": "1", "type": "x"}'):
        export.write_text(f"{line}\n")
        assert "line 1 is no event of an export" in desk("log", "verify", str(export), code=2)


def test_an_export_is_one_document_a_line(desk: Desk) -> None:
    documents = [json.loads(line) for line in desk("log", "export").splitlines()]
    assert {document["specversion"] for document in documents} == {"1.0"}
    assert documents[0]["id"] == "east/1"


def test_the_outcome_of_a_request_is_found_by_identity_or_id(desk: Desk) -> None:
    lead = desk.office.arrives("one")
    desk("claim", lead, "--as", "rep/wang", "--request-id", "mine-1")
    refused = desk("claim", lead, "--as", "rep/li", "--request-id", "mine-2", code=1)
    assert "wang" in refused
    found = desk.json("request", "show", "rep/wang:mine-1")
    assert (found["result"], found["lead"], found["facts"]) == (
        "accepted",
        lead,
        ["leadflow.lead.claimed.v1"],
    )
    assert desk.json("request", "show", "mine-1") == found
    own = desk("request", "show", "mine-2", "--as", "rep/li")
    assert "refused: wang has the lead already, by fact east/" in own
    intake = desk.json("request", "show", "intake/trade_show:one")
    assert intake["answer"] == "created"


def test_others_requests_are_answered_like_what_is_not_there(desk: Desk) -> None:
    lead = desk.office.arrives("one")
    desk("claim", lead, "--as", "rep/wang", "--request-id", "mine-1")
    hidden = desk("request", "show", "rep/wang:mine-1", "--as", "rep/li", code=2)
    missing = desk("request", "show", "rep/wang:mine-9", "--as", "rep/li", code=2)
    assert hidden.replace("mine-1", "mine-9") == missing


def test_an_id_that_several_used_is_asked_back(desk: Desk) -> None:
    first, second = desk.office.arrives("one"), desk.office.arrives("two", phone="+8613900000009")
    desk("claim", first, "--as", "rep/wang", "--request-id", "same")
    desk("claim", second, "--as", "rep/li", "--request-id", "same")
    said = desk("request", "show", "same", code=2)
    assert "rep/wang:same" in said
    assert "rep/li:same" in said
    assert desk.json("request", "show", "same", "--as", "rep/li")["lead"] == second

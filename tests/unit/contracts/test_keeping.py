"""Contracts that were published are kept: in this source tree, and by the check itself."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from leadflow import contracts
from leadflow.cli import leadflow
from leadflow.contracts.publishing import publish
from leadflow.errors import UnreadableFile

CLAIMED = "leadflow.lead.claimed.v1"
CLAIM = "leadflow.command.claim-lead.v1"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(leadflow, ["contracts", *map(str, arguments)])


def test_what_was_published_is_kept_and_everything_is_published() -> None:
    found = contracts.check(contracts.published(), contracts.current())
    assert not found.broken, "\n".join(map(str, found.broken))
    assert not found.unpublished, f"run `make contracts`: {', '.join(found.unpublished)}"


def broken(name: str, new: dict[str, object]) -> str:
    found = contracts.check(contracts.published(), contracts.current() | {name: new})
    assert found.unpublished == ()
    return "\n".join(map(str, found.broken))


def test_a_broken_contract_is_named_with_the_member_and_what_to_do() -> None:
    event = contracts.schema(CLAIMED)
    del event["properties"]["score_class"]
    told = broken(CLAIMED, event)
    assert told.startswith(f"{CLAIMED}: data.score_class is removed. The log holds events of the old shape")
    assert "a new version, leadflow.lead.claimed.v2, with an upcaster" in told
    request = contracts.schema(CLAIM)
    request["required"].append("rep")
    told = broken(CLAIM, request)
    assert told.startswith(f"{CLAIM}: data.rep is required now. Others write it")
    assert "leadflow.command.claim-lead.v2, and go on accepting" in told
    envelope = contracts.schema("leadflow.envelope.event.v1")
    envelope["required"].remove("authid")
    told = broken("leadflow.envelope.event.v1", envelope)
    assert "document.authid may be missing now" in told


def test_a_change_in_a_new_version_with_an_upcaster_passes() -> None:
    before, now = contracts.published(), contracts.current()
    newer = now.pop(CLAIMED)
    now["leadflow.lead.claimed.v2"] = newer
    del newer["properties"]["score_class"]
    assert [one.name for one in contracts.check(before, now).broken] == [CLAIMED]
    assert "Add an upcaster from it to leadflow.lead.claimed.v2" in contracts.check(before, now).broken[0].do
    found = contracts.check(before, now, lifted=[CLAIMED])
    assert (found.broken, found.unpublished) == ((), ("leadflow.lead.claimed.v2",))


def test_a_type_that_is_gone_is_told() -> None:
    now = contracts.current()
    del now[CLAIMED], now[CLAIM]
    told = {one.name: str(one) for one in contracts.check(contracts.published(), now).broken}
    assert "names are for ever" in told[CLAIMED]
    assert "no longer accepted" in told[CLAIM]


def test_publishing_writes_what_is_new_once(tmp_path: Path) -> None:
    assert publish(tmp_path) == list(contracts.names())
    assert publish(tmp_path) == []
    assert contracts.read_from(tmp_path) == contracts.published()
    old = deepcopy(contracts.schema(CLAIMED))
    del old["properties"]["chosen"]
    (tmp_path / f"{CLAIMED}.json").write_text(json.dumps(old), encoding="utf-8")
    assert publish(tmp_path) == [CLAIMED]
    old["properties"]["gone"] = {"type": "string"}
    (tmp_path / f"{CLAIMED}.json").write_text(json.dumps(old), encoding="utf-8")
    with pytest.raises(SystemExit, match=r"data\.gone is removed"):
        publish(tmp_path)


def test_an_older_version_is_served_as_it_was_published(monkeypatch: pytest.MonkeyPatch) -> None:
    old = contracts.schema(CLAIMED)
    monkeypatch.setattr("leadflow.contracts.keeping._published", lambda: {"leadflow.lead.claimed.v0": old})
    assert contracts.served("leadflow.lead.claimed.v0") == old


def test_commands_list_show_write_and_compare(tmp_path: Path) -> None:
    listed = json.loads(run("list", "--json").stdout)
    assert [one["name"] for one in listed] == list(contracts.names())
    assert listed[-1]["path"] == "/schemas/leadflow.envelope.intake.v1.json"
    assert "A rep took a public lead" in run("list").stdout
    assert json.loads(run("show", CLAIMED).stdout) == contracts.schema(CLAIMED)
    assert json.loads(run("show", f"{CLAIMED}.json").stdout) == contracts.schema(CLAIMED)
    assert json.loads(run("show", "asyncapi").stdout)["asyncapi"].startswith("3.")
    assert run("write", tmp_path / "out").stdout == f"{len(contracts.names()) + 1} files written.\n"
    assert run("check", tmp_path / "out").stdout.startswith("All ")
    file = tmp_path / "out" / f"{CLAIMED}.json"
    schema = json.loads(file.read_text(encoding="utf-8"))
    schema["properties"]["gone"] = {"type": "string"}
    file.write_text(json.dumps(schema), encoding="utf-8")
    checked = run("check", tmp_path / "out")
    assert checked.exit_code == 1
    assert f"{CLAIMED}: data.gone is removed" in checked.stdout
    document = json.loads(run("check", tmp_path / "out", "--json").stdout)
    assert (document["ok"], document["broken"][0]["path"]) == (False, "data.gone")


def test_a_directory_without_contracts_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no contracts"):
        contracts.read_from(tmp_path)
    (tmp_path / f"{CLAIMED}.json").write_text("{", encoding="utf-8")
    with pytest.raises(UnreadableFile, match="no JSON"):
        contracts.read_from(tmp_path)
    (tmp_path / f"{CLAIMED}.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UnreadableFile, match="no JSON Schema"):
        contracts.read_from(tmp_path)

"""`leadflow inlet`: doors are opened, looked at and closed by who may, and secrets are shown once."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadflow.bootstrap.inlets import KINDS
from tests.office import Desk, desk, office_template

__all__ = ["desk", "office_template"]


def test_an_inlet_from_its_opening_to_its_end(desk: Desk) -> None:
    made = desk.json("inlet", "add", "baidu", "bd-main", "--pool", "east", "--campaign", "搜索推广")
    secret = made["shown_once"]["secret"]
    assert made["path"] == f"/in/bd-main/{secret}"
    (row,) = desk.json("inlet", "list")
    assert (row["channel"], row["pool"], row["path"]) == ("baidu_ads", "east", "/in/bd-main/SECRET")
    tried = desk.json("inlet", "test", "bd-main")
    assert tried["arrivals"][0]["answer"] == "created"
    assert desk.json("leads", "--limit", "1")["total"] == 0
    rotated = desk.json("inlet", "rotate", "bd-main", "--keep-hours", "1")
    assert rotated["shown_once"]["secret"] != secret
    assert len(rotated["inlet"]["secrets"]) == 2
    assert desk.json("inlet", "disable", "bd-main")["enabled"] is False
    shown = desk.json("inlet", "show", "bd-main")
    assert shown["disabled_at"]
    desk("inlet", "enable", "bd-main")
    every = (
        desk("inlet", "list", "--json") + desk("inlet", "show", "bd-main") + desk("inlet", "test", "bd-main")
    )
    assert secret not in every
    assert rotated["shown_once"]["secret"] not in every


def test_every_kind_can_be_tried_and_shows_no_secret(desk: Desk, tmp_path: Path) -> None:
    given = tmp_path / "secret"
    given.write_text("secret-of-the-vendor\n", "utf-8")
    for number, (kind, known) in enumerate(KINDS.items()):
        if known.channel not in ("web_form", "baidu_ads", "trade_show"):
            how = ["--channel", "referral"]
        else:
            how = []
        if known.given_secret:
            assert "comes from the vendor" in desk("inlet", "add", kind, f"in-{number}", *how, code=2)
            how += ["--secret-file", str(given)]
        made = desk.json("inlet", "add", kind, f"in-{number}", "--pool", "east", *how)
        tried = desk("inlet", "test", f"in-{number}")
        assert "It would be created in east" in tried, kind
        once = made["shown_once"]
        assert ("secret" in once) == (known.secret != "none" and not known.given_secret)
        assert not any(value in tried for value in once.values())
        assert "secret-of-the-vendor" not in str(made)


def test_who_may_not_and_what_is_not_right(desk: Desk, tmp_path: Path) -> None:
    for actor in ("rep/wang", "marketing/mei", "analyst/a", "adapter/x"):
        assert desk("--as", actor, "inlet", "add", "baidu", "bd", "--pool", "east", code=1)
    desk("--as", "manager/ma", "inlet", "add", "baidu", "bd", "--pool", "east")
    desk("--as", "manager/ma", "inlet", "add", "baidu", "everywhere", code=1)
    for command in ("show", "test", "rotate", "disable"):
        desk("--as", "manager/mo", "inlet", command, "bd", code=1)
    assert desk.json("--as", "manager/mo", "inlet", "list") == []
    assert "there is an inlet bd already" in desk("inlet", "add", "baidu", "bd", "--pool", "east", code=2)
    assert "not declared" in desk("inlet", "add", "douyin", "fy", "--pool", "east", code=2)
    assert "cannot be the id" in desk("inlet", "add", "baidu", "Bd", "--pool", "east", code=2)
    wrong = desk("inlet", "add", "baidu", "x", "--pool", "east", "--set", "solution_type=form", code=2)
    assert "api_url, solution_types" in wrong
    assert "is no address" in desk(
        "inlet", "add", "baidu", "x", "--allow-ip", "all", "--pool", "east", code=2
    )
    secrets = tmp_path / "credentials.toml"
    secrets.write_text('password = "do-not-tell"', "utf-8")
    told = desk("inlet", "credentials", "bd", str(secrets), code=2)
    assert "has no credential password" in told
    secrets.write_text("access_token = do-not-tell", "utf-8")
    assert "do-not-tell" not in told + desk("inlet", "credentials", "bd", str(secrets), code=2)
    desk("inlet", "show", "nobody", code=2)


def test_the_companys_own_table_of_attribution(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = desk.json("attribution", "show")
    assert shipped["source"] == "shipped with LeadFlow"
    own = tmp_path / "attribution.toml"
    own.write_text(
        '[[rule]]\nsource = ["partner-x"]\nchannel = "referral"\nclass = "partner"\n'
        '[sites.search]\n"search.example.cn" = "ours"\n',
        "utf-8",
    )
    monkeypatch.setenv("LEADFLOW_ATTRIBUTION", str(own))
    found = desk.json("attribution", "show")
    assert found["rules"][0] == {"source": ["partner-x"], "channel": "referral", "class": "partner"}
    assert found["rules"][1:] == shipped["rules"]
    assert "search.example.cn (ours)" in desk("attribution", "show")
    form = tmp_path / "form.jsonl"
    form.write_text('{"手机": "13812345678", "utm_source": "partner-x"}\n', "utf-8")
    desk("import", str(form), "--channel", "web_form")
    (lead,) = desk.json("leads", "--status", "queue")["leads"]
    assert lead["channel"] == "referral"
    own.write_text("rule = 1", "utf-8")
    assert "attribution file is not right" in desk("attribution", "show", code=2)

"""`dead-letters` and `spend import`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leadflow.incoming.spending import channels_by_name
from tests.office import Desk, desk, office_template

__all__ = ["desk", "office_template"]


@pytest.fixture
def letter(desk: Desk, tmp_path: Path) -> str:
    path = tmp_path / "cards.csv"
    path.write_text("姓名,手机,公司\n陈晓,12,东方软件\n李娜,13912345678,蓝海\n", "utf-8")
    desk("import", str(path), "--channel", "trade_show", "--campaign", "expo")
    return str(desk.json("dead-letters", "list")[0]["id"])


def test_an_entry_shows_what_came_and_every_problem(desk: Desk, letter: str) -> None:
    text = desk("dead-letters", "show", letter)
    assert "channel trade_show, pool east" in text
    assert "手机: 12" in text
    assert "phone: is not a phone number" in text
    assert "contact: holds no usable" in text
    assert "holds no usable" in desk("dead-letters", "list")


def test_a_corrected_entry_is_the_same_arrival_once(desk: Desk, letter: str) -> None:
    assert "cannot be read yet" in desk("dead-letters", "retry", letter, code=2)
    sent = desk.json("dead-letters", "retry", letter, "--set", "phone=13800138001")
    assert sent["answer"] == "created"
    again = desk.json("dead-letters", "retry", letter, "--set", "手机=13800138001")
    assert (again["answer"], again["lead"]) == ("duplicate", sent["lead"])
    lead = desk.json("lead", "show", sent["lead"])["lead"]
    assert (lead["person_name"], lead["company_name"], lead["campaign"]) == ("陈晓", "东方软件", "expo")
    assert desk.json("dead-letters", "list") == []
    (kept,) = desk.json("dead-letters", "list", "--status", "resent")
    assert kept["resolved_by"] == f"lead {sent['lead']} of pool east, by manager/local"
    said = desk("dead-letters", "retry", letter, code=2)
    assert f"was sent again already: lead {sent['lead']} of pool east" in said


def test_a_field_that_had_no_column_can_be_given(desk: Desk, letter: str) -> None:
    sent = desk.json("dead-letters", "retry", letter, "--set", "email=chen@example.com")
    assert desk.json("lead", "show", sent["lead"])["lead"]["emails"] == ["chen@example.com"]
    assert "there is no field or column 'fon'" in desk(
        "dead-letters", "retry", letter, "--set", "fon=1", code=2
    )
    assert "is not FIELD=VALUE" in desk("dead-letters", "retry", letter, "--set", "phone", code=2)


def test_a_whole_document_can_take_its_place(desk: Desk, letter: str, tmp_path: Path) -> None:
    path = tmp_path / "fixed.json"
    path.write_text(json.dumps({"name": "陈晓", "phone": "13800138001"}), "utf-8")
    assert desk.json("dead-letters", "retry", letter, "--document", str(path))["answer"] == "created"
    path.write_text("{", "utf-8")
    assert "is not JSON" in desk("dead-letters", "retry", letter, "--document", str(path), code=2)


def test_a_list_of_another_country_can_be_sent_again_with_it(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "messe.csv"
    path.write_text("name,phone,email\nMüller,030 12345678,\n", "utf-8")
    desk("import", str(path), "--channel", "trade_show")
    entry = str(desk.json("dead-letters", "list")[0]["id"])
    sent = desk.json("dead-letters", "retry", entry, "--phone-region", "DE")
    assert desk.json("lead", "show", sent["lead"])["lead"]["phones"] == ["+493012345678"]
    assert "is no country" in desk("dead-letters", "retry", entry, "--phone-region", "Germany", code=2)


def test_an_entry_sent_again_after_it_was_resent_stays_resent(
    desk: Desk, letter: str, tmp_path: Path
) -> None:
    desk("dead-letters", "retry", letter, "--set", "phone=13800138001")
    desk("import", str(tmp_path / "cards.csv"), "--channel", "trade_show", "--campaign", "expo")
    (kept,) = desk.json("dead-letters", "list", "--status", "all")
    assert (kept["times"], kept["status"]) == (2, "resent")


def test_dead_letters_are_for_managers_of_the_pool(desk: Desk, letter: str) -> None:
    assert desk.json("--as", "manager/ma", "dead-letters", "list")
    assert desk.json("--as", "manager/mo", "dead-letters", "list") == []
    assert "there is no dead letter" in desk("--as", "manager/mo", "dead-letters", "show", letter, code=2)
    assert "there is no dead letter" in desk("--as", "rep/wang", "dead-letters", "show", letter, code=2)
    assert "may not see dead letters" in desk("--as", "rep/wang", "dead-letters", "list", code=1)
    assert "there is no dead letter 99" in desk("dead-letters", "show", "99", code=2)


# --- spend ----------------------------------------------------------------------------------

HEAD = "channel,campaign,from,to,amount,currency\n"


def spend(desk: Desk, tmp_path: Path, *rows: str, code: int = 0) -> str:
    path = tmp_path / "spend.csv"
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows), "utf-8")
    return desk("spend", "import", str(path), "--json", code=code)


OCTOBER = "baidu_ads,autumn,2026-10-01,2026-10-31,300000.00,CNY"


def test_spend_is_recorded_once_replaced_and_taken_back(desk: Desk, tmp_path: Path) -> None:
    def told(*rows: str) -> tuple[int, int, int]:
        report = json.loads(spend(desk, tmp_path, *rows))
        return report["recorded"], report["replaced"], report["unchanged"]

    dollars = "baidu_ads,autumn,2026-10-01,2026-10-31,500,USD"
    assert told(OCTOBER, dollars) == (2, 0, 0)
    end = desk.office.app.log.end()
    assert told(OCTOBER, dollars) == (0, 0, 2)
    assert desk.office.app.log.end() == end
    assert told(OCTOBER.replace("300000.00", "310000.00")) == (0, 1, 0)
    assert told(OCTOBER) == (0, 1, 0)
    assert told(OCTOBER) == (0, 0, 1)


def test_overlapping_spend_is_refused_by_a_fact(desk: Desk, tmp_path: Path) -> None:
    spend(desk, tmp_path, OCTOBER)
    said = spend(desk, tmp_path, "baidu_ads,autumn,2026-10-15,2026-11-15,100,CNY", code=1)
    assert "Row 2 refused: the period overlaps 2026-10-01..2026-10-31, recorded by fact _company/" in said


def test_a_file_of_spend_may_call_channels_by_their_labels(desk: Desk, tmp_path: Path) -> None:
    desk("pool", "open", "south")  # With the default policy, which has labels.
    spend(desk, tmp_path, OCTOBER.replace("baidu_ads", "百度推广"))
    assert json.loads(spend(desk, tmp_path, OCTOBER))["unchanged"] == 1
    said = spend(
        desk, tmp_path, OCTOBER, OCTOBER.replace("baidu_ads", "百度推广").replace("300", "1"), code=2
    )
    assert "row 3: amount is another figure for the channel, campaign and period of row 2" in said


def test_a_label_of_two_channels_names_neither() -> None:
    declared = [("seo", "搜索"), ("sem", "搜索"), ("email", "邮件"), ("email", None), ("邮件", "x")]
    names = {"seo": "seo", "sem": "sem", "email": "email", "邮件": "邮件", "x": "邮件"}
    assert channels_by_name(declared) == names


def test_a_file_of_spend_with_a_problem_records_nothing(desk: Desk, tmp_path: Path) -> None:
    end = desk.office.app.log.end()
    said = spend(
        desk,
        tmp_path,
        OCTOBER,
        "radio,x,2026-10-01,2026-10-31,100,CNY",
        "baidu_ads,y,2026-10-31,2026-10-01,100,CNY",
        "baidu_ads,z,2026-10-01,2026-10-31,100 USD,CNY",
        OCTOBER.replace("300000.00", "1"),
        "baidu_ads,autumn,2026-10-31,2026-11-30,100,CNY",
        code=2,
    )
    for part in (
        "row 3: channel is no channel that a policy declares",
        "row 4: to is before the first day",
        "row 5: currency names two currencies: CNY, USD",
        "row 6: amount is another figure for the channel, campaign and period of row 2",
        "row 7: period overlaps that of row 2, 2026-10-01..2026-10-31",
    ):
        assert part in said
    desk.office.app.settle()
    assert desk.office.app.log.end() == end


def test_only_managers_and_marketing_record_spend(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "spend.csv"
    path.write_text(HEAD + OCTOBER + "\n", "utf-8")
    assert "may not record spend" in desk("--as", "rep/wang", "spend", "import", str(path), code=1)
    desk("--as", "marketing/mei", "spend", "import", str(path))

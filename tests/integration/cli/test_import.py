"""`import`: mapping shown, counts, dead letters, dry runs, routing, bad files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from leadflow.domain import requests as r
from leadflow.domain.routing import Route, RoutingTable
from leadflow.domain.values import COMPANY_STREAM
from tests.office import Desk, desk, office_template

__all__ = ["desk", "office_template"]

WORKBOOKS = Path(__file__).parents[2] / "data" / "workbooks"
ROWS = """姓名,手机,邮箱,公司,地区,备注
陈晓,138 0013 8001,Chen.Xiao@example.com,东方软件,上海,想看演示
李娜,+86 139-1234-5678,,蓝海物流,杭州,
陈晓,13800138001,,东方软件,上海,又来问价格
未留号码,,,某公司,北京,
王磊,１３７０００１２３４,lei@example.org,北风,上海,
"""


@pytest.fixture
def cards(tmp_path: Path) -> str:
    path = tmp_path / "cards.csv"
    path.write_text(ROWS, "utf-8")
    return str(path)


def counts(report: Any) -> tuple[int, ...]:
    return tuple(report[name] for name in ("rows", "created", "merged", "duplicate", "unreadable"))


def log_end(desk: Desk) -> int:
    return desk.office.app.log.end()


def test_it_counts_and_names_problems_by_row_and_field(desk: Desk, cards: str) -> None:
    report = desk.json("import", cards, "--channel", "trade_show", "--campaign", "expo")
    assert counts(report) == (5, 3, 1, 0, 1)
    assert report["mapping"]["columns"]["手机"] == "phone"
    assert report["by_pool"] == {"east": 4}
    lost = [(p["row"], p["field"]) for p in report["problems"] if p["unreadable"]]
    assert lost == [(5, "contact")]
    assert [(p["row"], p["field"]) for p in report["problems"] if not p["unreadable"]] == [(6, "phone")]
    lead = desk.json("leads", "--search", "chen.xiao")["leads"][0]
    assert (lead["campaign"], lead["touches"]) == ("expo", 2)


def test_it_shows_what_it_mapped_and_what_became_of_the_rows(desk: Desk, cards: str) -> None:
    text = desk("import", cards, "--channel", "trade_show")
    assert "cards.csv (csv, utf-8) went to east, channel trade_show" in text
    assert "姓名 → name · 手机 → phone" in text
    assert "1 × contact holds no usable phone number, e-mail or WeChat id (row 5)" in text
    assert "1 unreadable row is kept: `leadflow dead-letters list`" in text


def test_it_shows_which_rows_are_none_and_how_dates_are_read(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("名单\n姓名,手机,提交时间\n张伟,13812345678,11/13/2026\n合计,1\n", "utf-8")
    text = desk("import", str(path), "--channel", "trade_show", "--dry-run")
    assert "no rows  1 title · 1 total" in text
    assert "dates    like 11/3/2026 are read month-first" in text


def test_a_sheet_that_is_not_read_is_named_and_rows_say_their_sheet(desk: Desk, tmp_path: Path) -> None:
    path, book = tmp_path / "days.xlsx", openpyxl.Workbook()
    for name, rows in {
        "one": [["手机"], ["12345"]],
        "two": [["手机"], ["123456"], ["12345"]],
        "three": [["李娜", "13912345678"]],
    }.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    text = desk("import", str(path), "--channel", "trade_show", "--dry-run")
    assert "sheet    three: not read: it holds contact points, but no header that is known" in text
    assert (
        "2 × phone is not a phone number of CN or with a country code (5 digits) (row one 2, two 3)" in text
    )


def test_a_second_import_creates_nothing(desk: Desk, cards: str) -> None:
    desk("import", cards, "--channel", "trade_show")
    end = log_end(desk)
    assert counts(desk.json("import", cards, "--channel", "trade_show")) == (5, 0, 0, 4, 1)
    assert log_end(desk) == end
    (letter,) = desk.json("dead-letters", "list")
    assert (letter["times"], letter["status"]) == (2, "waiting")


def test_a_file_that_comes_again_with_one_row_more_adds_one_touch(desk: Desk, cards: str) -> None:
    desk("import", cards, "--channel", "trade_show")
    Path(cards).write_text(ROWS + "李娜,13912345678,,蓝海物流,杭州,第二次\n", "utf-8")
    assert counts(desk.json("import", cards, "--channel", "trade_show")) == (6, 0, 1, 4, 1)


def test_a_dry_run_says_what_each_row_would_be_and_changes_nothing(desk: Desk, cards: str) -> None:
    end = log_end(desk)
    report = desk.json("import", cards, "--channel", "trade_show", "--dry-run")
    assert counts(report) == (5, 3, 1, 0, 1)
    assert [line["answer"] for line in report["would_be"]] == [
        "created",
        "created",
        "merged",
        "unreadable",
        "created",
    ]
    assert "Nothing was changed." in desk("import", cards, "--channel", "trade_show", "--dry-run")
    assert (log_end(desk), desk.json("dead-letters", "list")) == (end, [])
    desk("import", cards, "--channel", "trade_show")
    again = desk.json("import", cards, "--channel", "trade_show", "--dry-run")
    assert counts(again) == (5, 0, 0, 4, 1)
    known = desk.json("import", cards, "--channel", "email", "--dry-run")
    assert counts(known) == (5, 0, 4, 0, 1)
    assert known["would_be"][0]["lead"] in {lead["lead"] for lead in desk.json("leads")["leads"]}


def test_rows_go_where_the_routing_table_says(
    desk: Desk, cards: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEADFLOW_POOL")
    assert "no routing table" in desk("import", cards, "--channel", "trade_show", code=2)
    table = RoutingTable(routes=(Route(pool="west", region=("上海",)),), default="east")
    desk.office.ask("manager/local", r.PublishRouting(table=table), COMPANY_STREAM)
    report = desk.json("import", cards, "--channel", "trade_show")
    assert report["by_pool"] == {"west": 3, "east": 1}
    assert desk.json("import", cards, "--channel", "trade_show", "--pool", "east")["by_pool"] == {"east": 4}


def test_a_day_is_for_rows_that_do_not_say_when(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "dated.csv"
    path.write_text("name,phone,created at\nA,13800138001,2026-10-02 08:00\nB,13800138002,\n", "utf-8")
    desk("import", str(path), "--channel", "trade_show", "--date", "2026-10-11")
    moments = []
    for lead in desk.json("leads", "--sort", "age")["leads"]:
        (touch,) = desk.json("lead", "show", lead["lead"])["touches"]
        moments.append(touch["occurred_at"])
    assert moments == ["2026-10-02T00:00:00.000000Z", "2026-10-11T04:00:00.000000Z"]


def test_a_mapping_file_says_what_cannot_be_guessed(desk: Desk, tmp_path: Path) -> None:
    path, mapping = tmp_path / "odd.csv", tmp_path / "map.toml"
    path.write_text("wer,wie\nA,13800138001\n", "utf-8")
    mapping.write_text('[columns]\nwer = "name"\nwie = "phone"\n', "utf-8")
    assert "the columns seen are: wer, wie" in desk("import", str(path), "--channel", "email", code=2)
    report = desk.json("import", str(path), "--channel", "email", "--map", str(mapping))
    assert counts(report) == (1, 1, 0, 0, 0)
    assert report["mapping"]["missing"] == []
    mapping.write_text('[columns]\nwer = "name"\nwie = "phone"\nwo = "city"\n', "utf-8")
    said = desk("import", str(path), "--channel", "email", "--map", str(mapping))
    assert "missing  wo: named by the mapping file, and no column here" in said


def test_an_encoding_may_be_named(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_bytes("name,phone\n翟赟翀,13800138000\n".encode("gbk"))
    trying = ("import", str(path), "--channel", "trade_show", "--dry-run")
    assert "gb18030 is a guess: if names look wrong, say which it is with --encoding" in desk(*trying)
    assert "is a guess" not in desk(*trying, "--encoding", "gbk")
    assert "is not encoded in utf-8" in desk(*trying, "--encoding", "utf-8", code=2)
    assert "there is no encoding 'klingon'" in desk(*trying, "--encoding", "klingon", code=2)


def test_a_list_from_another_country_says_so(desk: Desk, tmp_path: Path) -> None:
    file, mapping = tmp_path / "messe.csv", tmp_path / "map.toml"
    file.write_text("Name,Telefon\nAnna,030 901820\nBernd,0049 30 901821\n", "utf-8")
    mapping.write_text('region = "US"\n[columns]\nTelefon = "phone"\n', "utf-8")
    arguments = ("import", str(file), "--channel", "trade_show", "--map", str(mapping))
    assert desk.json(*arguments, "--phone-region", "de")["created"] == 2
    given = ("--channel", "trade_show", "--phone", "030 901822", "--phone-region", "DE")
    third = desk.json("intake", *given)["lead"]
    desk("edit", third, "--phone", "030 901823", "--phone-region", "DE")
    phones = [phone for lead in desk.json("leads", "--as", "manager/ma")["leads"] for phone in lead["phones"]]
    assert sorted(phones) == [f"+493090182{number}" for number in range(4)]
    assert "no country" in desk(*arguments, "--phone-region", "Germany", code=2)


def test_who_may_not_send_leads_is_refused_before_anything_is_decided(desk: Desk, cards: str) -> None:
    end = log_end(desk)
    said = desk("--as", "analyst/an", "import", cards, "--channel", "trade_show", code=1)
    assert "analyst/an may not send leads to pool east" in said
    assert log_end(desk) == end


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("broken.xlsx", b"PK\x03\x04" + b"\0" * 500, ""),
        ("empty.csv", b"", "empty"),
        ("headless.csv", b"1,2,3\n4,5,6\n", "header"),
        ("picture.png", b"\x89PNG\r\n", "a picture"),
        ("page.xlsx", b"<html><table></table></html>", "no workbook"),
    ],
)
def test_a_file_that_cannot_be_read_changes_nothing(
    desk: Desk, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    path, end = tmp_path / name, log_end(desk)
    path.write_bytes(content)
    assert said in desk("import", str(path), "--channel", "trade_show", code=2)
    assert log_end(desk) == end


def test_protected_and_missing_files_and_unknown_channels(desk: Desk, cards: str, tmp_path: Path) -> None:
    protected = str(WORKBOOKS / "protected.xlsx")
    assert "password" in desk("import", protected, "--channel", "trade_show", code=2)
    assert "does not exist" in desk("import", str(tmp_path / "no.csv"), "--channel", "trade_show", code=2)
    said = desk("import", cards, "--channel", "radio", code=2)
    assert "the channel 'radio' is not declared" in said
    assert "baidu_ads, email, referral, seo, trade_show, web_form" in said
    assert "there is no pool: north" in desk("import", cards, "--channel", "email", "--pool", "north", code=2)


def test_what_would_be_a_formula_elsewhere_never_leaves_in_a_csv_as_one(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "formulas.csv"
    path.write_text("name,phone,campaign\n=HYPERLINK(1),13800138001,+SUM(A1)\n", "utf-8")
    desk("import", str(path), "--channel", "email")
    assert desk.json("leads")["leads"][0]["person_name"] == "=HYPERLINK(1)"
    out = desk("report", "channels", "--csv")
    rows = list(csv.reader(out.splitlines()))
    assert "'+SUM(A1)" in {cell for row in rows for cell in row}
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)


# --- one lead -------------------------------------------------------------------------------


def test_one_lead_from_options(desk: Desk) -> None:
    arguments = (
        "intake",
        "--channel",
        "trade_show",
        "--name",
        "王",
        "--phone",
        "138 0013 8001",
        "--size",
        "600",
    )
    said = desk(*arguments)
    assert said.startswith("New lead ")
    assert "rule rest" in said
    again = desk.json(*arguments)
    assert again["answer"] == "duplicate"
    other = desk.json(
        "intake", "--channel", "email", "--email", "w@x.cn", "--phone", "13800138001", "--ref", "e1"
    )
    assert (other["answer"], other["lead"]) == ("merged", again["lead"])
    lead = desk.json("lead", "show", again["lead"])["lead"]
    assert (lead["emails"], lead["size"], lead["touches"]) == (["w@x.cn"], 600, 2)


def test_an_arrival_that_is_named_is_another_one_however_short_its_name_is(desk: Desk) -> None:
    arguments = ("intake", "--channel", "email", "--phone", "13800138001", "--ref")
    answers = [desk.json(*arguments, ref) for ref in ("1", "2", "2")]
    assert [answer["answer"] for answer in answers] == ["created", "merged", "duplicate"]
    assert desk.json("lead", "show", answers[0]["lead"])["lead"]["touches"] == 2


def feed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    path = tmp_path / "stdin.json"
    path.write_text(text, "utf-8")
    monkeypatch.setattr("sys.stdin", path.open(encoding="utf-8"))


def test_one_lead_from_a_json_document(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    document = {
        "name": "王",
        "手机": "13800138001",
        "referrer": "https://www.baidu.com/s?wd=crm",
        "id": "f-1",
    }
    feed(monkeypatch, tmp_path, json.dumps(document))
    answer = desk.json("intake", "--channel", "web_form")
    assert answer["answer"] == "created"
    assert desk.json("lead", "show", answer["lead"])["touches"][0]["channel"] == "seo"


@pytest.mark.parametrize(
    ("text", "why", "how"),
    [
        ("{not json", "document is no JSON", "--document FILE"),
        ("[1, 2]", "document is JSON, but not an object", "--document FILE"),
        ('{"name": "王"}', "contact holds no usable", "--set phone="),
    ],
)
def test_what_cannot_be_read_is_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, why: str, how: str
) -> None:
    feed(monkeypatch, tmp_path, text)
    said = desk("intake", "--channel", "web_form", code=2)
    assert why in said
    assert "It is kept as dead letter 1" in said
    assert how in said
    (letter,) = desk.json("dead-letters", "list")
    assert (letter["channel"], letter["door"]) == ("web_form", "web_form")


def test_nothing_given_is_no_lead(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    feed(monkeypatch, tmp_path, " \n")
    assert "no lead was given" in desk("intake", "--channel", "web_form", code=2)
    assert desk.json("dead-letters", "list") == []


def test_the_channel_of_one_lead_must_be_declared(desk: Desk) -> None:
    said = desk("intake", "--channel", "radio", "--phone", "13800138001", code=2)
    assert "Declared are: baidu_ads" in said

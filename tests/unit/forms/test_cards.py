"""Cards as phones, scanners and address books write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadflow.errors import UnreadableFile
from leadflow.intake.arrivals import ArrivalReader
from leadflow.intake.channels.cards import asked_of, cards_of, is_card, read_cards
from leadflow.intake.files import open_arrivals

NOKIA = (
    "BEGIN:VCARD\r\nVERSION:2.1\r\n"
    "N;CHARSET=GB2312;ENCODING=QUOTED-PRINTABLE:=D5=C5;=CE=B0\r\n"
    "TEL;CELL:138-1234-5678\r\nTEL;WORK;FAX:010-65001235\r\nTEL;WORK;VOICE:010-65001234\r\n"
    "EMAIL;INTERNET;PREF:Zhang.Wei@Example.cn\r\n"
    "ORG;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=E7=94=B2=E5=85=\r\n"
    "=AC=E5=8F=B8;=E5=B8=82=E5=9C=BA=E9=83=A8\r\n"
    "NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:=E6=83=B3=E7=9C=8B=0D=0A=E6=BC=94=E7=A4=BA\r\n"
    "PHOTO;ENCODING=BASE64;TYPE=JPEG:/9j/4AAQSkZJRgABAQAAAQABAAD/\r\n 2wBDAAgGBgcGBQgH\r\n\r\n"
    "END:VCARD\r\n"
)
IPHONE = """BEGIN:VCARD
VERSION:3.0
PRODID:-//Apple Inc.//iPhone OS 17.0//EN
N:Müller;Renée;;Dr.;
FN:Dr. Renée Müller
ORG:Blaue See\\, Logistik GmbH;Einkauf;
TITLE:Head of Purchasing
item1.EMAIL;type=INTERNET;type=pref:renee@blaue-see.example
item1.X-ABLabel:_$!<Work>!$_
TEL;type=CELL;type=VOICE;type=pref:+49 170 1234567
TEL;type=WORK:+49 30 1234567
item2.ADR;type=WORK;type=pref:;;Seestr. 1;Berlin;Berlin;10115;Germany
X-SOCIALPROFILE;type=wechat;x-user=renee_m:x-apple:renee_m
NOTE:erste Zeile\\nzweite
  Zeile
END:VCARD
"""
FOUR = (
    "BEGIN:VCARD\nVERSION:4.0\nFN:陈静\nN:陈;静;;;\nORG:乙公司\n"
    'TEL;VALUE=uri;TYPE="voice,work":tel:+86-21-61234567;ext=102\nTEL;VALUE=uri;TYPE=cell:tel:+8613912345678\n'
    "EMAIL;TYPE=work:mailto:chen.jing@example.cn\nIMPP;PREF=1:wechat:chenjing_99\n"
    'ADR;LABEL="上海市: 世纪大道 1 号":;;世纪大道 1 号;上海;上海;200120;中国\nX-QQ:10001\nEND:VCARD'
)
MECARD = (
    "MECARD:N:李,娜;SOUND:LI,NA;TEL:13712345678;TEL:010-65001234;EMAIL:li.na@example.cn;"
    "ORG:丙公司;ADR:,,人民路 1,杭州,浙江,310000,中国;NOTE:展台 A12\\; 要报价;URL:http\\://example.cn;;"
)


def person(text: str) -> Any:
    """What the reader understands of the one card."""
    (document,) = read_cards(text)
    arrival = ArrivalReader("trade_show", door="fair").read(asked_of(document))
    assert arrival.body is not None, arrival.problems
    return arrival.body


def test_2_1_in_quoted_printable_and_two_charsets() -> None:
    assert read_cards(NOKIA) == [
        {
            "name": "张伟",
            "phone (cell)": "138-1234-5678",
            "fax": "010-65001235",
            "phone (work)": "010-65001234",
            "email": "Zhang.Wei@Example.cn",
            "company": "甲公司",
            "department": "市场部",
            "note": "想看\r\n演示",
        }
    ]
    body = person(NOKIA)
    assert body.person.phones == ("+8613812345678", "+861065001234")
    assert body.person.emails == ("zhang.wei@example.cn",)
    assert body.person.answers == {"fax": "010-65001235", "department": "市场部"}
    assert (body.asked, body.filled) == (5, 4)


def test_3_0_folded_grouped_and_escaped() -> None:
    body = person(IPHONE)
    assert body.person.name == "Dr. Renée Müller"
    assert body.person.phones == ("+491701234567", "+49301234567")
    assert body.person.wechats == ("renee_m",)
    assert body.company.name == "Blaue See, Logistik GmbH"
    assert body.person.note == "erste Zeile\nzweite Zeile"
    assert body.person.answers["title"] == "Head of Purchasing"
    assert body.person.answers["address"] == "Germany Berlin Berlin Seestr. 1 10115"


def test_4_0_with_uris_and_a_quoted_parameter() -> None:
    body = person(FOUR)
    assert body.person.phones == ("+862161234567", "+8613912345678")
    assert body.person.emails == ("chen.jing@example.cn",)
    assert body.person.wechats == ("chenjing_99",)
    assert body.company.region
    assert body.person.answers["qq"] == "10001"


def test_mecard() -> None:
    body = person(MECARD)
    assert body.person.name == "李娜"
    assert body.person.phones == ("+8613712345678", "+861065001234")
    assert body.person.note == "展台 A12; 要报价"
    assert body.company.name == "丙公司"
    assert body.person.answers["website"] == "http://example.cn"


@pytest.mark.parametrize("column", ["X-WECHAT", "x-weixin", "X-WECHAT-ID"])
def test_wechat_of_those_who_write_it_themselves(column: str) -> None:
    assert person(f"BEGIN:VCARD\nFN:A\n{column}:zhang_88\nEND:VCARD").person.wechats == ("zhang_88",)


def test_what_keeps_to_no_standard_is_read_as_far_as_it_goes() -> None:
    text = (
        "junk\n begin:vcard \nVERSION:2.1\nno colon here\n;;:x\nTEL;ENCODING=WHAT:13812345678\n"
        "EMAIL;CHARSET=NO-SUCH;ENCODING=QUOTED-PRINTABLE:a=40example.cn\nN:Wei;Zhang\nTEL:13812345678\n"
    )
    assert is_card("BEGIN:VCARD\r\n")
    assert not is_card("https://example.cn/f/fair?rep=wang")
    assert read_cards(text) == [{"name": "Zhang Wei", "phone": "13812345678", "email": "a@example.cn"}]


def test_several_cards_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "cards.vcf"
    path.write_text(
        NOKIA.replace("\r\n", "\n") + "\n" + IPHONE + "BEGIN:VCARD\nFN:空\nEND:VCARD\n", "gb18030"
    )
    file = open_arrivals(path, "trade_show", campaign="进博会 2026")
    rows = list(file)
    assert [row.row for row in rows] == [1, 16, 32]
    assert [row.arrival.body is not None for row in rows] == [True, True, False]
    body = rows[0].arrival.body
    assert body is not None
    assert (body.touch.channel, body.touch.campaign, body.touch.door) == ("trade_show", "进博会 2026", "file")
    assert rows[2].arrival.problems[-1].code == "no_contact_point"
    assert rows[2].payload() == {"name": "空"}
    said = file.report()
    assert said["format"] == "vcf"
    assert said["columns"]["phone (cell)"] == "phone"
    assert len({row.arrival.ref for row in open_arrivals(path, "trade_show")}) == 3


def test_a_file_without_a_card_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "cards.vcf"
    path.write_text("nothing", "utf-8")
    with pytest.raises(UnreadableFile, match="no vCard"):
        open_arrivals(path, "trade_show")


def test_cards_tell_the_line_that_they_begin_in() -> None:
    lines = "BEGIN:VCARD\nTEL:1\nBEGIN:VCARD\nTEL:2\nEND:VCARD\nTEL:3\n".splitlines()
    assert list(cards_of(lines)) == [(1, {"phone": "1"}), (3, {"phone": "2"})]


@given(st.text(max_size=200), st.sampled_from(["BEGIN:VCARD\n", "MECARD:", ""]))
def test_no_text_is_too_strange(text: str, before: str) -> None:
    for document in read_cards(before + text):
        assert not any("\0" in value for value in document.values())
        ArrivalReader("trade_show").read(document)

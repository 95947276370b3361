"""What the command line makes of an inlet: a snippet, codes to print, booths' links; and it imports cards."""

from __future__ import annotations

from pathlib import Path

from leadflow.bootstrap.forms import SCRIPT, asset
from tests.office import Desk, desk, office_template

__all__ = ["desk", "office_template"]

URL = "https://leads.example.cn"


def test_snippets_codes_and_links(desk: Desk, tmp_path: Path) -> None:
    desk("inlet", "add", "website", "site", "--pool", "east")
    secret = desk.json("inlet", "add", "trade_show", "fair", "--pool", "east")["shown_once"]["secret"]
    made = desk.json("inlet", "snippet", "site", "--url", URL)
    script = asset(SCRIPT)
    assert script is not None
    assert f'action="{URL}/in/site"' in made["html"]
    assert f'integrity="{script.integrity}"' in made["html"]
    assert "integrity" not in desk.json("inlet", "snippet", "site", "--url", URL, "--no-integrity")["html"]
    beginnings = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}
    for ending, beginning in beginnings.items():
        out = tmp_path / f"code{ending}"
        who = ("--rep", "wang", "--booth", "A12")
        made = desk.json("inlet", "qr", "fair", *who, "--out", str(out), "--url", URL + "/")
        assert made["url"] == f"{URL}/f/fair?rep=wang&booth=A12"
        assert out.read_bytes().startswith(beginning)
    link = desk("inlet", "booth", "fair", "--rep", "wang", "--url", URL).strip()
    assert link.startswith(f"{URL}/fair/fair#")
    assert secret not in link


def test_what_cannot_be_made_is_told(desk: Desk, tmp_path: Path) -> None:
    desk("inlet", "add", "website", "site", "--pool", "east")
    desk("inlet", "add", "baidu", "bd", "--pool", "east")
    assert "LEADFLOW_PUBLIC_URL" in desk("inlet", "snippet", "site", code=2)
    assert "no forms of people" in desk("inlet", "snippet", "bd", "--url", URL, code=2)
    assert "takes no scanned cards" in desk("inlet", "booth", "site", "--url", URL, code=2)
    out = ("--out", str(tmp_path / "code.gif"))
    assert ".svg, .png or .pdf" in desk("inlet", "qr", "site", "--url", URL, *out, code=2)
    assert desk("--as", "rep/wang", "inlet", "qr", "site", "--url", URL, code=1)
    wrong = ("inlet", "add", "website", "other", "--pool", "east", "--set")
    assert "asks for one of phone" in desk(*wrong, "fields=name,company", code=2)
    assert "required and not asked for" in desk(*wrong, "required=industry", code=2)


def test_a_file_of_cards_is_imported(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "booth.vcf"
    card = "BEGIN:VCARD\nVERSION:3.0\nFN:{}\nORG:甲公司\nTEL:{}\nEND:VCARD\n"
    file.write_text(card.format("张伟", "13812345678") + card.format("李娜", ""), "utf-8")
    how = ("import", str(file), "--channel", "trade_show", "--campaign", "进博会", "--pool", "east")
    report = desk.json(*how)
    assert (report["created"], report["unreadable"], report["mapping"]["format"]) == (1, 1, "vcf")
    assert desk.json(*how)["duplicate"] == 1

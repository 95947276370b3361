"""The pages and the script in a real browser: one of it, and one server, for all of these tests."""

from __future__ import annotations

from pathlib import Path

import pytest
import segno

from tests.chromium import Tab
from tests.stage import CARD, EVIL, Scene


def test_the_script_sends_a_form_once_with_how_the_visit_began(scene: Scene, tab: Tab) -> None:
    landing = f"{scene.site}/landing?utm_source=baidu&utm_medium=cpc&utm_campaign=autumn&bd_vid=12"
    tab.open(landing)
    tab.open(f"{scene.site}/form")
    tab.fill({"[name=name]": "访客 " + EVIL, "[name=phone]": "13800000001"})
    tab.run("const b = document.querySelector('button'); b.click(); b.click(); true")
    assert "已收到" in tab.until("document.querySelector('.leadflow-done')?.textContent")
    (arrived,) = scene.arrived("访客")
    assert arrived.person.name == "访客 " + EVIL
    assert arrived.touch.landing_page == landing
    assert (arrived.touch.channel, arrived.touch.campaign) == ("baidu_ads", "autumn")
    assert arrived.touch.click_ids == {"bd_vid": "12"}
    assert tab.run("document.cookie") == ""


def test_the_script_shows_what_is_wrong_and_tries_again(scene: Scene, tab: Tab) -> None:
    tab.open(f"{scene.site}/form")
    tab.fill({"[name=name]": "再来", "[name=phone]": "12"})
    tab.click("button")
    assert "手机号码" in tab.until("document.querySelector('[name=phone] + .leadflow-error')?.textContent")
    assert tab.run("document.activeElement.name") == "phone"
    tab.run("document.querySelector('[name=phone]').value = '13800000002'")
    tab.offline(True)
    tab.click("button")
    tab.until("document.querySelector('.leadflow-error')?.textContent.includes('暂时无法')")
    tab.offline(False)
    tab.click("button")
    tab.until("document.querySelector('.leadflow-done')")
    assert len(scene.arrived("再来")) == 1


def test_the_script_sets_the_inlets_own_trap(scene: Scene, tab: Tab) -> None:
    for name, trap in (("访者", ""), ("机器", "https://spam.example")):
        tab.open(f"{scene.site}/trap")
        tab.fill({"[name=name]": name, "[name=phone]": "13800000011"})
        assert tab.run("[...document.querySelectorAll('form input')].at(-1).name") == "homepage"
        tab.run(f"document.querySelector('[name=homepage]').value = '{trap}'")
        tab.click("button")
        # A machine is told what everybody is told.
        tab.until("document.querySelector('.leadflow-done')")
    assert len(scene.arrived("访者")) == 1
    assert scene.arrived("机器") == []
    (letter,) = [letter for letter in scene.gate.letters() if letter.inlet == "trap"]
    assert letter.problems[0]["code"] == "honeypot"
    assert letter.problems[0]["field"] == "homepage"


def test_without_javascript_the_form_of_a_site_posts_itself(scene: Scene, tab: Tab) -> None:
    tab.open(f"{scene.site}/form")
    tab.fill({"[name=name]": "无脚本", "[name=phone]": "13800000003"})
    tab.script(False)
    tab.run("HTMLFormElement.prototype.submit.call(document.querySelector('form'))")
    tab.until("location.pathname === '/in/site' && document.body.innerText.includes('Thank you')")
    assert len(scene.arrived("无脚本")) == 1


@pytest.mark.parametrize("scripts", [True, False], ids=["with-js", "without-js"])
def test_the_hosted_page_works_with_and_without_javascript(scene: Scene, tab: Tab, scripts: bool) -> None:
    name = "托管" + ("有" if scripts else "无")
    tab.script(scripts)
    tab.open(f"{scene.own}/f/page?lang=zh")
    tab.run("document.querySelector('form').noValidate = true")
    tab.fill({"#name": name + EVIL, "#phone": "12"})
    tab.click("#consent")
    tab.click("button")
    assert "正确的手机号码" in tab.until("document.querySelector('#phone-error')?.innerText")
    assert tab.run("document.querySelector('#name').value") == name + EVIL
    assert tab.run("document.title") != "evil"
    tab.run("document.querySelector('#phone').value = '13800000004'")
    tab.click("button")
    tab.until("location.pathname === '/f/page/thanks' && document.body.innerText.includes('谢谢')")
    assert len(scene.arrived(name)) == 1


def test_a_tablet_starts_over_for_the_next_visitor(scene: Scene, tab: Tab) -> None:
    tab.open(f"{scene.own}/f/fair?kiosk=1&lang=zh&booth=A12&campaign=CIIE")
    tab.fill({"#name": "展台访客", "#wechat": "booth_visitor"})
    tab.run("document.querySelector('#rep').value = 'li'")
    tab.click(".chip input")
    tab.click("button")
    tab.until("location.pathname === '/f/fair/thanks'")
    tab.until("location.pathname === '/f/fair' && document.readyState === 'complete'")
    values = "['name', 'wechat', 'rep', 'booth'].map(id => document.getElementById(id).value).join()"
    assert tab.run(values) == ",,li,A12"
    (arrived,) = scene.arrived("展台访客")
    assert arrived.person.answers == {"rep": "li", "booth": "A12", "interest": "报价"}
    assert arrived.touch.campaign == "CIIE"


def test_a_photo_of_a_card_is_read_corrected_and_sent(scene: Scene, tab: Tab, tmp_path: Path) -> None:
    photo = tmp_path / "card.png"
    segno.make_qr(CARD, encoding="utf-8").save(str(photo), scale=6, border=8)
    tab.open(scene.fair(rep="wang", booth="A12"))
    assert "#" not in tab.run("location.href")
    tab.until("!document.querySelector('#start').hidden")
    tab.choose("#photo", photo)
    tab.until("!document.querySelector('#card').hidden")
    shown = tab.run(
        "Object.fromEntries([...document.querySelectorAll('[data-column]')]"
        ".map(one => [one.dataset.column, one.value]))"
    )
    assert shown == {
        "name": "张伟",
        "company": "甲公司",
        "title": "采购经理",
        "phone (cell)": "138 1234 5678",
        "email": "zhang.wei@example.cn",
        "wechat": "",
    }
    tab.run("document.querySelector('[data-column=name]').value = '张伟明'")
    tab.fill({"#card-note": "想看演示", "[data-column=wechat]": "zhang_88"})
    tab.click(".chip input")
    tab.click("#card .main")
    tab.until("document.querySelector('#cards .sent')")
    (arrived,) = scene.arrived("张伟明")
    assert (arrived.touch.door, arrived.touch.channel, arrived.touch.campaign) == (
        "trade_show",
        "trade_show",
        "进博会",
    )
    assert arrived.person.phones == ("+8613812345678",)
    assert arrived.person.wechats == ("zhang_88",)
    assert arrived.person.note == "想看演示"
    assert arrived.person.answers == {"rep": "wang", "booth": "A12", "interest": "报价", "title": "采购经理"}


def test_the_camera_finds_a_card_and_is_closed_then(scene: Scene, tab: Tab) -> None:
    tab.open(scene.fair(rep="wang"))
    tab.until("!document.querySelector('#start').hidden")
    tab.click("#scan")
    tab.until("!document.querySelector('#card').hidden")
    assert tab.run("document.querySelector('[data-column=name]').value") == "相机"
    assert tab.run("document.querySelector('#video').srcObject.getTracks()[0].readyState") == "ended"
    assert tab.run("document.querySelector('#camera').hidden")


def test_a_code_of_ours_sets_the_place_and_names_are_text(scene: Scene, tab: Tab, tmp_path: Path) -> None:
    tab.open(scene.fair())
    tab.until("!document.querySelector('#start').hidden")
    code, evil = tmp_path / "ours.png", tmp_path / "evil.vcf"
    segno.make_qr(f"{scene.own}/f/fair?rep=wang&booth=B7&campaign=CIIE").save(str(code), scale=6, border=6)
    tab.choose("#photo", code)
    tab.until("document.querySelector('#who').innerText.includes('B7 · wang')")
    portrait = "PHOTO;ENCODING=b;TYPE=JPEG:" + "\n ".join(["/9j/4AAQSkZJRgABAQAAAQABAAD/2wBD"] * 4000)
    text = f"BEGIN:VCARD\nFN:图{EVIL}\n{portrait}\nTEL:13800000009\nEND:VCARD\n"
    evil.write_text(text, "utf-8")
    tab.choose("#photo", evil)
    tab.until("!document.querySelector('#card').hidden")
    tab.click("#card .main")
    tab.until("document.querySelector('#cards .sent')")
    assert tab.run("document.querySelectorAll('main img').length") == 0
    assert tab.run("document.title") != "evil"
    (arrived,) = scene.arrived("图")
    assert arrived.person.answers == {"rep": "wang", "booth": "B7"}
    assert arrived.touch.campaign == "CIIE"


def test_without_a_link_the_page_says_what_is_needed(scene: Scene, tab: Tab) -> None:
    tab.open(f"{scene.own}/fair/fair?lang=zh")
    tab.until("!document.querySelector('#locked').hidden")
    assert "展台链接" in tab.text()
    assert tab.run("document.querySelector('#start').hidden")

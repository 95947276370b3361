"""Small rules of pages: languages, tickets, codes, and that every text is in both languages."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from leadflow.forms.assets import SCRIPT, asset, snippet
from leadflow.forms.codes import form_address
from leadflow.forms.pages import form_page, opening_of
from leadflow.forms.texts import language_of, texts
from leadflow.forms.tickets import LASTS, Ticket, opened, sealed
from leadflow.intake.channels.base import Inlet
from leadflow.intake.channels.trade_shows import TradeShowOptions, documents, shown
from leadflow.intake.channels.website import WebsiteOptions

NOW = datetime(2026, 11, 6, 2, 12, tzinfo=UTC)
JSQR_1_4_0 = "bc40c8a15196236b2314db0856f72ca0b49980cd5413b8c852a7349f5fee0859"


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("en", "zh", "en"),
        ("fr", "en-GB", "en"),
        (None, "de,zh-TW;q=0.5,en;q=0.9", "en"),
        (None, "de,zh-TW;q=0.9,en;q=0.5", "zh"),
        (None, "en;q=x, zh", "zh"),
        (None, None, "zh"),
    ],
)
def test_languages(asked: str | None, accepted: str | None, language: str) -> None:
    assert language_of(asked, accepted) == language


def test_every_text_is_in_both_languages() -> None:
    def names(texts: Any) -> Any:
        return {key: names(one) if isinstance(one, dict) else None for key, one in texts.items()}

    assert names(texts("zh")) == names(texts("en"))


def test_a_ticket_is_of_one_inlet_and_ends() -> None:
    ticket = Ticket("one", NOW)
    text = sealed(b"key", "site", ticket)
    assert opened(b"key", "site", text, NOW + LASTS) == ticket
    assert opened(b"key", "site", text, NOW + LASTS + timedelta(seconds=1)) is None
    assert opened(b"key", "other", text, NOW) is None
    assert opened(b"other key", "site", text, NOW) is None
    assert opened(b"key", "site", text[:-1], NOW) is None


def test_what_is_optional_is_said_where_another_contact_point_must_be_given() -> None:
    for required, count in (("name", 0), ("name,phone", 1)):
        options = WebsiteOptions.model_validate(
            {"fields": ["name", "phone", "email"], "required": required.split(",")}
        )
        inlet = Inlet(id="site", kind="website", channel="web_form", options=options)
        page = form_page(inlet, opening_of({}, "en"), ticket="t", hidden={})
        assert page.count('class="may"') == count


def test_the_snippet_names_a_trap_of_ones_own() -> None:
    assert "honeypot" not in snippet("https://leads.example.cn", "site", honeypot="lf_website")
    assert 'data-honeypot="homepage"' in snippet("https://leads.example.cn", "site", honeypot="homepage")


def test_the_snippet_works_without_the_script_and_pins_it() -> None:
    html = snippet("https://leads.example.cn", "site")
    script = asset(SCRIPT)
    assert script is not None
    assert 'action="https://leads.example.cn/in/site" method="post"' in html
    assert f'integrity="{script.integrity}" crossorigin="anonymous"' in html


def test_addresses_of_codes() -> None:
    given = {"rep": "王 五", "booth": None, "campaign": "a&b"}
    assert form_address("https://l.cn", "fair", given) == (
        "https://l.cn/f/fair?campaign=a%26b&rep=%E7%8E%8B+%E4%BA%94"
    )


def test_what_others_wrote_is_unchanged() -> None:
    found = asset("jsQR.js")
    assert found is not None
    assert hashlib.sha256(found.content).hexdigest() == JSQR_1_4_0


def test_what_is_corrected_goes_before_what_was_read() -> None:
    card = "MECARD:N:张伟;TEL:13812345678;NOTE:旧;;"
    (document,) = documents({"card": card, "corrected": {"phone": "139"}, "note": "新", "rep": "li"}, card)
    assert document["phone"] == "139"
    assert (document["note"], document["note (booth)"]) == ("旧", "新")
    assert shown("BEGIN:VCARD")["kind"] == "card"


def test_a_booth_may_send_more_often_than_a_website() -> None:
    options = TradeShowOptions()
    assert options.rate_per_minute is not None
    assert options.rate_per_minute > (WebsiteOptions().rate_per_minute or 0)
    assert Inlet(id="x", kind="trade_show", channel="trade_show", options=options).options is options

"""A month of files as channels send them, read and matched in plain Python, against the known truth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leadflow.domain.requests import SubmitIntake
from leadflow.intake.files import open_arrivals

OCTOBER = Path(__file__).parents[2] / "data" / "october"
CHANNELS = {
    "website_forms.jsonl": "web_form",
    "baidu_leads.jsonl": "baidu_ads",
    "douyin_leads.jsonl": "douyin_ads",
    "trade_show_cards.xlsx": "trade_show",
    "purchased_list.csv": "purchased_list",
    "survey.csv": "survey",
}
TRUTH = json.loads((OCTOBER / "truth.json").read_text("utf-8"))


class Matcher:
    """Domain rule: phone, then e-mail, then WeChat, then the oldest lead; new points join it."""

    def __init__(self) -> None:
        self.lead_of: dict[tuple[str, str], int] = {}
        self.leads = 0

    def take(self, body: SubmitIntake) -> str:
        person = body.person
        points = [("phone", p) for p in person.phones] + [("email", e) for e in person.emails]
        points += [("wechat", w) for w in person.wechats]
        for kind in ("phone", "email", "wechat"):
            known = [self.lead_of[point] for point in points if point[0] == kind and point in self.lead_of]
            if known:
                lead, outcome = min(known), "merged"
                break
        else:
            self.leads += 1
            lead, outcome = self.leads, "created"
        for point in points:
            self.lead_of.setdefault(point, lead)
        return outcome


def read_all() -> dict[str, dict[str, int]]:
    matcher, result = Matcher(), {}
    for name in TRUTH["files"]:
        counts = {"rows": 0, "unreadable": 0, "created": 0, "merged": 0}
        refs = set()
        for incoming in open_arrivals(OCTOBER / name, CHANNELS[name]):
            counts["rows"] += 1
            refs.add(incoming.arrival.ref)
            body = incoming.arrival.body
            counts[matcher.take(body) if body else "unreadable"] += 1
        assert len(refs) == counts["rows"]
        result[name] = counts
    assert matcher.leads == TRUTH["distinct_leads"]
    return result


def test_the_month_gives_exactly_the_known_numbers() -> None:
    assert read_all() == TRUTH["files"]


@pytest.mark.parametrize("name", CHANNELS)
def test_a_file_read_twice_has_the_same_references_and_bodies(name: str) -> None:
    first, second = (
        [(one.row, one.arrival) for one in open_arrivals(OCTOBER / name, CHANNELS[name])] for _ in range(2)
    )
    assert first == second


def test_row_numbers_are_those_of_the_file() -> None:
    rows = list(open_arrivals(OCTOBER / "trade_show_cards.xlsx", "trade_show"))
    assert rows[0].row == 4
    assert rows[0].raw["姓名"] == "胡小红"
    report = open_arrivals(OCTOBER / "trade_show_cards.xlsx", "trade_show").report()
    assert report["columns"]["公司规模"] == "size"
    assert report["tables"][0]["header_row"] == 3


def test_the_channel_of_a_website_form_is_what_its_marks_tell() -> None:
    told = set()
    for one in open_arrivals(OCTOBER / "website_forms.jsonl", "web_form"):
        if one.arrival.body:
            touch = one.arrival.body.touch
            assert touch.door == "web_form"
            told.add((touch.channel, touch.referrer_class, touch.search_engine))
    assert told == {
        ("baidu_ads", "cpc", None),
        ("email", "newsletter", None),
        ("seo", "search", "baidu"),
        ("web_form", "unknown", None),
    }

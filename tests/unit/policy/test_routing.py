"""The company's routing table as a document."""

from __future__ import annotations

import pytest

from leadflow.policies import InvalidDocument, dump_routing, load_routing, read_routing

TABLE = """
default = "east"
[[routes]]
pool = "south"
region = ["广东", "广西"]
[[routes]]
pool = "trade-shows"
channel = ["trade_show"]
campaign = ["2026 秋季工业展"]
industry = ["制造业"]
"""


def test_a_table_loads_and_is_written_again() -> None:
    table = load_routing(TABLE, pools=["east", "south", "trade-shows"])
    assert [row.pool for row in table.routes] == ["south", "trade-shows"]
    assert table.default == "east"
    assert load_routing(dump_routing(table)) == table


def test_every_problem_by_its_path() -> None:
    text = """
    [[routes]]
    pool = "East"
    chanel = ["a"]
    [[routes]]
    channel = "trade_show"
    [[routes]]
    pool = "nowhere"
    region = []
    [[routes]]
    pool = "_company"
    channel = ["a"]
    """
    _, found = read_routing(text, pools=["east"])
    assert {p.path: p.message for p in found} == {
        "default": "is needed",
        "routes[0].pool": "a pool's id is up to 63 small letters, digits and dashes",
        "routes[0].chanel": "there is no such setting; did you mean channel?",
        "routes[1].pool": "is needed",
        "routes[1].channel": 'give a list, e.g. ["trade_show"]',
        "routes[2].pool": "there is no pool nowhere",
        "routes[2].region": "an empty list matches nothing",
        "routes[3].pool": "_company is no pool",
    }
    with pytest.raises(InvalidDocument, match="the routing table has 8 problems"):
        load_routing(text, pools=["east"])


def test_a_row_without_condition_hides_what_follows() -> None:
    table, found = read_routing('[[routes]]\npool = "a"\n' + TABLE.replace('default = "east"', "", 1))
    assert table is None
    table, found = read_routing('default = "east"\n[[routes]]\npool = "a"\n[[routes]]\npool = "b"')
    assert table is not None
    assert [str(p) for p in found] == [
        "routes[0]: warning: it has no condition, so no row after it is ever used, nor `default`"
    ]

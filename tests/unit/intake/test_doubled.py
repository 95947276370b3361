"""What says something twice is ambiguous: which of them holds is not guessed."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadflow.cli import arriving
from leadflow.intake.doubled import doubled
from leadflow.intake.files import open_arrivals

TWICE = [
    ('{"a":1,"a":1}', "a"),
    ('{"a":1,"b":2,"\\u0061":3}', "a"),
    ('{"a":{"b":1,"c":[{"x":1},{"d":1,"d":2}]}}', "a.c[1].d"),
    ('[{"a":1},{"a":1,"a":2}]', "[1].a"),
    ('[[{"a":1,"a":2}]]', "[0][0].a"),
    ('{"a" : 1, "a" : 2}', "a"),
    ('{"a":1,"a" :2}', "a"),
    ('{"a":1,"a"\n:2}', "a"),
    ('{"a":1,"a"\t:2}', "a"),
    ('{"a":"\\":","a":2}', "a"),
    ('{"":1,"":2}', "…"),
    ('{"13800138000":1,"13800138000":2}', "…"),
]


@pytest.mark.parametrize(("text", "path"), TWICE)
def test_a_member_that_is_given_twice_is_named_by_its_path(text: str, path: str) -> None:
    assert doubled(text, orjson.loads(text)) == doubled(text.encode(), orjson.loads(text)) == path


NESTED = st.recursive(
    st.text() | st.integers(-9, 9) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(value=NESTED, indent=st.sampled_from([None, 1]), colon=st.sampled_from([":", ": ", " : "]))
def test_nothing_is_named_where_all_is_said_once(value: Any, indent: int | None, colon: str) -> None:
    text = json.dumps(value, indent=indent, separators=(",", colon))
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return
    assert doubled(text, document) is doubled(text, document, even=True) is None


@pytest.mark.parametrize("more", ["", ', "size": NaN'])
def test_a_line_that_says_something_twice_is_unreadable(tmp_path: Path, more: str) -> None:
    path = tmp_path / "leads.jsonl"
    lines = ('"name":"赵敏","phone":"13800138000"', '"phone":"13900139009","name":"李","phone":"13700137007"')
    path.write_text("".join(f"{{{line}{more}}}\n" for line in lines))
    first, second = open_arrivals(path, "trade_show")
    assert first.arrival.body is not None
    assert second.arrival.body is None
    assert [(one.code, one.message) for one in second.arrival.problems] == [
        ("doubled_member", "says phone twice")
    ]
    assert "13900139009" in str(second.payload())


def test_what_comes_on_stdin_and_says_something_twice_is_no_document(monkeypatch: pytest.MonkeyPatch) -> None:
    text = '{"phone": "13800138000", "phone": "13900139009"}'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    found = arriving._from_stdin()
    assert (found, found.why) == (text, ("doubled_member", "says phone twice"))

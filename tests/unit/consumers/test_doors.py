"""What a record of the intake topic is refused for, in the words of whoever wrote it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from consumers.doors import intake_of
from leadflow.errors import UsageError


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("time", "half past nine"), ("partitionkey", "no such id"), ("authid", "adapter/a b")],
)
def test_an_attribute_that_cannot_be_read_is_called_by_its_name(attribute: str, value: str) -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/form",
        "type": "leadflow.command.submit-intake.v1",
        "authid": "adapter/form",
        "partitionkey": "east",
        "data": {
            "touch": {"channel": "web_form", "ref": "1", "door": "push"},
            "person": {"wechats": ["li_ming88"]},
        },
    } | {attribute: value}
    record = SimpleNamespace(key=None, headers=[], value=json.dumps(event).encode())
    with pytest.raises(UsageError, match=f"the arrival cannot be read: {attribute}: "):
        intake_of(record)


def test_a_record_that_says_something_twice_is_no_arrival() -> None:
    record = SimpleNamespace(key=None, headers=[], value=b'{"id": "1", "data": {"ref": "1", "ref" : "2"}}')
    with pytest.raises(UsageError, match=r"the record says data\.ref twice"):
        intake_of(record)

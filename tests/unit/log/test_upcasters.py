"""Old shapes are lifted when they are read; their bytes and hashes stay."""

from __future__ import annotations

import json

import pytest

from leadflow.domain.events import LeadClaimed
from leadflow.domain.values import JsonDict
from leadflow.errors import BrokenInvariant
from leadflow.log.envelope import GENESIS, decode_full, encode
from leadflow.log.upcasters import UPCASTERS, upcast
from tests.unit.log.test_envelope import CLAIMED


def from_v0(document: JsonDict) -> JsonDict:
    """Before version 1 the claim's rep was called `sales`."""
    data = dict(document["data"])
    data["rep"] = data.pop("sales")
    return {**document, "type": LeadClaimed.TYPE, "data": data}


OLD = "leadflow.lead.claimed.v0"


def test_an_older_document_is_read_in_the_newest_shape() -> None:
    document = json.loads(encode(CLAIMED, GENESIS))
    document["type"] = OLD
    document["data"]["sales"] = document["data"].pop("rep")
    event, prevhash = decode_full(json.dumps(document).encode(), {OLD: from_v0})
    assert (event, prevhash) == (CLAIMED, GENESIS)


def test_a_document_of_the_newest_version_is_left_alone() -> None:
    document = {"type": LeadClaimed.TYPE}
    assert upcast(document, {OLD: from_v0}) is document
    assert UPCASTERS == {}


def test_upcasters_in_a_circle_are_found() -> None:
    with pytest.raises(BrokenInvariant, match="circle"):
        upcast({"type": "a"}, {"a": lambda d: {"type": "b"}, "b": lambda d: {"type": "a"}})

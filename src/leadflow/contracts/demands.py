"""What checks in the models demand of a request beyond types and limits, as far as JSON Schema can say it.

They stand in `allOf`, so that a comparison of two schemas sees a change of them as a whole. What it cannot
say stays in the models alone: that one date lies before another, that no more fields are filled than were
asked for, that a word is no contact point. That a currency is one of ISO 4217 stays there, too: which ones
there are changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from leadflow.domain.values import JsonDict


def _given(name: str) -> JsonDict:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


def _one_item(name: str) -> JsonDict:
    return {"required": [name], "properties": {name: {"minItems": 1}}}


def _person(names: Sequence[str]) -> JsonDict:
    return {"anyOf": [{"properties": {"person": _one_item(name)}} for name in names]}


DEMANDS: dict[str, JsonDict] = {
    "_unique": {"uniqueItems": True},
    "SubmitIntake._reachable": {"allOf": [_person(("phones", "emails", "wechats"))]},
    "Range._ordered": {"allOf": [{"anyOf": [_given("min"), _given("max")]}]},
    "Target._one": {
        "allOf": [{"oneOf": [_given(name) for name in ("rotation", "directed", "queue", "hold")]}]
    },
    "RecordSpend._period": {
        "allOf": [
            {
                "properties": {
                    "spend": {
                        "properties": {
                            "amount": {
                                "anyOf": [
                                    {"type": "number", "minimum": 0},
                                    # Nothing below zero; `-0` is nothing.
                                    {"type": "string", "not": {"pattern": "^\\s*-[0.]*[1-9]"}},
                                ]
                            }
                        }
                    }
                }
            }
        ]
    },
}
"""By the check, as the models' source names it."""

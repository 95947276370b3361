"""What is told of a policy: problems, changes, sentences, and the policy itself."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field

from leadflow.api import answers, examples
from leadflow.bootstrap.policies import policies as rules
from leadflow.domain.policy import Calendar

TOML = """\
schema = 1
name = "office"
[channels]
web_form = {}
[[rules]]
name = "rest"
target = { hold = true }
"""


class PolicyProblem(answers.Answer):
    """Something that is wrong with a policy, or looks like a mistake."""

    path: Annotated[str, Field(description="As in `rules[0].target.rotation`, counted from 0.")]
    message: str
    severity: Literal["error", "warning"]


class PolicyChecked(answers.Answer):
    """Whether a policy could be published, and everything that is wrong with it."""

    model_config = answers.example(
        {
            "valid": False,
            "problems": [
                {
                    "path": "rules[0].target.rotation",
                    "message": "no group sales",
                    "severity": "error",
                }
            ],
        }
    )

    valid: bool
    problems: list[PolicyProblem]


class Change(answers.Answer):
    """A setting that two policies hold differently; null is not set."""

    path: Annotated[str, Field(description="Rules are named, not counted: `rules[big].target.rotation`.")]
    before: Any
    after: Any
    says: str

    @classmethod
    def of(cls, change: rules.Change) -> Change:
        """The change, with values as JSON has them."""
        values = json.loads(json.dumps([change.before, change.after], default=str))
        return cls(path=change.path, before=values[0], after=values[1], says=str(change))


_CHANGE = {"path": "claiming.held_at_once", "before": 4, "after": 6, "says": "claiming.held_at_once: 4 -> 6"}


class PolicyDiff(answers.Answer):
    """What is different, setting by setting."""

    model_config = answers.example({"version": 3, "changes": [_CHANGE]})

    version: Annotated[int, Field(description="Of the policy of the pool that is compared with.")]
    changes: list[Change]


class Section(answers.Answer):
    """A part of a policy in plain sentences."""

    title: str
    lines: list[str]


class PolicyExplained(answers.Answer):
    """What happens to a lead, and when, in plain sentences."""

    model_config = answers.example(
        {"sections": [{"title": "Claiming", "lines": ["A rep holds at most 4 leads at once."]}]}
    )

    sections: list[Section]


class PolicyText(answers.Answer):
    """A policy, as text with its comments and as a document."""

    model_config = answers.example({"toml": TOML, "document": {"schema": 1, "name": "office"}})

    toml: str
    document: dict[str, Any]


class PolicyInForce(PolicyText):
    """The policy in force in a pool, with the calendar that was published with it."""

    model_config = answers.example(
        {
            "pool": "east",
            "version": 3,
            "toml": TOML,
            "document": {"schema": 1, "name": "office"},
            "calendar": {
                "offsets": [{"start": "2020-01-01T00:00:00.000000Z", "minutes": 480}],
                "holidays": ["2026-10-01"],
                "moved_working_days": [],
                "covered_until": "2026-12-31",
                "source": "chinesecalendar 1.11.0",
            },
        }
    )

    pool: str
    version: int
    calendar: Calendar


class PolicyPublished(answers.Changed):
    """What publishing caused, and what is different now."""

    model_config = answers.example({**examples.CHANGED, "version": 4, "changes": [_CHANGE], "warnings": []})

    version: int
    changes: list[Change]
    warnings: list[str]

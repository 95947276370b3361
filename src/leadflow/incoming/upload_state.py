"""An upload: how its file is read, how far it is, and its state as it is kept."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time
from typing import Any, Literal
from zoneinfo import ZoneInfo

from leadflow.intake.mapping import MappingFile

Status = Literal["ready", "waiting", "checking", "checked", "running", "done", "failed", "interrupted"]
BUSY: tuple[Status, ...] = ("waiting", "checking", "running")
COUNTS = ("rows", "created", "merged", "duplicate", "unreadable")


@dataclass
class Plan:
    """How a file is read, and where its rows go."""

    channel: str
    campaign: str | None = None
    pool: str | None = None
    day: date | None = None
    """When it happened, for rows that do not say."""
    mapping: MappingFile = field(default_factory=MappingFile)

    @property
    def occurred_at(self) -> datetime | None:
        """Noon of the day."""
        if self.day is None:
            return None
        return datetime.combine(self.day, time(12), ZoneInfo(self.mapping.timezone)).astimezone(UTC)


@dataclass
class Upload:
    """An upload and how far it is."""

    id: str
    actor: str
    name: str
    size: int
    created_at: datetime
    plan: Plan
    status: Status = "ready"
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    by_pool: dict[str, int] = field(default_factory=dict)
    problems: int = 0
    """Rows of problems that the list has."""
    mapping: dict[str, Any] = field(default_factory=dict)
    """What was understood of the columns."""
    error: str | None = None
    """Why it ended early."""
    trial: bool = False
    """Who works on it, or waits to, tries it only."""

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        found = {name.name: getattr(self, name.name) for name in fields(self)}
        plan = vars(self.plan) | {"mapping": self.plan.mapping.model_dump(mode="json")}
        return found | {"plan": plan}


def read_upload(document: dict[str, Any]) -> Upload:
    """An upload as `Upload.document` wrote it. Raises ValueError, KeyError, TypeError."""
    plan = document["plan"]
    day = plan["day"]
    kept = Plan(
        **plan
        | {"mapping": MappingFile.model_validate(plan["mapping"]), "day": day and date.fromisoformat(day)}
    )
    created_at = datetime.fromisoformat(document["created_at"])
    return Upload(**document | {"plan": kept, "created_at": created_at})


@dataclass(frozen=True)
class Row:
    """A row of a preview: what was read, what is understood, and what is wrong with it."""

    row: int
    sheet: str | None
    raw: dict[str, Any]
    readable: bool
    problems: list[dict[str, Any]]

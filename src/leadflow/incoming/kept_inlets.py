"""An inlet as the records have it, its secrets among it, and what may be shown of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from leadflow.errors import Unavailable
from leadflow.incoming.pulls import NEVER_PULLED, Pulls, pulls_of
from leadflow.intake.channels.base import Inlet, Kind, Options
from leadflow.intake.channels.kinds import KINDS, kind_of
from leadflow.intake.channels.setting_up import wrong_fields
from leadflow.intake.mapping import MappingFile
from leadflow.intake.problems import Problem


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret of an inlet, and until when it holds (None: until it is rotated)."""

    value: str = field(repr=False)
    made_at: datetime
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Whether a call may prove itself by it."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True)
class KeptInlet:
    """An inlet as the records have it."""

    setup: Inlet
    """Without secrets: those depend on the time."""
    secrets: tuple[Secret, ...]
    created_by: str
    created_at: datetime
    disabled_at: datetime | None
    tests: int
    pulls: Pulls = NEVER_PULLED
    """How the pulls stand by which a vendor is asked for what was not pushed."""
    wrong: str | None = None
    """Why it cannot be used as it was set up: another version wrote it. None for all that can."""

    @property
    def kind(self) -> Kind:
        """What kind of inlet it is. Raises UsageError for one that this version does not know."""
        return kind_of(self.setup.kind)

    def at(self, now: datetime) -> Inlet:
        """The inlet with the secrets that hold now, the newest first.

        Raises Unavailable for one that is wrong: what comes to it is to be sent again once it is mended.
        """
        if self.wrong is not None:
            # Strangers read the first part; what is wrong is for those who may set it up.
            what = f"inlet {self.setup.id} cannot take anything as it is set up"
            raise Unavailable(what, do=f"`leadflow inlet show {self.setup.id}` says why.")
        valid = tuple(one.value for one in reversed(self.secrets) if one.holds(now))
        return replace(self.setup, secrets=valid)

    def described(self) -> dict[str, Any]:
        """What may be shown of it: everything but secrets."""
        setup = self.setup
        return {
            "id": setup.id,
            "kind": setup.kind,
            "door": self.kind.door if setup.kind in KINDS else setup.kind,
            "channel": setup.channel,
            "pool": setup.pool,
            "campaign": setup.campaign,
            "path": f"/in/{setup.id}" + ("/SECRET" if self.secret_in_path else ""),
            "columns": dict(setup.mapping.columns),
            "allow_ips": list(setup.allow_ips),
            "origins": list(setup.origins),
            "options": setup.options.model_dump(mode="json"),
            "credentials": sorted(setup.credentials),
            "secrets": [{"made_at": one.made_at, "until": one.until} for one in self.secrets],
            "tests": self.tests,
            "pulls": self.pulls.document() if self.pull_every is not None else None,
            "created_by": self.created_by,
            "created_at": self.created_at,
            "disabled_at": self.disabled_at,
            "wrong": self.wrong,
        }

    @property
    def pull_every(self) -> timedelta | None:
        """How often its vendor is asked for what was not pushed; None for one that is not asked."""
        if self.wrong is not None:
            return None
        setup, minutes = self.setup, getattr(self.setup.options, "pull_minutes", 0)
        ready = self.disabled_at is None and all(name in setup.credentials for name in self.kind.credentials)
        return timedelta(minutes=minutes) if minutes and ready else None

    @property
    def secret_in_path(self) -> bool:
        """Whether its address ends with the secret."""
        if self.setup.kind not in KINDS:
            return False
        unsigned = getattr(self.setup.options, "signature", None) == "off"
        return self.kind.secret == "path" or unsigned


@dataclass(frozen=True, slots=True)
class Made:
    """What is shown once: an inlet's new secret, and what else was made for it."""

    inlet: KeptInlet
    secret: str | None = field(repr=False)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def address(self) -> str:
        """The path to give to the vendor; it holds the secret where the kind wants it there."""
        path = f"/in/{self.inlet.setup.id}"
        return f"{path}/{self.secret}" if self.inlet.secret_in_path and self.secret else path


def kept_inlet(row: Mapping[str, Any]) -> KeptInlet:
    """An inlet of the records. One that is wrong says so, and is no reason why others are not read."""
    wrong: list[Problem] = []
    mapping, options = MappingFile(), Options()
    if row["kind"] not in KINDS:
        wrong.append(Problem("kind", "unknown", f"this version knows no {row['kind']!r}"))
    else:
        options = kind_of(row["kind"]).options()
        try:
            options = kind_of(row["kind"]).options.model_validate(row["options"])
        except ValidationError as error:
            wrong += wrong_fields(error, "options")
    try:
        mapping = MappingFile.model_validate(row["mapping"])
    except ValidationError as error:
        wrong += wrong_fields(error, "mapping")
    setup = Inlet(
        id=row["id"],
        kind=row["kind"],
        channel=row["channel"],
        pool=row["pool"],
        campaign=row["campaign"],
        mapping=mapping,
        credentials=row["credentials"],
        allow_ips=tuple(row["allow_ips"]),
        origins=tuple(row["origins"]),
        options=options,
    )
    secrets = tuple(
        Secret(
            one["secret"],
            datetime.fromisoformat(one["made_at"]),
            datetime.fromisoformat(one["until"]) if one["until"] else None,
        )
        for one in row["secrets"]
    )
    told = (row["created_by"], row["created_at"], row["disabled_at"], row["tests"])
    return KeptInlet(setup, secrets, *told, pulls_of(row["pulls"]), _told(wrong))


def packed(secret: Secret) -> dict[str, Any]:
    """A secret as the records have it."""
    until = None if secret.until is None else secret.until.isoformat()
    return {"secret": secret.value, "made_at": secret.made_at.isoformat(), "until": until}


def _told(wrong: Sequence[Problem]) -> str | None:
    """What is wrong in one line."""
    return "; ".join(f"{one.field}: {one.message}" for one in wrong) or None

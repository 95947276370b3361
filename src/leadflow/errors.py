"""The one tree of errors. Each says what happened, where, and what to do next.

A request that a rule refuses is no error: it is a fact (`RequestRefused`).
"""

from __future__ import annotations

from typing import ClassVar


class LeadflowError(Exception):
    """Something went wrong. `str()` gives what happened, where, and what to do, as far as known."""

    exit_code: ClassVar[int] = 2
    """What a command that ends with this error returns to the shell."""

    def __init__(self, what: str, *, where: str | None = None, do: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.do = do

    def __str__(self) -> str:
        parts = [self.what]
        if self.where:
            parts[0] = f"{self.what} ({self.where})"
        if self.do:
            parts.append(self.do)
        return "\n".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        """Keep `where` and `do` when the error is copied or sent to another process."""
        return (_rebuild, (type(self), self.what, self.where, self.do))


def _rebuild(kind: type[LeadflowError], what: str, where: str | None, do: str | None) -> LeadflowError:
    return kind(what, where=where, do=do)


class UsageError(LeadflowError):
    """Unreadable input or wrong usage: the caller can put it right. Exit code 2."""


class NotPermitted(LeadflowError):
    """The actor's role may not see what was asked for. Exit code 1, as for a refused request."""

    exit_code = 1


class NotSignedIn(LeadflowError):
    """Nobody proved who they are, or what proved it has ended. Exit code 1."""

    exit_code = 1


class NotFound(UsageError):
    """What was named does not exist: a pool, a member, a lead, a policy version, a file."""


class AlreadyThere(UsageError):
    """What was to be made exists already under that name. Nothing was changed."""


class KeyReused(UsageError):
    """A key that names a change was used for another one before."""


class WrongVersion(UsageError):
    """A data directory, backup, event or snapshot was written by another version of LeadFlow."""


class TooLarge(UsageError):
    """A record is larger than the log takes. Nothing was written."""


class DamagedFile(UsageError):
    """A file's content is not what its own checksum or format says."""


class Unavailable(LeadflowError):
    """Something that LeadFlow needs is away: a database, a broker, a running engine. Exit code 3."""

    exit_code = 3


class TooOften(LeadflowError):
    """Somebody tries too often: after `retry_after_s` seconds it may be tried again. Exit code 3."""

    exit_code = 3

    def __init__(
        self, what: str, *, retry_after_s: int, where: str | None = None, do: str | None = None
    ) -> None:
        super().__init__(what, where=where, do=do)
        self.retry_after_s = retry_after_s

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_too_often, (self.what, self.retry_after_s, self.where, self.do))


def _rebuild_too_often(what: str, retry_after_s: int, where: str | None, do: str | None) -> TooOften:
    return TooOften(what, retry_after_s=retry_after_s, where=where, do=do)


class HomeInUse(Unavailable):
    """The data directory is held by another process that does not share it."""


class Conflict(LeadflowError):
    """Another writer appended to the pool first; catch up and decide again."""

    exit_code = 3


class Fenced(LeadflowError):
    """Another process has taken over the partition that this one wrote; it must not go on."""

    exit_code = 3


class Rebalanced(Conflict):
    """The consumer group has given the partition to another member. Nothing was written."""


class OutcomeUnknown(Unavailable):
    """Whether the last append was written is unknown: take the partition again and look."""


class BrokenInvariant(LeadflowError):
    """A promise of the code to itself does not hold: a bug. Nothing was written."""


class LogDamaged(LeadflowError):
    """An event of the log cannot be read or does not fit its place. `event` names it: `pool/sequence`."""

    def __init__(
        self, what: str, *, event: str | None = None, where: str | None = None, do: str | None = None
    ) -> None:
        super().__init__(what, where=where or (f"event {event}" if event else None), do=do)
        self.event = event

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_damaged, (self.what, self.event, self.where, self.do))


def _rebuild_damaged(what: str, event: str | None, where: str | None, do: str | None) -> LogDamaged:
    return LogDamaged(what, event=event, where=where, do=do)


class UnreadableFile(UsageError):
    """A file that comes in cannot be read at all: corrupt, empty, protected, too big, not its format."""


class UnmappableHeader(UsageError):
    """No column of a file could be understood as a contact point; a mapping file helps."""

"""Setting up inlets in an actor's name: for the command line and the HTTP API alike.

Who manages a pool sets up its inlets; one without a pool, whose arrivals the routing table places, concerns
every pool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from leadflow.bootstrap.app import App
from leadflow.bootstrap.asking import request_of
from leadflow.bootstrap.inlets import EXAMPLE_FIELDS, InletReader, Sent, actor_of, completed
from leadflow.bootstrap.reception import Reception
from leadflow.errors import NotPermitted, UsageError
from leadflow.incoming.importing import Rehearsal, reason_of
from leadflow.incoming.inlets import KEEP_OLD, InletChanges
from leadflow.incoming.kept_inlets import KeptInlet, Made
from leadflow.incoming.vendors import check_asked
from leadflow.intake.channels.base import Inlet
from leadflow.intake.channels.kinds import kind_of


@dataclass(frozen=True)
class Trial:
    """What became of a kind's example, as far as reading it."""

    documents: Sequence[Any]
    arrivals: Sequence[Mapping[str, Any]]
    """Of each document: `answer` (or `unreadable`, `kept`), `pool`, `reason`, `touch`, `problems`."""


class InletDesk:
    """Inlets as an actor may see and set them up."""

    def __init__(self, app: App, actor: str) -> None:
        self._app = app
        self._actor = actor

    def need(self, pool: str | None) -> None:
        """Raise NotPermitted unless the actor manages this pool; or every pool, where it is None."""
        if pool is None:
            self._app.need("manage", self._actor)
        elif not self._app.views.may("manage", self._actor, pool):
            raise NotPermitted(f"{self._actor} may not set up doors of pool {pool}", do="See `--as`.")

    def get(self, name: str) -> KeptInlet:
        """An inlet that the actor may set up. Raises NotFound, NotPermitted."""
        found = self._app.inlets.get(name)
        self.need(found.setup.pool)
        return found

    def list(self) -> Sequence[KeptInlet]:
        """Those that the actor may set up, by their ids."""
        return [row for row in self._app.inlets.list() if self._may(row.setup.pool)]

    def _may(self, pool: str | None) -> bool:
        try:
            self.need(pool)
        except NotPermitted:
            return False
        return True

    def add(self, inlet: Inlet, secret: str | None = None) -> Made:
        """Open an inlet; without a channel it has its kind's own. Its secret is made here, or the vendor's.

        Raises UsageError for what is not right about it or a channel that no pool in question declares,
        NotFound for an unknown pool, NotPermitted, AlreadyThere.
        """
        found = replace(inlet, channel=inlet.channel or kind_of(inlet.kind).channel)
        pools = self._app.views.pools()
        targets = list(pools) if found.pool is None else [self._app.views.pool(found.pool).pool]
        self.need(found.pool)
        self._need_declared(found.channel, targets)
        self._need_reachable(found.options)
        return self._app.inlets.add(found, by=self._actor, now=datetime.now(UTC), secret=secret)

    def change(self, name: str, changes: InletChanges) -> KeptInlet:
        """Set an inlet up otherwise; its address and its secrets stay. Raises as `add`, and NotFound."""
        pool = self.get(name).setup.pool
        if changes.channel is not None:
            self._need_declared(changes.channel, list(self._app.views.pools()) if pool is None else [pool])
        return self._app.inlets.change(name, changes, self._need_reachable)

    def _need_reachable(self, options: Any) -> None:
        """Raise UsageError for a vendor's address that may not be asked."""
        if self._app.settings.vendor_private != "allow":
            check_asked(options)

    def _need_declared(self, channel: str, targets: Sequence[str]) -> None:
        """Raise UsageError unless one of these pools declares the channel, where there is any."""
        pools = self._app.views.pools()
        declared = {one: pools[one].policy.get("channels", {}) for one in targets}
        if declared and not any(channel in channels for channels in declared.values()):
            raise UsageError(
                f"the channel {channel!r} is not declared in the policy of pool {', '.join(declared)}",
                do="Add it under [channels] and publish the policy, or name another with `--channel`.",
            )

    def routed(self, inlet: Inlet) -> bool:
        """Whether anything says which pool its arrivals go to."""
        return inlet.pool is not None or len(self._app.views.pools()) == 1 or self._app.routing() is not None

    def rotate(self, name: str, *, keep: timedelta = KEEP_OLD, secret: str | None = None) -> Made:
        """A new secret; the present one holds for `keep` beside it. Raises as `get`, and UsageError."""
        self.get(name)
        return self._app.inlets.rotate(name, keep=keep, now=datetime.now(UTC), secret=secret)

    def credentials(self, name: str, credentials: Mapping[str, str]) -> KeptInlet:
        """Replace what LeadFlow shows to the vendor. Raises as `get`, and UsageError."""
        self.get(name)
        return self._app.inlets.credentials(name, credentials)

    def disable(self, name: str) -> KeptInlet:
        """Take nothing more through it. Raises as `get`."""
        self.get(name)
        return self._app.inlets.disable(name, datetime.now(UTC))

    def enable(self, name: str) -> KeptInlet:
        """Take calls again. Raises as `get`."""
        self.get(name)
        return self._app.inlets.enable(name)

    def waiting(self, name: str) -> int:
        """How many dead letters of an inlet wait."""
        return len(self._app.dead_letters.of_inlet(name))

    # --- trying -----------------------------------------------------------------------------

    def tried(self, name: str, reception: Reception | None = None) -> Trial:
        """The kind's documented example through an inlet, as far as reading it; nothing is changed.

        Raises as `get`.
        """
        row = self.get(name)
        reception = reception or Reception(self._app)
        reader = reception.reader_of(row)
        sents = reader.sent(reader.kind.example(reader.inlet, datetime.now(UTC)))
        # Not the body itself: in some kinds it holds the secret.
        documents = [sent.document for sent in sents]
        return Trial(documents, [self._read(reception, reader, sent) for sent in sents])

    def _read(self, reception: Reception, reader: InletReader, sent: Sent) -> Mapping[str, Any]:
        sent = completed(reader.inlet, sent, lambda inlet, lead: EXAMPLE_FIELDS)
        arrival = reader.incoming(sent).arrival
        found: dict[str, Any] = {"answer": "unreadable", "pool": None, "reason": None, "touch": None}
        found["problems"] = [asdict(problem) for problem in arrival.problems]
        if arrival.body is None:
            return {**found, "reason": reason_of(arrival)}
        touch = arrival.body.touch.model_dump(mode="json", exclude_none=True)
        pool = reception.places().of(reader.inlet, arrival.body)
        if not isinstance(pool, str):
            return {**found, "answer": "kept", "reason": f"{pool.field} {pool.message}", "touch": touch}
        rehearsal = Rehearsal(self._app.pool_state(pool))
        request = request_of(pool, actor_of(reader.inlet), "", arrival.body)
        answer, _ = rehearsal.answer(request, arrival.body)
        return {**found, "answer": answer, "pool": pool, "touch": touch}

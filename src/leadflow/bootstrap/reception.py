"""What comes to inlets, on its way: looked up, read, fetched where needed, kept or handed on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from leadflow.bootstrap.app import App
from leadflow.bootstrap.remembering import Remembered
from leadflow.domain.requests import Request
from leadflow.engine import Outcome
from leadflow.errors import LeadflowError, NotFound, Unavailable, UsageError
from leadflow.incoming.kept_inlets import KeptInlet
from leadflow.incoming.receiving import Places, Received, actor_of, decided, not_fetched, received
from leadflow.incoming.resending import corrected
from leadflow.incoming.vendors import Vendors
from leadflow.intake.arrivals import Arrival
from leadflow.intake.channels import meta
from leadflow.intake.channels.base import Call, Inlet, NotFromHere, Sent
from leadflow.intake.channels.kinds import InletReader, completed
from leadflow.intake.mapping import MappingFile
from leadflow.records import DeadLetter

FRESH_S = 2.0
"""For how long an inlet, pools and routing are known without looking again."""
FETCHES_AT_ONCE = 8
BATCH = 200

Submit = Callable[[Sequence[Request]], list[Outcome]]


class Reception:
    """Takes in what comes to inlets. Safe to use from several threads."""

    def __init__(self, app: App, vendors: Vendors | None = None) -> None:
        self.app = app
        self.vendors = vendors or Vendors(private=app.settings.vendor_private == "allow")
        self._readers = Remembered[str, InletReader](FRESH_S)
        self._places = Remembered[None, Places](FRESH_S)

    # --- what is known ----------------------------------------------------------------------

    def known_reader(self, inlet: str) -> InletReader | None:
        """The reader of an inlet that was looked up a moment ago; waits for nobody."""
        return self._readers.known(inlet, partial(self._look_for, inlet))

    def reader(self, inlet: str) -> InletReader:
        """The reader of an inlet. While the database is away, as it was.

        Raises NotFound for an inlet that is not there or is switched off, Unavailable.
        """
        return self._readers.get(inlet, partial(self._look_for, inlet))

    def _look_for(self, inlet: str) -> InletReader:
        try:
            row = self.app.inlets.get(inlet)
        except Unavailable:
            last = self._readers.last(inlet)
            if last is None:
                raise
            return last
        if row.disabled_at is not None:
            raise NotFound(f"inlet {inlet} is switched off")
        return self.reader_of(row)

    def reader_of(self, row: KeptInlet) -> InletReader:
        """The reader of an inlet as it is set up now."""
        return InletReader(row.at(datetime.now(UTC)), self.app.attribution)

    def known_places(self) -> Places | None:
        """Pools and routing as they were a moment ago; waits for nobody."""
        return self._places.known(None, self._look_around)

    def places(self, *, fresh: bool = False) -> Places:
        """Pools and routing. While the database is away, as they were. Raises Unavailable."""
        return self._places.get(None, self._look_around, fresh=fresh)

    def _look_around(self) -> Places:
        try:
            pools = self.app.views.pools()
            channels = {name: frozenset(view.policy.get("channels", {})) for name, view in pools.items()}
            return Places(channels, self.app.routing())
        except Unavailable:
            last = self._places.last(None)
            if last is None:
                raise
            return last

    # --- what came --------------------------------------------------------------------------

    def complete(self, reader: InletReader, sents: Sequence[Sent], call: Call) -> list[Sent | Received]:
        """The arrivals with the fields that the vendor has of them; those without are to be kept.

        Raises NotFromHere where a captcha was not solved, Unavailable where that cannot be asked.
        """
        if needs_captcha(reader):
            token = next((one.token for one in sents if one.token), None)
            if token is None or not self.vendors.solved(reader.inlet, token, call.address):
                raise NotFromHere("the captcha was not solved")
        if not any(one.ids_only for one in sents):
            return list(sents)
        with ThreadPoolExecutor(FETCHES_AT_ONCE) as threads:
            return list(threads.map(lambda one: self._fetched(reader, one), sents))

    def _fetched(self, reader: InletReader, sent: Sent) -> Sent | Received:
        try:
            return completed(reader.inlet, sent, self.vendors.fields)
        except LeadflowError as error:
            return not_fetched(reader, sent, error.what)

    def keep(self, reader: InletReader, all_received: Iterable[Received]) -> None:
        """Write down, durably, what is no request: dead letters and tests. Raises Unavailable."""
        letters = [one.letter for one in all_received if one.letter is not None]
        if letters:
            self.app.dead_letters.add_all(letters)
        tests = [one.sent.document for one in all_received if one.sent.test]
        if tests:
            self.app.inlets.add_tests(reader.inlet.id, tests, datetime.now(UTC))

    def take(
        self, reader: InletReader, arrivals: Sequence[Sent | Received], submit: Submit
    ) -> list[Received]:
        """Have arrivals decided or kept, and wait for it. Raises Unavailable; all can be sent again."""
        places = self.places()
        found = [one if isinstance(one, Received) else received(reader, one, places) for one in arrivals]
        requests = [one.request for one in found if one.request is not None]
        outcomes = iter(submit(requests) if requests else [])
        done = [one if one.request is None else decided(reader, one, next(outcomes)) for one in found]
        self.keep(reader, done)
        return done

    # --- what was not pushed, or could not be fetched ---------------------------------------

    def reconcile(
        self, row: KeptInlet, first: date, last: date, submit: Submit | None = None
    ) -> Iterator[Received]:
        """Ask the vendor for what it has, and take in what did not come. Raises UsageError, Unavailable.

        `submit` has requests decided; without, the app does.
        """
        submit = submit or self.app.submit
        reader = self.reader_of(row)
        if row.setup.kind == "meta":
            yield from self._fetch_again(reader, submit)
            return
        if row.setup.kind != "baidu":
            raise UsageError(f"there is nothing to fetch for an inlet of the kind {row.setup.kind}")
        batch: list[Sent] = []
        for document in self.vendors.notices(reader.inlet, first, last):
            batch.append(Sent(document))
            if len(batch) == BATCH:
                yield from self.take(reader, batch, submit)
                batch = []
        if batch:
            yield from self.take(reader, batch, submit)

    def _fetch_again(self, reader: InletReader, submit: Submit) -> Iterable[Received]:
        letters = self.app.dead_letters.of_inlet(reader.inlet.id)
        for letter in letters:
            content = letter.content()
            if meta.needs_fields(content) is None:
                continue
            sent = self._fetched(reader, Sent(content, ref=letter.ref, ids_only=True))
            (done,) = self.take(reader, [sent], submit)
            if done.letter is None and done.result is not None:
                by = f"lead {done.result.lead}, by {actor_of(reader.inlet)}"
                self.app.dead_letters.mark(letter.id, "resent", by=by)
            yield done

    # --- dead letters -----------------------------------------------------------------------

    def read_again(
        self,
        letter: DeadLetter,
        document: Any,
        changes: Mapping[str, str],
        mapping: MappingFile | None = None,
        phone_region: str | None = None,
    ) -> Arrival:
        """A dead letter as it reads now, corrected, through the reader of the door that it came by.

        Fields that a vendor has of it are fetched. Raises UsageError as `corrected` does, Unavailable.
        """
        inlet = self._inlet_of(letter)
        lead = meta.needs_fields(document) if inlet is not None and inlet.kind == "meta" else None
        if inlet is not None and lead is not None and not changes:
            document = meta.with_fields(document, self.vendors.fields(inlet, lead))
        return corrected(
            letter,
            document,
            changes,
            mapping,
            phone_region=phone_region,
            inlet=inlet,
            attribution=self.app.attribution,
        )

    def _inlet_of(self, letter: DeadLetter) -> Inlet | None:
        if letter.inlet is None:
            return None
        try:
            return self.app.inlets.get(letter.inlet).at(datetime.now(UTC))
        except NotFound:
            return None


def needs_captcha(reader: InletReader) -> bool:
    """Whether what comes to this inlet has to solve a captcha."""
    return getattr(reader.inlet.options, "captcha_url", None) is not None

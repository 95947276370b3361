"""The facts of pools as they come, for many readers at a time.

One thread follows the log for all of them. It hands on whole decisions, and none before every read model has
it: who may see a fact is decided by how its lead stands, so that must be known. Each pool's latest facts are
kept in memory, within limits; who is further behind reads from the log.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from leadflow.bootstrap.app import App
from leadflow.domain.events import Event
from leadflow.errors import LeadflowError
from leadflow.log.envelope import decode
from leadflow.views.disclosure import (
    MOVING,
    Gone,
    Move,
    Stand,
    Told,
    Watcher,
    all_leads,
    gone,
    moves_of,
    stand_after,
    told,
    unknown_before,
)
from projections.lead_queries import Row, facts_before
from projections.queries import head_of

RECENT_FACTS = 2_000
RECENT_BYTES = 8 * 1024 * 1024
"""What is kept of each pool that somebody reads."""
PAGE_FACTS = 500
"""Facts that are read from the log at a time."""
WAIT_S = 0.5
BEHIND_S = 0.02
"""How long to wait while the read models have not what the log has."""
AWAY_S = 1.0
SHARED_S = 0.5
"""For how long readers share how leads stand."""
THREADS = 4
"""Threads that read for all streams together: they take none of those that answer requests."""

Decision = tuple[Event, ...]
Wake = Callable[[], None]

log_ = structlog.get_logger(__name__)


class Feed:
    """One pool's latest decisions, and who waits for more. Safe to use from several threads."""

    def __init__(self, pool: str, head: int) -> None:
        self.pool = pool
        self.head = head
        """The last sequence that was handed on."""
        self.readers: list[Wake] = []
        self._from = head
        self._recent: deque[tuple[Decision, int]] = deque()
        self._facts = self._bytes = 0
        self._guard = threading.Lock()
        self._standing: tuple[tuple[int, int], float, dict[str, Row]] | None = None
        self._moves: tuple[tuple[int, int], dict[int, list[Move]]] | None = None

    def add(self, decisions: Iterable[tuple[Decision, int]]) -> None:
        """Hand decisions on, each with the bytes of its documents, and wake who waits."""
        with self._guard:
            for decision, size in decisions:
                self._recent.append((decision, size))
                self._facts += len(decision)
                self._bytes += size
                self.head = decision[-1].sequence
            while self._recent and (self._facts > RECENT_FACTS or self._bytes > RECENT_BYTES):
                decision, size = self._recent.popleft()
                self._facts -= len(decision)
                self._bytes -= size
                self._from = decision[-1].sequence
        self.wake()

    def wake(self) -> None:
        """Let everybody who waits look."""
        for wake in tuple(self.readers):
            wake()

    def after(self, sequence: int) -> list[Event] | None:
        """Facts after a sequence, some at a time; None where they are no longer kept here."""
        with self._guard:
            if sequence < self._from:
                return None
            found: list[Event] = []
            for decision, _ in self._recent:
                if decision[-1].sequence > sequence:
                    found += (event for event in decision if event.sequence > sequence)
                if len(found) >= PAGE_FACTS:
                    break
            return found

    def shared_standing(self, key: tuple[int, int]) -> dict[str, Row] | None:
        """How the leads of these facts stood a moment ago, if another reader has just asked."""
        known = self._standing
        if known is not None and known[0] == key and time.monotonic() - known[1] < SHARED_S:
            return known[2]
        return None

    def share_standing(self, key: tuple[int, int], rows: dict[str, Row]) -> None:
        """Let other readers of the same facts have this."""
        self._standing = (key, time.monotonic(), rows)

    def shared_moves(self, key: tuple[int, int]) -> dict[int, list[Move]] | None:
        """How these facts moved leads, if another reader has just asked."""
        known = self._moves
        return known[1] if known is not None and known[0] == key else None

    def share_moves(self, key: tuple[int, int], moves: dict[int, list[Move]]) -> None:
        """Let other readers of the same facts have this."""
        self._moves = (key, moves)


class Feeds:
    """The feeds of all pools that somebody reads."""

    def __init__(self, app: App, stopping: threading.Event) -> None:
        """Ends once `stopping` is set."""
        self.stopping = stopping
        self.threads = ThreadPoolExecutor(THREADS, "feeds")
        """What waits for the database on behalf of streams."""
        self._app = app
        self._feeds: dict[str, Feed] = {}
        self._guard = threading.Lock()
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def readers(self) -> int:
        """How many there are."""
        return sum(len(feed.readers) for feed in tuple(self._feeds.values()))

    def follow(self, pool: str, wake: Wake) -> Feed:
        """The feed of a pool, for a reader that is woken when there is more. Raises Unavailable."""
        head = head_of(self._app.database, pool)
        with self._guard:
            feed = self._feeds.get(pool)
            if feed is None:
                feed = self._feeds[pool] = Feed(pool, head)
            feed.readers.append(wake)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="feeds", daemon=True)
                self._thread.start()
        self._wanted.set()
        return feed

    def leave(self, feed: Feed, wake: Wake) -> None:
        """The reader reads no more. A pool without readers is no longer followed."""
        with self._guard:
            feed.readers.remove(wake)
            if not feed.readers and self._feeds.get(feed.pool) is feed:
                del self._feeds[feed.pool]

    def facts(self, feed: Feed, after: int) -> list[Event]:
        """Facts after a sequence that were handed on, some at a time, decisions whole. Reads the log where it
        must. Raises Unavailable."""
        found = feed.after(after)
        if found is not None:
            return found
        return [event for decision, _ in self._page(feed.pool, after, feed.head) for event in decision]

    def told(self, feed: Feed, watcher: Watcher, facts: Sequence[Event]) -> list[Told | Gone]:
        """What a watcher is told of some facts, as their leads stand now, and which leads have left its
        sight. Raises Unavailable."""
        key = (facts[0].sequence, facts[-1].sequence)
        standing = feed.shared_standing(key)
        if standing is None:
            standing = self._app.views.standing(feed.pool, all_leads(facts))
            feed.share_standing(key, standing)
        # Whoever sees every lead loses none.
        moves = {} if watcher.reach.everything else self._moves(feed, key, facts)
        found: list[Told | Gone] = []
        for event in facts:
            one = told(watcher, event, standing)
            if one is not None:
                found.append(one)
            found += gone(watcher, event, moves.get(event.sequence, ()), standing)
        return found

    def _moves(self, feed: Feed, key: tuple[int, int], facts: Sequence[Event]) -> dict[int, list[Move]]:
        known = feed.shared_moves(key)
        if known is None:
            whole = [*self._begun(feed.pool, facts[0]), *facts]
            known = moves_of(whole, self._stood(feed.pool, unknown_before(whole), whole[0].sequence))
            feed.share_moves(key, known)
        return known

    def _begun(self, pool: str, first: Event) -> list[Event]:
        """The facts of a decision that stand before this one: a reader may have had a part of it."""
        missing = range(first.sequence - first.fact_index + 1, first.sequence)
        documents = self._app.log.documents(pool, missing) if missing else {}
        return [decode(documents[sequence]) for sequence in missing]

    def _stood(self, pool: str, leads: Sequence[str], before: int) -> dict[str, Stand]:
        """How some leads stood before a fact, by the facts that had moved them."""
        if not leads:
            return {}
        rows = facts_before(self._app.database, pool, leads, sorted(MOVING), before)
        places = {sequence: position for _, sequence, position in rows}
        documents = self._app.log.documents(pool, list(places), list(places.values()))
        stood: dict[str, Stand] = {}
        for lead, sequence, _ in rows:
            after = stand_after(stood.get(lead), decode(documents[sequence]), lead)
            if after is not None:
                stood[lead] = after
        return stood

    def close(self) -> None:
        """End, and wait for it."""
        self.stopping.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()
        self.threads.shutdown(cancel_futures=True)

    def _run(self) -> None:
        while not self.stopping.is_set():
            with self._guard:
                feeds = list(self._feeds.values())
                if not feeds:
                    self._wanted.clear()
            if not feeds:
                # Who ends it may have said so before the sign was taken away: there comes no other.
                if not self.stopping.is_set():
                    self._wanted.wait()
                continue
            try:
                behind = [feed for feed in feeds if self._advance(feed)]
                if behind:
                    self.stopping.wait(BEHIND_S)
                else:
                    self._app.log.wait(WAIT_S)
            except Exception as error:
                if self.stopping.is_set():
                    break
                known = isinstance(error, LeadflowError)
                what = str(error) if known else f"a bug: {type(error).__name__}"
                log_.error("facts are not streamed for now", problem=what, exc_info=not known)
                self.stopping.wait(AWAY_S)
        with self._guard:
            feeds = list(self._feeds.values())
        for feed in feeds:
            feed.wake()

    def _advance(self, feed: Feed) -> bool:
        """Hand on what every read model has; whether the log has more than they."""
        head = head_of(self._app.database, feed.pool)
        while feed.head < head and not self.stopping.is_set():
            page = list(self._page(feed.pool, feed.head, head))
            if not page:
                break
            feed.add(page)
        return self._app.log.last(feed.pool) > feed.head

    def _page(self, pool: str, after: int, until: int) -> Iterator[tuple[Decision, int]]:
        """Some whole decisions after a sequence, none beyond another, with the bytes of their documents.

        A decision of which a part was read before is given from there on.
        """
        part: list[Event] = []
        size = 0
        for read, stored in enumerate(self._app.log.read_pool(pool, after), 1):
            if stored.originator_version > until:
                return
            part.append(decode(stored.state))
            size += len(stored.state)
            if part[-1].fact_index == part[-1].fact_count:
                yield tuple(part), size
                part, size = [], 0
                if read >= PAGE_FACTS:
                    return


__all__ = ["Feed", "Feeds", "Gone", "Told", "Watcher"]

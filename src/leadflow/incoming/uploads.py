"""Files of leads that were uploaded: kept, tried without doing, taken in piece by piece.

The file, its state and the list of problem rows are kept where every process finds them (`upload_store`). One
that was being taken in when the process ended is `interrupted`, and is started again: rows that were taken
before are duplicates, so nothing is taken twice.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import structlog

from leadflow.domain.pool import Pool
from leadflow.errors import AlreadyThere, LeadflowError, NotFound, TooLarge, Unavailable, UsageError
from leadflow.incoming.importing import Destination, Report, SubmitAll, import_file, rehearse_file
from leadflow.incoming.upload_state import BUSY, COUNTS, Plan, Row, Upload
from leadflow.incoming.upload_store import PIECE, UploadStore
from leadflow.intake.attribution import Attribution
from leadflow.intake.files import ArrivalFile, Incoming, open_arrivals
from leadflow.intake.opening import ENDINGS
from leadflow.intake.text import as_text
from leadflow.postgres import Database
from leadflow.records import DeadLetters
from leadflow.views.csv_out import neutral

BYTES_MAX = 256 * 1024 * 1024
PREVIEW_ROWS = 10
KEEP = timedelta(days=7)
"""For how long an upload is kept."""
UPLOADS_MAX = 50
KEPT_BYTES_MAX = 1024 * 1024 * 1024
"""What one actor may have at a time."""
LET_GO_S = 30.0
"""For how long who begins waits until others let go of an upload that they have ended to work on."""
PROBLEM_COLUMNS = ("row", "sheet", "unreadable", "field", "code", "message", "content")

log_ = structlog.get_logger(__name__)


class _Progress(Report):
    """A report that others look at meanwhile; its problems go to a file."""

    def __init__(self, upload: Upload, problems: Any) -> None:
        super().__init__(upload.name, upload.plan.channel, upload.plan.campaign, dry_run=False)
        self._upload = upload
        self._writer = csv.writer(problems, lineterminator="\r\n")
        self._writer.writerow(PROBLEM_COLUMNS)

    def note(self, incoming: Incoming) -> None:
        content = json.dumps(incoming.payload(), ensure_ascii=False, default=str)
        for problem in incoming.arrival.problems:
            self._upload.problems += 1
            cells = (problem.field, problem.code, problem.message, content)
            lost = "yes" if incoming.arrival.body is None else "no"
            self._writer.writerow([neutral(cell) for cell in (incoming.row, incoming.sheet, lost, *cells)])

    def show(self) -> None:
        """Let the upload say how far it is."""
        self._upload.counts = {name: getattr(self, name) for name in COUNTS}
        self._upload.by_pool = dict(self.by_pool)


@dataclass(frozen=True)
class Means:
    """What taking in needs."""

    submit_all: SubmitAll
    dead_letters: DeadLetters
    pool_of: Callable[[str], Pool]
    stopping: threading.Event
    attribution: Attribution | None = None


class Uploads:
    """The uploads of a database, as one process works on them. Safe to use from several threads."""

    def __init__(self, database: Database, means: Means, *, bytes_max: int = BYTES_MAX) -> None:
        self.bytes_max = bytes_max
        self._store = UploadStore(database)
        self._means = means
        self._guard = threading.Lock()
        # Workbooks stand in memory while they are read: two at a time at most.
        self._reading = threading.BoundedSemaphore(2)
        self._jobs = ThreadPoolExecutor(1, "uploads")
        self._under_way: dict[str, Future[None]] = {}
        """What this process works on."""

    # --- keeping --------------------------------------------------------------------------------

    def keep(self, actor: str, name: str, source: BinaryIO, plan: Plan) -> Upload:
        """Keep a file. Raises TooLarge, and AlreadyThere where the actor has too many or too much."""
        self.forget_old()
        own = self._store.of(actor)
        if len(own) >= UPLOADS_MAX:
            raise AlreadyThere(f"{actor} has {UPLOADS_MAX} uploads already", do="Delete some of them.")
        # Of one that was taken in the file is kept no more.
        kept = sum(one.size for one in own if one.status != "done")
        upload = Upload(uuid.uuid4().hex, actor, name, 0, datetime.now(UTC), plan)

        def pieces() -> Iterator[bytes]:
            while piece := source.read(PIECE):
                upload.size += len(piece)
                if upload.size > self.bytes_max:
                    raise TooLarge(f"a file here has at most {self.bytes_max:,} bytes")
                if kept + upload.size > KEPT_BYTES_MAX:
                    what = f"{actor} has {kept:,} bytes of uploads that were not taken in"
                    raise AlreadyThere(what, do="Take some of them in, or delete them.")
                yield piece

        self._store.add(upload, pieces())
        return upload

    def forget_old(self) -> None:
        """Keep nothing of uploads that were made long ago and that nobody works on."""
        self._store.sweep(datetime.now(UTC) - KEEP)

    def get(self, actor: str, name: str) -> Upload:
        """An upload of this actor's. Raises NotFound, alike for somebody else's."""
        found = self._store.get(name)
        if found.actor != actor:
            raise NotFound(f"there is no upload {name!r}")
        return found

    def note(self, upload: Upload) -> None:
        """Keep what is known of an upload that nobody works on."""
        self._store.note(upload)

    def of(self, actor: str) -> list[Upload]:
        """The uploads of an actor, the oldest first."""
        return self._store.of(actor)

    def delete(self, actor: str, name: str) -> None:
        """Forget an upload; what was taken in stays. Raises NotFound, AlreadyThere while it is worked on."""
        _idle(self.get(actor, name))
        self._store.delete(name)

    def problems(self, upload: Upload) -> Iterator[bytes] | None:
        """The list of its problem rows, piece by piece; None before it was checked or taken in."""
        pieces = self._store.pieces(upload.id, "problems")
        first = next(pieces, None)
        return None if first is None else chain((first,), pieces)

    def close(self) -> None:
        """End; what is under way is interrupted."""
        self._jobs.shutdown(cancel_futures=True)
        self._store.close()

    # --- reading --------------------------------------------------------------------------------

    def preview(self, upload: Upload) -> list[Row]:
        """The first rows as they are understood; the upload has the mapping then. Raises UsageError and its
        kin."""
        with self._reading, _Named(upload), self._unpacked(upload) as path:
            file = self._open(upload, path)
            rows = [
                Row(
                    one.row,
                    one.sheet,
                    {as_text(name)[:200]: as_text(value)[:200] for name, value in one.payload().items()},
                    one.arrival.body is not None,
                    [asdict(problem) for problem in one.arrival.problems],
                )
                for one in islice(file, PREVIEW_ROWS)
            ]
            upload.mapping = file.report() | {"file": upload.name}
        return rows

    @contextmanager
    def _unpacked(self, upload: Upload) -> Iterator[Path]:
        """Its file, on this machine until the block ends. Its ending tells, as far as needed, what it is; the
        name is none of a path."""
        ending = Path(upload.name).suffix.lower()
        with tempfile.TemporaryDirectory(prefix="leadflow-upload-") as place:
            path = Path(place) / f"file{ending if ending in ENDINGS else ''}"
            with path.open("xb") as out:
                out.writelines(self._store.pieces(upload.id, "file"))
            yield path

    def _open(self, upload: Upload, path: Path) -> ArrivalFile:
        plan = upload.plan
        return open_arrivals(
            path,
            plan.channel,
            campaign=plan.campaign,
            mapping=plan.mapping,
            attribution=self._means.attribution,
        )

    # --- taking in ------------------------------------------------------------------------------

    def begin(self, upload: Upload, plan: Plan, to: Destination, *, dry_run: bool) -> Future[None]:
        """Try the rows, or take them in, in the background; one that is taken in, or was, is left alone: by
        this process or another. The future ends with the work, where it is this one's.

        Raises AlreadyThere where it is being tried or taken in differently at the moment.
        """
        deadline = time.monotonic() + LET_GO_S
        while True:
            with self._guard:
                job = self._begun(upload, plan, to, dry_run=dry_run)
            if job is not None:
                return job
            if time.monotonic() > deadline:
                raise _worked_on()
            time.sleep(0.01)
            upload = self._store.get(upload.id)

    def _begun(self, upload: Upload, plan: Plan, to: Destination, *, dry_run: bool) -> Future[None] | None:
        """The work on it; None while nobody works on it any more, but somebody has not let go of it yet."""
        if upload.status in BUSY or upload.id in self._under_way or not self._store.hold(upload.id):
            now = self._store.get(upload.id)
            if now.status not in (*BUSY, "done"):
                return None
            if dry_run or now.status == "checking" or (now.status == "waiting" and now.trial):
                raise _worked_on()
            return self._under_way.get(upload.id) or _nothing()
        try:
            # It may have been worked on since it was looked at; now nobody else begins.
            now = self._store.get(upload.id)
            if now.status == "done":
                self._store.let_go(upload.id)
                if dry_run:
                    raise AlreadyThere("the upload was taken in already")
                return _nothing()
            upload.plan, upload.status, upload.error, upload.trial = plan, "waiting", None, dry_run
            upload.counts, upload.by_pool, upload.problems = dict.fromkeys(COUNTS, 0), {}, 0
            self._store.note(upload)
            job = self._jobs.submit(self._work, upload, to, dry_run=dry_run)
        except BaseException:
            self._store.let_go(upload.id)
            raise
        self._under_way[upload.id] = job
        return job

    def _work(self, upload: Upload, to: Destination, *, dry_run: bool) -> None:
        try:
            self._run(upload, to, dry_run=dry_run)
        finally:
            # Before the job ends: whoever waited for it may begin the next one.
            with self._guard:
                self._under_way.pop(upload.id, None)
                self._store.let_go(upload.id)

    def _run(self, upload: Upload, to: Destination, *, dry_run: bool) -> None:
        upload.status = "checking" if dry_run else "running"
        self._store.note(upload)
        try:
            with self._reading, _Named(upload), self._unpacked(upload) as path, self._list(upload) as out:
                self._take(upload, path, to, _Progress(upload, out), dry_run=dry_run)
            upload.status = "checked" if dry_run else "done"
        except Unavailable as error:
            upload.status = "interrupted"
            upload.error = f"{error.what}; start it again: rows that were taken are duplicates then"
        except LeadflowError as error:
            upload.status, upload.error = "failed", error.what
        except Exception as error:
            upload.status, upload.error = "failed", "LeadFlow met a bug; the log has the particulars"
            log_.error("an upload met a bug", problem=type(error).__name__, exc_info=error)
        self._store.note(upload)
        if upload.status == "done":
            self._store.drop(upload.id, "file")

    @contextmanager
    def _list(self, upload: Upload) -> Iterator[Any]:
        """The list of problem rows, to be written to; kept whenever the block ends, as far as it got."""
        with tempfile.TemporaryFile() as kept:
            out = io.TextIOWrapper(kept, "utf-8-sig", newline="")
            try:
                yield out
            finally:
                out.flush()
                kept.seek(0)
                self._store.put(upload.id, "problems", iter(lambda: kept.read(PIECE), b""))

    def _take(self, upload: Upload, path: Path, to: Destination, report: _Progress, *, dry_run: bool) -> None:
        file, means = self._open(upload, path), self._means

        def progress(_: int) -> None:
            report.show()
            self._store.note(upload)
            if means.stopping.is_set():
                raise Unavailable("the service is stopping")

        if dry_run:
            rehearse_file(file, to, upload.actor, means.pool_of, progress, report)
        else:
            import_file(
                file,
                to,
                upload.actor,
                means.submit_all,
                means.dead_letters,
                progress,
                occurred_at=upload.plan.occurred_at,
                report=report,
            )
        report.show()
        upload.mapping = report.mapping | {"file": upload.name}


def _idle(upload: Upload) -> None:
    if upload.status in BUSY:
        raise _worked_on()


def _worked_on() -> AlreadyThere:
    return AlreadyThere("the upload is being worked on", do="Wait until it is done.")


def _nothing() -> Future[None]:
    found: Future[None] = Future()
    found.set_result(None)
    return found


class _Named:
    """Errors about the file name it as its sender does: where it is kept is nobody's business."""

    def __init__(self, upload: Upload) -> None:
        self._name = upload.name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, UsageError):
            error.where = self._name

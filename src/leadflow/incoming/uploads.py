"""Files of leads that were uploaded: kept, tried without doing, taken in piece by piece.

An upload is a directory of its own beside the data: the file, its state, and the list of problem rows. It
outlives the process. One that was being taken in when the process ended is `interrupted`, and is started
again: rows that were taken before are duplicates, so nothing is taken twice.
"""

from __future__ import annotations

import csv
import json
import shutil
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import structlog

from leadflow.domain.pool import Pool
from leadflow.errors import AlreadyThere, LeadflowError, NotFound, TooLarge, Unavailable, UsageError
from leadflow.incoming.importing import Destination, Report, SubmitAll, import_file, rehearse_file
from leadflow.incoming.upload_state import BUSY, COUNTS, Plan, Row, Upload, read_upload
from leadflow.intake.attribution import Attribution
from leadflow.intake.files import ArrivalFile, Incoming, open_arrivals
from leadflow.intake.opening import ENDINGS
from leadflow.intake.text import as_text
from leadflow.records import DeadLetters
from leadflow.views.csv_out import neutral

BYTES_MAX = 256 * 1024 * 1024
PREVIEW_ROWS = 10
KEEP = timedelta(days=7)
"""For how long an upload is kept."""
UPLOADS_MAX = 50
"""That one actor may have at a time."""
PROBLEM_COLUMNS = ("row", "sheet", "unreadable", "field", "code", "message", "content")
CHUNK = 1024 * 1024

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
    """The uploads in a directory. Safe to use from several threads."""

    def __init__(self, directory: Path, means: Means, *, bytes_max: int = BYTES_MAX) -> None:
        self.bytes_max = bytes_max
        self._directory = directory
        self._means = means
        self._known: dict[str, Upload] = {}
        self._guard = threading.Lock()
        # Workbooks stand in memory while they are read: two at a time at most.
        self._reading = threading.BoundedSemaphore(2)
        self._jobs = ThreadPoolExecutor(1, "uploads")
        self._under_way: dict[str, Future[None]] = {}

    # --- keeping --------------------------------------------------------------------------------

    def keep(self, actor: str, name: str, source: BinaryIO, plan: Plan) -> Upload:
        """Keep a file. Raises TooLarge, and UsageError where the actor has too many."""
        self._tidy()
        own = [one for one in self._all() if one.actor == actor]
        if len(own) >= UPLOADS_MAX:
            raise AlreadyThere(f"{actor} has {UPLOADS_MAX} uploads already", do="Delete some of them.")
        upload = Upload(uuid.uuid4().hex, actor, name, 0, datetime.now(UTC), plan)
        place = self._place(upload.id)
        place.mkdir(parents=True, mode=0o700)
        try:
            with self.file(upload).open("xb") as out:
                while piece := source.read(CHUNK):
                    upload.size += len(piece)
                    if upload.size > self.bytes_max:
                        raise TooLarge(f"a file here has at most {self.bytes_max:,} bytes")
                    out.write(piece)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        self._note(upload)
        return upload

    def get(self, actor: str, name: str) -> Upload:
        """An upload of this actor's. Raises NotFound, alike for somebody else's."""
        found = self._known.get(name) or self._kept(name)
        if found is None or found.actor != actor:
            raise NotFound(f"there is no upload {name!r}")
        return found

    def delete(self, actor: str, name: str) -> None:
        """Forget an upload; what was taken in stays. Raises NotFound, AlreadyThere while it is worked on."""
        upload = self.get(actor, name)
        with self._guard:
            self._idle(upload)
            self._known.pop(name, None)
            shutil.rmtree(self._place(name), ignore_errors=True)

    def file(self, upload: Upload) -> Path:
        """Where its file is. Its ending tells, as far as needed, what it is; the name is none of a path."""
        ending = Path(upload.name).suffix.lower()
        return self._place(upload.id) / f"file{ending if ending in ENDINGS else ''}"

    def problems(self, upload: Upload) -> Path:
        """Where the list of its problem rows is; there is none before it was checked or started."""
        return self._place(upload.id) / "problems.csv"

    def close(self) -> None:
        """End; what is under way is interrupted."""
        self._jobs.shutdown(cancel_futures=True)

    # --- reading --------------------------------------------------------------------------------

    def preview(self, upload: Upload) -> tuple[list[Row], dict[str, Any]]:
        """The first rows as they are understood, and the mapping. Raises UsageError and its kin."""
        with self._reading, _Named(upload):
            file = self._open(upload)
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
            return rows, file.report()

    def _open(self, upload: Upload) -> ArrivalFile:
        plan = upload.plan
        return open_arrivals(
            self.file(upload),
            plan.channel,
            campaign=plan.campaign,
            mapping=plan.mapping,
            attribution=self._means.attribution,
        )

    # --- taking in ------------------------------------------------------------------------------

    def begin(self, upload: Upload, plan: Plan, to: Destination, *, dry_run: bool) -> Future[None]:
        """Try the rows, or take them in, in the background; one that is taken in, or was, is left alone.

        Raises AlreadyThere where it is being tried or taken in differently at the moment.
        """
        with self._guard:
            known = self._under_way.get(upload.id)
            if known is not None and not known.done():
                if dry_run or upload.status == "checking":
                    self._idle(upload)
                return known
            if upload.status == "done":
                if dry_run:
                    raise AlreadyThere("the upload was taken in already")
                return _nothing()
            upload.plan, upload.status, upload.error = plan, "waiting", None
            upload.counts, upload.by_pool, upload.problems = dict.fromkeys(COUNTS, 0), {}, 0
            self._note(upload)
            job = self._jobs.submit(self._run, upload, to, dry_run=dry_run)
            self._under_way[upload.id] = job
            return job

    def _run(self, upload: Upload, to: Destination, *, dry_run: bool) -> None:
        upload.status = "checking" if dry_run else "running"
        self._note(upload)
        try:
            with (
                self._reading,
                _Named(upload),
                self.problems(upload).open("w", encoding="utf-8-sig", newline="") as out,
            ):
                self._take(upload, to, _Progress(upload, out), dry_run=dry_run)
            upload.status = "checked" if dry_run else "done"
        except Unavailable as error:
            upload.status = "interrupted"
            upload.error = f"{error.what}; start it again: rows that were taken are duplicates then"
        except LeadflowError as error:
            upload.status, upload.error = "failed", error.what
        except Exception as error:
            upload.status, upload.error = "failed", "LeadFlow met a bug; the log has the particulars"
            log_.error("an upload met a bug", problem=type(error).__name__, exc_info=error)
        self._note(upload)

    def _take(self, upload: Upload, to: Destination, report: _Progress, *, dry_run: bool) -> None:
        file, means = self._open(upload), self._means

        def progress(_: int) -> None:
            report.show()
            self._note(upload)
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
        upload.mapping = report.mapping

    # --- the directory --------------------------------------------------------------------------

    def _place(self, name: str) -> Path:
        return self._directory / name

    def _note(self, upload: Upload) -> None:
        """Write its state, whole or not at all."""
        self._known[upload.id] = upload
        place = self._place(upload.id)
        new = place / "state.json.new"
        new.write_text(json.dumps(upload.document(), ensure_ascii=False, default=_text), "utf-8")
        new.replace(place / "state.json")

    def _kept(self, name: str) -> Upload | None:
        """An upload of an earlier process."""
        try:
            found = read_upload(json.loads((self._place(name) / "state.json").read_text("utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if found.status in BUSY:
            found.status = "interrupted"
            found.error = "the process ended; start it again: rows that were taken are duplicates then"
        with self._guard:
            return self._known.setdefault(name, found)

    def _all(self) -> list[Upload]:
        if not self._directory.exists():
            return []
        names = [place.name for place in self._directory.iterdir() if place.is_dir()]
        return [one for name in names if (one := self._known.get(name) or self._kept(name)) is not None]

    def _tidy(self) -> None:
        old = datetime.now(UTC) - KEEP
        for upload in self._all():
            if upload.created_at < old and upload.status not in BUSY:
                self.delete(upload.actor, upload.id)

    def _idle(self, upload: Upload) -> None:
        if upload.status in BUSY:
            raise AlreadyThere("the upload is being worked on", do="Wait until it is done.")


def _nothing() -> Future[None]:
    found: Future[None] = Future()
    found.set_result(None)
    return found


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)


class _Named:
    """Errors about the file name it as its sender does: where it is kept is nobody's business."""

    def __init__(self, upload: Upload) -> None:
        self._name = upload.name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, UsageError):
            error.where = self._name

"""Files of leads: .xlsx, .xls, .ods, .csv, .jsonl and .vcf, told apart by what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import orjson

from leadflow.errors import UnreadableFile, UsageError
from leadflow.intake.arrivals import ROW_REF, Arrival, ArrivalReader
from leadflow.intake.attribution import Attribution
from leadflow.intake.channels.cards import asked_of, cards_of
from leadflow.intake.doubled import doubled
from leadflow.intake.json_lines import as_line, check_lines, json_lines, lenient_json
from leadflow.intake.learning import learn
from leadflow.intake.limits import Limits
from leadflow.intake.mapping import ANSWER, MappingFile, header_key, make_plan
from leadflow.intake.opening import is_workbook, kind_of, open_tables, read_head
from leadflow.intake.problems import Problem
from leadflow.intake.tables import Table
from leadflow.intake.text import CELL_LENGTH_MAX, as_text
from leadflow.intake.textfiles import Encoding, encoding_of, is_value, lines


@dataclass(frozen=True, slots=True)
class Incoming:
    """One row or line of a file and what was understood of it."""

    row: int
    """Its number in the file, from 1; of csv and vcf the line that it begins in."""
    sheet: str | None
    raw: dict[str, Any]
    """As read: column → value; of a line that is no object, `{"line": …}`."""
    arrival: Arrival

    def payload(self) -> dict[str, Any]:
        """`raw` as JSON can hold it."""
        return {as_text(key): _plain(value) for key, value in self.raw.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, (date, time, timedelta)):
        return as_text(value)
    if isinstance(value, str):
        return value.replace("\0", "")
    return value


class ArrivalFile:
    """A file of leads, opened: iterate over it once for its rows; `report()` says what was mapped.

    Opening raises UnreadableFile, UnmappableHeader or NotFound, before anything is read as a lead.
    """

    def __init__(self, path: Path, reader: ArrivalReader, limits: Limits | None = None) -> None:
        self.path = path
        self.reader = reader
        self.limits = limits or Limits()
        self.encoding: Encoding | None = None
        self.delimiter: str | None = None
        self.left_out: tuple[str, ...] = ()
        """Visible sheets that hold contact points, but no header that is known."""
        self.shared: tuple[str, ...] = ()
        """Columns of contact points that most rows share, and so are nobody's own."""
        self._tables: list[tuple[str | None, Table]] = []
        self._contents: dict[str, int] = {}
        """Reference → hash of the row that had it first, where rows have ids of their own."""
        self.format = self._open()

    def _open(self) -> str:
        head = read_head(self.path, self.limits)
        kind = kind_of(self.path, head)
        own = self.reader.mapping
        if own.sheet is not None and not is_workbook(head):
            raise UsageError(
                f"the file has no sheets, so none is called {own.sheet!r}",
                where=str(self.path),
                do="Leave the sheet out (--sheet, or `sheet` in the mapping file).",
            )
        if kind == "vcf":
            self.encoding = encoding_of(self.path, own.encoding)
            if next(self._cards(), None) is None:
                raise UnreadableFile("the file holds no vCard", where=str(self.path))
            return kind
        if kind != "jsonl":
            opened = open_tables(self.path, head, self._score, own, self.limits, own.sheet)
            self._tables, self.left_out = opened.tables, opened.left_out
            self.encoding, self.delimiter = opened.encoding, opened.delimiter
            return kind
        self.encoding = encoding_of(self.path, own.encoding)
        check_lines(self.path, self.encoding, self.limits)
        return kind

    def _score(self, names: list[str]) -> int:
        """How many columns are understood; 0 without a contact point among them."""
        plan = make_plan(names, self.reader.mapping.columns, click_ids=self.reader.attribution.click_id_names)
        if not plan.contacts:
            return 0
        return sum(field != ANSWER for _, field in plan.uses)

    def __iter__(self) -> Iterator[Incoming]:
        if self.format == "jsonl":
            yield from self._json_lines()
            return
        if self.format == "vcf":
            yield from self._cards()
            return
        count = 0
        for sheet, table in self._tables:
            for number, document in table.documents():
                count += 1
                if count > self.limits.rows_max:
                    raise _too_many(self.path, self.limits)
                yield Incoming(number, sheet, document, self._read(document, number))

    def _read(self, document: dict[str, Any], number: int) -> Arrival:
        if self.format == "csv":
            for column, value in document.items():
                if len(value) > CELL_LENGTH_MAX:
                    raise UnreadableFile(
                        f"a cell of line {number} is longer than {CELL_LENGTH_MAX:,} characters",
                        where=str(self.path),
                        do="Look there for a quotation mark that is not closed.",
                    )
                if "\n" in value and self._swallowed(value, len(document)):
                    message = "a quotation mark that is not closed swallowed the lines that follow"
                    return self.reader.refuse("unclosed_quote", message, str(document), column)
        arrival = self._once(document, self.reader.read(document))
        if self.encoding and not self.encoding.clean and any("\ufffd" in str(v) for v in document.values()):
            note = Problem("row", "garbled", f"holds characters that are not {self.encoding.name}")
            return Arrival(arrival.body, (*arrival.problems, note), arrival.ref)
        return arrival

    def _once(self, document: dict[str, Any], arrival: Arrival) -> Arrival:
        """The arrival; noted where its id is that of an earlier row with other contents.

        A weak id (`编号`) that comes again so is none: the row is named by its values then.
        """
        if arrival.ref.startswith(ROW_REF):
            return arrival
        content = hash(str(document))
        if self._contents.setdefault(arrival.ref, content) == content:
            return arrival
        reader, ref = self.reader, self.reader.ref_of_values(document)
        if ref is not None:
            return reader.read(document, ref=ref)
        message = "is that of an earlier row of this file with other contents: both count as that one"
        return replace(arrival, problems=(*arrival.problems, Problem("id", "repeated", message)))

    def _swallowed(self, value: str, width: int) -> bool:
        """Whether a cell holds whole rows of the table: lines with as many delimiters, and somebody's contact
        points. A message may well be of several lines with commas."""
        delimiter, inner = self.delimiter or ",", value.splitlines()[1:]
        return width > 2 and any(line.count(delimiter) >= width - 1 and is_value(line) for line in inner)

    def _cards(self) -> Iterator[Incoming]:
        assert self.encoding is not None
        reader = self.reader.anew()
        for count, (line, document) in enumerate(cards_of(lines(self.path, self.encoding, self.limits)), 1):
            if count > self.limits.rows_max:
                raise _too_many(self.path, self.limits)
            yield Incoming(line, None, dict(document), reader.read(asked_of(document)))

    def _json_lines(self) -> Iterator[Incoming]:
        assert self.encoding is not None
        # Without a header there is nothing to make fit: each line says itself what its members are.
        count = 0
        for number, line in enumerate(json_lines(self.path, self.encoding, self.limits), 1):
            if line is None:
                message = f"is longer than {self.limits.line_length_max:,} characters"
                yield Incoming(number, None, {}, self.reader.refuse("too_long", message, str(number), "line"))
                continue
            text = line.strip()
            if not text:
                continue
            count += 1
            if count > self.limits.rows_max:
                raise _too_many(self.path, self.limits)
            yield self._json_line(number, text)

    def _json_line(self, number: int, text: bytes | str) -> Incoming:
        shown = as_line(text)
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            lenient = lenient_json(shown)
            if lenient is not None and (twice := doubled(shown, lenient)) is not None:
                return self._doubled(number, shown, twice)
            if lenient is not None:
                arrival = self._once(lenient, self.reader.read(lenient))
                return self._garbled(Incoming(number, None, lenient, arrival), shown)
            message = f"is not JSON: {error.msg} at character {error.pos + 1}"
            return Incoming(
                number, None, {"line": shown}, self.reader.refuse("not_json", message, shown, "line")
            )
        if not isinstance(document, dict):
            refused = self.reader.refuse("not_an_object", "is JSON, but not an object", shown, "line")
            return Incoming(number, None, {"line": shown}, refused)
        if (twice := doubled(text, document, even=True)) is not None:
            return self._doubled(number, shown, twice)
        return Incoming(number, None, document, self._once(document, self.reader.read(document)))

    def _doubled(self, number: int, shown: str, twice: str) -> Incoming:
        refused = self.reader.refuse("doubled_member", f"says {twice} twice", shown, "line")
        return Incoming(number, None, {"line": shown}, refused)

    def _garbled(self, incoming: Incoming, shown: str) -> Incoming:
        if "\ufffd" not in shown:
            return incoming
        assert self.encoding is not None
        arrival = incoming.arrival
        note = Problem("line", "garbled", f"holds characters that are not {self.encoding.name}")
        return replace(incoming, arrival=replace(arrival, problems=(*arrival.problems, note)))

    def report(self) -> dict[str, Any]:
        """Format, encoding, header and mapping; of jsonl after it was read, whatever its lines had.

        `missing` are columns that the mapping file names and the file has not.
        """
        said: dict[str, Any] = {"file": self.path.name, "format": self.format}
        if self.encoding:
            said["encoding"] = self.encoding.name
            if not self.encoding.sure:
                said["encoding_guessed"] = True
        if self.delimiter:
            said["delimiter"] = self.delimiter
        mapped = {"columns": {}, "answers": {}, "ignored": {}}  # type: dict[str, dict[str, Any]]
        for plan in self.reader.plans():
            part = plan.report()
            mapped["columns"] |= part["columns"]
            mapped["answers"] |= dict.fromkeys(part["answers"])
            mapped["ignored"] |= dict.fromkeys(part["ignored"])
        said["columns"] = mapped["columns"]
        said["answers"] = [name for name in mapped["answers"] if name not in mapped["columns"]]
        said["ignored"] = list(mapped["ignored"])
        if self.left_out:
            said["left_out"] = list(self.left_out)
        if self.shared:
            said["shared"] = list(self.shared)
        if self.reader.mapping.dates:
            said["dates"] = self.reader.mapping.dates
        seen = {header_key(column) for part in mapped.values() for column in part}
        said["missing"] = [
            name
            for name in self.reader.mapping.columns
            if not name.startswith("#") and header_key(name) not in seen
        ]
        if self._tables:
            said["tables"] = [
                {"sheet": sheet, "header_row": table.header_row, "skipped": asdict(table.skipped)}
                for sheet, table in self._tables
            ]
        return said


def open_arrivals(
    path: Path,
    channel: str,
    *,
    campaign: str | None = None,
    door: str | None = None,
    mapping: MappingFile | None = None,
    attribution: Attribution | None = None,
    limits: Limits | None = None,
) -> ArrivalFile:
    """Open a file of leads that came through `channel`. Raises as `ArrivalFile` does."""
    reader = ArrivalReader(channel, campaign=campaign, door=door, mapping=mapping, attribution=attribution)
    file = ArrivalFile(path, reader, limits)
    for _, table in file._tables:
        reader.plan(table.columns)
    file.shared = learn(reader, [table for _, table in file._tables])
    return file


def _too_many(path: Path, limits: Limits) -> UnreadableFile:
    return UnreadableFile(
        f"the file holds more than {limits.rows_max:,} rows", where=str(path), do="Split it."
    )

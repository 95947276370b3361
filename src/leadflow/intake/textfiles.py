"""Text files: which encoding, which delimiter, and their lines, streamed."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from leadflow.errors import UnreadableFile
from leadflow.intake.limits import Limits

SAMPLE_BYTES = 256 * 1024
DELIMITERS = ",;\t|"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BROKEN_SHARE_MAX = 0.1
_COMMON_SHARE_MIN = 0.5
_SURE_SHARE_MIN = 0.7
_HEADER_LINES = 20
_USUAL = "Usual ones are utf-8, gb18030, big5 and utf-16."
_VALUE = re.compile(r"@|\d[\d\s-]{6,}")
_ASIDE = re.compile(r"(?<=[^\W\d])\s*[(（][^()（）]*[)）]")
"""Brackets behind a word: `手机（如13800138000）`."""


def is_value(text: str) -> bool:
    """Whether a cell or line holds what no header does: an address, or a number of at least seven digits;
    an example in brackets behind a name is none."""
    return _VALUE.search(_ASIDE.sub("", text)) is not None


@dataclass(frozen=True, slots=True)
class Encoding:
    """A text file's encoding; `clean` is False where single characters cannot be read, `sure` where little
    tells that it is this one."""

    name: str
    clean: bool = True
    sure: bool = True


def encoding_of(
    path: Path, declared: str | None = None, score: Callable[[list[str]], int] | None = None
) -> Encoding:
    """The encoding by byte-order mark, then UTF-8, then GB18030 (of which GBK is a part) or Big5, then by
    charset-normalizer.

    `score` says how much of a header is known; where one is, that decides between GB18030 and Big5, else
    which of them has the more everyday characters.
    Raises UnreadableFile if the file is no text, or not in the declared encoding.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if declared:
        return _declared(path, declared)
    for mark, name in _BOMS:
        if head.startswith(mark):
            return Encoding(name, clean=_decodes(path, name))
    if b"\0" in head:
        zeros = [head[parity::2].count(0) / max(1, len(head) // 2) for parity in (0, 1)]
        if max(zeros) > 0.2 and min(zeros) < 0.1:
            return Encoding("utf-16-be" if zeros[0] > zeros[1] else "utf-16-le")
        raise UnreadableFile("the file is not text", where=str(path), do="Save it as CSV in UTF-8.")
    if _decodes(path, "utf-8"):
        return Encoding("utf-8")
    sample = _telling_sample(path)
    broken = sample.decode("utf-8", "replace").count("\ufffd")
    if broken <= _BROKEN_SHARE_MAX * _count_from(0xC0, sample):
        return Encoding("utf-8", clean=False)
    chinese = _chinese(sample, score)
    if chinese is not None:
        name, sure = chinese
        return Encoding(name, clean=_decodes(path, name), sure=sure)
    # Imported where it is needed: nearly all files are in an encoding that was named above.
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    if best is None:
        raise UnreadableFile(
            "the file's encoding cannot be told",
            where=str(path),
            do="Save it in UTF-8, or name its encoding, e.g. gb18030 or big5.",
        )
    return Encoding(best.encoding, clean=_decodes(path, best.encoding), sure=False)


def _declared(path: Path, name: str) -> Encoding:
    try:
        # Of what is no encoding of text (`hex`, `zlib`) this says so, too.
        "a".encode(name)
    except (LookupError, ValueError) as error:
        raise UnreadableFile(f"there is no encoding {name!r}", where=str(path), do=_USUAL) from error
    if _decodes(path, name):
        return Encoding(name)
    sample = _telling_sample(path)
    broken = sample.decode(name, "replace").count("\ufffd")
    if broken > max(3, _BROKEN_SHARE_MAX * _count_from(0x80, sample) / 2):
        raise UnreadableFile(
            f"the file is not encoded in {name}",
            where=str(path),
            do="Leave the encoding out: it is found out then.",
        )
    return Encoding(name, clean=False)


def _decodes(path: Path, name: str) -> bool:
    decoder = codecs.getincrementaldecoder(name)()
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def _telling_sample(path: Path) -> bytes:
    """Lines with other than ASCII characters, up to a limit: the rest tells nothing."""
    parts, size = [], 0
    with path.open("rb") as file:
        while size < SAMPLE_BYTES and (line := file.readline(SAMPLE_BYTES)):
            if not line.isascii():
                parts.append(line)
                size += len(line)
    return b"".join(parts)


def _count_from(least: int, sample: bytes) -> int:
    """How many bytes are this or more."""
    return len(sample) - len(sample.translate(None, bytes(range(least, 0x100))))


def _chinese(sample: bytes, score: Callable[[list[str]], int] | None) -> tuple[str, bool] | None:
    """GB18030 or Big5, whichever the sample's header and characters speak for, and whether that is sure."""
    rated = []
    for name, is_common in (("gb18030", _is_common), (_big5_of(sample), _is_common_in_big5)):
        text = sample.decode(name, "replace")
        known = _known_header(text, score) if score is not None else 0
        rated.append((known, _common_share(text, is_common), name))
    # Of two alike the first: GB18030.
    known, share, name = max(rated, key=lambda one: one[:2])
    if share < _COMMON_SHARE_MIN:
        return None
    return name, bool(known) or share >= _SURE_SHARE_MIN


def _big5_of(sample: bytes) -> str:
    """Of the kinds of Big5 the first that has all of the sample's characters."""
    for name in ("big5", "cp950", "big5hkscs"):
        try:
            sample.decode(name)
        except UnicodeError:
            continue
        return name
    return "cp950"


def _known_header(text: str, score: Callable[[list[str]], int]) -> int:
    rows = [line for line in text.splitlines()[:_HEADER_LINES] if not is_value(line)]
    cells = ([cell.strip(' "') for cell in row.split(mark)] for row in rows for mark in DELIMITERS)
    return max((score(row) for row in cells if len(row) > 1), default=0)


def _common_share(text: str, is_common: Callable[[str], bool]) -> float:
    """Which share of the characters beyond ASCII are everyday ones."""
    wide = {character: count for character, count in Counter(text).items() if not character.isascii()}
    common = sum(count for character, count in wide.items() if is_common(character))
    return common / max(1, sum(wide.values()))


def _is_common(character: str) -> bool:
    """Level 1 of GB 2312, punctuation, and the Latin letters with marks (`Müller`)."""
    code = character.encode("gb2312", "ignore")
    return len(code) == 2 and (0xB0 <= code[0] <= 0xD7 or code[0] in (0xA1, 0xA3, 0xA8))


def _is_common_in_big5(character: str) -> bool:
    """Level 1 of Big5, and punctuation."""
    code = character.encode("big5", "ignore")
    return len(code) == 2 and 0xA1 <= code[0] <= 0xC6


def lines(path: Path, encoding: Encoding, limits: Limits) -> Iterator[str]:
    """The lines of a text file with their ends. Raises UnreadableFile at a line that is too long."""
    with path.open(encoding=encoding.name, errors="replace", newline="") as file:
        number = 0
        while line := file.readline(limits.line_length_max + 1):
            number += 1
            if len(line) > limits.line_length_max:
                raise UnreadableFile(
                    f"line {number} is longer than {limits.line_length_max:,} characters",
                    where=str(path),
                    do="A table has one row a line: save it as CSV again.",
                )
            yield line


def delimiter_of(path: Path, encoding: Encoding, limits: Limits, score: Callable[[list[str]], int]) -> str:
    """The delimiter under which the first lines look most like a table with a known header."""
    sample = list(islice(lines(path, encoding, limits), 60))

    def rate(delimiter: str) -> tuple[int, float, int]:
        try:
            rows = [row for row in csv.reader(sample, delimiter=delimiter) if any(row)]
        except csv.Error:
            return (0, 0.0, 0)
        widths = [len(row) for row in rows]
        usual = max(set(widths), key=lambda width: (widths.count(width), width), default=1)
        steady = widths.count(usual) / len(widths) if usual > 1 else 0.0
        # No row with an address or a number in it is a header: those need not be looked at closely.
        headers = (row for row in rows if not any(map(is_value, row)))
        return (max(map(score, headers), default=0), steady, usual)

    return max(DELIMITERS, key=rate)


def _formula_text(cell: str) -> str:
    """What is meant by `="张三"`, which some systems write so that a spreadsheet takes it for text."""
    return cell[2:-1] if cell.startswith('="') and cell.endswith('"') and len(cell) > 2 else cell


def csv_rows(
    path: Path, encoding: Encoding, delimiter: str, limits: Limits
) -> Iterator[tuple[int, list[Any]]]:
    """The rows of a CSV file, each with the number of the line that it begins in."""
    # Some write a blank between delimiter and quotation mark, which would make the mark part of the cell.
    spaced = re.compile(rf'(?:^|{re.escape(delimiter)}) +"[^"]*" *(?:{re.escape(delimiter)}|$)', re.MULTILINE)
    blanks = bool(spaced.search("".join(islice(lines(path, encoding, limits), 20))))
    reader = csv.reader(lines(path, encoding, limits), delimiter=delimiter, skipinitialspace=blanks)
    begins = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UnreadableFile(
                f"the row that begins in line {begins} cannot be read: {error}",
                where=str(path),
                do="Look there for a quotation mark that is not closed.",
            ) from error
        yield begins, [_formula_text(cell) for cell in row]
        begins = reader.line_num + 1

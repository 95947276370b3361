"""What a column, a form's field or a push body's member is: usual names and mapping files."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from leadflow.domain.currencies import known as known_currency
from leadflow.domain.values import Model
from leadflow.errors import UsageError
from leadflow.intake.moments import DateOrder
from leadflow.intake.text import fold

CONTACT_FIELDS = ("phone", "email", "wechat")
DETAIL_FIELDS = ("name", *CONTACT_FIELDS, "company", "industry", "size", "region")
"""What a form may ask of a lead; their share that is filled is the form's completeness."""
SEVERAL = frozenset((*CONTACT_FIELDS, "note"))
_TOLD_TWICE = frozenset(
    ("name", "company", "industry", "size", "region", "city", "country", "time", "campaign")
)
_STAFF = frozenset(("负责人", "提交人", "填表人", "对接人"))
"""Names that may be the seller's: they tell a lead's name only where no other column does."""
"""Fields that more than one column may fill."""
FIELDS = (
    "name", "family_name", "given_name", "phone", "email", "wechat", "company", "industry", "size", "region",
    "city", "note", "id", "weak_id", "row_number", "time", "time_of_day", "area_code", "campaign",
    "landing_page", "referrer", "cost", "currency", "utm_source", "utm_medium", "utm_campaign", "utm_term",
    "utm_content", "utm_id",
)  # fmt: skip
ANSWER, IGNORE = "answer", "ignore"
CLICK_ID = "click_id:"
COLUMNS_MAX = 500

_NUMBERING = re.compile(r"^\s*\*?\s*(?:q\s*)?\d{1,3}\s*[.、:：_)）-]\s*(?=\D)", re.IGNORECASE)
_BRACKETS = re.compile(r"[(（\[【<{].*?[)）\]】>}]")
_POLITE = re.compile(
    r"^(?:请(?:输入|填写|留下|提供|选择)?|您|你|贵)?(?:所在|所属)?的?"
    r"|^(?:what(?:'s| is) your|please (?:enter|provide) your|your)\s+",
    re.IGNORECASE,
)
_POLITE_END = re.compile(r"(?:是什么|是多少|是)?[?？:：*\s]*$")
_JUNK = re.compile(r"[\s_\-·.,:：;；/\\|*#'\"“”‘’?？!！+()（）\[\]【】]+")
_QUESTION = re.compile(r"是否|吗|愿意|方便|可否|能否|有无|密码|验证|subscri|consent|opt-?in|verified")
_OTHERS = re.compile(
    r"销售|业务员|客服|客户经理|顾问|推荐|介绍人|紧急|跟进|归属人|(?:录入|采集|创建|操作|分配)[人者员]"
    r"|(?<![a-z])(?:owner|sales|rep(?![a-z])|representative|agent|manager|referr|recommend|emergency"
    r"|assign|created? ?by|assignee|account exec)",
    re.IGNORECASE,
)
"""Whose these are not: `销售电话` is the same number in many rows and would make one lead of them all."""
_NUMBERED = re.compile(r"(?<=[^\W\d])[\s_#-]*[1-9一二三①②③]$")
_TWO_SCRIPTS = re.compile(r"([^\x00-\x7f]+)[\s(]*([a-z][a-z .\-]*?)[\s)]*", re.IGNORECASE)
OWN_NAMES = frozenset(("name", "名称", "title", "value"))
"""What an object calls itself: `{"company": {"name": …}}` is no person's name."""
_THINGS = frozenset((
    "account", "ad", "ad_group", "adset", "advertiser", "campaign", "channel", "city", "company", "country",
    "employer", "event", "form", "industry", "organisation", "organization", "page", "product", "project",
    "province", "region", "source", "store", "公司", "企业", "表单", "活动", "行业", "城市", "地区",
))  # fmt: skip
SIMPLIFIED = str.maketrans(
    "電話郵號碼機構稱業規員數區縣聯絡繫職備註記錄時間類產單總額顧問題學資訊選來訪網頁連結級別參觀賓館國編與從價費幣種廣計劃畫銷薦紹緊進歸屬採創務寫們個報區萬處務體間動擊層設張筆",
    "电话邮号码机构称业规员数区县联络系职备注记录时间类产单总额顾问题学资讯选来访网页连结级别参观宾馆国编与从价费币种广计划画销荐绍紧进归属采创务写们个报区万处务体间动击层设张笔",
)
"""Characters of columns' names as Taiwan and Hong Kong write them, and as the tables here do."""
_DAY_AND_CLOCK = re.compile(r"(.*?)(?:(日期|date|day)|(时间|时刻|time|hour))")


def header_key(text: str) -> str:
    """A column's name without what does not matter: case, blanks, numbering, brackets, punctuation."""
    bare = _NUMBERING.sub("", fold(text)).lower()
    # `【姓名】`: what stands in brackets is all there is.
    return _JUNK.sub("", _BRACKETS.sub("", bare)) or _JUNK.sub("", bare) or text.strip().lower()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Names of columns by what they mean."""

    exact: dict[str, str]
    endings: tuple[tuple[str, str], ...]

    def field_of(self, column: str) -> str | None:
        """The field that a column of this name holds, or None."""
        if len(column) > 60 or not column:
            return None
        column = column.translate(SIMPLIFIED)
        found = self.exact.get(header_key(column))
        if found:
            return found
        if _OTHERS.search(column):
            return None
        column = _NUMBERED.sub("", column)
        scripts = _TWO_SCRIPTS.fullmatch(column)
        if scripts:
            chinese, english = (self.exact.get(header_key(part)) for part in scripts.groups())
            if chinese and chinese == english:
                return chinese
        parts = [part for part in re.split(r"[/／|\n]", column) if part.strip()]
        for spelling in (*parts, *_BRACKETS.findall(column)) if len(parts) > 1 or "(" in fold(column) else ():
            found = self.exact.get(header_key(spelling.strip("()（）[]【】")))
            if found:
                return found
        polite = _POLITE_END.sub("", _POLITE.sub("", _NUMBERING.sub("", fold(column)).strip()))
        return self.exact.get(header_key(polite)) or self._by_ending(polite)

    def _by_ending(self, text: str) -> str | None:
        """`客户手机号`, `work e-mail`: short names that end with a known word; no questions."""
        key = header_key(text)
        if _QUESTION.search(key) or len(text.split()) > 3 or (not key.isascii() and len(key) > 12):
            return None
        if key.isascii() and len(key) > 30:
            return None
        for ending, field in self.endings:
            if key.endswith(ending):
                return field
        return None


@cache
def vocabulary(part: str = "fields") -> Vocabulary:
    """The usual names: `fields` of a lead, or `spend`."""
    exact: dict[str, str] = {}
    endings: dict[str, str] = {}
    for field, names in data_of("columns")[part].items():
        for name in names["exact"]:
            exact[header_key(name.translate(SIMPLIFIED))] = field
        for name in names.get("endings", ()):
            endings[header_key(name)] = field
    ordered = sorted(endings.items(), key=lambda item: (-len(item[0]), item[0]))
    return Vocabulary(exact, tuple(ordered))


@cache
def data_of(name: str) -> dict[str, Any]:
    """The table `data/NAME.toml`."""
    return tomllib.loads(files(__package__).joinpath(f"data/{name}.toml").read_text("utf-8"))


# --- mapping files --------------------------------------------------------------------------


def _known_field(field: str) -> str:
    if field not in (*FIELDS, ANSWER, IGNORE) and not re.fullmatch(r"click_id:[a-z0-9_]{1,40}", field):
        raise ValueError(f"unknown field {field!r}; known are {', '.join((*FIELDS, ANSWER, IGNORE))}")
    return field


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"unknown time zone {name!r}") from error
    return name


def _known_country(code: str) -> str:
    if code == "CN":
        return code
    # Imported where it is needed: it takes a moment, and most numbers are Chinese.
    import phonenumbers

    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"unknown country {code!r}: two capital letters of ISO 3166, as in DE")
    return code


PhoneRegion = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$"), AfterValidator(_known_country)]
"""A country (ISO 3166) whose national phone numbers libphonenumber knows."""


class MappingFile(Model):
    """What a mapping file says; everything may be left out."""

    columns: dict[str, Annotated[str, AfterValidator(_known_field)]] = {}
    """Column name, or `#N` for the Nth column, → field, `answer` or `ignore`."""
    sheet: str | None = None
    header_row: Annotated[int, Field(ge=0)] | None = None
    """The header's row in the file, from 1; 0 if there is none (then use `#N`)."""
    encoding: str | None = None
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None
    timezone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Shanghai"
    """Zone of times without an offset."""
    dates: DateOrder | None = None
    """What stands first in dates like 11/3/2026, where the file itself does not tell."""
    region: PhoneRegion = "CN"
    """Country (ISO 3166) of phone numbers without a country code."""
    currency: Annotated[str, AfterValidator(known_currency)] = "CNY"
    """Currency of costs that name none."""


def load_mapping(path: Path) -> MappingFile:
    """Read a mapping file (TOML). Raises UsageError naming every problem by its path."""
    try:
        return MappingFile.model_validate(tomllib.loads(path.read_text("utf-8-sig")))
    except OSError as error:
        raise UsageError(f"cannot read the mapping file: {error.strerror}", where=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the mapping file is not TOML: {error}", where=str(path)) from error
    except ValidationError as error:
        what = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        )
        raise UsageError(f"the mapping file is not right: {what}", where=str(path)) from error


# --- plans ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """What each column of a file, form or body is."""

    uses: tuple[tuple[str, str], ...]
    """Every column with its field, `answer` or `ignore`, in order."""
    fields: dict[str, tuple[str, ...]]
    """Field → its columns."""
    answers: tuple[str, ...]
    marks: tuple[str, ...]
    """The fields among them that are UTM values and click ids."""
    asked: int
    """Details of a lead that are asked for."""
    others: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """Field → further columns that mean it: where its own is empty they tell it. They are answers, too."""

    @property
    def contacts(self) -> tuple[str, ...]:
        """The columns that hold contact points."""
        return tuple(column for field in CONTACT_FIELDS for column in self.fields.get(field, ()))

    def report(self) -> dict[str, Any]:
        """What was mapped, for people: column → field, and the columns kept as answers."""
        return {
            "columns": {column: field for column, field in self.uses if field not in (ANSWER, IGNORE)},
            "answers": list(self.answers),
            "ignored": [column for column, field in self.uses if field == IGNORE],
        }


def make_plan(
    columns: Sequence[str],
    own: dict[str, str] | None = None,
    shape: dict[str, str] | None = None,
    click_ids: Iterable[str] = (),
    part: str = "fields",
) -> Plan:
    """What `columns` are: by the mapping file, then the vendor's shape, then the usual names.

    Where two columns mean the same single field the first has it; the other is kept as an answer.
    """
    words, clicks = vocabulary(part), frozenset(click_ids)
    own_by_key = {header_key(name): field for name, field in (own or {}).items()}
    guesses: list[tuple[str, str | None, bool]] = []
    for position, column in enumerate(columns, 1):
        sure = (
            (own or {}).get(f"#{position}") or (own or {}).get(column) or own_by_key.get(header_key(column))
        )
        sure = sure or (shape or {}).get(column)
        if sure is None and column.lower() in clicks:
            sure = CLICK_ID + column.lower()
        guesses.append((column, sure or _guess(column, words), bool(sure)))
    guesses = _day_and_clock(guesses)
    taken = {field for _, field, sure in guesses if sure and field}
    uses: list[tuple[str, str]] = []
    fields: dict[str, list[str]] = {}
    others: dict[str, list[str]] = {}
    for column, guess, certain in guesses:
        field = guess
        if field is None or (not certain and field in taken and field not in SEVERAL):
            if field in _TOLD_TWICE and header_key(column) not in _STAFF:
                others.setdefault(field, []).append(column)
            field = ANSWER
        elif field not in (ANSWER, IGNORE):
            taken.add(field)
            fields.setdefault(field, []).append(column)
        uses.append((column, field))
    details = set(fields)
    if details & {"family_name", "given_name"}:
        details.add("name")
    if details & {"city", "country"}:
        details.add("region")
    return Plan(
        tuple(uses),
        {field: tuple(names) for field, names in fields.items()},
        tuple(column for column, field in uses if field == ANSWER),
        tuple(field for field in fields if field.startswith(("utm_", CLICK_ID))),
        len(details.intersection(DETAIL_FIELDS)),
        {field: tuple(names) for field, names in others.items()},
    )


def _guess(column: str, words: Vocabulary) -> str | None:
    """The field of a column or member by its name; the name of a nested company is that company's."""
    outer, _, inner = column.rpartition(".")
    outer = outer.rpartition(".")[2]
    if outer and is_none_of_the_lead(outer):
        return None
    if outer and inner in OWN_NAMES and is_thing(outer):
        return words.field_of(outer)
    return words.field_of(inner or column)


@lru_cache(maxsize=1024)
def is_none_of_the_lead(member: str) -> bool:
    """Whether an object of this name tells of somebody else: the owner, the rep, who recommended."""
    return bool(_OTHERS.search(member.replace("_", " ").translate(SIMPLIFIED)))


def is_thing(member: str) -> bool:
    """Whether an object of this name is no person, so that its name is not the lead's."""
    return member.lower() in _THINGS


def _day_and_clock(guesses: list[tuple[str, str | None, bool]]) -> list[tuple[str, str | None, bool]]:
    """The same, with an hour that stands in a column beside its day's (`提交日期`, `提交时间`) told apart."""
    at = [place for place, (_, field, sure) in enumerate(guesses) if field == "time" and not sure]
    named = {place: _DAY_AND_CLOCK.fullmatch(header_key(guesses[place][0])) for place in at}
    days = {match[1] for match in named.values() if match and match[2]}
    for place, match in named.items():
        if match and match[3] and match[1] in days:
            guesses[place] = (guesses[place][0], "time_of_day", False)
    return guesses

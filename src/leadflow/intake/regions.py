"""Where a lead is: province, municipality or country and city, by `data/regions.toml`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from leadflow.intake.problems import Problem
from leadflow.intake.text import as_text, fold, is_placeholder

REGION_LENGTH_MAX = 64

_JUNK = re.compile(r"[\s'’`·.,，、/\\|>;:_()（）-]+")
_CUT = re.compile(r"[,，、/\\|>;:()（）·-]+")
_ENGLISH_ENDING = re.compile(r"\s+(city|province|municipality|prefecture|sar)$", re.IGNORECASE)
_CHINA = re.compile(r"^(中华人民共和国|中国大陆|中国|china|p\.?r\.?\s*china)[\s,，/·-]*", re.IGNORECASE)

# The characters of places that are written in another way where full forms are used.
_SIMPLER = str.maketrans(
    "廣東內遼寧蘇龍陝貴雲臺灣門慶漢濟滬鄭長瀋連廈無錫紹興溫揚鎮鹽島煙濰棗萊臨蘭銀烏魯齊爾濱錦撫營陽馬蕪黃贛饒嶽張關頭瓊樂綿瀘資達義麗鹹寶運晉呂滄鄲開鄉許駐荊隨國區縣",
    "广东内辽宁苏龙陕贵云台湾门庆汉济沪郑长沈连厦无锡绍兴温扬镇盐岛烟潍枣莱临兰银乌鲁齐尔滨锦抚营阳马芜黄赣饶岳张关头琼乐绵泸资达义丽咸宝运晋吕沧郸开乡许驻荆随国区县",
)


class Place(NamedTuple):
    """`region`: province, municipality or country in its short usual name; `city` where known."""

    region: str | None = None
    city: str | None = None


NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class _Table:
    exact: dict[str, Place]
    provinces: tuple[tuple[str, str], ...]
    """Chinese spellings with their region, longest first."""
    cities: tuple[tuple[str, Place], ...]
    """Chinese spellings of cities, longest first."""
    divided: frozenset[str]
    """Regions that have cities here: provinces."""


def place(value: Any) -> Place | Problem:
    """What `value` says about where the lead is: `广东省深圳市` and `Shenzhen` are 广东, 深圳.

    A place that the table does not know is its own region, as written.
    """
    return _place(as_text(value))


@lru_cache(maxsize=8192)
def _place(written: str) -> Place | Problem:
    text = fold(written).strip()
    if not text or is_placeholder(text) or text in ("市辖区", "县"):
        return NOWHERE
    inner = _CHINA.sub("", text) or text
    known = _lookup(inner)
    if known is not None:
        return known
    if len(text) > REGION_LENGTH_MAX:
        return Problem("region", "too_long", f"is longer than {REGION_LENGTH_MAX} characters")
    return Place(text)


def city(value: Any) -> Place | Problem:
    """As `place`, for a column that holds cities: what the table does not know is a city."""
    text = as_text(value)
    found = _place(text)
    if isinstance(found, Place) and found.region == fold(text).strip() and not _lookup(found.region):
        return Place(None, found.region)
    return found


def _lookup(text: str) -> Place | None:
    table = _table()
    text = text.translate(_SIMPLER)
    key = _key(text)
    return table.exact.get(key) or _by_beginning(key, table) or _by_words(text, table)


def _by_beginning(key: str, table: _Table) -> Place | None:
    """`广东省深圳市南山区`, `深圳南山`: a province, a city, and what follows them."""
    for spelling, region in table.provinces:
        if key.startswith(spelling):
            found = _city_at(key[len(spelling) :], table, region)
            return found or Place(region)
    return _city_at(key, table, None)


def _city_at(key: str, table: _Table, region: str | None) -> Place | None:
    for spelling, found in table.cities:
        if key.startswith(spelling) and region in (None, found.region):
            rest = key[len(spelling) :]
            # 朝阳区 is a district of Beijing, 朝阳市 a city of Liaoning.
            if rest[:1] in ("区", "县") or (region is None and len(rest) == 1 and rest not in ("市", "州")):
                continue
            return found
    return None


def _by_words(text: str, table: _Table) -> Place | None:
    """`Shenzhen, Guangdong, China`: each part by itself, then each word."""
    for parts in (_CUT.split(text), text.split()):
        found = [table.exact.get(_key(_ENGLISH_ENDING.sub("", part.strip()))) for part in parts]
        hits = [hit for hit in found if hit is not None]
        if hits:
            # Several provinces have a Suzhou: of a place whose province is named beside it, that one counts.
            named = {hit.region for hit in hits if not hit.city} & table.divided
            with_city = [hit for hit in hits if hit.city and (not named or hit.region in named)]
            return with_city[0] if with_city else next(hit for hit in hits if not hit.city)
    return None


def _key(text: str) -> str:
    return _JUNK.sub("", text).lower()


@cache
def _table() -> _Table:
    document = tomllib.loads(files(__package__).joinpath("data/regions.toml").read_text("utf-8"))
    exact: dict[str, Place] = {}
    provinces: dict[str, str] = {}
    cities: dict[str, Place] = {}
    for entry in document["region"]:
        region = entry["name"]
        for spelling in (region, *entry["names"]):
            exact[_key(spelling)] = Place(region)
            if not spelling.isascii():
                provinces[_key(spelling)] = region
    for entry in document["region"]:
        for name, spellings in entry.get("cities", {}).items():
            for spelling in (name, *spellings):
                found = Place(entry["name"], name)
                exact.setdefault(_key(spelling), found)
                if not spelling.isascii():
                    exact.setdefault(_key(spelling) + "市", found)
                    cities.setdefault(_key(spelling), found)
    divided = frozenset(str(place.region) for place in cities.values())
    return _Table(exact, _longest_first(provinces), _longest_first(cities), divided)


def _longest_first(table: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(table.items(), key=lambda item: (-len(item[0]), item[0])))

"""The report on origins: which search engine, referring class and landing page brought leads.

A lead counts once, by its first touch, as in the report on channels. Only touches of the web have an origin.
A landing page is its host and path: what follows is the visitor's, and may name a person.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from projections.sources import Source

PAGE_LENGTH_MAX = 200
_NAMES_SOMEBODY = re.compile(r"@|%40|\d{7,}")

Origin = tuple[str | None, str | None, str | None]
"""Referring class, search engine, landing page."""
UNKNOWN: Origin = (None, None, None)


@dataclass
class OriginRow:
    """Leads that came in one way. None: not known."""

    referrer_class: str | None
    search_engine: str | None
    landing_page: str | None
    leads: int = 0
    owned: int = 0
    claimed: int = 0
    contacted: int = 0
    converted: int = 0


def page_of(address: str | None) -> str | None:
    """Host and path of an address, as a report may show it; None for what is none."""
    if not address:
        return None
    try:
        parts = urlsplit(address if "//" in address[:12] or address.startswith("/") else f"//{address}")
        host = parts.hostname or ""
    except ValueError:
        return None
    segments = ["…" if _NAMES_SOMEBODY.search(part) else part for part in parts.path.split("/")]
    page = host + "/".join(segments)
    return page[:PAGE_LENGTH_MAX].rstrip("/") or "/" if page else None


def origin_of(touch: dict[str, Any]) -> Origin:
    """Where a touch came from, as far as it says so."""
    return touch.get("referrer_class"), touch.get("search_engine"), page_of(touch.get("landing_page"))


def origins_report(
    source: Source, first_day: date, last_day: date, pools: Collection[str] | None = None
) -> list[OriginRow]:
    """Leads of these days by origin, the most first."""
    rows: dict[Origin, OriginRow] = {}
    first, last = first_day.isoformat(), last_day.isoformat()
    for lead in source.rows("lead_sources"):
        _, _, day, _, _, *known = lead["touches"][0]
        if not known or (pools is not None and lead["pool"] not in pools) or not first <= str(day) <= last:
            continue
        origin: Origin = tuple(known[0])
        row = rows.setdefault(origin, OriginRow(*origin))
        row.leads += 1
        for mark in ("owned", "claimed", "contacted", "converted"):
            if mark in lead["marks"]:
                setattr(row, mark, getattr(row, mark) + 1)
    return sorted(rows.values(), key=lambda row: (-row.leads, *(part or "" for part in _key(row))))


def _key(row: OriginRow) -> Origin:
    return row.referrer_class, row.search_engine, row.landing_page

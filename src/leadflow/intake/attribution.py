"""Which channel a website form's touch belongs to: by UTM values, click ids and referrer.

The table is data (`data/attribution.toml`); a file of the same form comes before it or replaces it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, ValidationError

from leadflow.domain.values import Model, Name
from leadflow.errors import UsageError

URL_LENGTH_MAX = 4000


class Rule(Model):
    """Conditions that must all hold, and what they tell; see the data file."""

    source: tuple[str, ...] | None = None
    medium: tuple[str, ...] | None = None
    click_id: tuple[str, ...] | None = None
    referrer: tuple[str, ...] | None = None
    channel: Name
    class_: Annotated[Name, Field(alias="class")]
    search_engine: bool = False


class ClickIds(Model):
    """Names of form members and address parameters that are click ids."""

    names: tuple[str, ...] = ()


class AttributionTable(Model):
    """The form of an attribution file."""

    replace: bool = False
    rule: tuple[Rule, ...] = ()
    click_ids: ClickIds = ClickIds()
    sites: dict[str, dict[str, str]] = {}
    """Kind of site → host → the site's name."""


class Credit(NamedTuple):
    """What a touch is credited to; class `unknown` where nothing told."""

    channel: str
    referrer_class: str
    search_engine: str | None = None


class Link(NamedTuple):
    """What a landing page's address carries: UTM values and click ids."""

    utm: dict[str, str]
    click_ids: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Site:
    kind: str
    name: str | None


class Attribution:
    """The table, ready for use."""

    def __init__(self, table: AttributionTable) -> None:
        self.table = table
        self._rules = table.rule
        self.click_id_names = frozenset(name.lower() for name in table.click_ids.names)
        self._sites = {
            host.lower(): _Site(kind, name)
            for kind, hosts in table.sites.items()
            for host, name in hosts.items()
        }
        self._credit = lru_cache(maxsize=4096)(self._decide)
        self._link = lru_cache(maxsize=4096)(self._read_link)

    def credit(
        self, utm: dict[str, str], click_ids: dict[str, str], referrer: str | None, landing_page: str | None
    ) -> Credit:
        """The channel of a touch, what told it, and the search engine if one sent it."""
        return self._credit(
            utm.get("utm_source", "").lower(),
            utm.get("utm_medium", "").lower(),
            tuple(click_ids),
            host_of(referrer),
            host_of(landing_page),
        )

    def _decide(
        self, source: str, medium: str, click_ids: tuple[str, ...], referrer: str | None, own: str | None
    ) -> Credit:
        site = None if referrer is None or _same_site(referrer, own) else self._site(referrer)
        for rule in self._rules:
            if (
                (rule.source is None or source in rule.source)
                and (rule.medium is None or medium in rule.medium)
                and (rule.click_id is None or any(name in rule.click_id for name in click_ids))
                and (
                    rule.referrer is None
                    or (site and (site.kind in rule.referrer or site.name in rule.referrer))
                )
            ):
                engine = None
                if rule.search_engine:
                    engine = site.name if site and site.kind == "search" else source or None
                return Credit(rule.channel, rule.class_, engine)
        return Credit("web_form", "unknown")

    def _site(self, host: str) -> _Site:
        labels = host.split(".")
        for start in range(len(labels)):
            rest = labels[start:]
            found = self._sites.get(".".join(rest))
            # `google.*` is google.de, google.co.uk and google.com.hk, not google.evil.example.
            if found is None and len(rest) in (2, 3) and all(len(label) <= 3 for label in rest[1:]):
                found = self._sites.get(rest[0] + ".*")
            if found is not None:
                return found
        return _Site("site", None)

    def link(self, address: str | None) -> Link:
        """UTM values (by their full names, `utm_source`) and click ids of an address."""
        if not address or "?" not in address or len(address) > URL_LENGTH_MAX:
            return _NO_LINK
        return self._link(address)

    def _read_link(self, address: str) -> Link:
        utm: dict[str, str] = {}
        click_ids: dict[str, str] = {}
        query = address.partition("?")[2].partition("#")[0]
        try:
            pairs = parse_qsl(query, max_num_fields=200)
        except ValueError:
            return _NO_LINK
        for key, value in pairs:
            name = key.lower()
            if name.startswith("utm_"):
                utm.setdefault(name, value)
            elif name in self.click_id_names:
                click_ids.setdefault(name, value)
        return Link(utm, click_ids)


_NO_LINK = Link({}, {})


@lru_cache(maxsize=4096)
def host_of(address: str | None) -> str | None:
    """The host of an address, in lower case without `www.`; None for a path or what is no address."""
    if not address or (address.startswith("/") and not address.startswith("//")):
        return None
    try:
        parts = urlsplit(address if "//" in address[:20] else "//" + address)
        host = parts.hostname
    except ValueError:
        return None
    if not host or "." not in host or parts.scheme not in ("", "http", "https"):
        return None
    return host.lower().removeprefix("www.").rstrip(".")


def _same_site(host: str, own: str | None) -> bool:
    return own is not None and (host == own or host.endswith("." + own) or own.endswith("." + host))


def _shipped() -> AttributionTable:
    text = files(__package__).joinpath("data/attribution.toml").read_text("utf-8")
    return AttributionTable.model_validate(tomllib.loads(text))


@cache
def default_attribution() -> Attribution:
    """The table that LeadFlow ships."""
    return Attribution(_shipped())


def load_attribution(path: Path) -> Attribution:
    """A table of one's own, before the shipped one or instead of it. Raises UsageError."""
    try:
        own = AttributionTable.model_validate(tomllib.loads(path.read_text("utf-8-sig")))
    except OSError as error:
        do = "LEADFLOW_ATTRIBUTION names it; without, LeadFlow's own table holds."
        raise UsageError(
            f"cannot read the attribution file: {error.strerror}", where=str(path), do=do
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the attribution file is not TOML: {error}", where=str(path)) from error
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise UsageError(f"the attribution file is not right: {what}", where=str(path)) from error
    if own.replace:
        return Attribution(own)
    base = _shipped()
    sites = {kind: dict(hosts) for kind, hosts in base.sites.items()}
    for kind, hosts in own.sites.items():
        for host, name in hosts.items():
            for others in sites.values():
                others.pop(host, None)
            sites.setdefault(kind, {})[host] = name
    names = tuple(dict.fromkeys((*own.click_ids.names, *base.click_ids.names)))
    return Attribution(
        AttributionTable(rule=own.rule + base.rule, click_ids=ClickIds(names=names), sites=sites)
    )

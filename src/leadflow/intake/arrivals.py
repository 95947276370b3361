"""One arrival: a dictionary of what was sent in, `SubmitIntake` or the problems out.

Every door comes through here: rows of files, website forms, push bodies of vendors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from leadflow.domain.requests import SubmitIntake
from leadflow.intake import moments
from leadflow.intake.attribution import Attribution, default_attribution
from leadflow.intake.bodies import flatten, shape_of
from leadflow.intake.details import Details
from leadflow.intake.mapping import (
    ANSWER,
    CLICK_ID,
    COLUMNS_MAX,
    CONTACT_FIELDS,
    MappingFile,
    Plan,
    make_plan,
)
from leadflow.intake.problems import Problem
from leadflow.intake.text import CELL_LENGTH_MAX, as_text, is_placeholder

REF_LENGTH_MAX = 512
ROW_REF = "row-"
"""What references begin with that are made of a row's values."""
PLANS_MAX = 1000
_WEAK_ID_DIGITS_MIN = 7


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of one arrival. Without a body it is unreadable; with one, `problems` are notes."""

    body: SubmitIntake | None
    problems: tuple[Problem, ...] = ()
    ref: str = ""
    """Source reference: names the arrival within its channel, readable or not."""


class ArrivalReader:
    """Reads the arrivals of one source: one file, one form, one push address.

    `channel` is the declared one; for `web_form` the attribution table tells the touch's own. It counts
    equal rows without an id, so use a new reader for every file.
    """

    def __init__(
        self,
        channel: str,
        *,
        campaign: str | None = None,
        door: str | None = None,
        mapping: MappingFile | None = None,
        attribution: Attribution | None = None,
        never: frozenset[str] = frozenset(),
    ) -> None:
        """`never` are fields that this source may not fill: what stands there is kept as an answer."""
        self.channel = channel
        self.campaign = campaign
        self.door = door or ("web_form" if channel == "web_form" else "file")
        self.mapping = mapping or MappingFile()
        self.attribution = attribution or default_attribution()
        self.never = never
        self._zone = ZoneInfo(self.mapping.timezone)
        self._plans: dict[tuple[str, ...], Plan] = {}
        self._seen: dict[bytes, int] = {}

    def anew(self) -> ArrivalReader:
        """A reader of the same source that has counted nothing yet; what columns mean is shared."""
        fresh = copy(self)
        fresh._seen = {}
        return fresh

    def adopt(self, **learned: Any) -> None:
        """Read on with these parts of the mapping file, as a file itself told them."""
        self.mapping = self.mapping.model_copy(update=learned)
        self._plans.clear()

    def plan(self, columns: tuple[str, ...]) -> Plan:
        """What these columns or members are; made once for each set of them."""
        found = self._plans.get(columns)
        if found is None:
            shape = shape_of(columns)
            fields, clicks = shape.fields if shape else None, self.attribution.click_id_names
            found = make_plan(columns, self.mapping.columns, fields, clicks)
            own = dict(self.mapping.columns)
            # Once a column is barred from a field, another one may claim it.
            while barred := {column: ANSWER for column, field in found.uses if field in self.never}:
                own |= barred
                found = make_plan(columns, own, fields, clicks)
            if len(self._plans) >= PLANS_MAX:
                self._plans.clear()
            self._plans[columns] = found
        return found

    def plans(self) -> Iterable[Plan]:
        """The plans made so far, in the order of their first use."""
        return self._plans.values()

    def read(
        self, document: Mapping[str, Any], *, ref: str | None = None, spare_ref: str | None = None
    ) -> Arrival:
        """What one document says. Never raises for its content.

        `ref` names the arrival whatever the document holds, `spare_ref` where the document does not.
        """
        flat = flatten(document if type(document) is dict else dict(document))
        if len(flat) > COLUMNS_MAX:
            return self.refuse(
                "too_wide", f"has more than {COLUMNS_MAX} fields", repr(sorted(flat)[:COLUMNS_MAX])
            )
        details = Details(flat, self.plan(tuple(flat)), self.mapping)
        # The number among equal rows is counted for unreadable rows too: correcting one of them
        # must not change what the rows behind it are called.
        ref = _fitting(ref) if ref else self._ref(details, spare_ref)
        phones, emails, wechats = map(details.contact, CONTACT_FIELDS)
        if details.misplaced:
            phones, emails, wechats = (
                tuple(dict.fromkeys((*known, *(one for kind, one in details.misplaced if kind == field))))
                for field, known in zip(CONTACT_FIELDS, (phones, emails, wechats), strict=True)
            )
        if not (phones or emails or wechats):
            details.company()
            problem = Problem(
                "contact", "no_contact_point", "holds no usable phone number, e-mail or WeChat id"
            )
            return Arrival(None, (*details.problems, problem), ref)
        try:
            company, touch = details.company(), self._touch(details, ref)
            person = details.person(phones, emails, wechats)
            # One validation of plain values costs less than four models made one after the other.
            body = SubmitIntake.__pydantic_validator__.validate_python(
                {
                    "touch": touch,
                    "person": person,
                    "company": company,
                    "asked": details.plan.asked,
                    "filled": min(details.filled, details.plan.asked),
                }
            )
        except ValidationError as error:
            for one in error.errors(include_input=False, include_url=False, include_context=False):
                where = ".".join(str(part) for part in one["loc"])
                details.problems.append(Problem(where or "row", "invalid", one["msg"]))
            return Arrival(None, tuple(details.problems), ref)
        return Arrival(body, tuple(details.problems), ref)

    def refuse(self, code: str, message: str, raw: str, field: str = "row") -> Arrival:
        """The arrival of something that is no document at all, e.g. a line that is not JSON."""
        return Arrival(None, (Problem(field, code, message),), self.row_ref({"raw": raw}, ()))

    def row_ref(self, values: Mapping[str, Any], without: tuple[str, ...]) -> str:
        """The reference of a row without an id: the hash of channel, campaign and its values as read,
        and which of the equal rows of this file it is. Running numbers are no values."""
        cells = [value for column, value in values.items() if column not in without]
        content = "\x1f".join((self.channel, self.campaign or "", *map(as_text, cells)))
        key = blake2b(content.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        number = self._seen.get(key, 0) + 1
        self._seen[key] = number
        return f"{ROW_REF}{key.hex()}-{number}"

    def ref_of_values(self, document: Mapping[str, Any]) -> str | None:
        """The reference of a document by its values, its weak id left out; None if it has an id or no weak
        one."""
        flat = flatten(document if type(document) is dict else dict(document))
        fields = self.plan(tuple(flat)).fields
        weak = fields.get("weak_id", ())
        if not weak or any(as_text(flat[column]) for column in fields.get("id", ())):
            return None
        return self.row_ref(flat, fields.get("row_number", ()) + weak)

    def _ref(self, details: Details, spare_ref: str | None) -> str:
        fields = details.plan.fields
        ref = as_text(details.raw("id")) if "id" in fields else ""
        running = self.door == "file" and ref.isdigit() and len(ref) < _WEAK_ID_DIGITS_MIN
        if running and "id" not in details.settings.columns.values():
            # Another list's rows are numbered so, too. Over other doors one sender numbers what it sends.
            details.spare[fields["id"][0]], ref = ref, ""
        if not ref and "weak_id" in fields:
            weak = as_text(details.raw("weak_id"))
            ref = weak if not weak.isdigit() or len(weak) >= _WEAK_ID_DIGITS_MIN else ""
            if weak and not ref:
                details.spare[fields["weak_id"][0]] = weak
        if ref and not is_placeholder(ref):
            return _fitting(ref)
        if spare_ref:
            return _fitting(spare_ref)
        numbers = [fields.get(field, ()) for field in ("row_number", "weak_id", "id")]
        return self.row_ref(details.flat, tuple(chain.from_iterable(numbers)))

    def _touch(self, details: Details, ref: str) -> dict[str, Any]:
        parts: dict[str, Any] = {"ref": ref, "door": self.door, "channel": self.channel}
        campaign = details.text("campaign") or self.campaign
        raw = details.when()
        if raw is not None:
            moment = moments.moment(raw, self._zone, self.mapping.dates)
            if isinstance(moment, Problem):
                details.problems.append(moment)
                details.written["time"] = as_text(raw)[:CELL_LENGTH_MAX]
            elif moment is not None:
                parts["occurred_at"] = moment
        landing_page, referrer = details.text("landing_page"), details.text("referrer")
        utm, click_ids = self._marks(details, landing_page)
        if self.door == "web_form" and self.channel == "web_form":
            credit = self.attribution.credit(utm, click_ids, referrer, landing_page)
            parts["channel"] = credit.channel
            parts["referrer_class"] = credit.referrer_class
            if credit.search_engine:
                parts["search_engine"] = credit.search_engine
        if campaign is None and "utm_campaign" in utm:
            campaign = utm["utm_campaign"]
        cost = details.cost()
        if cost is not None:
            parts["cost"], parts["cost_basis"] = cost, "own"
        if campaign:
            parts["campaign"] = campaign
        if landing_page:
            parts["landing_page"] = landing_page
        if referrer:
            parts["referrer"] = referrer
        if utm:
            parts["utm"] = utm
        if click_ids:
            parts["click_ids"] = click_ids
        return parts

    def _marks(self, details: Details, landing_page: str | None) -> tuple[dict[str, str], dict[str, str]]:
        link = self.attribution.link(landing_page)
        utm, click_ids = dict(link.utm), dict(link.click_ids)
        for field in details.plan.marks:
            text = details.text(field)
            if text:
                if field.startswith("utm_"):
                    utm[field] = text
                else:
                    click_ids[field.removeprefix(CLICK_ID)] = text
        return utm, click_ids


def _fitting(ref: str) -> str:
    text = as_text(ref)
    return text if len(text) <= REF_LENGTH_MAX else blake2b(text.encode(), digest_size=32).hexdigest()

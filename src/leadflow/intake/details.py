"""The fields of one arrival, each understood or noted as a problem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from leadflow.domain.values import Money
from leadflow.intake import contacts, moments, quantities, regions, sizes
from leadflow.intake.mapping import MappingFile, Plan
from leadflow.intake.problems import Problem
from leadflow.intake.text import CELL_LENGTH_MAX, as_text, given

TEXT_LENGTH_MAX = 4000
"""Characters of a name or a note, as `domain.values.Text` has it."""


class Details:
    """One arrival while it is read: its members, their plan, and what was noted on the way."""

    __slots__ = ("filled", "flat", "misplaced", "plan", "problems", "settings", "spare", "written")

    def __init__(self, flat: dict[str, Any], plan: Plan, settings: MappingFile) -> None:
        self.flat = flat
        self.plan = plan
        self.settings = settings
        self.problems: list[Problem] = []
        self.written: dict[str, str] = {}
        self.spare: dict[str, str] = {}
        """Texts too long for their field; kept whole among the answers."""
        self.misplaced: list[tuple[str, str]] = []
        """Contact points that stood in a column of another kind."""
        self.filled = 0

    def raw(self, field: str) -> Any:
        """The first column of the field that holds something."""
        for column in self.plan.fields.get(field, ()):
            value = self.flat[column]
            if value is not None and value != "":
                return value
        for column in self.plan.others.get(field, ()):
            value = self.flat[column]
            if value is not None and value != "":
                return value
        return None

    def when(self) -> Any:
        """When it happened, as written: a moment, or a day and an hour from two columns."""
        if "time_of_day" not in self.plan.fields:
            return self.raw("time")
        return moments.joined(self.raw("time"), self.raw("time_of_day"))

    def text(self, field: str) -> str | None:
        """The text of a single field, or None where nothing usable was given."""
        value = self.raw(field) if field in self.plan.fields else None
        text = None if value is None else given(value)
        if text is not None and len(text) > TEXT_LENGTH_MAX:
            self.problems.append(Problem(field, "too_long", f"is longer than {TEXT_LENGTH_MAX} characters"))
            self.spare[self.plan.fields[field][0]] = text[:CELL_LENGTH_MAX]
            return None
        return text

    def contact(self, field: str) -> tuple[str, ...]:
        """All contact points of one kind, from all its columns."""
        found: tuple[str, ...] = ()
        for number, column in enumerate(self.plan.fields.get(field, ()), 1):
            value = self.flat[column]
            if value is None or value == "":
                continue
            if field == "phone" and "area_code" in self.plan.fields:
                value = contacts.with_area(value, self.raw("area_code"))
            understood = self._contacts_in(value, field)
            if type(understood) is tuple:
                found += understood
                if len(understood) == 1 and understood[0] == value:
                    continue
            elif isinstance(understood, Problem):
                self.problems.append(understood)
            text = as_text(value)
            if type(understood) is not tuple or contacts.may_be_mixed(text, field):
                other = contacts.misplaced(value, field)
                if other is not None:
                    self.misplaced.append(other)
            if text:
                self.written[field if number == 1 else f"{field}_{number}"] = text[:CELL_LENGTH_MAX]
        if not found:
            return found
        self.filled += 1
        return found if len(found) == 1 else tuple(dict.fromkeys(found))

    def _contacts_in(self, value: Any, field: str) -> tuple[str, ...] | Problem:
        if field == "email":
            return contacts.emails(value)
        if field == "wechat":
            return contacts.wechats(value)
        return contacts.phones(value, self.settings.region)

    def person(
        self, phones: tuple[str, ...], emails: tuple[str, ...], wechats: tuple[str, ...]
    ) -> dict[str, Any]:
        """The person's members, with everything written and every further answer."""
        parts: dict[str, Any] = {"phones": phones, "emails": emails, "wechats": wechats}
        name = self._name()
        if name is not None:
            parts["name"] = name
            self.filled += 1
        note = self._note()
        if note:
            parts["note"] = note
        if self.plan.answers or self.spare:
            answers = {}
            for column in self.plan.answers:
                text = as_text(self.flat[column])
                if text:
                    answers[as_text(column)[:200]] = text[:CELL_LENGTH_MAX]
            parts["answers"] = answers | self.spare
        if self.written:
            parts["written"] = self.written
        return parts

    def _name(self) -> str | None:
        whole = self.text("name")
        if whole is not None or (
            "family_name" not in self.plan.fields and "given_name" not in self.plan.fields
        ):
            return whole
        family, given = self.text("family_name") or "", self.text("given_name") or ""
        if (family + given).isascii():
            return f"{given} {family}".strip() or None
        return family + given

    def _note(self) -> str | None:
        columns = self.plan.fields.get("note")
        if not columns:
            return None
        if len(columns) == 1:
            return self.text("note")
        texts = [text for text in (as_text(self.flat[column]) for column in columns) if text]
        note = "\n".join(texts)
        if len(note) <= TEXT_LENGTH_MAX:
            return note or None
        self.problems.append(Problem("note", "too_long", f"is longer than {TEXT_LENGTH_MAX} characters"))
        self.spare.update({column: as_text(self.flat[column])[:CELL_LENGTH_MAX] for column in columns})
        return None

    def company(self) -> dict[str, Any]:
        """The company's members; what could not be read of it is noted."""
        parts: dict[str, Any] = {}
        name, industry, raw = self.text("company"), self.text("industry"), self.raw("size")
        if name is not None:
            parts["name"] = name
        if industry is not None:
            parts["industry"] = industry
        size = None if raw is None else sizes.company_size(raw)
        if isinstance(size, Problem):
            self.problems.append(size)
            self.written["size"] = as_text(raw)[:CELL_LENGTH_MAX]
        elif size is not None:
            parts["size"] = size
            if raw != size and (text := as_text(raw)) != str(size):
                self.written["size"] = text[:CELL_LENGTH_MAX]
        self.filled += len(parts)
        self._place(parts)
        return parts

    def _place(self, parts: dict[str, Any]) -> None:
        region, city = self._place_in("region", regions.place)
        if "city" in self.plan.fields:
            # A column of provinces goes before what a city's name implies.
            implied, named = self._place_in("city", regions.city)
            if region and implied and region != implied:
                # Several provinces have a Suzhou: it is the one of the province beside it, as it was written.
                named = as_text(self.raw("city"))
            region, city = region or implied, named or city
        if region is None:
            region, _ = self._place_in("country", regions.place)
        if region is not None:
            parts["region"] = region
        if city is not None:
            parts["city"] = city
        if region or city:
            self.filled += 1

    def _place_in(self, field: str, read: Callable[[Any], regions.Place | Problem]) -> regions.Place:
        """What a column says about where the lead is; nothing where it cannot be read."""
        raw = self.raw(field)
        if raw is None:
            return regions.NOWHERE
        found, text = read(raw), as_text(raw)
        if isinstance(found, Problem):
            self.problems.append(found)
            self.written[field] = text[:CELL_LENGTH_MAX]
            return regions.NOWHERE
        if text and text not in found:
            self.written[field] = text
        return found

    def cost(self) -> Money | None:
        """What this arrival itself cost, if it says so."""
        raw = self.raw("cost")
        if raw is None:
            return None
        cost = quantities.money(
            raw,
            self.raw("currency"),
            default=self.settings.currency,
            field="cost",
            column=self.plan.fields["cost"][0],
        )
        if isinstance(cost, Money) and cost.amount < 0:
            cost = Problem("cost", "negative", "is below zero")
        if isinstance(cost, Problem):
            self.problems.append(cost)
            self.written["cost"] = as_text(raw)[:CELL_LENGTH_MAX]
            return None
        return cost

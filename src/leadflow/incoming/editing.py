"""Corrections that somebody types, understood in the same way as what arrives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from leadflow.domain.values import Company, Money, Person
from leadflow.errors import UsageError
from leadflow.intake.details import Details
from leadflow.intake.mapping import MappingFile, make_plan
from leadflow.intake.problems import Problem
from leadflow.intake.quantities import money

EDITABLE = ("name", "phone", "email", "wechat", "company", "industry", "size", "region", "city", "note")


def corrections(
    values: Mapping[str, str | Sequence[str]], phone_region: str = "CN"
) -> tuple[Person, Company]:
    """What a lead's details are from here on, of values by field (`EDITABLE`).

    `phone_region` (ISO 3166) is assumed for phone numbers without a country code. Raises UsageError naming
    every field that cannot be understood.
    """
    document: dict[str, str] = {}
    columns: dict[str, str] = {}
    for field, given in values.items():
        for number, value in enumerate([given] if isinstance(given, str) else given, 1):
            column = field if number == 1 else f"{field} {number}"
            document[column], columns[column] = value, field
    settings = MappingFile(columns=columns, region=phone_region)
    details = Details(document, make_plan(tuple(document), settings.columns), settings)
    phones, emails, wechats = (details.contact(field) for field in ("phone", "email", "wechat"))
    company = details.company()
    person = details.person(phones, emails, wechats)
    if details.problems:
        raise UsageError(
            "; ".join(f"{problem.field} {problem.message}" for problem in details.problems),
            do="Nothing was changed.",
        )
    try:
        return Person.model_validate(person), Company.model_validate(company)
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise UsageError(said, do="Nothing was changed.") from error


def amount_of(written: str, currency: str) -> Money:
    """An amount of money as somebody typed it. Raises UsageError, also where it names another currency or one
    that does not exist."""
    found = money(written, currency, default="CNY", field="amount")
    if isinstance(found, Money):
        return found
    problem = found or Problem("amount", "missing", "is empty")
    raise UsageError(f"{problem.field} {problem.message}", do="Write it as `1999.50 CNY`.")

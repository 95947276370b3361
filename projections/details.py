"""A lead's details in a row: how persons, companies and touches of its facts add up."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from projections.base import Row

CONTACT_POINTS = ("phones", "emails", "wechats")
COMPANY_COLUMNS = {
    "company_name": "name",
    "industry": "industry",
    "size": "size",
    "region": "region",
    "city": "city",
}
"""Column of a row → field of a company."""


def person_columns(person: dict[str, Any]) -> Row:
    """A row's columns for a person as its first fact names it."""
    return {
        "person_name": person.get("name"),
        "phones": list(person.get("phones", ())),
        "emails": list(person.get("emails", ())),
        "wechats": list(person.get("wechats", ())),
    }


def company_columns(company: dict[str, Any]) -> Row:
    """A row's columns for a company as its first fact names it."""
    return {column: company.get(field) for column, field in COMPANY_COLUMNS.items()}


def contact_points(row: Row) -> set[str]:
    """All contact points of a row."""
    return {value for kind in CONTACT_POINTS for value in row[kind]}


def correct(row: Row, person: dict[str, Any], company: dict[str, Any]) -> None:
    """What is given replaces what was, an empty text by nothing; contact points join."""
    if person.get("name") is not None:
        row["person_name"] = person["name"]
    _join_points(row, person, ())
    for column, field in COMPANY_COLUMNS.items():
        if company.get(field) is not None:
            row[column] = None if company[field] == "" else company[field]


def complete(row: Row, person: dict[str, Any], company: dict[str, Any], taken: Collection[str] = ()) -> None:
    """What was unknown is filled in; contact points join, but for those that another lead has."""
    if row["person_name"] is None:
        row["person_name"] = person.get("name")
    _join_points(row, person, taken)
    for column, field in COMPANY_COLUMNS.items():
        if row[column] is None and column not in ("region", "city"):
            row[column] = company.get(field)
    _complete_place(row, company.get("region"), company.get("city"))


def _complete_place(row: Row, region: str | None, city: str | None) -> None:
    """Region and city are one place: the city of one never joins the region of another."""
    if row["region"] is None and (region is not None or row["city"] is None):
        row["region"], row["city"] = region, city
    elif row["city"] is None and row["region"] == region:
        row["city"] = city


def _join_points(row: Row, person: dict[str, Any], taken: Collection[str]) -> None:
    for kind in CONTACT_POINTS:
        given: Iterable[str] = person.get(kind, ())
        new = [value for value in given if value not in row[kind] and value not in taken]
        if new:
            row[kind] = row[kind] + new

"""What is known of a person and a company when more is heard of them: gaps are filled, nothing is lost."""

from __future__ import annotations

from leadflow.domain.values import Company, Person


def joined_person(known: Person, new: Person, *, keep_name: bool = True) -> Person:
    """What is known of a person after a further touch: nothing is overwritten, gaps are filled."""
    return known.model_copy(
        update={
            "name": (known.name or new.name) if keep_name else (new.name or known.name),
            "phones": tuple(dict.fromkeys(known.phones + new.phones)),
            "emails": tuple(dict.fromkeys(known.emails + new.emails)),
            "wechats": tuple(dict.fromkeys(known.wechats + new.wechats)),
            "note": known.note or new.note,
            "answers": new.answers | known.answers,
        }
    )


def joined_company(known: Company, new: Company) -> Company:
    """What is known of a company after a further touch: gaps are filled, nothing overwritten.

    Region and city are one place: the city of one never joins the region of another.
    """
    missing = {
        field: getattr(new, field)
        for field in _COMPANY_GAPS
        if getattr(known, field) is None and getattr(new, field) is not None
    }
    if known.region is None and (new.region is not None or known.city is None):
        if (new.region, new.city) != (known.region, known.city):
            missing |= {"region": new.region, "city": new.city}
    elif known.city is None and new.city is not None and known.region == new.region:
        missing["city"] = new.city
    return known.model_copy(update=missing) if missing else known


def corrected_company(known: Company, given: Company) -> Company:
    """What is known of a company after a correction: what is given replaces it, an empty text by nothing."""
    return known.model_copy(
        update={field: None if value == "" else value for field, value in given if value is not None}
    )


_COMPANY_GAPS = tuple(field for field in Company.model_fields if field not in ("region", "city"))

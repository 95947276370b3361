"""What bodies of requests have in common: they know all of their members, and have an example."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from leadflow.bootstrap.editing import known_currency
from leadflow.domain.values import Name

Rep = Annotated[Name | None, Field(description="The rep for whom a manager asks; a rep asks for itself.")]
NewName = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\s/:\x00-\x1f\x7f-\x9f]+$"
    ),
    Field(description="An id without blanks, slashes, colons and characters that do not show."),
]
"""For what gets a name here. Facts may hold names of other kinds: `Name`."""
Amount = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,14}(\.[0-9]{1,6})?$"),
    Field(description="A decimal, as text: numbers of JSON may lose digits.", examples=["1999.50"]),
]
Currency = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{3}$"),
    AfterValidator(known_currency),
    Field(description="ISO 4217, three capital letters.", examples=["CNY"]),
]


def body(example: dict[str, Any]) -> ConfigDict:
    """The configuration of a body with this example."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


def given(document: BaseModel | None) -> dict[str, Any]:
    """The members of a body by name; none of one that was left out."""
    if document is None:
        return {}
    return {name: getattr(document, name) for name in type(document).model_fields}


def shown_name(name: str | None) -> str:
    """A file's name as it is shown to people: none of a path, and nothing that a terminal would act on."""
    own = PurePath((name or "").replace("\\", "/")).name
    return "".join(filter(str.isprintable, own))[:200] or "file"


class ForRep(BaseModel):
    """For whom it is asked."""

    model_config = body({"rep": "wang"})

    rep: Rep = None

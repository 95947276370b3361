"""Reading old events: a changed shape is a new version, and an upcaster lifts the older document.

An upcaster takes the raw CloudEvents document of one type name and gives the document of the next
version: it sets `type` and `dataschema`, and reshapes `data`. Bytes in the log never change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from leadflow.domain.values import JsonDict
from leadflow.errors import BrokenInvariant

Upcaster = Callable[[JsonDict], JsonDict]

UPCASTERS: dict[str, Upcaster] = {}
"""By the type name that they read. All types are at their first version."""


def upcast(document: JsonDict, upcasters: Mapping[str, Upcaster] = UPCASTERS) -> JsonDict:
    """The document in its newest version. Raises BrokenInvariant for upcasters that go in a circle."""
    for _ in range(len(upcasters) + 1):
        upcaster = upcasters.get(document.get("type", ""))
        if upcaster is None:
            return document
        document = upcaster(document)
    raise BrokenInvariant(f"the upcasters of {document.get('type')} go in a circle")

"""What comes in, for the doors: files, arrivals, mappings, dead letters."""

from __future__ import annotations

from leadflow.incoming.importing import (
    Destination,
    Rehearsal,
    Report,
    check_channel,
    counted,
    destination,
    import_file,
    reason_of,
    rehearse_file,
    unreadable,
)
from leadflow.incoming.resending import corrected
from leadflow.intake.arrivals import Arrival, ArrivalReader
from leadflow.intake.doubled import doubled
from leadflow.intake.files import open_arrivals
from leadflow.intake.mapping import FIELDS, MappingFile, PhoneRegion, load_mapping
from leadflow.records import DeadLetter

__all__ = [
    "FIELDS",
    "Arrival",
    "ArrivalReader",
    "DeadLetter",
    "Destination",
    "MappingFile",
    "PhoneRegion",
    "Rehearsal",
    "Report",
    "check_channel",
    "corrected",
    "counted",
    "destination",
    "doubled",
    "import_file",
    "load_mapping",
    "open_arrivals",
    "reason_of",
    "rehearse_file",
    "unreadable",
]

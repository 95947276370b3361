"""Uploads as the HTTP API works with them."""

from __future__ import annotations

from leadflow.incoming.importing import Destination, check_channel, destination
from leadflow.incoming.upload_state import BUSY, Plan, Row, Upload
from leadflow.incoming.uploads import Uploads
from leadflow.intake.mapping import MappingFile

__all__ = [
    "BUSY",
    "Destination",
    "MappingFile",
    "Plan",
    "Row",
    "Upload",
    "Uploads",
    "check_channel",
    "destination",
]

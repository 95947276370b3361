"""Uploads as the HTTP API works with them."""

from __future__ import annotations

from leadflow.importing import Destination, check_channel, destination
from leadflow.intake.mapping import MappingFile
from leadflow.upload_state import Plan, Row, Upload
from leadflow.uploads import Uploads

__all__ = [
    "Destination",
    "MappingFile",
    "Plan",
    "Row",
    "Upload",
    "Uploads",
    "check_channel",
    "destination",
]

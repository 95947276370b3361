"""The care of a log, for the doors: backups, export, verification, findings."""

from __future__ import annotations

from leadflow.log.verify import Head, Progress, Report, export, read_export, verify, verify_rows
from leadflow.operations.backup import Summary, backup, restore
from leadflow.operations.backup import check as check_backup
from leadflow.operations.doctor import Finding

__all__ = [
    "Finding",
    "Head",
    "Progress",
    "Report",
    "Summary",
    "backup",
    "check_backup",
    "export",
    "read_export",
    "restore",
    "verify",
    "verify_rows",
]

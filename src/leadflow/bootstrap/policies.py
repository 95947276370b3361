"""Policies and calendars, for the doors."""

from __future__ import annotations

from leadflow import policies
from leadflow.calendars import build_calendar, coverage_warning

__all__ = ["build_calendar", "coverage_warning", "policies"]

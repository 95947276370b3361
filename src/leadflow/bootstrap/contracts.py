"""The published contracts, for the doors."""

from __future__ import annotations

from leadflow import contracts

__all__ = ["contracts"]

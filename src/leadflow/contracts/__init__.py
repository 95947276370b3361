"""Contracts: what LeadFlow writes and accepts, for programs in any language, and what of it may change."""

from __future__ import annotations

from leadflow.contracts.keeping import Broken, Findings, check, current, published, read_from, served
from leadflow.contracts.schemas import (
    ASYNCAPI_MEDIA_TYPE,
    DIALECT,
    MEDIA_TYPE,
    Contract,
    contracts,
    id_of,
    kind_of,
    names,
    schema,
)
from leadflow.domain.values import JsonDict
from leadflow.settings import Settings

__all__ = [
    "ASYNCAPI_MEDIA_TYPE", "DIALECT", "MEDIA_TYPE", "Broken", "Contract", "Findings", "asyncapi", "check",
    "contracts", "current", "id_of", "kind_of", "names", "published", "read_from", "schema", "served",
]  # fmt: skip


def asyncapi(settings: Settings) -> JsonDict:
    """The AsyncAPI document of the topics of a deployment with these settings."""
    # Kafka's client is imported with it.
    from leadflow.contracts.topics import document

    return document(settings)

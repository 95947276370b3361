"""Routing: the company's ordered table that says which pool an arrival belongs to."""

from __future__ import annotations

from leadflow.domain.values import Model, PoolId, Touch


class Route(Model):
    """One row: every condition given must hold; the first row that matches decides."""

    pool: PoolId
    channel: tuple[str, ...] | None = None
    campaign: tuple[str, ...] | None = None
    region: tuple[str, ...] | None = None
    industry: tuple[str, ...] | None = None


class RoutingTable(Model):
    """The ordered rows, and the pool for what none of them matches."""

    routes: tuple[Route, ...] = ()
    default: PoolId


def route(table: RoutingTable, touch: Touch, region: str | None, industry: str | None) -> str:
    """The pool that an arrival belongs to."""
    for row in table.routes:
        if (
            (row.channel is None or touch.channel in row.channel)
            and (row.campaign is None or touch.campaign in row.campaign)
            and (row.region is None or region in row.region)
            and (row.industry is None or industry in row.industry)
        ):
            return row.pool
    return table.default

"""The company's table that says which pool an arrival belongs to."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field, model_validator

from leadflow.api import answers, examples, problems
from leadflow.api.bodies import body
from leadflow.api.changes import Managing
from leadflow.api.reading import Reading
from leadflow.bootstrap.policies import policies as rules
from leadflow.domain import requests as r
from leadflow.domain.routing import RoutingTable
from leadflow.domain.values import COMPANY_STREAM
from leadflow.errors import NotFound

router = APIRouter(tags=["routing"])

_TABLE = {"routes": [{"pool": "west", "region": ["四川", "重庆"]}], "default": "east"}
_SHOWN = {
    "routes": [{"pool": "west", "channel": None, "campaign": None, "region": ["四川"], "industry": None}],
    "default": "east",
}
_TOML = 'default = "east"\n\n[[routes]]\npool = "west"\nregion = ["四川"]\n'


class RoutingSource(BaseModel):
    """A routing table: as a document, or as the TOML text of a file."""

    model_config = body({"table": _TABLE})

    table: RoutingTable | None = None
    toml: Annotated[str | None, Field(max_length=1_000_000)] = None

    @model_validator(mode="after")
    def _one(self) -> RoutingSource:
        if (self.toml is None) == (self.table is None):
            raise ValueError("give one of table and toml")
        return self


class Routing(answers.Answer):
    """The routing table in force: rows in order, the first that matches decides."""

    model_config = answers.example({"table": _SHOWN, "toml": _TOML})

    table: RoutingTable
    toml: str


class RoutingPublished(answers.Changed):
    """What publishing caused."""

    model_config = answers.example({**examples.CHANGED, "pool": "_company", "table": _SHOWN, "warnings": []})

    table: RoutingTable
    warnings: list[str]


@router.get(
    "/routing",
    operation_id="getRouting",
    summary="The routing table in force",
    response_model=Routing,
    responses=problems.responses(),
)
def get_routing(read: Reading) -> Response:
    """The company's routing table. 404 where none was published: then a door must name the pool itself."""
    table = read.app.routing()
    if table is None:
        raise NotFound("there is no routing table")
    return read.answer(Routing(table=table, toml=rules.dump_routing(table)))


@router.put(
    "/routing",
    operation_id="publishRouting",
    summary="Publish a routing table",
    response_model=RoutingPublished,
    responses=problems.changes(),
)
def publish_routing(body: RoutingSource, asking: Managing) -> Response:
    """Put a routing table in force; for managers of every pool."""
    app = asking.service.app
    app.need("manage", asking.actor)
    text = body.toml if body.table is None else rules.dump_routing(body.table)
    table, told = rules.read_routing(text or "", app.views.pools())
    if table is None:
        raise rules.InvalidDocument("routing table", told)
    outcome = asking.send(COMPANY_STREAM, r.PublishRouting, table=table)
    asking.service.forget()
    return asking.answer(
        RoutingPublished(**vars(asking.changed(outcome)), table=table, warnings=[str(one) for one in told])
    )

"""Which channel a website form's touch belongs to: the table in force."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import Field

from leadflow.api import answers, problems
from leadflow.api.reading import Reading

router = APIRouter(tags=["intake"])

_TABLE = {
    "own": False,
    "rules": [
        {"click_id": ["bd_vid"], "channel": "baidu_ads", "class": "baidu_ads"},
        {"referrer": ["search"], "channel": "seo", "class": "search", "search_engine": True},
    ],
    "click_ids": ["bd_vid", "gclid", "fbclid"],
    "sites": {"search": {"www.baidu.com": "baidu"}},
}


class Table(answers.Answer):
    """The table that tells the channel of a website form's touch."""

    model_config = answers.example(_TABLE)

    own: Annotated[bool, Field(description="The company's rules stand before the shipped ones.")]
    rules: Annotated[
        list[dict[str, Any]],
        Field(description="The first one whose conditions all hold decides; none: `web_form`, `unknown`."),
    ]
    click_ids: list[str]
    sites: Annotated[dict[str, dict[str, str]], Field(description="By kind: host and name of each site.")]


@router.get(
    "/attribution",
    operation_id="getAttribution",
    summary="How a form's channel is told",
    response_model=Table,
    responses=problems.responses(),
)
def get_attribution(read: Reading) -> Response:
    """The table in force: by UTM values, click ids and referrer it tells which channel a website form's touch
    belongs to. `LEADFLOW_ATTRIBUTION` names a file whose rules come before the shipped ones."""
    table = read.app.attribution.table
    rules = [rule.model_dump(mode="json", exclude_defaults=True, by_alias=True) for rule in table.rule]
    return read.answer(
        Table(
            own=read.app.settings.attribution is not None,
            rules=rules,
            click_ids=list(table.click_ids.names),
            sites=table.sites,
        )
    )

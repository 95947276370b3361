"""Everything that the command line can do with leads, pools and people has an operation of the HTTP API.

What has none is listed in `docs/reference/http-api.md`, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click

from leadflow.api.app import create_app
from leadflow.cli import leadflow
from leadflow.settings import Settings

PAGE = Path(__file__).parents[2] / "docs/reference/http-api.md"
OPERATIONS: dict[str, str] = {
    "assign": "assignLead",
    "attribution show": "getAttribution",
    "claim": "claimLead",
    "collaborate": "addCollaborator removeCollaborator",
    "contact": "logContact",
    "contracts list": "getAsyncApi",
    "contracts show": "getSchema",
    "convert": "convertLead",
    "dead-letters list": "listDeadLetters",
    "dead-letters retry": "retryDeadLetter discardDeadLetter",
    "dead-letters show": "getDeadLetter",
    "deal": "recordDeal",
    "reverse-deal": "reverseDeal",
    "disqualify": "disqualifyLead",
    "edit": "editLead",
    "hand-over": "handOverLead",
    "import": "uploadFile checkUpload startUpload",
    "inlet add": "openInlet",
    "inlet booth": "makeBoothLink",
    "inlet change": "changeInlet",
    "inlet credentials": "setInletCredentials",
    "inlet disable": "disableInlet",
    "inlet enable": "enableInlet",
    "inlet list": "listInlets",
    "inlet qr": "getInletCode",
    "inlet reconcile": "reconcileInlet",
    "inlet rotate": "rotateInletSecret",
    "inlet show": "getInlet",
    "inlet snippet": "getInletSnippet",
    "inlet test": "testInlet",
    "intake": "submitIntake submitIntakeToPool",
    "lead show": "getLead",
    "leads": "listLeads",
    "member add": "addMember",
    "member leave": "removeMember",
    "member list": "listMembers",
    "member pause": "pauseMember",
    "member resume": "resumeMember",
    "member set": "changeMember",
    "merge": "mergeLeads",
    "next": "claimNext previewNext",
    "notify drop": "dropNotification",
    "notify list": "listSubscriptions",
    "notify parked": "listNotifications",
    "notify replay": "replayNotification",
    "notify rotate": "rotateSecret",
    "notify show": "getSubscription",
    "notify subscribe": "subscribe",
    "notify test": "testSubscription",
    "notify unsubscribe": "unsubscribe",
    "policy check": "checkPolicy checkPolicyInPool",
    "policy diff": "diffPolicy diffPolicyVersions",
    "policy explain": "explainPolicy explainPolicyInForce",
    "policy publish": "publishPolicy",
    "policy show": "getPolicy",
    "pool list": "listPools",
    "pool open": "openPool",
    "pool show": "getPool",
    "protect": "protectLead",
    "reopen": "reopenLead",
    "report channels": "reportChannels",
    "report funnel": "reportFunnel",
    "report origins": "reportOrigins",
    "report reps": "reportReps reportFairness",
    "request show": "getRequest",
    "return": "returnLead",
    "reveal": "revealContact",
    "routing publish": "publishRouting",
    "routing show": "getRouting",
    "spend import": "importSpend recordSpend",
    "token create": "createToken",
    "token list": "listTokens",
    "token revoke": "revokeToken",
    "trace": "traceLead listLeadHistory",
    "transfer": "transferLead",
    "unprotect": "unprotectLead",
    "user add": "addUser",
    "user disable": "changeUser",
    "user enable": "changeUser",
    "user list": "listUsers",
    "user password": "changeUser changeMyPassword",
    "user roles": "changeUser",
    "user unlink": "unlinkUser",
    "withdraw": "withdrawLead",
}


def commands(group: click.Group, before: str = "") -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield before + name


def kept_from_http() -> set[str]:
    """The commands in the table of those that HTTP does not offer."""
    section = (
        PAGE.read_text(encoding="utf-8").partition("## What HTTP does not offer")[2].partition("\n## ")[0]
    )
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_every_command_has_an_operation_or_a_reason() -> None:
    names = set(commands(leadflow))
    kept = kept_from_http()
    assert kept.isdisjoint(OPERATIONS)
    assert names - kept == set(OPERATIONS), "name its operation here, or say on the page why there is none"
    assert kept <= names, "the page names commands that there are not"


def test_the_operations_are_there() -> None:
    service: Any = SimpleNamespace(app=SimpleNamespace(settings=Settings()))
    document = create_app(service).openapi()
    known = {one["operationId"] for item in document["paths"].values() for one in item.values()}
    named = {name for names in OPERATIONS.values() for name in names.split()}
    assert named <= known, f"{named - known} are not among {sorted(known - named)}"

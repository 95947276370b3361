"""What doors need of forms and trade shows: pages, what they load, codes to print, tickets and passes."""

from __future__ import annotations

from leadflow.forms.assets import SCRIPT, WORKER, Asset, asset, snippet
from leadflow.forms.codes import KINDS as CODE_KINDS
from leadflow.forms.codes import code, form_address
from leadflow.forms.pages import (
    Opening,
    consent_of,
    fair_page,
    form_page,
    headers,
    missing,
    notice_page,
    opening_of,
    print_page,
    problems_page,
    thanks_page,
)
from leadflow.forms.texts import language_of
from leadflow.forms.tickets import Ticket, new_ticket, opened, sealed
from leadflow.intake.channels.base import Inlet
from leadflow.intake.channels.trade_shows import KIND as TRADE_SHOW
from leadflow.intake.channels.trade_shows import PASS_LASTS_MAX, Pass, pass_for, pass_of, shown
from leadflow.intake.channels.website import ELAPSED, FORM, MULTIPART, WebsiteOptions, fields_of
from leadflow.intake.problems import Problem


def takes_forms(inlet: Inlet) -> bool:
    """Whether people's forms come to this inlet, and it has a page of its own."""
    return isinstance(inlet.options, WebsiteOptions)


def takes_cards(inlet: Inlet) -> bool:
    """Whether scanned cards come to it."""
    return inlet.kind == TRADE_SHOW.name


__all__ = [
    "CODE_KINDS",
    "ELAPSED",
    "FORM",
    "MULTIPART",
    "PASS_LASTS_MAX",
    "SCRIPT",
    "WORKER",
    "Asset",
    "Opening",
    "Pass",
    "Problem",
    "Ticket",
    "asset",
    "code",
    "consent_of",
    "fair_page",
    "fields_of",
    "form_address",
    "form_page",
    "headers",
    "language_of",
    "missing",
    "new_ticket",
    "notice_page",
    "opened",
    "opening_of",
    "pass_for",
    "pass_of",
    "print_page",
    "problems_page",
    "sealed",
    "shown",
    "snippet",
    "takes_cards",
    "takes_forms",
    "thanks_page",
]

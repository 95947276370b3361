"""Who somebody is, for the doors: accounts, tokens, sessions."""

from __future__ import annotations

from leadflow.identities.accounts import ACCOUNT_ROLES, Account
from leadflow.identities.caller import SCOPES, Caller
from leadflow.identities.repeats import Answered, Repeats
from leadflow.identities.sessions import Session
from leadflow.identities.signing_in import Identities
from leadflow.identities.tokens import TOKEN_ROLES, Token

__all__ = [
    "ACCOUNT_ROLES",
    "SCOPES",
    "TOKEN_ROLES",
    "Account",
    "Answered",
    "Caller",
    "Identities",
    "Repeats",
    "Session",
    "Token",
]

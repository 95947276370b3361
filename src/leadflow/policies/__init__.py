"""Policies and routing tables as people write them: read, checked, compared, explained, written again.

A document is TOML. Nothing here decides anything: what is read becomes `domain.policy.Policy` or
`domain.routing.RoutingTable`, and only those are published.
"""

from leadflow.policies.explain import explain, sections
from leadflow.policies.membership import Team, check_members
from leadflow.policies.problems import InvalidDocument, Problem
from leadflow.policies.reading import (
    default_policy,
    default_text,
    load,
    load_routing,
    read,
    read_document,
    read_routing,
)
from leadflow.policies.writing import Change, diff, dump, dump_routing

__all__ = [
    "Change",
    "InvalidDocument",
    "Problem",
    "Team",
    "check_members",
    "default_policy",
    "default_text",
    "diff",
    "dump",
    "dump_routing",
    "explain",
    "load",
    "load_routing",
    "read",
    "read_document",
    "read_routing",
    "sections",
]

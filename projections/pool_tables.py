"""The tables of `pools`: leads, members, pools and their policies."""

from __future__ import annotations

from projections.base import Table

LEADS = Table(
    "leads",
    ("pool", "lead"),
    {
        "pool": "text",
        "lead": "text",
        "status": "text NOT NULL",
        "owner": "text",
        "since": "timestamptz",
        "until": "timestamptz",
        "queue": "text",
        "waiting": "text",
        "failed": "text",
        "rule": "text",
        "score": "integer NOT NULL",
        "breakdown": "jsonb NOT NULL",
        "score_class": "text",
        "channel": "text NOT NULL",
        "campaign": "text",
        "region": "text",
        "city": "text",
        "industry": "text",
        "size": "integer",
        "company_name": "text",
        "person_name": "text",
        "phones": "jsonb NOT NULL",
        "emails": "jsonb NOT NULL",
        "wechats": "jsonb NOT NULL",
        "captured_at": "timestamptz NOT NULL",
        "captured_sequence": "bigint NOT NULL",
        "public_since": "timestamptz",
        "last_sequence": "bigint NOT NULL",
        "touches": "integer NOT NULL",
        "contacts": "integer NOT NULL",
        "tries": "integer NOT NULL",
        "collaborators": "jsonb NOT NULL",
        "protected": "boolean NOT NULL",
        "protected_until": "timestamptz",
        "customer": "text",
        "merged_into": "text",
        "to_pool": "text",
    },
    indexes=(
        "(pool, status, score DESC, captured_sequence)",
        "(pool, owner) WHERE owner IS NOT NULL",
    ),
    leading="lead",
    hot=True,
)
MEMBERS = Table(
    "members",
    ("pool", "member"),
    {
        "pool": "text",
        "member": "text",
        "role": "text NOT NULL",
        "status": "text NOT NULL",
        "paused_until": "timestamptz",
        "traits": "jsonb NOT NULL",
        "since": "timestamptz NOT NULL",
        "last_sequence": "bigint NOT NULL",
    },
)
POOLS = Table(
    "pools",
    ("pool",),
    {
        "pool": "text",
        "clock": "text NOT NULL",
        "opened_at": "timestamptz NOT NULL",
        "policy_version": "integer",
        "policy": "jsonb",
        "offsets": "jsonb",
        "covered_until": "date",
        "calendar_source": "text",
    },
)
POLICIES = Table(
    "policies",
    ("pool", "version"),
    {
        "pool": "text",
        "version": "integer",
        "time": "timestamptz NOT NULL",
        "actor": "text NOT NULL",
        "sequence": "bigint NOT NULL",
        "policy": "jsonb NOT NULL",
        "calendar": "jsonb NOT NULL",
    },
    kind="log",
)

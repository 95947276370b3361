"""What the API takes and answers about setting up inlets."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import BaseModel, Field, SecretStr

from leadflow.api import answers
from leadflow.api.bodies import body
from leadflow.bootstrap.importing import MappingFile
from leadflow.bootstrap.inlets import KEEP_OLD, KINDS, KeptInlet
from leadflow.domain.values import POOL_PATTERN, UtcTime

HOURS_MAX = 24 * 30
Kind = Literal[
    "website",
    "baidu",
    "douyin",
    "google",
    "meta",
    "wenjuanxing",
    "jinshuju",
    "tencent_survey",
    "typeform",
    "survey",
    "webhook",
    "cloudevents",
    "trade_show",
]
assert set(Kind.__args__) == set(KINDS)  # type: ignore[attr-defined]
InletName = Annotated[
    str, Path(pattern=f"^{POOL_PATTERN}$", description="The inlet's id.", examples=["bd-main"])
]
GivenSecret = Annotated[
    SecretStr | None, Field(max_length=256, description="Where the vendor gives it; else one is made.")
]
_INLET: dict[str, Any] = {
    "id": "bd-main",
    "kind": "baidu",
    "door": "baidu_push",
    "channel": "baidu_ads",
    "pool": "east",
    "campaign": "autumn",
    "path": "/in/bd-main/SECRET",
    "columns": {},
    "allow_ips": ["203.0.113.0/24"],
    "origins": [],
    "options": {"api_url": "https://api.baidu.com/json/sms/service", "solution_types": ["form", "phone"]},
    "credentials": [],
    "secrets": [{"made_at": "2026-11-21T10:00:00.000000Z", "until": None}],
    "tests": 0,
    "created_by": "manager/ma",
    "created_at": "2026-11-21T10:00:00.000000Z",
    "disabled_at": None,
    "wrong": None,
}


class NewInlet(BaseModel):
    """An inlet to be opened."""

    model_config = body(
        {
            "id": "bd-main",
            "kind": "baidu",
            "pool": "east",
            "campaign": "autumn",
            "allow_ips": ["203.0.113.0/24"],
        }
    )

    id: Annotated[str, Field(pattern=f"^{POOL_PATTERN}$", description="Part of its address.")]
    kind: Kind
    pool: Annotated[
        str | None, Field(pattern=f"^{POOL_PATTERN}$", description="Without: the routing table says.")
    ] = None
    channel: Annotated[
        str | None, Field(min_length=1, max_length=64, description="What its leads count to; the kind's own.")
    ] = None
    campaign: Annotated[
        str | None, Field(min_length=1, max_length=200, description="Where what comes does not name one.")
    ] = None
    mapping: Annotated[MappingFile | None, Field(description="What questions and columns are.")] = None
    allow_ips: Annotated[
        list[Annotated[str, Field(max_length=64)]],
        Field(max_length=100, description="Networks from which calls are taken; any, if none is named."),
    ] = []
    origins: Annotated[
        list[Annotated[str, Field(max_length=300)]],
        Field(max_length=100, description="Sites whose pages may post a form."),
    ] = []
    options: Annotated[
        dict[str, Any],
        Field(
            max_length=50,
            description="Of the kind, as `leadflow inlet add --set` knows them; several values are a list.",
        ),
    ] = {}
    secret: GivenSecret = None
    credentials: Annotated[
        dict[str, Annotated[SecretStr, Field(max_length=1000)]],
        Field(max_length=10, description="What LeadFlow shows to the vendor, by name."),
    ] = {}


class ChangedInlet(BaseModel):
    """What of an inlet is set up otherwise; what is left out, or null, stays."""

    model_config = body({"campaign": "winter", "options": {"pull_minutes": 30}})

    channel: Annotated[str | None, Field(min_length=1, max_length=64, description="What leads count to.")] = (
        None
    )
    campaign: Annotated[
        str | None, Field(min_length=1, max_length=200, description="Where what comes does not name one.")
    ] = None
    mapping: Annotated[
        MappingFile | None, Field(description="What questions and columns are: the whole of it.")
    ] = None
    allow_ips: Annotated[
        list[Annotated[str, Field(max_length=64)]] | None,
        Field(max_length=100, description="All networks from which calls are taken; [] for any."),
    ] = None
    origins: Annotated[
        list[Annotated[str, Field(max_length=300)]] | None,
        Field(max_length=100, description="All sites whose pages may post a form."),
    ] = None
    options: Annotated[
        dict[str, Any],
        Field(max_length=50, description="By name; those left out stay, null is the kind's own again."),
    ] = {}


class NewSecret(BaseModel):
    """How an inlet's secret is changed."""

    model_config = body({"keep_hours": 24})

    keep_hours: Annotated[
        float, Field(ge=0, le=HOURS_MAX, description="How long the secret before holds beside it.")
    ] = KEEP_OLD.total_seconds() / 3600
    secret: GivenSecret = None


class NewCredentials(BaseModel):
    """What LeadFlow shows to the vendor; names that are left out stay."""

    model_config = body({"credentials": {"access_token": "EAAB…"}})

    credentials: Annotated[
        dict[str, Annotated[SecretStr, Field(max_length=1000)]], Field(min_length=1, max_length=10)
    ]


class SecretShown(answers.Answer):
    """That there is a secret; never the secret itself."""

    made_at: UtcTime
    until: Annotated[UtcTime | None, Field(description="null for the one that holds until it is changed.")]


class InletShown(answers.Answer):
    """An inlet, without its secrets."""

    model_config = answers.example(_INLET)

    id: str
    kind: str
    door: str
    channel: str
    pool: str | None
    campaign: str | None
    path: Annotated[str, Field(description="Behind the host; `SECRET` stands where its secret does.")]
    columns: dict[str, str]
    allow_ips: list[str]
    origins: list[str]
    options: dict[str, Any]
    credentials: Annotated[list[str], Field(description="Names of those that there are.")]
    secrets: list[SecretShown]
    tests: Annotated[int, Field(description="Test leads that came.")]
    pulls: Annotated[
        dict[str, Any] | None,
        Field(
            description="How the vendor is asked for what was not pushed, and how that went; null for never."
        ),
    ] = None
    created_by: str
    created_at: UtcTime
    disabled_at: Annotated[UtcTime | None, Field(description="Since when nothing is taken through it.")]
    wrong: Annotated[
        str | None,
        Field(
            description="Why it takes nothing as it is set up, and answers 503: another version wrote it. "
            "`PATCH` mends it. null for all that work."
        ),
    ] = None

    @classmethod
    def of(cls, row: KeptInlet) -> InletShown:
        """The inlet as the API shows it."""
        return cls.model_validate(row.described())


class TriedLead(answers.Answer):
    """A test lead that a vendor sent."""

    seen_at: UtcTime
    document: Any


class InletWhole(InletShown):
    """An inlet, with what came through it and is no lead."""

    model_config = answers.example(
        _INLET
        | {"dead_letters": 0, "last_tests": [{"seen_at": "2026-11-21T10:05:00.000000Z", "document": {}}]}
    )

    dead_letters: Annotated[int, Field(description="Of its dead letters, how many wait.")]
    last_tests: Annotated[list[TriedLead], Field(description="The last test leads, the newest first.")]


class InletList(answers.Answer):
    """A page of inlets."""

    model_config = answers.example({"items": [_INLET], "next": None})

    items: list[InletShown]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last one.")]


class InletMade(answers.Answer):
    """An inlet, with what is shown this once."""

    model_config = answers.example(
        {"inlet": _INLET, "path": "/in/bd-main/3q2-7w…", "shown_once": {"secret": "3q2-7w…"}}
    )

    inlet: InletShown
    path: Annotated[str, Field(description="To be given to the vendor; with the secret, if it is in there.")]
    shown_once: Annotated[
        dict[str, str],
        Field(
            description="The secret, and tokens that were made with it. Empty where the caller gave it, and "
            "where the `Idempotency-Key` says that this was done before: change the secret where it was lost."
        ),
    ]


class Trial(answers.Answer):
    """What became of a kind's example."""

    model_config = answers.example(
        {
            "inlet": "bd-main",
            "documents": [{"clueId": "1", "cluePhoneNumber": "13800138000"}],
            "arrivals": [
                {
                    "answer": "created",
                    "pool": "east",
                    "reason": None,
                    "touch": {"channel": "baidu_ads", "door": "baidu_push", "ref": "1"},
                    "problems": [],
                }
            ],
        }
    )

    inlet: str
    documents: Annotated[list[Any], Field(description="The example as it was read, without its proof.")]
    arrivals: Annotated[
        list[dict[str, Any]],
        Field(
            description="What each would become: `answer` (created, merged, duplicate; kept or unreadable, "
            "with its reason), `pool`, `touch`, `problems`."
        ),
    ]

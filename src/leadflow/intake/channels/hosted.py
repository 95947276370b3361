"""How the page of a hosted form looks: options of inlets that forms come to."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from leadflow.intake.channels.base import Options
from leadflow.intake.mapping import CONTACT_FIELDS

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Paragraph = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s\"'<>;,]+$", max_length=500)]
FormField = Literal[
    "name", "phone", "email", "wechat", "company", "industry", "size", "region", "city", "note"
]


class HostedForm(Options):
    """What a form page asks and says; texts that are left out are LeadFlow's own, in Chinese and English."""

    title: Line | None = None
    title_en: Line | None = None
    """For readers of English; `title` if left out. So with the others."""
    intro: Paragraph | None = None
    intro_en: Paragraph | None = None
    fields: tuple[FormField, ...] = ("name", "phone", "email", "wechat", "company", "note")
    """In their order on the page."""
    required: tuple[FormField, ...] = ("name",)
    """Without these a form is not taken; and without any contact point it never is."""
    interests: Annotated[tuple[Line, ...], Field(max_length=20)] = ()
    """To be ticked; kept as the answer `interest`."""
    consent: Paragraph | None = None
    """What is agreed to, kept as the answer `consent`; `off` for a page that does not ask."""
    consent_en: Paragraph | None = None
    privacy_url: Address | None = None
    done: Paragraph | None = None
    """What is said when a form was taken."""
    done_en: Paragraph | None = None
    reps: Annotated[tuple[Line, ...], Field(max_length=200)] = ()
    """Who may have scanned, to be chosen from on a booth's tablet; free text if left out."""
    captcha_script: Annotated[str, StringConstraints(pattern=r"^https://[^\s\"'<>;,]+$")] | None = None
    """The captcha's script, e.g. https://challenges.cloudflare.com/turnstile/v0/api.js."""
    captcha_key: Annotated[str, StringConstraints(pattern=r"^[\w.-]{1,200}$")] | None = None
    """The captcha's public key for this page."""

    @model_validator(mode="after")
    def _can_be_filled_in(self) -> Self:
        if not set(self.fields) & set(CONTACT_FIELDS):
            raise ValueError(f"a form asks for one of {', '.join(CONTACT_FIELDS)}")
        if len(set(self.fields)) != len(self.fields):
            raise ValueError("a form asks for each field once")
        missing = [name for name in self.required if name not in self.fields]
        if missing:
            raise ValueError(f"required and not asked for: {', '.join(missing)}")
        if (self.captcha_script is None) != (self.captcha_key is None):
            raise ValueError("a captcha on the page needs both captcha_script and captcha_key")
        return self

"""The pages: what is shown of an inlet's options, with everything from outside as text, never as markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from leadflow.forms.assets import path_of
from leadflow.forms.codes import PARAMETERS
from leadflow.forms.texts import texts
from leadflow.intake.channels.base import Inlet
from leadflow.intake.mapping import CONTACT_FIELDS
from leadflow.intake.problems import Problem

OFF = "off"
RESET_S = 6
"""How long a booth's tablet shows its thanks."""
VALUE_LENGTH_MAX = 4_000
_INPUTS = {
    "name": {"autocomplete": "name"},
    "phone": {"type": "tel", "autocomplete": "tel", "inputmode": "tel"},
    "email": {"type": "email", "autocomplete": "email", "inputmode": "email"},
    "wechat": {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
    "company": {"autocomplete": "organization"},
    "region": {"autocomplete": "address-level1"},
    "city": {"autocomplete": "address-level2"},
}
"""What tells phones which keyboard to show and what to offer."""


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader(__package__),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _rendered(template: str, language: str, **values: Any) -> str:
    known = texts(language)
    return _environment().get_template(template).render(t=known, language=language, asset=path_of, **values)


@dataclass(frozen=True, slots=True)
class Opening:
    """How a form was opened: what its address says."""

    language: str
    asked_language: str | None = None
    kiosk: bool = False
    """On a booth's tablet: it asks for who scanned, and starts over for the next visitor."""
    given: Mapping[str, str] = field(default_factory=dict)
    """Of PARAMETERS."""

    def query(self, **changes: str | None) -> str:
        """The address's query, with its `?`; '' where there is none."""
        pairs = {name: self.given.get(name) for name in PARAMETERS}
        pairs |= {"kiosk": "1" if self.kiosk else None, "lang": self.asked_language}
        found = {name: text for name, text in (pairs | changes).items() if text}
        return f"?{urlencode(found)}" if found else ""


def opening_of(query: Mapping[str, str], language: str) -> Opening:
    """How a form was opened, by its address. What is too long is cut: anybody can write an address."""
    given = {name: query[name].strip()[:100] for name in PARAMETERS if query.get(name, "").strip()}
    asked = query.get("lang")
    return Opening(
        language, asked if asked == language else None, query.get("kiosk") in ("1", "true", "yes"), given
    )


# --- the form --------------------------------------------------------------------------------


def consent_of(inlet: Inlet, language: str) -> str | None:
    """What is to be agreed to; None where the page does not ask."""
    found = _own(inlet, "consent", language) or texts(language)["consent"]
    return None if found == OFF else str(found)


def _own(inlet: Inlet, name: str, language: str) -> str | None:
    options = inlet.options
    english = getattr(options, f"{name}_en") if language == "en" else None
    found: str | None = english or getattr(options, name)
    return found


def missing(inlet: Inlet, language: str, values: Mapping[str, str]) -> list[Problem]:
    """What a form lacks before it is sent on. Nothing is kept of it: its person is there to fill it in."""
    options = inlet.options
    found = [Problem(name, "missing", "") for name in options.required if not values.get(name, "").strip()]
    asked = [name for name in options.fields if name in CONTACT_FIELDS]
    if not any(values.get(name, "").strip() for name in asked) and not any(
        one.field in CONTACT_FIELDS for one in found
    ):
        found.append(Problem(asked[0], "contact", ""))
    if consent_of(inlet, language) is not None and not values.get("consent"):
        found.append(Problem("consent", "consent", ""))
    return found


def form_page(
    inlet: Inlet,
    opening: Opening,
    *,
    ticket: str,
    hidden: Mapping[str, str],
    values: Mapping[str, str] | None = None,
    problems: Sequence[Problem] = (),
    notice: str | None = None,
) -> str:
    """The form; after a problem with what was typed, each problem beside its field, and a `notice` (the name
    of a text) above."""
    options, language = inlet.options, opening.language
    given = (
        dict.fromkeys(PARAMETERS, "")
        | dict(opening.given)
        | {name: text[:VALUE_LENGTH_MAX] for name, text in (values or {}).items()}
    )
    errors = _errors(inlet, problems, language)
    contacts = [name for name in options.fields if name in CONTACT_FIELDS]
    fields = [
        {
            "name": name,
            "value": given.get(name, ""),
            "required": name in options.required or contacts == [name],
            # Of contact points of which one is enough, none is optional by itself.
            "contact": name in CONTACT_FIELDS and not set(contacts) & set(options.required),
            "attributes": dict(_INPUTS.get(name, {})) | ({"autocomplete": "off"} if opening.kiosk else {}),
        }
        for name in options.fields
    ]
    captcha = None
    if options.captcha_script and options.captcha_key:
        kind = options.captcha_field.removesuffix("-response")
        captcha = {"script": options.captcha_script, "key": options.captcha_key, "class": kind}
    return _rendered(
        "form.html",
        language,
        title=_own(inlet, "title", language) or texts(language)["title"],
        intro=_own(inlet, "intro", language) or texts(language)["intro"],
        fields=fields,
        contact_hint=len(contacts) > 1 and not set(contacts) & set(options.required),
        interests=options.interests,
        ticked=frozenset(given.get("interest", "").split("、")),
        consent=consent_of(inlet, language),
        agreed=bool(given.get("consent")),
        privacy=options.privacy_url,
        honeypot=options.honeypot,
        reps=options.reps,
        given=given,
        opening=opening,
        action=f"/f/{inlet.id}{opening.query()}",
        other=f"/f/{inlet.id}{opening.query(lang=texts(language)['other'])}",
        hidden=dict(hidden) | {"lf_ticket": ticket},
        errors=errors,
        notice=texts(language)[notice] if notice else None,
        captcha=captcha,
    )


def _errors(inlet: Inlet, problems: Sequence[Problem], language: str) -> dict[str, str]:
    """By field, what is wrong with it in words; the first of each."""
    known = texts(language)["error"]
    found: dict[str, str] = {}
    contacts = [name for name in inlet.options.fields if name in CONTACT_FIELDS]
    for one in problems:
        name, text = one.field, known.get(one.code) or known.get(one.field) or known["other"]
        if name == "contact":
            # Each contact point that was given and is none has a problem of its own.
            if any(other.field in CONTACT_FIELDS for other in problems):
                continue
            name, text = contacts[0], known["contact"]
        if name in (*inlet.options.fields, "consent"):
            found.setdefault(name, text)
        else:
            found.setdefault("form", known["other"])
    return found


def thanks_page(inlet: Inlet, opening: Opening) -> str:
    """What is said when a form was taken: the same to everybody."""
    again = f"/f/{inlet.id}{opening.query()}"
    return _rendered(
        "thanks.html",
        opening.language,
        title=texts(opening.language)["done_title"],
        done=_own(inlet, "done", opening.language) or texts(opening.language)["done"],
        opening=opening,
        again=again,
        reset_s=RESET_S,
    )


def notice_page(language: str, title: str, text: str, back: bool = False) -> str:
    """A page that says one thing; `title` and `text` are names of texts."""
    known = texts(language)
    return _rendered("notice.html", language, title=known[title], text=known[text], back=back, lines=[])


def problems_page(inlet: Inlet, language: str, problems: Sequence[Problem]) -> str:
    """For a form of another site that was posted without its script, and could not be read."""
    known = texts(language)
    lines = list(dict.fromkeys(_errors(inlet, problems, language).values())) or [known["error"]["contact"]]
    return _rendered("notice.html", language, title=known["problems"], text="", back=True, lines=lines)


def print_page(inlet: Inlet, language: str, sheets: Sequence[Mapping[str, str]]) -> str:
    """Codes to cut out and to put up: each with its picture's address, the form's, and who it is of."""
    title = _own(inlet, "title", language) or inlet.campaign or texts(language)["title"]
    return _rendered("print.html", language, title=title, sheets=sheets)


def fair_page(inlet: Inlet, language: str, *, name: str | None, csrf: str | None, other: str) -> str:
    """The page that scans cards; with the name of who is signed in, and what its requests must show."""
    known = texts(language)
    words = dict(known["fair"]) | {"fields": dict(known["field"])} | {"too_often": known["too_often"]}
    return _rendered(
        "fair.html",
        language,
        title=known["fair"]["title"],
        fair=_own(inlet, "title", language) or inlet.campaign or inlet.id,
        inlet=inlet.id,
        words=words,
        interests=inlet.options.interests,
        name=name,
        csrf=csrf,
        other=other,
    )


# --- what a browser may do with them ---------------------------------------------------------

Kind = Literal["form", "fair", "plain"]


def headers(kind: Kind, inlet: Inlet | None = None) -> dict[str, str]:
    """The headers that hold a page to itself: only its own scripts and styles, and frames only of sites that
    the inlet names (Content Security Policy Level 3, W3C)."""
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' blob: data:" if kind == "fair" else "'self'",
        "connect-src": "'self'" if kind == "fair" else "'none'",
        "form-action": "'self'",
        "base-uri": "'none'",
    }
    frames = ["'none'"]
    if kind == "form" and inlet is not None:
        options = inlet.options
        # A site that may post may show the form, too.
        frames = ["*"] if "*" in inlet.origins else ["'self'", *inlet.origins] if inlet.origins else frames
        if options.thanks and "//" in options.thanks:
            # Browsers follow a redirect after a form to such places only.
            rules["form-action"] += f" {_origin(options.thanks)}"
        if options.captcha_script:
            place = _origin(options.captcha_script)
            rules |= {"script-src": f"'self' {place}", "frame-src": place, "connect-src": place}
    found = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in rules.items())
        + "; frame-ancestors "
        + " ".join(frames),
        "Permissions-Policy": f"camera=({'self' if kind == 'fair' else ''}), geolocation=(), microphone=()",
        # Other sites do not learn which page led to them; our own forms learn where they were opened from.
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    if frames == ["'none'"]:
        found["X-Frame-Options"] = "DENY"
    return found


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"

"""Contact points: phones to E.164, e-mails by syntax, WeChat ids.

Each function takes a value as it was read and returns what it understood, or the one Problem that
says why it could not. An empty tuple means that nothing was given.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from leadflow.intake.problems import Problem
from leadflow.intake.text import as_text, fold, is_placeholder

PHONE_LENGTH_MAX = 200
"""Characters of a phone field that are looked at: a few numbers with words around them."""
EMAIL_LENGTH_MAX = 1000

_SEPARATORS = str.maketrans("", "", " -")
_MOBILE = re.compile(r"(?:\+86|0086|86)?(1(?:[38]\d|4[57]|[59][0-35-9]|6[25-7]|7[0-35-8])\d{8})")
"""Mainland mobile numbers as libphonenumber 9.0 describes them; a property test holds the two together."""
_FLOAT_TAIL = re.compile(r"\.0+$")
_SCIENTIFIC = re.compile(r"[+-]?\d(?:\.(\d+))?[eE]\+?\d{1,2}")
_EXTENSION = re.compile(
    r"\s*[,;，]?\s*(?:转|轉|分机号?|ext(?:ension)?\.?|x|#)\s*[:：]?\s*\d{1,6}$", re.IGNORECASE
)
_DASH_EXTENSION = re.compile(r"(?<=\d{7})\s*[-–—]\s*\d{1,6}$")
_LETTER = re.compile(r"[A-Za-z]")

_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
)
"""The ordinary address of RFC 5321: dot-atom, host name with a top-level domain of letters."""
_EMAIL_IN_TEXT = re.compile(r"[^\s<>()\[\],;:：、|/\"“”]+@[^\s<>()\[\],;:：、|/\"“”]+")

_WECHAT = re.compile(r"[A-Za-z][A-Za-z0-9_-]{4,31}|\d{5,15}|\+\d{8,15}")
"""Tencent's rule is a letter and 5 to 19 more letters, digits, `_`, `-`. Older and system-given ids
are shorter and longer; an account may also be found by its QQ or phone number."""
_WECHAT_LABEL = re.compile(r"^(?:微信号?|wechat(?:\s*id)?|wx|vx?)\s*[:：]\s*", re.IGNORECASE)


def phones(value: Any, region: str = "CN") -> tuple[str, ...] | Problem:
    """The phone numbers that `value` holds, in E.164; several where a cell holds several.

    `region` (ISO 3166) is assumed for numbers without a country code. An extension is dropped: E.164
    has none. Formats and validity are libphonenumber's.
    """
    text = as_text(value)
    if not text:
        return ()
    number = fast_mobile(text) if region == "CN" else None
    if number is not None:
        return (number,)
    text = fold(text).strip().lstrip("'‘’`").strip()
    if not text or is_placeholder(text):
        return ()
    if len(text) > PHONE_LENGTH_MAX:
        return Problem("phone", "too_long", f"is longer than {PHONE_LENGTH_MAX} characters")
    text = _FLOAT_TAIL.sub("", text)
    match = _SCIENTIFIC.fullmatch(text)
    if match:
        if len(match.group(1) or "") < 6:
            return Problem(
                "phone", "digits_lost", "a spreadsheet rounded the number; format the column as text"
            )
        try:
            text = str(int(Decimal(text)))
        except (InvalidOperation, ValueError):
            return Problem("phone", "invalid", "is not a phone number")
    return _slow_phones(text, region)


def fast_mobile(text: str) -> str | None:
    """A mainland mobile number in one of its ordinary spellings, in E.164; None to look closer."""
    bare = text.translate(_SEPARATORS)
    if not bare.isascii():
        bare = fold(bare).translate(_SEPARATORS)
    bare = bare.removeprefix("'")
    bare = bare.removesuffix(".0")
    match = _MOBILE.fullmatch(bare)
    return "+86" + match.group(1) if match else None


def _slow_phones(text: str, region: str) -> tuple[str, ...] | Problem:
    bare = _EXTENSION.sub("", text)
    for spelling in (bare, _DASH_EXTENSION.sub("", bare)):
        number = None if _LETTER.search(spelling) else valid_number(spelling, region)
        if number is not None:
            return (number,)
    # Imported where it is needed: most numbers are plain mobiles, and most commands read none at all.
    import phonenumbers

    found: dict[str, None] = {}
    for hit in phonenumbers.PhoneNumberMatcher(text, region):
        found[phonenumbers.format_number(hit.number, phonenumbers.PhoneNumberFormat.E164)] = None
    if found:
        return tuple(found)
    digits = sum(character.isdigit() for character in text)
    if not digits:
        return Problem("phone", "invalid", "holds no phone number")
    return Problem(
        "phone", "invalid", f"is not a phone number of {region} or with a country code ({digits} digits)"
    )


def valid_number(text: str, region: str) -> str | None:
    """The one number that `text` is, in E.164, or None; by libphonenumber."""
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def emails(value: Any) -> tuple[str, ...] | Problem:
    """The e-mail addresses that `value` holds, lower-cased; checked by syntax, never by DNS."""
    text = as_text(value).lower()
    if not text:
        return ()
    if len(text) <= 254 and text[0] != "'" and text.find("@", 0, 65) > 0 and _EMAIL.fullmatch(text):
        return (text,)
    text = fold(text).strip().lstrip("'‘’`").strip().lower()
    if not text or is_placeholder(text):
        return ()
    if len(text) > EMAIL_LENGTH_MAX:
        return Problem("email", "too_long", f"is longer than {EMAIL_LENGTH_MAX} characters")
    text = text.replace("mailto:", " ").replace("。", ".")
    whole, reason = valid_email(text.strip(".'‘’`"))
    if whole is not None:
        return (whole,)
    found = [valid_email(piece.strip(".'‘’`"))[0] for piece in _EMAIL_IN_TEXT.findall(text)]
    addresses = tuple(dict.fromkeys(address for address in found if address is not None))
    if addresses:
        return addresses
    return Problem("email", "invalid", f"is not an e-mail address: {reason}")


def valid_email(text: str) -> tuple[str | None, str]:
    """The address in lower case, or None and why not; by email-validator, without DNS.

    Names that are reserved (`.test`, `.local`) are well-formed and so accepted.
    """
    if len(text) <= 254 and text.find("@", 0, 65) > 0 and _EMAIL.fullmatch(text):
        return text, ""
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        if "@" not in text:
            return None, "has no @"
        return None, "what stands before or after the @ is not allowed there"
    return found.normalized.lower(), ""


def wechats(value: Any) -> tuple[str, ...] | Problem:
    """The WeChat id that `value` holds, trimmed, in the letters it was written in."""
    text = fold(as_text(value)).strip().lstrip("'‘’`").strip()
    if not text or is_placeholder(text) or text in ("同手机", "同手机号", "同上", "手机号", "微信同号"):
        return ()
    text = _FLOAT_TAIL.sub("", _WECHAT_LABEL.sub("", text))
    if _WECHAT.fullmatch(text):
        return (text,)
    compact = text.translate(_SEPARATORS)
    if compact.isdigit() and _WECHAT.fullmatch(compact):
        return (compact,)
    return Problem("wechat", "invalid", "is not a WeChat id: a letter, then letters, digits, _ or -")


def misplaced(value: Any, field: str) -> tuple[str, str] | None:
    """A contact point of another kind than its column's: an address among phone numbers, a mobile number
    among addresses, an id that is labelled as WeChat's. Its field and itself."""
    text = fold(as_text(value)).strip()
    if field == "phone" and "@" in text:
        found = emails(text)
        return ("email", found[0]) if isinstance(found, tuple) and found else None
    if field == "phone" and _WECHAT_LABEL.match(text):
        found = wechats(text)
        return ("wechat", found[0]) if isinstance(found, tuple) and found else None
    number = fast_mobile(text) if field == "email" else None
    return ("phone", number) if number else None

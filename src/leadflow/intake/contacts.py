"""Contact points: phones to E.164, e-mails by syntax, WeChat ids.

Each function takes a value as it was read and returns what it understood, or the one Problem that
says why it could not. An empty tuple means that nothing was given.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from itertools import chain
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
_SCIENTIFIC = re.compile(r"[+-]?\d(?:\.(\d+))?[eE]\+?\d{1,3}")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3}){3,}")
_ODD_SEPARATORS = re.compile(r"(?<=\d)[\s_·•‧]+(?=\d)")
_ADDRESS = re.compile(r"[^\s,;:：，；、|/<>()]+@[^\s,;:：，；、|/<>()]+")
_MOBILES = re.compile(r"(?<!\d)(?:\+?86[\s+-]*|0086[\s-]*)?(1[3-9]\d)[ -]?(\d{4})[ -]?(\d{4})(?!\d)")
_DIGIT = re.compile(r"\d")
_PARTS = re.compile(r"[\r\n/、,，;；|\\]+")
"""What may stand between two numbers of a cell, but also in one."""
_BETWEEN = re.compile(r"[;；|]|(?<=\d{7})(?:\s*[/、,，\\]\s*)(?=[+(]?\d{3})")
"""What stands between two numbers of a cell, and in none."""
_NEIGHBOURS = re.compile(r"\(?(852|853|886)\)?(?=[\s-]*\d)")
"""Hong Kong, Macao and Taiwan, whose country codes are often written without a `+`."""
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
_PLAIN_EMAIL = re.compile(
    r"(?<![a-z0-9._%+@-])[a-z0-9_%+'-]{1,64}(?:\.[a-z0-9_%+'-]{1,64})*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}(?![a-z0-9@-])"
)
"""An everyday address among other text."""
_EMAIL_LABEL = re.compile(
    r"^(?:(?:我的|工作|公司|个人|电子)?(?:邮箱|邮件|信箱)(?:地址)?|e-?mail|mail)\s*[:：]?\s*(?=\S+@)"
)
_BLANKS_IN_EMAIL = re.compile(r"\s*([@.])\s*")
_EMAIL_IN_TEXT = re.compile(r"[^\s<>()\[\],;:：、|/\"“”]+@[^\s<>()\[\],;:：、|/\"“”]+")

_WECHAT = re.compile(r"[A-Za-z][A-Za-z0-9_-]{4,31}|\d{5,15}|\+\d{8,15}")
"""Tencent's rule is a letter and 5 to 19 more letters, digits, `_`, `-`. Older and system-given ids
are shorter and longer; an account may also be found by its QQ or phone number."""
_WECHAT_LABEL = re.compile(
    r"^(?:微信号?(?:码|id)?是?\s*[:：]?\s*(?=[a-z\d+_-]+$)"
    r"|(?:微信号?(?:码|id)?|wechat(?:\s*id)?|weixin|wx|vx?)(?:\s*[:：]\s*|\s+(?=\S+$)))",
    re.IGNORECASE,
)
_WECHAT_NOTE = re.compile(r"\s*[(（](?:微信号?|wechat|wx|vx?|同号)[)）]$", re.IGNORECASE)
_BETWEEN_IDS = re.compile(r"\s*[/;；、,，|]\s*(?=\S)")
_SAME_AS_PHONE = re.compile(
    r"(?:微信)?(?:号码?)?[同与和](?:上|号|手机|电话|手机号码?|电话号码?|手机电话)?(?:相同|一样|一致)?(?:号码?)?"
    r"|(?:手机|电话|手机号|手机号码|电话号码)(?:同号|同步|号)?(?:即?微信)?(?:同号)?"
    r"|same(?: as)?(?: the)?(?: above| phone| mobile)?(?: number| no\.?)?",
    re.IGNORECASE,
)


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
    # Saved as GBK, the direction marks around a number from a phone's contacts become question marks.
    text = fold(text).strip().strip("?").lstrip("'‘’`").strip()
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
    parts = [part for part in _PARTS.split(text) if _DIGIT.search(part)]
    if len(parts) > 1:
        each = [found for part in parts if isinstance(found := _slow_phones(part, region), tuple)]
        # Else what separates them stands within a number.
        if len(each) == len(parts):
            return tuple(dict.fromkeys(chain.from_iterable(each)))
    return _slow_phones(text, region)


def fast_mobile(text: str) -> str | None:
    """A mainland mobile number in one of its ordinary spellings, in E.164; None to look closer."""
    # Folding makes ordinary separators of full-width ones.
    bare = fold(text).replace(" ", "").replace("-", "")
    match = _MOBILE.fullmatch(bare.removeprefix("'").removesuffix(".0"))
    return "+86" + match.group(1) if match else None


def _slow_phones(text: str, region: str) -> tuple[str, ...] | Problem:
    if "@" in text:
        # 13812345678@example.com is an address, whatever its digits are.
        text = _ADDRESS.sub(" ", text).strip()
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    found: dict[str, None] = {}
    for piece in _BETWEEN.split(text):
        found.update(dict.fromkeys(_numbers(_ODD_SEPARATORS.sub(" ", piece).strip(), region)))
    if found:
        return tuple(found)
    digits = sum(character.isdigit() for character in text)
    if not digits:
        return Problem("phone", "invalid", "holds no phone number")
    return Problem(
        "phone", "invalid", f"is not a phone number of {region} or with a country code ({digits} digits)"
    )


def _numbers(text: str, region: str) -> list[str]:
    """The numbers of a piece of text, in E.164: the one that it is, or those that are found in it."""
    bare = _EXTENSION.sub("", text)
    for spelling in (bare, _DASH_EXTENSION.sub("", bare)):
        number = None if _LETTER.search(spelling) else valid_number(spelling, region)
        if number is not None:
            return [number]
    mobiles: list[str] = []
    if region == "CN":
        spelled = ("".join(match.groups()) for match in _MOBILES.finditer(text))
        mobiles = [number for number in map(fast_mobile, spelled) if number]
        if len(mobiles) > 1:
            return mobiles
        neighbour = None if _LETTER.search(text) else valid_number(_NEIGHBOURS.sub(r"+\1 ", text, 1), region)
        if neighbour is not None:
            return [neighbour]
    # Imported where it is needed: most numbers are plain mobiles, and most commands read none at all.
    import phonenumbers

    hits = phonenumbers.PhoneNumberMatcher(text, region)
    e164 = phonenumbers.PhoneNumberFormat.E164
    return [phonenumbers.format_number(hit.number, e164) for hit in hits] or mobiles


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
    text = _EMAIL_LABEL.sub("", text.replace("mailto:", " ").replace("。", ".").strip())
    whole, reason = valid_email(text.strip(".'‘’`"))
    if whole is not None:
        return (whole,)
    pieces = (_EMAIL_LABEL.sub("", piece.strip(".'‘’`")) for piece in _EMAIL_IN_TEXT.findall(text))
    found = [valid_email(piece)[0] for piece in pieces]
    addresses = tuple(dict.fromkeys(address for address in found if address is not None))
    plain = dict.fromkeys(_PLAIN_EMAIL.findall(text))
    if len(plain) > len(addresses):
        return tuple(plain)
    if addresses:
        return addresses
    if text.count("@") == 1:
        # `wang @ example.com`: nobody has blanks in an address, and nothing else can be meant.
        joined = _PLAIN_EMAIL.findall(_BLANKS_IN_EMAIL.sub(r"\1", text))
        if joined:
            return (joined[0],)
    return Problem("email", "invalid", f"is not an e-mail address: {reason}")


def valid_email(text: str) -> tuple[str | None, str]:
    """The address in lower case, or None and why not; by email-validator, without DNS.

    Names that are reserved (`.test`, `.local`) are well-formed and so accepted.
    """
    if len(text) <= 254 and text.find("@", 0, 65) > 0 and _EMAIL.fullmatch(text):
        return text, ""
    if "@" in text and "." not in text.rpartition("@")[2]:
        return None, "what stands behind the @ has no dot"
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        if "@" not in text:
            return None, "has no @"
        return None, "what stands before or after the @ is not allowed there"
    return found.normalized.lower(), ""


def wechats(value: Any) -> tuple[str, ...] | Problem:
    """The WeChat ids that `value` holds, trimmed, in the letters they were written in."""
    text = fold(as_text(value)).strip().lstrip("'‘’`").strip()
    if not text or is_placeholder(text) or _SAME_AS_PHONE.fullmatch(text):
        return ()
    found: list[str] = []
    for piece in _BETWEEN_IDS.split(text):
        one = _wechat(piece)
        if one is None:
            return Problem("wechat", "invalid", "is not a WeChat id: a letter, then letters, digits, _ or -")
        found.append(one)
    return tuple(dict.fromkeys(found))


def _wechat(text: str) -> str | None:
    text = _WECHAT_NOTE.sub("", _WECHAT_LABEL.sub("", text.strip()))
    text = _FLOAT_TAIL.sub("", text.strip("。.,，;；\"'“”‘’ "))
    if _WECHAT.fullmatch(text):
        return text
    compact = text.translate(_SEPARATORS)
    return compact if compact.removeprefix("+").isdigit() and _WECHAT.fullmatch(compact) else None


def may_be_mixed(text: str, field: str) -> bool:
    """Whether a cell of phone numbers or addresses may hold one of the other kind, too."""
    if field == "phone":
        return "@" in text
    rest = _ADDRESS.sub("", text) if field == "email" else ""
    return len(rest) >= 11 and sum(map(str.isdigit, rest)) >= 11


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
    number = fast_mobile(_ADDRESS.sub("", text).strip(" ,;/、|，；")) if field == "email" else None
    return ("phone", number) if number else None


def with_area(value: Any, code: Any) -> Any:
    """A phone number with the area or country code that stands in a column of its own."""
    number, written = fold(as_text(value)).strip(), fold(as_text(code)).strip()
    digits = "".join(filter(str.isdigit, written))
    if len(written) == 2 and written.isalpha() and written.isascii():
        import phonenumbers

        # Of an ISO 3166 code that is none it is 0.
        digits = str(phonenumbers.country_code_for_region(written.upper()) or "")
    if not digits or not number or number.startswith(("+", "00")) or fast_mobile(number):
        return value
    # Area codes of the mainland are 10, 20 to 29, and three digits.
    abroad = digits in ("1", "7", "852", "853", "886") or (len(digits) == 2 and digits[0] > "2")
    if written.startswith(("+", "00")) or abroad:
        country = digits.lstrip("0")
        return value if country == "86" else f"+{country} {number}"
    if digits == "86" or number.startswith("0"):
        return value
    # A spreadsheet that takes 010 for a number leaves 10.
    return f"0{digits.lstrip('0')}-{number}"

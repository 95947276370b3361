"""Business cards as text: vCard 2.1, 3.0 and 4.0, and MECARD, as they stand in QR codes and .vcf files.

    BEGIN:VCARD                                   MECARD:N:张伟;ORG:甲公司;TEL:13812345678;
    VERSION:3.0                                   EMAIL:zhang.wei@example.cn;NOTE:想看演示;;
    N:张;伟;;;
    ORG:甲公司;市场部
    TEL;TYPE=CELL:+86 138 1234 5678
    X-WECHAT:zhangwei_88
    END:VCARD

Sources: vCard 2.1 (versit, 1996), RFC 2426 (3.0), RFC 6350 (4.0), MECARD (NTT Docomo). What people's phones
write keeps to none of them, so a line that cannot be understood is passed over and the rest is read: folded
lines, quoted-printable in any charset with its soft line ends, groups (`item1.TEL`), a missing end.

A card becomes a document of columns as a spreadsheet would have them, `phone (work)`, `email`, `company`:
what its fields are is told where every other arrival's are. Photos, keys and the like are left out.
"""

from __future__ import annotations

import quopri
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

CODE_LENGTH_MAX = 20_000
"""Characters of a code's text: the largest QR code holds 7089 digits."""
CARD_LINES_MAX = 20_000
"""Lines of one card, its photo's among them."""
PROPERTIES_MAX = 120
VALUE_LENGTH_MAX = 4_000
ASKED = ("name", "phone", "email", "wechat", "company")
"""What one asks of a card: the share of them that it has is its completeness."""

_BEGIN = re.compile(r"^(?:[\w-]+\.)?BEGIN\s*:\s*VCARD\s*$", re.IGNORECASE)
_END = re.compile(r"^(?:[\w-]+\.)?END\s*:\s*VCARD\s*$", re.IGNORECASE)
_MECARD = re.compile(r"^\s*MECARD:", re.IGNORECASE)
_NAME = re.compile(r"^(?:[A-Za-z0-9-]+\.)?([A-Za-z][A-Za-z0-9-]*)$")
_CHARSETS = {"gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030"}
"""What calls itself GB2312 holds characters of its larger relatives."""
_KINDS = ("work", "home", "cell")
_NOT_CALLED = frozenset(("fax", "pager", "modem", "bbs"))
_PLAIN = {
    "title": "title",
    "role": "role",
    "note": "note",
    "url": "website",
    "categories": "categories",
    "x-qq": "qq",
    "qq": "qq",
}
_WECHAT = frozenset(
    ("x-wechat", "x-weixin", "wechat", "weixin", "x-wechat-id", "x-wechatid", "x-tencent-wechat")
)


@dataclass(frozen=True, slots=True)
class _Property:
    name: str
    """In lower case."""
    parameters: dict[str, str]
    """By name in lower case; several values with commas between them."""
    value: str

    @property
    def types(self) -> frozenset[str]:
        return frozenset(one.strip() for one in self.parameters.get("type", "").lower().split(","))


def is_card(text: str) -> bool:
    """Whether a code's text is a vCard or a MECARD."""
    return bool(_MECARD.match(text)) or any(_BEGIN.match(line.strip()) for line in text.splitlines()[:3])


def read_cards(text: str) -> list[dict[str, str]]:
    """The documents of every card of a text; none where it holds no card. Never raises for its content."""
    if _MECARD.match(text):
        found = _document(_mecard(text[:CODE_LENGTH_MAX]))
        return [found] if found else []
    return [document for _, document in cards_of(text.splitlines()) if document]


def cards_of(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The cards among lines of text, each with the number of its first line, from 1.

    What stands between cards is passed over; a card ends where the next one begins. A card with nothing that
    can be used is an empty document.
    """
    began, inside = 0, []  # type: int, list[str]
    for number, line in enumerate(lines, 1):
        bare = line.lstrip("\ufeff").rstrip("\r\n")
        # Of a card in a card (AGENT, of 2.1) only the outer one is wanted, and it stands last or not at all.
        if _BEGIN.match(bare.strip()):
            if began:
                yield began, _document(_properties(inside))
            began, inside = number, []
        elif began and _END.match(bare.strip()):
            yield began, _document(_properties(inside))
            began = 0
        elif began and len(inside) < CARD_LINES_MAX:
            inside.append(bare)
    if began:
        yield began, _document(_properties(inside))


def asked_of(document: dict[str, str]) -> dict[str, str]:
    """The document of a card with empty columns for what a card should have and this one has not."""
    return document | {name: "" for name in ASKED if not any(column.startswith(name) for column in document)}


# --- lines -----------------------------------------------------------------------------------


def _properties(lines: list[str]) -> Iterator[_Property]:
    for line in _unfolded(lines):
        found = _property(line)
        if found is not None:
            yield found


def _unfolded(lines: list[str]) -> Iterator[str]:
    """Lines as they were before they were folded: a blank continues one, and `=` at the end of a
    quoted-printable one."""
    whole, soft = "", False
    for line in lines:
        if soft:
            whole = whole[:-1] + line.lstrip(" \t")
        elif line[:1] in (" ", "\t") and whole:
            whole += line[1:]
        else:
            if whole:
                yield whole
            whole = line
        soft = whole.endswith("=") and "QUOTED-PRINTABLE" in whole.partition(":")[0].upper()
    if whole:
        yield whole


def _property(line: str) -> _Property | None:
    head, value = _divided(line)
    if value is None:
        return None
    name, *given = _split(head, ";", quoted=True)
    match = _NAME.match(name.strip())
    if match is None:
        return None
    parameters: dict[str, str] = {}
    for one in given:
        key, sign, text = one.partition("=")
        # 2.1 writes `TEL;CELL;WORK`; an encoding may stand alone there, too.
        key, text = (key, text.strip('" ')) if sign else (_kind_of_bare(one), one)
        key = key.strip().lower()
        parameters[key] = f"{parameters[key]},{text}" if key in parameters else text
    encoding = parameters.get("encoding", "").upper()
    if encoding in ("B", "BASE64"):
        return None
    if encoding == "QUOTED-PRINTABLE":
        value = _unquoted(value, parameters.get("charset", ""))
    return _Property(match[1].lower(), parameters, value)


def _kind_of_bare(text: str) -> str:
    return "encoding" if text.strip().upper() in ("QUOTED-PRINTABLE", "BASE64", "8BIT", "7BIT") else "type"


def _divided(line: str) -> tuple[str, str | None]:
    """What stands before and behind the first colon that is in no quotation marks."""
    inside = False
    for position, character in enumerate(line):
        if character == '"':
            inside = not inside
        elif character == ":" and not inside:
            return line[:position], line[position + 1 :]
    head, colon, value = line.partition(":")
    return head, value if colon else None


def _unquoted(value: str, charset: str) -> str:
    raw = quopri.decodestring(value.encode("utf-8", "surrogatepass"))
    named = charset.strip('" ').lower()
    for name in (_CHARSETS.get(named, named), "utf-8", "gb18030"):
        try:
            return raw.decode(name)
        except (LookupError, UnicodeDecodeError):
            continue
    return raw.decode("utf-8", "replace")


def _split(text: str, delimiter: str, *, quoted: bool = False) -> list[str]:
    """Parts between delimiters that are not escaped (and, if `quoted`, in no quotation marks)."""
    parts, part, escaped, inside = [], "", False, False
    for character in text:
        if escaped:
            part, escaped = part + "\\" + character, False
        elif character == "\\":
            escaped = True
        elif character == delimiter and not inside:
            parts.append(part)
            part = ""
        else:
            inside ^= quoted and character == '"'
            part += character
    return [*parts, part + ("\\" if escaped else "")]


def _plain(text: str) -> str:
    r"""A value without its escapes: `\,` `\;` `\:` `\\` and `\n`."""
    found = re.sub(r"\\(.)", lambda m: "\n" if m[1] in "nN" else m[1], text, flags=re.DOTALL)
    return found.replace("\0", "").strip()[:VALUE_LENGTH_MAX]


# --- MECARD ----------------------------------------------------------------------------------


def _mecard(text: str) -> Iterator[_Property]:
    """A MECARD's fields; its commas divide a name into family and given name."""
    for part in _split(_MECARD.sub("", text, count=1).strip(), ";"):
        name, colon, value = part.partition(":")
        name = name.strip().lower()
        if not colon or not name:
            continue
        if name == "n":
            value = ";".join(_split(value, ",")[:2])
        elif name == "adr":
            # po box, room, house, city, prefecture, zip code, country: as in a vCard, but for commas.
            parts = _split(value, ",")
            value = ";".join(parts) if len(parts) == 7 else f";;{value}"
        yield _Property(name, {}, value)


# --- documents -------------------------------------------------------------------------------


class _Document(dict[str, str]):
    """Columns of a card. Several of one kind are numbered in brackets, which the reader passes over."""

    def put(self, column: str, text: str, kind: str = "") -> None:
        if not text or text in (value for key, value in self.items() if key.startswith(column)):
            return
        name, number = f"{column} ({kind})" if kind else column, 2
        while name in self:
            name, number = f"{column} ({kind} {number})" if kind else f"{column} ({number})", number + 1
        self[name] = text


def _document(properties: Iterable[_Property]) -> dict[str, str]:
    found = _Document()
    names: dict[str, str] = {}
    for count, one in enumerate(properties):
        if count >= PROPERTIES_MAX:
            break
        if one.name in ("fn", "n", "nickname"):
            names.setdefault(one.name, one.value)
        elif one.name in _READERS:
            _READERS[one.name](found, one)
        elif one.name in _WECHAT:
            found.put("wechat", _plain(one.value))
        elif one.name in _PLAIN:
            found.put(_PLAIN[one.name], _plain(one.value))
    name = _plain(names.get("fn", "")) or _of_parts(names.get("n", "")) or _plain(names.get("nickname", ""))
    return {"name": name, **found} if name else dict(found)


def _of_parts(value: str) -> str:
    """A name of its parts: family; given; additional; prefixes; suffixes. Chinese ones without a blank."""
    family, given, more, *_ = [*map(_plain, _split(value, ";")), "", "", ""]
    parts = (given, more, family)
    if not "".join(parts).isascii():
        return family + given + more
    return " ".join(filter(None, parts))


def _phone(found: _Document, one: _Property) -> None:
    text = _plain(one.value)
    if text[:4].lower() == "tel:":
        text = text[4:].replace(";ext=", " ext. ").partition(";")[0]
    types = one.types
    if types & _NOT_CALLED and not types & {"cell", "voice"}:
        found.put("fax" if "fax" in types else "pager", text)
        return
    found.put("phone", text, next((kind for kind in _KINDS if kind in types), ""))


def _email(found: _Document, one: _Property) -> None:
    text = re.sub(r"^mailto:", "", _plain(one.value), flags=re.IGNORECASE)
    found.put("email", text, next((kind for kind in _KINDS if kind in one.types), ""))


def _organization(found: _Document, one: _Property) -> None:
    company, *departments = map(_plain, _split(one.value, ";"))
    found.put("company", company)
    found.put("department", " ".join(filter(None, departments)))


def _address(found: _Document, one: _Property) -> None:
    """Post box; further; street; city; region; postal code; country."""
    parts = [*map(_plain, _split(one.value, ";")), *[""] * 7][:7]
    box, further, street, city, region, code, country = parts
    if "city" not in found and "region" not in found:
        found.put("city", city)
        found.put("region", region or country)
    whole = filter(None, (country, region, city, street, further, box, code))
    found.put("address", " ".join(" ".join(whole).split()))


def _messenger(found: _Document, one: _Property) -> None:
    """IMPP (`wechat:zhang`, `weixin://zhang`) and what Apple calls X-SOCIALPROFILE."""
    text = _plain(one.value)
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower().removeprefix("x-")
    named = one.types | {one.parameters.get("x-service-type", "").lower()}
    if scheme in ("wechat", "weixin"):
        found.put("wechat", rest.lstrip("/").partition("?")[0])
    elif named & {"wechat", "weixin"}:
        user = one.parameters.get("x-user", "")
        found.put("wechat", user or (rest if colon and scheme.isalnum() else text).rstrip("/").split("/")[-1])
    else:
        found.put("messenger", text)


_READERS: dict[str, Callable[[_Document, _Property], None]] = {
    "tel": _phone,
    "tel-av": _phone,
    "email": _email,
    "org": _organization,
    "adr": _address,
    "impp": _messenger,
    "x-socialprofile": _messenger,
}

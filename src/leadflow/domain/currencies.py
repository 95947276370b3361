"""Currencies by their ISO 4217 codes: which there are, and which one was meant.

The codes are those of ISO 4217, list one, as its maintenance agency publishes it (SIX, "Current currency &
funds code list"), as of 2026, without those in which nobody is paid: metals, funds, units of account, tests
(`XTS`) and no currency at all (`XXX`). Those that ended since 2020 stay (the last six), as amounts of those
years may still come in.
"""

from __future__ import annotations

CODES = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD
    CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
    GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD
    KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO
    NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE
    SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND
    VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG ANG BGN CUC HRK SLL ZWL
    """.split()  # noqa: SIM905 - a list of quoted codes would be five times as long
)
_NAMES = {
    "CNY": "CNY RMB CNH YUAN 人民币 人民币元 元 元整 圆 块 ¥",
    "USD": "USD $ US$ 美元 美金",
    "EUR": "EUR € 欧元",
    "GBP": "GBP £ 英镑",
    "HKD": "HKD HK$ 港币 港元",
    "JPY": "JPY 日元",
    "TWD": "TWD NT$ NTD 新台币",
    "SGD": "SGD S$ 新加坡元",
    "KRW": "KRW ₩ 韩元",
    "AUD": "AUD A$ 澳元",
}
_BY_NAME = {name: code for code, names in _NAMES.items() for name in names.split()}


def code_of(name: str) -> str | None:
    """The code of a currency by its code, sign or usual name, in capital letters; None for none."""
    return _BY_NAME.get(name) or (name if name in CODES else None)


def unknown(name: str) -> str:
    """What is wrong with a name that is no currency's, and which one is meant where it is close."""
    if len(name) != 3 or not (name.isascii() and name.isalpha()):
        return "is not a currency; write its ISO 4217 code, e.g. CNY"
    said = f"{name} is not a currency of ISO 4217"
    meant = _close(name)
    return f"{said}; did you mean {' or '.join(meant)}?" if meant else f"{said}; write a code such as CNY"


def _close(name: str) -> list[str]:
    """The usual currencies whose code or name differs in one letter or in the order of two."""
    near = {code for usual, code in _BY_NAME.items() if len(usual) == 3 and _one_off(name, usual)}
    return sorted(near)


def _one_off(typed: str, code: str) -> bool:
    differing = [place for place in range(3) if typed[place] != code[place]]
    swapped = len(differing) == 2 and sorted(typed) == sorted(code)
    return len(differing) == 1 or swapped


def known(name: str) -> str:
    """The code itself. Raises ValueError for what is none, with what is meant if that is close."""
    if name not in CODES:
        raise ValueError(unknown(name))
    return name

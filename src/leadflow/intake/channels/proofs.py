"""How a call proves where it comes from. Everything here is compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from datetime import datetime, timedelta
from hashlib import sha256

from leadflow.intake.channels.base import Call, Inlet, NotAuthentic, NotFromHere

SKEW_MAX = timedelta(minutes=5)
"""How far a signed time may be from ours, before and after: what Standard Webhooks recommends."""


def same(given: str, secret: str) -> bool:
    """Whether two texts are one; how long it takes does not tell where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), secret.encode("utf-8"))


def one_of(given: str | None, secrets: tuple[str, ...]) -> bool:
    """Whether a secret that holds was given."""
    return given is not None and any(same(given, secret) for secret in secrets)


def from_allowed_address(inlet: Inlet, call: Call) -> None:
    """Raise NotFromHere for a sender that is not on the inlet's list, if there is one."""
    if not inlet.allow_ips:
        return
    try:
        sender = ipaddress.ip_address(call.address)
    except ValueError:
        raise NotFromHere("calls from this address are not taken") from None
    mapped = getattr(sender, "ipv4_mapped", None)
    if not any((mapped or sender) in ipaddress.ip_network(one, strict=False) for one in inlet.allow_ips):
        raise NotFromHere("calls from this address are not taken")


def _which(given: str | None) -> str:
    """For the log: whether there was one. Never what it was, which may be another inlet's."""
    return "a wrong" if given else "no"


def secret_path(inlet: Inlet, call: Call) -> None:
    """Raise NotAuthentic unless the address of the call ends with the inlet's secret."""
    from_allowed_address(inlet, call)
    if not one_of(call.path_secret, inlet.secrets):
        raise NotAuthentic(f"{_which(call.path_secret)} secret at the end of the address")


def bearer(inlet: Inlet, call: Call) -> None:
    """Raise NotAuthentic unless the secret stands in `Authorization: Bearer` (RFC 6750) or in the path."""
    from_allowed_address(inlet, call)
    scheme, _, given = call.header("authorization").partition(" ")
    token = given.strip() if scheme.lower() == "bearer" else call.path_secret
    if not one_of(token, inlet.secrets):
        raise NotAuthentic(f"{_which(token)} secret in `Authorization: Bearer` or at the end of the address")


def signature(secret: str, signed: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104)."""
    return hmac.new(secret.encode(), signed, sha256).digest()


def check_signature(given: str, signed: bytes, secrets: tuple[str, ...]) -> None:
    """Raise NotAuthentic unless `given` (hex or base64) signs these bytes with a secret that holds."""
    digest = _digest(given.strip())
    if digest is None or not any(
        hmac.compare_digest(digest, signature(secret, signed)) for secret in secrets
    ):
        raise NotAuthentic(f"{_which(given)} signature")


def _digest(text: str) -> bytes | None:
    try:
        if len(text) == 2 * sha256().digest_size:
            return bytes.fromhex(text)
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None


def check_time(text: str, now: datetime) -> None:
    """Raise NotAuthentic for a signed time (Unix seconds or milliseconds) that is not about now.

    So an old body with its old signature is worth nothing.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 13):
        raise NotAuthentic("no signed time, or one that is no Unix time")
    seconds = int(text) / (1000 if len(text) > 11 else 1)
    if abs(now.timestamp() - seconds) > SKEW_MAX.total_seconds():
        raise NotAuthentic("the signed time is more than 5 minutes from this machine's")

"""How often one sender may post to a form: so many a minute, all at once or one by one."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

SENDERS_MAX = 20_000
"""Senders that are remembered; of more, those that were quiet the longest are forgotten."""


class Rates:
    """A bucket for each sender, which a minute fills. Not for several threads at once."""

    def __init__(self, senders_max: int = SENDERS_MAX) -> None:
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        self._max = senders_max

    def take(self, inlet: str, address: str, per_minute: int, now_s: float) -> bool:
        """Whether this sender may post now; if so, it has posted once more."""
        key = (inlet, sender_of(address))
        level, filled_s = self._buckets.pop(key, (float(per_minute), now_s))
        level = min(per_minute, level + max(0.0, now_s - filled_s) * per_minute / 60)
        taken = level >= 1
        self._buckets[key] = (level - 1 if taken else level, now_s)
        while len(self._buckets) > self._max:
            self._buckets.popitem(last=False)
        return taken


def sender_of(address: str) -> str:
    """What counts as one sender: an address, of IPv6 its network of 64 bits, which is one customer's."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)

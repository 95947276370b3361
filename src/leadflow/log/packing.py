"""The bytes of a stream's state: what snapshots keep.

A pool's leads are kept as one column for each of their members, its requests as blocks of bytes of one
length: unpickled one by one, objects and their members' values cost a multiple. Everything else is pickled
as it is.
"""

from __future__ import annotations

import gc
import io
import pickle
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, repeat
from struct import Struct
from typing import Any

from leadflow.domain.pool import Lead, Pool
from leadflow.errors import DamagedFile

FORMAT = b"leadflow state 2\n"
"""What the bytes begin with. Raised whenever they are made differently: others cannot be read then."""
ALLOWED_MODULES = ("leadflow.domain",)

_ALLOWED_NAMES = {
    "datetime": {"date", "datetime", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "collections": {"Counter", "OrderedDict", "defaultdict", "deque"},
    "builtins": {
        "bool", "bytearray", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple",
    },
}  # fmt: skip

_POOL = "a pool's columns"
_SHELVED = ("leads", "contacts", "requests", "timers", "unclaimed")
"""What of a pool has a form of its own."""
_MOMENTS = ("captured_at", "since")
"""Members of every lead that are moments."""


class _Unpickler(pickle.Unpickler):
    """Makes objects of the allowed classes only: whoever writes the table must not run code here."""

    def __init__(self, data: io.BytesIO, allowed_modules: tuple[str, ...]) -> None:
        super().__init__(data)
        self._allowed = allowed_modules

    def find_class(self, module: str, name: str) -> Any:
        if name in _ALLOWED_NAMES.get(module, ()):
            return getattr(sys.modules[module], name)
        if any(module == allowed or module.startswith(allowed + ".") for allowed in self._allowed):
            found = super().find_class(module, name)
            # What a module merely imports is not its own, and functions are no state.
            if isinstance(found, type) and found.__module__ == module:
                return found
        raise DamagedFile(f"a snapshot names {module}.{name}, which is no part of a state")


class _Pickler(pickle.Pickler):
    """Pickles what is left of a pool: leads stand in columns, and nowhere else."""

    def persistent_id(self, thing: object) -> None:
        if type(thing) is Lead:
            raise TypeError("a lead stands where a snapshot has no place for one")


def dumps(state: object) -> bytes:
    """The state as bytes."""
    written = io.BytesIO()
    written.write(FORMAT)
    shelved = (_POOL, _columns_of(state)) if type(state) is Pool else state
    _Pickler(written, protocol=5).dump(shelved)
    return written.getvalue()


def loads(data: bytes, allowed_modules: tuple[str, ...] = ALLOWED_MODULES) -> Any:
    """The state of `dumps`' bytes; classes only of these packages, times, decimals and containers.

    Raises DamagedFile for anything else.
    """
    if not data.startswith(FORMAT):
        raise DamagedFile("a snapshot is not in the form that is read here")
    collects = gc.isenabled()
    # Millions of objects are made and none is let go of: looking for garbage took up to half of the time.
    gc.disable()
    try:
        source = io.BytesIO(data)
        source.seek(len(FORMAT))
        found = _Unpickler(source, allowed_modules).load()
        if isinstance(found, tuple) and found and found[0] == _POOL:
            return _pool_of(found[1])
        return found
    except DamagedFile:
        raise
    except Exception as error:
        raise DamagedFile(f"a snapshot cannot be read: {error}") from error
    finally:
        if collects:
            gc.enable()


# --- pools ----------------------------------------------------------------------------------


def _columns_of(pool: Pool) -> dict[str, Any]:
    state = {name: value for name, value in pool.__getstate__().items() if name not in _SHELVED}
    leads = list(dict.fromkeys(chain(pool.leads.values(), pool.contacts.values())))
    place = {lead: at for at, lead in enumerate(leads)}
    columns = {name: [getattr(lead, name) for lead in leads] for name in Lead.__slots__ if name != "told"}
    dossiers = [lead.dossier for lead in leads]
    moments = {name: _packed(columns.pop(name)) for name in _MOMENTS}
    return {
        "leads": (columns, moments, list(map(len, dossiers)), zlib.compress(b"".join(dossiers), level=1)),
        "by": {
            "leads": (list(pool.leads), [place[lead] for lead in pool.leads.values()]),
            "contacts": (list(pool.contacts), [place[lead] for lead in pool.contacts.values()]),
        },
        "requests": _blocks_of(pool.requests),
        "heaps": {"timers": _heap_columns(pool.timers), "unclaimed": _heap_columns(pool.unclaimed)},
        "state": state,
    }


def _pool_of(content: Mapping[str, Any]) -> Pool:
    columns, moments, sizes, dossiers = content["leads"]
    columns |= {name: _unpacked(packed) for name, packed in moments.items()}
    columns["told"] = _cut(zlib.decompress(dossiers), sizes)
    leads = [Lead.__new__(Lead) for _ in sizes]
    for name in Lead.__slots__:
        for lead, value in zip(leads, columns[name], strict=True):
            setattr(lead, name, value)
    state = dict(content["state"])
    for name, (keys, places) in content["by"].items():
        state[name] = dict(zip(keys, map(leads.__getitem__, places), strict=True))
    state["requests"] = _mapping_of(content["requests"])
    for name, (first, *rest) in content["heaps"].items():
        state[name] = list(zip(_unpacked(first), *rest, strict=True))
    pool = Pool.__new__(Pool)
    pool.__setstate__(state)
    return pool


def _heap_columns(heap: Sequence[tuple[Any, ...]]) -> list[Any]:
    """The columns of a heap whose tuples begin with a moment."""
    first, *rest = map(list, zip(*heap, strict=True)) if heap else [[]]
    return [_packed(first), *rest]


def _cut(text: bytes, sizes: Iterable[int]) -> list[bytes]:
    found, at = [], 0
    for size in sizes:
        found.append(text[at : at + size])
        at += size
    return found


# --- columns of moments and of bytes --------------------------------------------------------


def _packed(moments: list[Any]) -> bytes | list[Any]:
    """Moments as the ten bytes each that `datetime` pickles itself as, if all of them are in UTC."""
    if all(type(one) is datetime and one.tzinfo is UTC and not one.fold for one in moments):
        return b"".join(one.__reduce_ex__(4)[1][0] for one in moments)
    return moments


def _unpacked(packed: bytes | list[Any]) -> list[Any]:
    if isinstance(packed, list):
        return packed
    count = len(packed) // 10
    return list(map(datetime, Struct("10s" * count).unpack(packed), repeat(UTC)))  # type: ignore[arg-type]


_Block = tuple[int, int, int, bytes, bytes]
"""How many, the lengths of keys and values, and these."""


def _blocks_of(mapping: Mapping[bytes, bytes]) -> list[_Block]:
    by_size: defaultdict[tuple[int, int], list[bytes]] = defaultdict(list)
    for key, value in mapping.items():
        by_size[len(key), len(value)].append(key)
    return [
        (len(keys), *sizes, b"".join(keys), b"".join(mapping[key] for key in keys))
        for sizes, keys in by_size.items()
    ]


def _mapping_of(blocks: Iterable[_Block]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for count, key_size, value_size, keys, values in blocks:
        found.update(
            zip(
                Struct(f"{key_size}s" * count).unpack(keys),
                Struct(f"{value_size}s" * count).unpack(values),
                strict=True,
            )
        )
    return found

"""A snapshot as two byte strings: its structure, and all its unit sums as eight columns.

Writing happens while somebody trains, so it has to be quick, and nearly everything in a snapshot is
unit sums. All sums of a snapshot are put one behind the other, field by field, and each field is
stored in the smallest type that holds its values exactly: sums that were float32 on the device stay
float32 in the file, counts take one or two bytes. The columns of a large network are squeezed: in
single precision, and deflated, they take half, and as long as everything else.
"""

from __future__ import annotations

import dataclasses
import json
import zlib
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifesigns.records import Graph, Snapshot, UnitSums, from_json, to_json
from lifesigns.store.columns import FLOATS, INTEGERS, RATIO, deflated, inflated, narrow, rounded

COLUMNS = {
    "count": np.int64,
    "total": np.float64,
    "total_squared": np.float64,
    "active": np.int64,
    "saturated": np.int64,
    "minimum": np.float64,
    "maximum": np.float64,
    "nonfinite": np.int64,
}
"""The fields of `UnitSums` in the order of the file, and the type they are read back as."""
SQUEEZED = 256
"""Sums of more units than this are squeezed: of fewer, a run file has room for very many."""
MOST_TEXT = 2**25
"""Characters of JSON in one piece; a graph of 50,000 sites has half of it."""


def pack(snapshot: Snapshot) -> tuple[bytes, bytes]:
    """The structure of `snapshot` without its graph, and the columns of its unit sums.

    Cost: about 0.5 ms for a 20-layer MLP, and 0.3 ms for each 1,000 units that are squeezed.

    Args:
        snapshot: Of any size; the graph is stored once for all snapshots that share it.

    Returns:
        What `unpack` takes: compressed JSON, and the columns one behind the other.
    """
    aside = SumsAside()
    structure = json.dumps(dataclasses.replace(snapshot, graph=Graph()), default=aside)
    columns, squeezed = aside.columns(), aside.units > SQUEEZED
    if squeezed:
        columns = single(columns)
        arrays = deflated(columns)
    else:
        columns = [narrow(column) for column in columns]
        arrays = b"".join(column.tobytes() for column in columns)
    head = _Head(tuple(c.dtype.str for c in columns), aside.units, structure, squeezed)
    return compress(json.dumps(_plain(head))), arrays


def single(columns: Iterable[NDArray[Any]]) -> list[NDArray[Any]]:
    """Columns in the smallest types, floats rounded to single precision where they fit.

    Args:
        columns: Floats or integers.
    """
    return [rounded(c) if c.dtype.kind == "f" else narrow(c) for c in columns]


def unpack(body: bytes, arrays: bytes, graph: Graph) -> Snapshot:
    """The snapshot that `pack` turned into `body` and `arrays`.

    Args:
        body: Compressed JSON.
        arrays: The columns one behind the other.
        graph: The graph of the snapshot, stored elsewhere.

    Raises:
        Exception: Anything but a snapshot comes from a file that is damaged, or not ours.
    """
    head = from_json(_Head, decompress(body))
    structure = json.loads(head.snapshot, object_hook=SumsBack(_split(arrays, head), head.units))
    return dataclasses.replace(from_json(Snapshot, structure), graph=graph)


def as_json(record: Any) -> str:
    """A record, or plain values holding records, as JSON text that `from_json` understands.

    NaN and infinities are written as Python's json does.

    Args:
        record: Arrays in it are packed in base64.
    """
    return json.dumps(record, default=_plain)


def compress(text: str) -> bytes:
    """JSON text as bytes.

    Args:
        text: Of any length; the fastest level is taken, as somebody waits.

    Example:
        >>> decompress(compress(as_json({"loss": 0.5})))
        {'loss': 0.5}
    """
    return zlib.compress(text.encode(), 1)


def decompress(data: bytes) -> Any:
    """The values in the text that `compress` was given.

    Args:
        data: As for `decompressed`.

    Raises:
        ValueError: The text is far longer than what a run of training has to say.
    """
    return json.loads(decompressed(data))


def decompressed(data: bytes) -> str:
    """The text that `compress` was given.

    Args:
        data: Not trusted: what unpacks to more than `RATIO` times its size is refused early.

    Raises:
        ValueError: The text is far longer than what a run of training has to say.
    """
    limit = min(MOST_TEXT, RATIO * len(data) + 2**20)
    stream = zlib.decompressobj()
    text = stream.decompress(data, limit)
    if not stream.eof:
        raise ValueError(f"{len(data):,} bytes do not unpack to at most {limit:,}")
    return text.decode()


@dataclasses.dataclass(frozen=True)
class _Head:
    """What stands around a snapshot's structure."""

    columns: tuple[str, ...]
    """Types of the columns."""
    units: int
    """Length of each."""
    snapshot: str
    """Its structure as JSON text, with references to units in place of their sums."""
    deflated: bool = False
    """Whether the columns are squeezed."""


class SumsBack:
    """Puts unit sums in their places, as text is read.

    Args:
        columns: By name, those of all units.
        units: Their length.
    """

    def __init__(self, columns: dict[str, NDArray[Any]], units: int) -> None:
        self._columns, self._units, self._left = columns, units, units

    def __call__(self, data: dict[str, Any]) -> Any:
        """The sums of these units; anything else as it is."""
        if data.keys() != {"sums"}:
            return data
        first, last = data["sums"]
        self._left -= last - first
        # Each unit once: a few bytes of text cannot ask for the same columns again and again.
        if not 0 <= first <= last <= self._units or self._left < 0:
            raise ValueError(f"units {first} to {last} of {self._units} were taken before")
        return UnitSums(**{name: column[first:last] for name, column in self._columns.items()})


class SumsAside:
    """Sets unit sums aside and leaves their place among all units of the snapshot."""

    def __init__(self) -> None:
        self.units = 0
        self._sums: list[UnitSums] = []

    def __call__(self, record: Any) -> Any:
        """What stands in the text for a record."""
        if not isinstance(record, UnitSums):
            return _plain(record)
        self._sums.append(record)
        first, self.units = self.units, self.units + record.units
        return {"sums": [first, self.units]}

    def columns(self) -> list[NDArray[Any]]:
        """The fields of all units, in the order of `COLUMNS`."""
        return [self._column(name).astype(kind, copy=False) for name, kind in COLUMNS.items()]

    def _column(self, name: str) -> NDArray[Any]:
        parts = [getattr(sums, name) for sums in self._sums]
        return np.concatenate(parts) if parts else np.zeros(0)


def _plain(record: Any) -> Any:
    """What json does not know by itself, one level deep; quicker than `to_json` on everything."""
    if dataclasses.is_dataclass(record):
        kind: type = type(record)
        return {name: getattr(record, name) for name in _fields(kind)}
    return record.item() if isinstance(record, np.generic) else to_json(record)


@cache
def _fields(cls: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(cls))


def _split(arrays: bytes, head: _Head) -> dict[str, NDArray[Any]]:
    if head.deflated:
        parts = inflated(arrays, head.columns, [head.units] * len(COLUMNS))
        named = zip(COLUMNS.items(), parts, strict=True)
        return {name: part.astype(wide) for (name, wide), part in named}
    columns, start = {}, 0
    for (name, wide), kind in zip(COLUMNS.items(), head.columns, strict=True):
        if kind not in FLOATS + INTEGERS or head.units < 0:
            raise ValueError(f"{head.units} units of type {kind}")
        column = np.frombuffer(arrays, np.dtype(kind), head.units, start)
        columns[name] = column.astype(wide)
        start += column.nbytes
    if start != len(arrays):
        raise ValueError(f"{start} bytes of columns were noted, {len(arrays)} are there")
    return columns

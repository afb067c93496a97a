"""A snapshot of a run that has ended, as small as it can be without losing what it says.

Of equal steps of one network all texts are the same: they are stored once, with holes for numbers.
Numbers are in single precision, as the device computed most of them, and deflated. A light snapshot
is without what was measured of each unit at sites, which is nearly all of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from lifesigns.records import Graph, LossReading, Snapshot, UnitSums, from_json
from lifesigns.store.columns import RATIO, Column, deflated, inflated, narrow, rounded
from lifesigns.store.packing import COLUMNS, SumsAside, SumsBack, compress, decompress, single

LEVEL = 6
"""Of zlib: nobody waits for the next training step."""
MOST_UNITS = 64
"""A light snapshot keeps the sums of predictions, targets and inputs of no more units."""
COUNTED = {
    *("reached", "gradient_is_zero", "nonfinite_weights", "nonfinite_gradients"),
    *("distinct_weight_rows", "distinct_gradient_rows"),
}
"""Whole numbers and truths that differ between steps; all others are part of the structure."""
NUMBER, COUNT, TRUTH = "number", "count", "truth"
"""Names of holes: each is `{name: 0}`."""
LEAST_TEXT = 2**16
"""Characters of structure that any snapshot may have, however few its numbers are."""


@dataclass(frozen=True)
class Folded:
    """A snapshot, ready to be stored."""

    digest: bytes
    """Of `structure`; empty for one that was never folded."""
    structure: str
    """JSON text with holes, the same for many snapshots."""
    body: bytes
    arrays: bytes

    @property
    def size(self) -> int:
        """Bytes that it takes beside its structure."""
        return len(self.body) + len(self.arrays)


@dataclass(frozen=True)
class _Head:
    """What stands around the part of a snapshot that is not the same in others."""

    columns: tuple[str, ...]
    """Types of the numbers and counts from the holes, then of the columns of units."""
    numbers: int
    counts: int
    units: int
    snapshot: str
    """JSON text with holes."""


def fold(snapshot: Snapshot) -> Folded:
    """The snapshot without its graph; `unfold` reads it, with numbers of 24 significant bits.

    Args:
        snapshot: Of any size.
    """
    sums, aside = SumsAside(), _NumbersAside()
    same = {"sites": snapshot.sites, "parameters": snapshot.parameters}
    structure = aside.holed(json.dumps(same, default=sums))
    other = dataclasses.replace(snapshot, graph=Graph(), sites=(), parameters=())
    rest = aside.holed(json.dumps(other, default=sums))
    columns = [rounded(np.array(aside.numbers, float)), narrow(np.array(aside.counts, np.int64))]
    columns += single(sums.columns())
    kinds = tuple(column.dtype.str for column in columns)
    head = _Head(kinds, len(aside.numbers), len(aside.counts), sums.units, rest)
    body = compress(json.dumps(dataclasses.asdict(head)))
    digest = hashlib.sha256(structure.encode()).digest()
    return Folded(digest, structure, body, deflated(columns, LEVEL))


def unfold(body: bytes, arrays: bytes, structure: str, graph: Graph) -> Snapshot:
    """The snapshot that `fold` was given.

    Args:
        body: Not trusted, as everything else.
        arrays: The columns.
        structure: Stored elsewhere, like `graph`.
        graph: Of the snapshot.

    Raises:
        Exception: Anything but a snapshot comes from a file that is damaged, or not ours.
    """
    if len(structure) > RATIO * (len(body) + len(arrays)) + LEAST_TEXT:
        raise ValueError(f"{len(structure):,} characters are far too many for what fills them")
    head = from_json(_Head, decompress(body))
    lengths = [head.numbers, head.counts, *[head.units] * len(COLUMNS)]
    numbers, counts, *columns = inflated(arrays, head.columns, lengths)
    wide = {
        name: column.astype(kind)
        for (name, kind), column in zip(COLUMNS.items(), columns, strict=True)
    }
    back = _NumbersBack(numbers, counts, SumsBack(wide, head.units))
    try:
        same = json.loads(structure, object_hook=back)
        rest = json.loads(head.snapshot, object_hook=back)
    except StopIteration as error:
        raise ValueError(f"more than {lengths[:2]} numbers are missing") from error
    return dataclasses.replace(from_json(Snapshot, {**rest, **same}), graph=graph)


def light(snapshot: Snapshot) -> Snapshot:
    """The snapshot without what takes most of its place: the sums of units.

    Args:
        snapshot: Its losses keep the sums of predictions and targets of up to `MOST_UNITS` units,
            its batch those of as many features.
    """
    batch = snapshot.batch
    return dataclasses.replace(
        snapshot,
        sites=(),
        loss=None if snapshot.loss is None else _light(snapshot.loss),
        batch=batch if batch is not None and batch.features.units <= MOST_UNITS else None,
    )


def _light(loss: LossReading) -> LossReading:
    target = loss.target
    if target is not None:
        target = dataclasses.replace(target, places=None, quantiles=None)
    is_small = target is None or target.sums.units <= MOST_UNITS
    return dataclasses.replace(
        loss,
        prediction=_small(loss.prediction),
        target=target if is_small else None,
        places=None,
        others=tuple(_light(other) for other in loss.others),
    )


def _small(sums: UnitSums | None) -> UnitSums | None:
    return sums if sums is not None and sums.units <= MOST_UNITS else None


class _NumbersAside:
    """Takes what differs between the steps of a run out of texts, and leaves holes."""

    def __init__(self) -> None:
        self.numbers: list[float] = []
        self.counts: list[int] = []

    def holed(self, text: str) -> str:
        """The text with holes.

        Args:
            text: JSON.
        """
        take = self._number
        values = json.loads(
            text, parse_float=take, parse_constant=take, object_pairs_hook=self._object
        )
        return json.dumps(values)

    def _number(self, number: str) -> dict[str, int]:
        self.numbers.append(float(number))
        return {NUMBER: 0}

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {
            name: self._count(value) if name in COUNTED and isinstance(value, int) else value
            for name, value in pairs
        }

    def _count(self, value: int) -> dict[str, int]:
        self.counts.append(int(value))
        return {TRUTH if isinstance(value, bool) else COUNT: 0}


class _NumbersBack:
    """Fills the holes of texts, in order, as they are read.

    Args:
        numbers: For holes of numbers with a point.
        counts: For the others.
        sums: Fills the places of sums.
    """

    def __init__(self, numbers: Column, counts: Column, sums: SumsBack) -> None:
        # As decimal numbers: a learning rate of 0.1 is 0.1 again, and not 0.10000000149.
        self._numbers = iter(numbers.astype(str).astype(float).tolist())
        self._counts = iter(counts.tolist())
        self._sums = sums

    def __call__(self, data: dict[str, Any]) -> Any:
        if len(data) != 1:
            return data
        if NUMBER in data:
            return next(self._numbers)
        if COUNT in data:
            return next(self._counts)
        return bool(next(self._counts)) if TRUTH in data else self._sums(data)

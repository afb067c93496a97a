"""Columns of numbers as bytes: each in the smallest type that holds it, and deflated."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifesigns.records import LossCurve

FLOATS, INTEGERS = ("<f4", "<f8"), ("|u1", "<u2", "<u4", "<i8")
"""The types they are stored in, narrow ones first."""
MOST_LOSSES = 2**16
"""Losses in one row of a run file: a reader unpacks no more at once."""
RATIO = 100
"""How many times its size a piece may unpack to: networks of equal layers reach 30."""
CURVE = ("<i8", "<f8", "<i8")
"""The types of a loss curve's columns in memory, and in a file of version 1."""

Column = NDArray[Any]


def narrow(column: Column) -> Column:
    """The same numbers in the smallest little-endian type that holds them to the bit.

    Args:
        column: Floats or integers, shape `[any]`.
    """
    if column.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            single = column.astype("<f4")
        exact = single.astype(column.dtype).tobytes() == column.tobytes()
        return single if exact else column.astype("<f8")
    low, high = column.min(initial=0), column.max(initial=0)
    limits = ((kind, np.iinfo(kind)) for kind in INTEGERS)
    return column.astype(next(k for k, can in limits if can.min <= low and high <= can.max))


def rounded(column: Column) -> Column:
    """Floats in single precision, if each of them is within its rounding; else as they are.

    Args:
        column: Shape `[any]`.

    Example:
        >>> rounded(np.array([0.1, np.inf])).dtype.str, rounded(np.array([0.1, 1e-50])).dtype.str
        ('<f4', '<f8')
    """
    size, limits = np.abs(column), np.finfo(np.float32)
    fits = (size == 0) | ~np.isfinite(column) | ((size >= limits.tiny) & (size <= limits.max))
    return column.astype("<f4" if fits.all() else "<f8")


def deflated(columns: Sequence[Column], level: int = 1) -> bytes:
    """Columns one behind the other, of each first all bytes that come first in a number, and so on.

    Bytes of equal weight resemble one another, so that they deflate better than numbers.

    Args:
        columns: Of any types.
        level: Of zlib.
    """
    parts = [column.view(np.uint8).reshape(-1, column.itemsize).T.tobytes() for column in columns]
    return zlib.compress(b"".join(parts), level)


def inflated(data: bytes, kinds: Sequence[str], lengths: Sequence[int]) -> list[Column]:
    """The columns that `deflated` was given.

    Args:
        data: Not trusted.
        kinds: The type of each.
        lengths: How many numbers each has.

    Raises:
        ValueError: The bytes are not those of such columns, or far more than a run needs.
    """
    if not set(kinds) <= {*FLOATS, *INTEGERS} or min(lengths, default=0) < 0:
        raise ValueError(f"{lengths} numbers of types {kinds}")
    sizes = [np.dtype(k).itemsize * n for k, n in zip(kinds, lengths, strict=True)]
    if sum(sizes) > RATIO * len(data) + 2**20:
        raise ValueError(f"{len(data):,} bytes do not unpack to {sum(sizes):,}")
    stream = zlib.decompressobj()
    held = np.frombuffer(stream.decompress(data, sum(sizes) + 1), np.uint8)
    if len(held) != sum(sizes) or not stream.eof:
        raise ValueError(f"{sum(sizes)} bytes of columns were noted, {len(held)} are there")
    parts = np.split(held, np.cumsum(sizes)[:-1])
    return [_joined(part, kind) for part, kind in zip(parts, kinds, strict=True)]


def _joined(part: Column, kind: str) -> Column:
    """Numbers from their bytes, which lie apart."""
    whole = np.ascontiguousarray(part.reshape(np.dtype(kind).itemsize, -1).T)
    return whole.view(kind).reshape(-1)


def pack_losses(curve: LossCurve) -> tuple[str, bytes, bytes, bytes]:
    """A stretch of a loss curve; nothing is rounded.

    Args:
        curve: Of at most `MOST_LOSSES` entries.

    Returns:
        The types and the columns: steps by what each adds to the one before, values, streams.

    Cost: 0.1 ms and 4 bytes for each of many steps.
    """
    steps = np.diff(np.asarray(curve.steps, "<i8"), prepend=np.int64(0))
    columns = [narrow(steps), narrow(np.asarray(curve.values, "<f8")), narrow(curve.streams)]
    kinds = " ".join(column.dtype.str for column in columns)
    first, values, streams = (deflated([column]) for column in columns)
    return f"{len(steps)} {kinds}", first, values, streams


def unpack_losses(form: str, *blobs: bytes) -> LossCurve:
    """The stretch that `pack_losses` was given.

    Args:
        form: How many and of what types; empty in a run that was written by version 1.
        blobs: The three columns.

    Raises:
        ValueError: They are not of one length, or not such columns.
    """
    if not form:
        columns = [np.frombuffer(blob, kind) for blob, kind in zip(blobs, CURVE, strict=True)]
    else:
        length, *kinds = form.split(" ")
        columns = [
            inflated(blob, [kind], [int(length)])[0]
            for blob, kind in zip(blobs, kinds, strict=True)
        ]
        columns[0] = np.cumsum(columns[0].astype(np.int64))
    steps, values, streams = (c.astype(kind[1:]) for c, kind in zip(columns, CURVE, strict=True))
    if not len(steps) == len(values) == len(streams):
        raise ValueError(f"{len(steps)} steps, {len(values)} losses, {len(streams)} streams")
    return LossCurve(steps, values, streams)

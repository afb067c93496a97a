"""Arrays in a page document: little-endian, deflated, in base64, with their type and shape."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

TYPES: dict[str, np.dtype[Any]] = {
    "uint8": np.dtype("<u1"),
    "uint16": np.dtype("<u2"),
    "int32": np.dtype("<i4"),
    "float32": np.dtype("<f4"),
    "bfloat16": np.dtype("<u2"),
}
"""The types there are, and what their numbers are stored as."""
LEVEL = 6
"""Of compression: 9 takes four times as long for 1 % less."""


def pack(values: ArrayLike, dtype: str) -> dict[str, Any]:
    """An array as JSON values; a browser undoes it with `DecompressionStream("deflate-raw")`.

    Args:
        values: Of any shape; they must fit into the type. Floats are rounded, to infinity where
            they are too large.
        dtype: One of `TYPES`. `bfloat16` is the upper half of a float32: three digits.

    Example:
        >>> unpack(pack([[1.0, float("nan")], [float("inf"), -0.5]], "bfloat16")).tolist()
        [[1.0, nan], [inf, -0.5]]
    """
    given = np.asarray(values)
    stored = _upper_half(given) if dtype == "bfloat16" else _cast(given, TYPES[dtype])
    deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = deflate.compress(np.ascontiguousarray(stored).tobytes()) + deflate.flush()
    text = base64.b64encode(data).decode("ascii")
    return {"dtype": dtype, "shape": list(given.shape), "data": text}


def unpack(packed: dict[str, Any]) -> NDArray[Any]:
    """The array that `pack` was given, as the type that was asked for; bfloat16 as float32.

    Args:
        packed: What `pack` returned.
    """
    data = zlib.decompress(base64.b64decode(packed["data"]), -zlib.MAX_WBITS)
    stored: NDArray[Any] = np.frombuffer(data, TYPES[packed["dtype"]]).reshape(packed["shape"])
    if packed["dtype"] == "bfloat16":
        wide: NDArray[np.float32] = (stored.astype(np.uint32) << 16).view(np.float32)
        return wide
    return stored


def _cast(values: NDArray[Any], kind: np.dtype[Any]) -> NDArray[Any]:
    with np.errstate(over="ignore"):
        return values.astype(kind)


def _upper_half(values: NDArray[Any]) -> NDArray[Any]:
    """Rounded to the nearest, ties to even; NaN stays NaN."""
    single = _cast(values, np.dtype("<f4"))
    bits = single.view(np.uint32)
    rounded = ((bits.astype(np.uint64) + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
    return np.where(np.isnan(single), np.uint16(0x7FC0), rounded)

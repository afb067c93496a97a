"""Records as plain JSON values and back, without loss."""

from __future__ import annotations

import base64
import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
_SPECIAL = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def to_json(record: Any) -> Any:
    """A record as plain JSON values; arrays are packed little-endian in base64.

    Example:
        >>> from lifesigns.records import Remedy
        >>> to_json(Remedy("Lower the rate."))
        {'text': 'Lower the rate.', 'code': ''}
    """
    if dataclasses.is_dataclass(record):
        return {f.name: to_json(getattr(record, f.name)) for f in dataclasses.fields(record)}
    if isinstance(record, np.ndarray):
        packed = np.ascontiguousarray(record).astype(record.dtype.newbyteorder("<"))
        data = base64.b64encode(packed.tobytes()).decode("ascii")
        return {"dtype": packed.dtype.str, "shape": list(packed.shape), "data": data}
    if isinstance(record, Enum):
        return record.value
    if isinstance(record, float | np.floating):
        return float(record) if np.isfinite(record) else str(float(record))
    if isinstance(record, Mapping):
        return {key: to_json(value) for key, value in record.items()}
    if isinstance(record, tuple):
        return [to_json(item) for item in record]
    return record


def from_json(cls: type[T], data: Any) -> T:
    """The record of class `cls` that `to_json` turned into `data`.

    Fields this version does not know are left out; a missing one takes its default.

    Raises:
        TypeError: A field without a default is missing; the data was written by another version.
    """
    return typing.cast(T, _decode(cls, data))


def _decode(hint: Any, data: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = next(a for a in arguments if a is not type(None))
        return None if data is None else _decode(inner, data)
    if origin is np.ndarray:
        flat = np.frombuffer(base64.b64decode(data["data"]), dtype=np.dtype(data["dtype"]))
        return flat.reshape(data["shape"]).astype(flat.dtype.newbyteorder("="))
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return tuple(_decode(arguments[0], item) for item in data)
        return tuple(_decode(a, item) for a, item in zip(arguments, data, strict=True))
    if origin is not None:
        return {key: _decode(arguments[1], value) for key, value in data.items()}
    if dataclasses.is_dataclass(hint):
        hints = _hints(typing.cast(type, hint))
        return typing.cast(type, hint)(
            **{key: _decode(hints[key], value) for key, value in data.items() if key in hints}
        )
    if hint is float:
        return _SPECIAL[data] if isinstance(data, str) else float(data)
    return hint(data) if isinstance(hint, type) and issubclass(hint, Enum) else data


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)

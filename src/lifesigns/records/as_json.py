"""Records as plain JSON values and back, without loss."""

from __future__ import annotations

import base64
import dataclasses
import re
import types
import typing
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
_PLAIN = frozenset({bool, float, int, str})
"""Most of all values, which are therefore asked for first."""
_SPECIAL = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def to_json(record: Any) -> Any:
    """A record as plain JSON values; arrays are packed little-endian in base64.

    Args:
        record: A dataclass, array, enumeration, mapping, tuple, number or text, nested at will. NaN
            and infinities become texts, which JSON has no numbers for.

    Example:
        >>> from lifesigns.records import Remedy
        >>> to_json(Remedy("Lower the rate."))
        {'text': 'Lower the rate.', 'code': '', 'edit': ''}
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

    Args:
        cls: The dataclass, or any type that one of its fields may have.
        data: What `json.loads` made of the text. Records may stand in it that are ready made.

    Raises:
        TypeError: A field without a default is missing, or holds a value of another type; the data
            was written by another version, or is damaged.
        ValueError: An array or a name of an enumeration cannot be what it says.
    """
    return typing.cast(T, _decode(cls, data))


def _decode(hint: Any, data: Any) -> Any:
    if hint in _PLAIN:
        return _value(hint, data)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = next(a for a in arguments if a is not type(None))
        return None if data is None else _decode(inner, data)
    if origin is np.ndarray:
        return _array(data)
    if origin is tuple:
        return _tuple(arguments, data)
    if origin is not None:
        items = _expect(dict, data).items()
        return {_expect(str, key): _decode(arguments[1], value) for key, value in items}
    if dataclasses.is_dataclass(hint):
        if type(data) is hint:
            return data
        hints = _hints(typing.cast(type, hint))
        fields = {k: _decode(hints[k], v) for k, v in _expect(dict, data).items() if k in hints}
        return typing.cast(type, hint)(**fields)
    return _value(hint, data)


def _tuple(arguments: tuple[Any, ...], data: Any) -> tuple[Any, ...]:
    items = _expect(list, data)
    if arguments[-1] is Ellipsis:
        return tuple(_decode(arguments[0], item) for item in items)
    return tuple(_decode(a, item) for a, item in zip(arguments, items, strict=True))


def _array(data: Any) -> Any:
    packed = base64.b64decode(_expect(str, _expect(dict, data)["data"]))
    if not re.fullmatch(r"[<>|]?[fiub]\d\d?", _expect(str, data["dtype"])):
        raise TypeError(f"an array of {data['dtype'][:20]!r} where numbers are expected")
    dtype = np.dtype(data["dtype"])
    shape = _tuple((int, ...), data["shape"])
    if min(shape, default=0) < 0:
        raise ValueError(f"an array cannot have the shape {shape}")
    return np.frombuffer(packed, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _value(hint: Any, data: Any) -> Any:
    """A number, a text, a truth or a member of an enumeration."""
    if hint is float:
        return _SPECIAL[data] if isinstance(data, str) else float(_expect((int, float), data))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(data)
    return data if hint is Any else _expect(hint, data)


def _expect(kind: type | tuple[type, ...], data: Any) -> Any:
    if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
        wanted = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise TypeError(f"{type(data).__name__} where {wanted} is expected")
    return data


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)

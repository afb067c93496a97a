"""The page's made data in Python: the same points, divided and scaled in the same way.

`engine/sources.js` and `engine/data.js` say the same in JavaScript; a test compares every bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from lifesigns._errors import UsageError, extra, shown
from lifesigns.play.arithmetic import cos, sin, total
from lifesigns.play.generator import NOISE, PLACE, SPLIT, Stream
from lifesigns.records import Floats, Ints

with extra("lab"):
    from sklearn import datasets

PI = 3.141592653589793
ROOT_3_HALF = 0.8660254037844386
HELD_OUT = 5
"""One sample in so many is kept for measuring."""
_CORNERS = np.array([[0, 1], [-ROOT_3_HALF, -0.5], [ROOT_3_HALF, -0.5]])


@dataclass(frozen=True, eq=False)
class Samples:
    """What a setting trains on and measures with, scaled as it says."""

    inputs: Floats
    """Shape `[samples, features]`."""
    targets: Floats
    """Numbers of classes, or values, shape `[samples]`."""
    test_inputs: Floats
    test_targets: Floats
    classes: int
    """0 for values."""


Points = Callable[[Ints, Floats, Floats], tuple[Floats, Floats]]
"""Two features from the class and two uniform numbers of each point."""


def _blobs(k: Ints, u: Floats, v: Floats) -> tuple[Floats, Floats]:
    place = np.where(k == 1, 0.8, -0.8)
    return place, place


def _three_blobs(k: Ints, u: Floats, v: Floats) -> tuple[Floats, Floats]:
    return _CORNERS[k, 0], _CORNERS[k, 1]


def _circles(k: Ints, u: Floats, v: Floats) -> tuple[Floats, Floats]:
    radius = np.where(k == 1, 0.4, 1.0)
    return radius * cos(2 * PI * u), radius * sin(2 * PI * u)


def _moons(k: Ints, u: Floats, v: Floats) -> tuple[Floats, Floats]:
    x, y = cos(PI * u), sin(PI * u)
    return np.where(k == 1, 0.5 - x, x - 0.5), np.where(k == 1, 0.25 - y, y - 0.25)


def _spirals(k: Ints, u: Floats, v: Floats) -> tuple[Floats, Floats]:
    radius, angle = 0.1 + 0.9 * u, PI * (3 * u + k)
    return radius * cos(angle), radius * sin(angle)


def _xor(k: Ints, u: Floats, v: Floats) -> tuple[Floats, Floats]:
    return 2 * u - 1, 2 * v - 1


PLANES: Mapping[str, tuple[int, Points]] = MappingProxyType(
    {
        "blobs": (2, _blobs),
        "three-blobs": (3, _three_blobs),
        "circles": (2, _circles),
        "moons": (2, _moons),
        "spirals": (2, _spirals),
        "xor": (2, _xor),
    }
)
"""Points of the plane: how many classes, and where a point of a class lies."""

CURVES: Mapping[str, Callable[[Floats], Floats]] = MappingProxyType(
    {
        "line": lambda x: 0.8 * x,
        "sine": lambda x: sin(PI * x),
        "parabola": lambda x: 2 * x * x - 1,
        "step": lambda x: np.where(x > 0, 1.0, -1.0),
        "corner": lambda x: 2 * np.abs(x) - 1,
        "waves": lambda x: 0.6 * sin(2 * PI * x) + 0.4 * sin(5 * PI * x),
    }
)
"""Values over [-1, 1]."""

KEPT: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"iris": datasets.load_iris, "wine": datasets.load_wine, "digits": datasets.load_digits}
)


def samples_of(data: Mapping[str, Any]) -> Samples:
    """The samples of a setting's `data`.

    Args:
        data: That part of a whole setting; not `own` data, which the setting itself carries.

    Raises:
        UsageError: The data are not made or bundled here.

    Example:
        >>> made = samples_of({"name": "xor", "samples": 10, "noise": 0, "standardise": False,
        ...                    "seed": 0})
        >>> made.inputs.shape, made.test_inputs.shape, made.classes
        ((8, 2), (2, 2), 2)
    """
    inputs, targets, classes = _table(data)
    order = Stream(data["seed"], SPLIT).permutation(len(targets))
    kept = len(order) - len(order) // HELD_OUT
    train, test = order[:kept], order[kept:]
    x, y = inputs[train], targets[train]
    test_x, test_y = inputs[test], targets[test]
    if data["standardise"]:
        x, test_x = _standardised(x, test_x)
        if not classes:
            y, test_y = _standardised(y, test_y)
    return Samples(x, y, test_x, test_y, classes)


def _table(data: Mapping[str, Any]) -> tuple[Floats, Floats, int]:
    name, count, noise = data["name"], data["samples"], data["noise"]
    if name in KEPT:
        read = KEPT[name]()
        return read.data.astype(float), read.target.astype(float), len(read.target_names)
    i = np.arange(count)
    place, off = Stream(data["seed"], PLACE), Stream(data["seed"], NOISE)
    first, second = place.uniform(2 * i), place.uniform(2 * i + 1)
    if name in CURVES:
        x = 2 * first - 1
        return x[:, None], CURVES[name](x) + noise * off.normal(2 * i), 0
    if name not in PLANES:
        raise UsageError(
            f"There are no points called {shown(name)} here. Known: "
            f"{', '.join((*PLANES, *CURVES, *KEPT))}."
        )
    classes, at = PLANES[name]
    x, y = at(i % classes, first, second)
    labels = (x * y > 0) if name == "xor" else i % classes
    moved = np.stack([x + noise * off.normal(2 * i), y + noise * off.normal(2 * i + 1)], axis=1)
    return moved, labels.astype(float), classes


def _standardised(train: Floats, test: Floats) -> tuple[Floats, Floats]:
    mean = total(train) / len(train)
    spread = np.sqrt(total((train - mean) * (train - mean)) / len(train))
    spread = np.where(spread > 0, spread, 1.0)
    return (train - mean) / spread, (test - mean) / spread

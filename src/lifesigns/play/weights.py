"""The page's initial weights in Python: the same numbers, made in the same way.

`engine/initialise.js` says the same in JavaScript; a test compares every bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from lifesigns.functions import INITIALISERS
from lifesigns.play.arithmetic import total
from lifesigns.play.generator import WEIGHTS, Stream
from lifesigns.records import Floats

PIECES = 2
"""Linear maps of a maxout unit where the setting does not say."""


def widths(setting: Mapping[str, Any], features: int, classes: int) -> Iterator[tuple[int, int]]:
    """Rows and columns of each layer's weight; a maxout unit has a row for each of its pieces.

    Args:
        setting: A whole one.
        features: Of the data.
        classes: Likewise, 0 for values.
    """
    columns = features
    for layer in setting["network"]["hidden"]:
        pieces = layer.get("pieces", PIECES) if layer["activation"] == "maxout" else 1
        yield layer["units"] * pieces, columns
        columns = layer["units"]
    yield output_units(setting, classes), columns


def output_units(setting: Mapping[str, Any], classes: int) -> int:
    """How many numbers the network puts out.

    Args:
        setting: A whole one.
        classes: Of the data, 0 for values.
    """
    two = classes == 2 and setting["network"]["output"] != "softmax"
    return 1 if not classes or two else classes


def initial_weights(
    setting: Mapping[str, Any], features: int, classes: int
) -> list[tuple[Floats, Floats]]:
    """Weight and bias of each layer, as a training begins with them.

    Args:
        setting: A whole one.
        features: Of the data.
        classes: Likewise, 0 for values.

    Returns:
        For each layer shapes `[rows, columns]` and `[rows]`.
    """
    bias, shapes = setting["initialiser"]["bias"], widths(setting, features, classes)
    return [
        (_filled(setting, rows, columns, layer), np.full(rows, float(bias)))
        for layer, (rows, columns) in enumerate(shapes)
    ]


def _filled(setting: Mapping[str, Any], rows: int, columns: int, layer: int) -> Floats:
    given = setting["initialiser"]
    entry = INITIALISERS[given["name"]]
    own = given.get("value") if given["name"] == "constant" else None
    spread = (entry.spread(columns, rows) if own is None else own) * given["gain"]
    stream = Stream(setting["seed"], WEIGHTS + layer)
    places = np.arange(rows * columns)
    fill = entry.fill.__name__
    if fill == "_orthogonal":
        return _orthogonal(rows, columns, spread, stream)
    if fill == "_constant":
        return np.full((rows, columns), float(spread))
    if fill == "_uniform":
        bound = math.sqrt(3) * spread
        drawn = (2 * stream.uniform(places) - 1) * bound
    else:
        drawn = spread * stream.normal(places)
    return np.asarray(drawn.reshape(rows, columns))


def _orthogonal(rows: int, columns: int, spread: float, stream: Stream) -> Floats:
    """Normal numbers made orthogonal one after the other (Gram and Schmidt, each twice)."""
    length, count = max(rows, columns), min(rows, columns)
    vectors = stream.normal(np.arange(count * length)).reshape(count, length)
    for k in range(count):
        for j in [*range(k), *range(k)]:
            vectors[k] -= total(vectors[k] * vectors[j]) * vectors[j]
        vectors[k] /= np.sqrt(total(vectors[k] * vectors[k]))
    size = spread * math.sqrt(length)
    return np.asarray(size * (vectors if rows < columns else vectors.T))

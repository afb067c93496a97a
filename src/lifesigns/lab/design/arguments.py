"""What the words of `lifesigns lab` mean: a design from options, or from a TOML file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lifesigns._errors import UsageError, shown
from lifesigns._files import read_toml
from lifesigns.lab.design.design import Design, logarithmic

MOST_RATES = 1000
"""More are a mistake: each rate trains every cell again."""
SHORT = MappingProxyType(
    {
        "he": "he_normal",
        "kaiming": "he_normal",
        "glorot": "glorot_uniform",
        "xavier": "glorot_uniform",
        "ce": "cross_entropy",
        "bce": "binary_cross_entropy",
        "mse": "squared_error",
        "mae": "absolute_error",
        "linear": "none",
    }
)
"""Words people use, and the catalogue's."""


def design_of(file: Path | None, options: Mapping[str, Any]) -> Design:
    """The design of a TOML file, or of nothing, with the options that were given put over it.

    Args:
        file: A TOML file with the fields of `Design`.
        options: By the fields of `Design`; texts as on the command line, None if not given.

    Raises:
        UsageError: The file cannot be read, or something in it or in the options makes no sense.
    """
    values = read_toml(file) if file else {}
    values |= {name: _parsed(name, text) for name, text in options.items() if text is not None}
    return Design.from_dict(values)


def _parsed(name: str, text: Any) -> Any:
    if name == "rates":
        return list(rates_of(text))
    if name == "hidden":
        return _widths(text)
    if name in ("activations", "initialisers", "losses", "optimizers"):
        words = [word.strip().lower().replace("-", "_") for word in text.split(",")]
        return [SHORT.get(word, word) for word in words if word]
    return text


def rates_of(text: str) -> tuple[float, ...]:
    """Learning rates: `0.1`, `0.01,0.1`, or `1e-3:1:log` for a range in equal ratios.

    Args:
        text: As typed on the command line.

    Example:
        >>> rates_of("1e-2:1:log")
        (0.01, 0.0316228, 0.1, 0.316228, 1.0)
        >>> rates_of("0.5,1")
        (0.5, 1.0)
    """
    try:
        if ":" not in text:
            return tuple(float(part) for part in text.split(","))
        low, high, *rest = text.split(":")
        scale, count = (rest + ["log", "0"][len(rest) :])[:2]
        ends = float(low), float(high)
        known = scale == "log" and len(rest) < 3 and 0 < ends[0] < ends[1] < math.inf
        if known and (int(count) == 0 or 1 < int(count) <= MOST_RATES):
            return logarithmic(*ends, int(count))
    except (ValueError, OverflowError):
        pass
    raise UsageError(
        f"{shown(text)} are no learning rates: 0.1, or 0.01,0.1, or low:high:log such as "
        "1e-3:1:log."
    )


def _widths(text: str) -> list[int]:
    if text in ("", "none"):
        return []
    try:
        return [int(part) for part in text.split("-")]
    except ValueError:
        raise UsageError(
            f"{shown(text)} is no network: widths of the hidden layers such as 64-64, or none."
        ) from None

"""The catalogue of functions, shown: its tables, and a page for each entry.

The words are made here once (`tables`, `page_of`); a terminal, the documentation and the HTML page
only lay them out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from lifesigns.functions import (
    ACTIVATIONS,
    FAMILIES,
    INITIALISERS,
    LOSSES,
    Activation,
    Initialiser,
    Loss,
    find,
)
from lifesigns.functions.cost import Measured
from lifesigns.records import Floats

Entry = Activation | Initialiser | Loss
ENTRIES: Mapping[str, Entry] = MappingProxyType({**LOSSES, **INITIALISERS, **ACTIVATIONS})

X = np.linspace(-4, 4, 801)
"""Where curves are drawn: the range of nearly all standard normal preactivations."""
FANS = (16, 64, 256, 1024)
"""Widths of the square layers whose spread is shown."""


@dataclass(frozen=True)
class Curve:
    """What is drawn of a function: two curves over `x`, with what they are."""

    titles: tuple[str, str]
    values: tuple[Floats, Floats]
    x: Floats


@dataclass(frozen=True)
class Page:
    """What is said about one entry."""

    name: str
    kind: str
    formula: str
    about: str
    facts: tuple[tuple[str, str], ...]
    curve: Curve | None = None


@dataclass(frozen=True)
class Table:
    """One table of the catalogue; the first column names the entry."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    formulas: tuple[str, ...]
    """Of each row, for the forms that are wide enough."""


def page_of(name: str, cost: Measured | None = None) -> Page:
    """The page of the entry called `name`.

    Args:
        name: A key of `ENTRIES`.
        cost: What the activations cost on some machine; None leaves the costs out.

    Raises:
        UsageError: There is none; the message suggests near names.
    """
    entry = find(name, ENTRIES, "function")
    if isinstance(entry, Activation):
        return Page(
            entry.name, "activation", f"f(x) = {entry.formula}", entry.about,
            tuple(_activation_facts(entry, cost)), _activation_curve(entry),
        )  # fmt: skip
    if isinstance(entry, Loss):
        return Page(
            entry.name, "loss", f"L = {entry.formula}", entry.about,
            tuple(_loss_facts(entry)), _loss_curve(entry),
        )  # fmt: skip
    return Page(
        entry.name, "initialiser", f"spread = {entry.formula}", entry.about,
        tuple(_initialiser_facts(entry)),
    )  # fmt: skip


def tables(cost: Measured | None = None) -> list[Table]:
    """The activations by family, the initialisers and the losses.

    Args:
        cost: What the activations cost on some machine; None leaves the column out.
    """
    head = (
        "activation", "range", "mean", "max f'", "flat", "f' = 0", "gain", "back",
        *(("cost",) if cost else ()),
    )  # fmt: skip
    return [
        *(
            Table(
                family,
                head,
                tuple(tuple(_activation_row(a, cost)) for a in members),
                tuple(a.formula for a in members),
            )
            for family, members in FAMILIES.items()
        ),
        Table(
            "Initialisers",
            ("initialiser", *(f"{width} wide" for width in FANS)),
            tuple(_initialiser_row(i) for i in INITIALISERS.values()),
            tuple(i.formula for i in INITIALISERS.values()),
        ),
        Table(
            "Losses",
            ("loss", "output", "gradient at the preactivation"),
            tuple((loss.name, loss.output, loss.gradient_formula) for loss in LOSSES.values()),
            tuple(loss.formula for loss in LOSSES.values()),
        ),
    ]


# --- activations ----------------------------------------------------------------------------------
def _activation_row(activation: Activation, cost: Measured | None) -> Iterator[str]:
    facts = activation.facts
    yield activation.name
    yield _range(activation)
    yield number(facts.mean)
    yield number(facts.max_derivative)
    yield _flat_ends(activation)
    yield percent(facts.zero_gradient)
    yield number(facts.forward_gain)
    yield number(facts.backward_gain)
    if cost:
        yield _cost(activation, cost)


def _activation_facts(activation: Activation, cost: Measured | None) -> Iterator[tuple[str, str]]:
    facts = activation.facts
    yield "range", _range(activation)
    if not math.isnan(facts.mean):
        yield "mean", f"{number(facts.mean)}, {'' if facts.zero_centred else 'not '}zero-centred"
    yield "monotone", "yes" if facts.monotone else "no"
    yield "saturates", _SATURATES[_flat_ends(activation)]
    bounded = math.isfinite(facts.max_derivative)
    yield "derivative", f"at most {number(facts.max_derivative)}" if bounded else "not bounded"
    if not math.isnan(facts.zero_gradient):
        yield "zero gradient", f"{percent(facts.zero_gradient)} of normal preactivations"
    yield "units can die", _DIES[facts.silent_side]
    if not math.isnan(facts.forward_gain):
        yield "gain", f"{number(facts.forward_gain)} keeps the signal's size, times 1/√fan_in"
        yield "backward gain", f"{number(facts.backward_gain)} keeps the gradient's, 1/√fan_out"
    yield "parameters", activation.parameters
    if cost and activation.name in cost.relative:
        yield "cost", f"{_cost(activation, cost)} times ReLU ({cost.machine})"
    if activation.code:
        yield "in PyTorch", _imported(activation.code)
    yield "source", activation.source


_SATURATES = {"-": "no", "low": "below", "high": "above", "both": "at both ends"}
_DIES = {
    "": "no",
    "low": "yes: below, output and gradient are exactly 0",
    "middle": "near 0, output and gradient are exactly 0",
}


def _imported(code: str) -> str:
    return code if code.startswith("nn.") else f"{code}  # from lifesigns.functions.modules"


def _range(activation: Activation) -> str:
    return f"{number(activation.low)} … {number(activation.high)}"


def _flat_ends(activation: Activation) -> str:
    ends = (activation.saturates_low, activation.saturates_high)
    return {(True, True): "both", (True, False): "low", (False, True): "high"}.get(ends, "-")


def _cost(activation: Activation, cost: Measured) -> str:
    return f"{cost.relative[activation.name]:.1f}" if activation.name in cost.relative else "-"


def _activation_curve(activation: Activation) -> Curve | None:
    drawn = activation.curve(X)
    if drawn is None:
        return None
    over = "1, x" if activation.inputs == 2 else "x, 0" if activation.stated else "x"
    slope = f"∂f({over})/∂x" if "," in over else "f'(x)"
    return Curve((f"f({over})", slope), drawn, X)


# --- losses ---------------------------------------------------------------------------------------
def _loss_facts(loss: Loss) -> Iterator[tuple[str, str]]:
    yield "output", f"{loss.output}{', built in: give it logits' if loss.built_in else ''}"
    yield "targets", loss.targets
    yield "gradient", f"∂L/∂z = {loss.gradient_formula}"
    if loss.output == "identity" and loss.name != "hinge":
        yield "behind sigmoid", f"times σ′(z): {percent(_left_of_slope(4.0))} of it at z = ±4"
    yield "in PyTorch", loss.code
    yield "source", loss.source


def _left_of_slope(z: float) -> float:
    """What a sigmoid lets through of a gradient."""
    drawn = ACTIVATIONS["sigmoid"].curve(np.array([z]))
    assert drawn is not None
    return float(drawn[1][0])


def _loss_curve(loss: Loss) -> Curve:
    """Over the preactivation of a positive example; of regression, for target 0."""
    target = 0.0 if loss.output == "identity" and loss.name != "hinge" else 1.0
    if loss.output == "softmax":
        z, y = np.stack([X, 0 * X], -1), np.stack([0 * X + 1, 0 * X], -1)
        return Curve(
            ("L(z) for target 1", "∂L/∂z"), (loss.value(z, y), loss.gradient(z, y)[:, 0]), X
        )
    y = np.full_like(X, target)
    return Curve(
        (f"L(z) for target {target:g}", "∂L/∂z"), (loss.value(X, y), loss.gradient(X, y)), X
    )


# --- initialisers ---------------------------------------------------------------------------------
def _initialiser_row(initialiser: Initialiser) -> tuple[str, ...]:
    return (initialiser.name, *(number(initialiser.spread(n, n)) for n in FANS))


def _initialiser_facts(initialiser: Initialiser) -> Iterator[tuple[str, str]]:
    for width in FANS:
        yield f"{width} wide", number(initialiser.spread(width, width))
    yield "in PyTorch", f'INITIALISERS["{initialiser.name}"](weight)  # of lifesigns.functions'
    yield "source", initialiser.source


# --- numbers --------------------------------------------------------------------------------------
def number(value: float) -> str:
    """Four significant digits.

    Args:
        value: Any number; NaN stands for what is not known.

    Example:
        >>> number(1.41421356), number(math.inf), number(math.nan)
        ('1.414', '∞', '-')
    """
    if math.isnan(value):
        return "-"
    return f"{value:.4g}".replace("inf", "∞")


def percent(share: float) -> str:
    """A share with two significant digits.

    Args:
        share: Between 0 and 1; NaN stands for what is not known.

    Example:
        >>> percent(0.5), percent(0.0013)
        ('50 %', '0.13 %')
    """
    return "-" if math.isnan(share) else f"{100 * share:.2g} %"

"""The facts of a function, computed: extremes on zooming grids, moments by quadrature.

Moments are taken over a standard normal preactivation, which is what a well-initialised layer
produces. The quadrature is Gauss-Legendre within cells of width 1/2: every kink and jump of the
catalogue lies on a multiple of 1/2, so each cell is smooth and the result is exact to rounding.
(Gauss-Hermite over the whole line would err by about 1/n at a kink.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifesigns.records import Floats

INF, NAN = math.inf, math.nan
Function = Callable[[Floats], Floats]

CELL = 0.5
REACH = 12.0
"""Standard deviations integrated over; beyond lies a probability of 4e-33."""
NODES = 16
GROUP_REACH, GROUP_NODES = 8.0, 4
"""The same for each axis of a function of several values; beyond lie 1e-15."""
GRID = np.linspace(-REACH, REACH, 4801)
FAR = np.geomspace(1e3, 1e12, 10)
"""Where a function shows what it tends to."""
UNBOUNDED = 1e3
"""A value beyond this at the far points, where x is up to 1e12, grows without bound."""
GONE = 1e-4
"""A slope tends to 0 if it is below this share of the largest at the far points; 1/x² at the
nearest of them is 1e-6."""
FLAT_SHARE = 0.01
"""A unit is saturated where its slope is below this share of the steepest.

Source: ours. A hundred such steps do what one could; the sigmoid gets there at ±6, tanh at ±3."""
DIGITS = 9
"""Extremes are rounded to so many, so that limits come out as the numbers they are."""


@dataclass(frozen=True)
class Facts:
    """What follows from a function's formula; NaN where it depends on something else.

    Moments are over a standard normal preactivation.
    """

    low: float
    high: float
    max_derivative: float
    saturates_low: bool = False
    saturates_high: bool = False
    flat_below: float = -INF
    """The slope stays below `FLAT_SHARE` of the steepest from here down; -inf if nowhere."""
    flat_above: float = INF
    """The same from here up; inf if nowhere."""
    silent_side: str = ""
    monotone: bool = True
    mean: float = NAN
    """E[f]; zero-centred functions have 0."""
    zero_gradient: float = NAN
    """Probability that the derivative is exactly 0."""
    forward_gain: float = NAN
    """1/√E[f²]: standard deviation times √fan-in of weights that keep the signal's size."""
    backward_gain: float = NAN
    """1/√E[f′²]: standard deviation times √fan-out of weights that keep the gradient's size."""

    @property
    def zero_centred(self) -> bool:
        """Whether the output has mean 0 on a symmetric input."""
        return abs(self.mean) < 1e-6


def normal_quadrature(reach: float = REACH, nodes: int = NODES) -> tuple[Floats, Floats]:
    """Points and weights with Σ weight · g(point) = E[g(x)] for a standard normal x.

    Args:
        reach: Standard deviations integrated over on either side, a multiple of `CELL`.
        nodes: Points in each cell; polynomials up to degree `2 * nodes - 1` are exact within one.

    Returns:
        Both of shape `[cells * nodes]`, points in rising order.

    Example:
        >>> points, weights = normal_quadrature()
        >>> round(float(weights @ points**4), 9)  # the fourth moment of a standard normal number
        3.0
    """
    at, weight = np.polynomial.legendre.leggauss(nodes)
    centres = np.arange(-reach + CELL / 2, reach, CELL)
    points = (centres[:, None] + CELL / 2 * at).ravel()
    density = np.exp(-0.5 * points**2) / math.sqrt(2 * math.pi)
    return points, np.tile(CELL / 2 * weight, len(centres)) * density


def measure(value: Function, derivative: Function) -> Facts:
    """The facts of an elementwise function.

    Args:
        value: σ, elementwise on arrays of any shape.
        derivative: σ′ likewise, with torch's value at kinks. Kinks must lie on multiples of `CELL`.
    """
    x, weights = normal_quadrature()
    with np.errstate(all="ignore"):  # far points overflow on purpose
        f, slope = value(x), derivative(x)
        steepest = steepest_of(derivative)
        flat_below, flat_above = tails_of(derivative, steepest)
        return Facts(
            low=-_supremum(lambda v: -value(v)) + 0.0,
            high=_supremum(value),
            max_derivative=steepest,
            saturates_low=flat_below is not None,
            saturates_high=flat_above is not None,
            flat_below=-INF if flat_below is None else flat_below,
            flat_above=INF if flat_above is None else flat_above,
            silent_side=_silent_side(x, weights * (f == 0) * (slope == 0)),
            monotone=bool((np.diff(value(GRID)) >= -1e-12).all()),
            mean=round(float(weights @ f), DIGITS) + 0.0,
            zero_gradient=round(float(weights[slope == 0].sum()), DIGITS),
            forward_gain=_gain(float(weights @ f**2)),
            backward_gain=_gain(float(weights @ slope**2)),
        )


def steepest_of(derivative: Function) -> float:
    """The supremum of |σ′|: a recorded step asks for it, and for `tails_of`, a millisecond each.

    Args:
        derivative: σ′, elementwise on arrays of any shape.
    """
    with np.errstate(all="ignore"):
        return _supremum(lambda v: np.abs(derivative(v)))


def tails_of(derivative: Function, steepest: float) -> tuple[float | None, float | None]:
    """Down from where, and up from where, a function is flat; None on a side where it is not.

    Args:
        derivative: σ′, elementwise on arrays of any shape.
        steepest: The supremum of |σ′|.
    """
    with np.errstate(all="ignore"):
        gone = GONE * float(np.abs(derivative(GRID)).max())
        low, high = (bool((np.abs(derivative(far)) < gone).all()) for far in (-FAR, FAR))
        below = -_flat_from(lambda v: derivative(-v), steepest) if low else None
        return below, _flat_from(derivative, steepest) if high else None


def measure_group(value: Function, partials: Function, inputs: int) -> Facts:
    """The facts of a function of `inputs` independent values.

    Kinks must lie on multiples of `CELL` of one value; or, of a function to which the order of its
    two values does not matter, where both are equal: then the axes are turned by 45°, in which two
    independent normal numbers stay so.

    The gradient of one input sums over the outputs, and a weight matrix's fan-out counts inputs of
    the activation: E[f′²] is the mean over inputs of the sum over outputs.

    Args:
        value: Takes `[..., inputs]` to `[..., outputs]`.
        partials: Its partial derivatives, shape `[..., outputs, inputs]`.
        inputs: How many values a group has; the cost grows exponentially with it, so 2 or 3.
    """
    axis, weight = normal_quadrature(GROUP_REACH, GROUP_NODES)
    x = _product(axis, inputs)
    if inputs == 2 and np.array_equal(value(x), value(x[..., ::-1])):
        x = np.stack([x[..., 0] + x[..., 1], x[..., 0] - x[..., 1]], -1) / math.sqrt(2)
    weights = _product(weight, inputs).prod(-1)
    far = np.concatenate([-FAR, np.linspace(-GROUP_REACH, GROUP_REACH, 33), FAR])
    with np.errstate(all="ignore"):
        f, slopes = value(x), partials(x)
        wide, steep = value(_product(far, inputs)), partials(_product(far, inputs))
        return Facts(
            low=-_bounded(float(-wide.min())) + 0.0,
            high=_bounded(float(wide.max())),
            max_derivative=_bounded(float(np.abs(steep).max())),
            monotone=bool((slopes >= 0).all()),
            mean=round(float(weights @ f.mean(-1)), DIGITS) + 0.0,
            zero_gradient=round(float(weights[(slopes == 0).all((-1, -2))].sum()), DIGITS),
            forward_gain=_gain(float(weights @ (f**2).mean(-1))),
            backward_gain=_gain(float(weights @ (slopes**2).sum(-2).mean(-1))),
        )


def _supremum(f: Function) -> float:
    at = GRID
    best = -INF
    for _ in range(4):
        values = f(at)
        peak, step = int(values.argmax()), at[1] - at[0]
        best = max(best, float(values[peak]))
        at = np.linspace(at[peak] - step, at[peak] + step, 201)
    return _bounded(max(best, float(f(-FAR).max()), float(f(FAR).max())))


def _flat_from(derivative: Function, steepest: float) -> float:
    """The smallest x from which |σ′| stays below `FLAT_SHARE` of `steepest`, to the last digit."""
    if math.isinf(steepest):
        return INF

    def steep(x: Floats) -> NDArray[np.bool_]:
        return np.abs(derivative(x)) >= FLAT_SHARE * steepest

    points = np.concatenate([GRID, FAR])
    inside = int(np.flatnonzero(steep(points))[-1])
    low, high = points[inside], points[inside + 1]
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if steep(np.array([middle]))[0] else (low, middle)
    return float(high)


def _bounded(supremum: float) -> float:
    return INF if supremum > UNBOUNDED else round(supremum, DIGITS) + 0.0


def _gain(mean_square: float) -> float:
    return round(1 / math.sqrt(mean_square), DIGITS)


def _silent_side(x: Floats, silent: Floats) -> str:
    """Where the probability `silent` lies, leaving out what merely underflows in a far tail."""
    sides = {"low": x < -1, "middle": np.abs(x) < CELL}
    return next((side for side, there in sides.items() if silent[there].sum() > 1e-6), "")


def _product(axis: Floats, times: int) -> Floats:
    grids = np.meshgrid(*[axis] * times, indexing="ij")
    return np.stack([grid.ravel() for grid in grids], axis=-1)

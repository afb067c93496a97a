"""What a loss of the catalogue is: its value, and its gradient at the preactivation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lifesigns._errors import UsageError
from lifesigns.functions.activations import ACTIVATIONS
from lifesigns.records import Floats

OfTwo = Callable[[Floats, Floats], Floats]
VECTORS = frozenset({"softmax", "log_softmax"})
"""Output activations that normalise over the last axis."""


@dataclass(frozen=True)
class Loss:
    """A loss per element, or per sample where its output activation normalises over classes.

    Nothing is averaged: torch's `reduction="mean"` divides by the number of elements or samples.

    Example:
        >>> from lifesigns.functions import LOSSES
        >>> squared, binary = LOSSES["squared_error"], LOSSES["binary_cross_entropy"]
        >>> z, y = np.array([4.0]), np.array([0.0])  # a sigmoid unit, confidently wrong
        >>> squared.gradient(z, y, output="sigmoid").round(3), binary.gradient(z, y).round(3)
        (array([0.035]), array([0.982]))
    """

    name: str
    """The word of `LossReading.kind`, where there is one."""
    formula: str
    """Of the output a, or of the preactivation z where the output activation is built in."""
    output: str
    """The output activation it belongs to, a key of `ACTIVATIONS`."""
    of_output: OfTwo
    """The loss, from outputs and targets."""
    slope: OfTwo
    """∂L/∂a."""
    gradient_formula: str
    """∂L/∂z with its own output activation."""
    targets: str
    about: str
    source: str
    code: str
    """How it is written in PyTorch."""
    built_in: bool = False
    """Whether torch's version takes z and applies the output activation itself."""
    stable: tuple[OfTwo, OfTwo] | None = None
    """Value and gradient from z with its own output activation, where the chain of the two would
    divide 0 by 0."""

    def value(self, z: Floats, targets: Floats, output: str | None = None) -> Floats:
        """The loss of preactivations `z`.

        Args:
            z: Preactivations, shape `[...]`, or `[..., classes]` for softmax.
            targets: The same shape; probabilities of classes where the output is a softmax.
            output: Another output activation than its own, to see what that does.

        Returns:
            Shape `[...]`: one number for each element, or each sample for softmax.
        """
        if self.stable and output in (None, self.output):
            return self.stable[0](z, targets)
        losses = self.of_output(_apply(output or self.output, z), targets)
        return losses.sum(-1) if self.output in VECTORS else losses

    def gradient(self, z: Floats, targets: Floats, output: str | None = None) -> Floats:
        """∂L/∂z, the same shape as `z`: what backpropagation starts with.

        Args:
            z: As in `value`.
            targets: As in `value`.
            output: Another output activation than its own; its σ′ is what squared error keeps and
                cross-entropy cancels.
        """
        if self.stable and output in (None, self.output):
            return self.stable[1](z, targets)
        name = output or self.output
        a = _apply(name, z)
        slope = self.slope(a, targets)
        if name == "softmax":
            through: Floats = a * (slope - (slope * a).sum(-1, keepdims=True))
            return through
        derivative = ACTIVATIONS[name].derivative
        assert derivative is not None
        return slope * derivative(z)


def _apply(name: str, z: Floats) -> Floats:
    activation = ACTIVATIONS.get(name)
    if activation is None or not (activation.elementwise or name == "softmax"):
        raise UsageError(f"{name!r} is no output activation: an elementwise one or softmax is.")
    assert activation.value is not None
    return activation.value(np.asarray(z, float))

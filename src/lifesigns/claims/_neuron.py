"""One sigmoid neuron with one input of 1, trained by gradient descent on one target of 0.

The classic demonstration (Nielsen, *Neural Networks and Deep Learning*, chapter 3): a = σ(w + b).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lifesigns.records import Floats

RATE = 0.15
EPOCHS = 300
GENTLE, SURE = (0.6, 0.9), (2.0, 2.0)
"""Weight and bias at the start: mildly wrong, and wrong and sure."""


@dataclass(frozen=True)
class Course:
    """Output and gradient before each epoch and after the last, shape `[EPOCHS + 1]`."""

    outputs: Floats
    gradients: Floats
    """∂C/∂z of the loss in use."""

    @property
    def half_time(self) -> int:
        """Epochs until the output is half of what it was."""
        return int(np.argmax(self.outputs <= self.outputs[0] / 2))


def train(start: tuple[float, float], loss: str) -> Course:
    """The course of the neuron under `squared_error` (½(a − y)²) or `cross_entropy`.

    Args:
        start: Weight and bias, such as `GENTLE` or `SURE`.
        loss: One of the two names.
    """
    weight, bias = start
    outputs, gradients = [], []
    for _ in range(EPOCHS + 1):
        a = 1 / (1 + np.exp(-(weight + bias)))
        gradient = a * (a * (1 - a) if loss == "squared_error" else 1.0)
        outputs.append(a)
        gradients.append(gradient)
        weight, bias = weight - RATE * gradient, bias - RATE * gradient
    return Course(np.array(outputs), np.array(gradients))

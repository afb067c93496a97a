"""The gain of an activation: what its weights are multiplied by so that signals keep their size."""

from __future__ import annotations

import math

from lifesigns._errors import UsageError
from lifesigns.functions.activations import ACTIVATIONS, Activation
from lifesigns.functions.names import find

LEAKY = frozenset({"leaky_relu", "prelu", "rrelu"})


def gain(name: str, *, slope: float | None = None, backward: bool = False) -> float:
    """1/√E[f(x)²] over standard normal x, for every activation of the catalogue.

    Weights of standard deviation gain/√fan_in then keep the mean square of the signal at 1, where
    the layer before has it at 1. `torch.nn.init.calculate_gain` has no entry for GELU, SiLU, ELU,
    Mish, softplus and others; for ReLU and its leaky kin it is the same number, while its 5/3 for
    tanh and its 1 for sigmoid are conventions, and its 3/4 for SELU is not derived from a moment.

    Args:
        name: As in `ACTIVATIONS`; `linear` and torch's spelling of classes are understood.
        slope: Below 0, for `leaky_relu`, `prelu` and `rrelu`, instead of their default.
        backward: 1/√E[f′(x)²] instead, which keeps the gradient's size with 1/√fan_out.

    Raises:
        UsageError: There is no such activation, or its gain depends on a width (softmax, max).

    Example:
        >>> round(gain("relu"), 4), round(gain("gelu"), 4), round(gain("silu", backward=True), 4)
        (1.4142, 1.5335, 1.6233)
    """
    activation = find(name, ACTIVATIONS, "activation")
    if slope is not None:
        return _leaky(activation, slope)
    found = activation.facts.backward_gain if backward else activation.facts.forward_gain
    if math.isnan(found):
        raise UsageError(
            f"{activation.name} has no gain of its own: it depends on how many values it is taken "
            "over. Initialise the layer before it with gain 1."
        )
    return found


def _leaky(activation: Activation, slope: float) -> float:
    """√(2/(1 + slope²)), forward and backward."""
    if activation.name not in LEAKY:
        raise UsageError(f"{activation.name} has no slope; only {', '.join(sorted(LEAKY))} have.")
    return math.sqrt(2 / (1 + slope**2))

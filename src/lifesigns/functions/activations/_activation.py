"""What an entry of the catalogue is: the formula is given, the facts are computed from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lifesigns.functions.activations._facts import (
    FLAT_SHARE,
    INF,
    Facts,
    Function,
    measure,
    measure_group,
    steepest_of,
    tails_of,
)
from lifesigns.records import Floats

Limits = Callable[[Mapping[str, float]], tuple[float, float]]


@dataclass(frozen=True)
class Activation:
    """One activation function with torch's default constants.

    Example:
        >>> from lifesigns.functions import ACTIVATIONS
        >>> tanh = ACTIVATIONS["tanh"]
        >>> tanh.range(), tanh.max_derivative, round(tanh.facts.forward_gain, 4)
        ((-1.0, 1.0), 1.0, 1.5925)
    """

    name: str
    """The operation's word, as in `Site.operation`, where the recorder has one."""
    formula: str
    value: Function | None = None
    """σ, elementwise. For functions of a group, shape `[..., inputs]` to `[..., outputs]`;
    softmax and its kin over the last axis. None where the formula is not all there is."""
    derivative: Function | None = None
    """σ′, elementwise, with torch's value at kinks (the derivative of ReLU at 0 is 0). For
    functions of a group the partial derivatives, shape `[..., outputs, inputs]`; for softmax and
    its kin the diagonal of the Jacobian."""
    about: str = ""
    """What it is good for, or known for, in one sentence."""
    source: str = ""
    code: str = ""
    """How it is written in PyTorch; where torch lacks it, with `lifesigns.functions.modules`."""
    parameters: str = "none"
    """Learned numbers that it adds."""
    inputs: int = 1
    """How many preactivations an output depends on."""
    outputs: int = 1
    """How many outputs a group of `inputs` preactivations makes."""
    stated: Facts | None = None
    """Facts that no quadrature yields, because they depend on a width or a condition."""
    limits: Limits | None = None
    """The range, given a site's own constants."""

    @cached_property
    def facts(self) -> Facts:
        """All that is computed from value and derivative, once."""
        if self.stated is not None:
            return self.stated
        assert self.value is not None, self.name
        assert self.derivative is not None, self.name
        if self.elementwise:
            return measure(self.value, self.derivative)
        return measure_group(self.value, self.derivative, self.inputs)

    @property
    def elementwise(self) -> bool:
        """Whether one preactivation makes one output."""
        return self.inputs == self.outputs == 1 and self.stated is None

    @property
    def low(self) -> float:
        """Infimum of the output."""
        return self.facts.low

    @property
    def high(self) -> float:
        """Supremum of the output."""
        return self.facts.high

    @cached_property
    def max_derivative(self) -> float:
        """Supremum of |σ′|; for functions of several values, of each partial derivative."""
        if self.elementwise and self.derivative is not None:
            return steepest_of(self.derivative)
        return self.facts.max_derivative

    @cached_property
    def tails(self) -> tuple[float, float]:
        """Down from where and up from where it is flat; -inf and inf on a side where it is not.

        They are among `facts`, of which a recorded step asks for no more.
        """
        if self.elementwise and self.derivative is not None:
            low, high = tails_of(self.derivative, self.max_derivative)
            return -INF if low is None else low, INF if high is None else high
        return self.facts.flat_below, self.facts.flat_above

    @property
    def flat_slope(self) -> float:
        """The size of σ′ below which a unit is saturated; inf where no slope is the steepest.

        Example:
            >>> from lifesigns.functions import ACTIVATIONS
            >>> ACTIVATIONS["sigmoid"].flat_slope
            0.0025
        """
        return FLAT_SHARE * self.max_derivative

    @property
    def saturates_low(self) -> bool:
        """Whether σ′ tends to (or is) 0 for large negative inputs."""
        return self.facts.saturates_low

    @property
    def saturates_high(self) -> bool:
        """Whether σ′ tends to (or is) 0 for large positive inputs."""
        return self.facts.saturates_high

    @property
    def saturates(self) -> bool:
        """Whether units can be stuck on a flat end."""
        return self.saturates_low or self.saturates_high

    @property
    def silent_side(self) -> str:
        """Where output *and* derivative are exactly 0, so that a unit can die.

        `low`, `middle`, or empty for functions whose units cannot die.
        """
        return self.facts.silent_side

    @property
    def monotone(self) -> bool:
        """Whether the output never falls as an input rises."""
        return self.facts.monotone

    def range(self, details: Mapping[str, float] | None = None) -> tuple[float, float]:
        """Infimum and supremum of the output, given the constants in `Site.details`.

        Args:
            details: A site's own constants by torch's names, such as `min_val`; None or empty for
                torch's defaults, and of no effect where the range depends on none.

        Example:
            >>> from lifesigns.functions import ACTIVATIONS
            >>> ACTIVATIONS["hardtanh"].range({"min_val": 0, "max_val": 6})  # ReLU6
            (0, 6)
        """
        return self.limits(details) if self.limits and details else (self.low, self.high)

    def curve(self, x: Floats) -> tuple[Floats, Floats] | None:
        """Value and derivative at `x`, shape `[points]`, as they are drawn; None if they cannot be.

        Functions of a pair are drawn over the second with the first held at 1; softmax and its kin
        over the logit of one of two classes, the other held at 0.

        Args:
            x: Where it is drawn, in units of the preactivation.

        Example:
            >>> import numpy as np
            >>> from lifesigns.functions import ACTIVATIONS
            >>> value, derivative = ACTIVATIONS["relu"].curve(np.array([-1.0, 2.0]))
            >>> value.tolist(), derivative.tolist()
            ([0.0, 2.0], [0.0, 1.0])
        """
        if self.value is None or self.derivative is None:
            return None
        if self.elementwise:
            return self.value(x), self.derivative(x)
        if self.stated is not None:
            two = np.stack([x, np.zeros_like(x)], axis=-1)
            return self.value(two)[..., 0], self.derivative(two)[..., 0]
        held = np.stack([np.ones_like(x)] * (self.inputs - 1) + [x], axis=-1)
        return self.value(held)[..., 0], self.derivative(held)[..., 0, -1]

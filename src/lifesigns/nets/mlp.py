"""The multilayer perceptron: linear maps, an activation after each one but the last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

PIECES = 2
"""Linear maps of which a maxout unit takes the largest (Goodfellow et al. 2013)."""


class Maxout(nn.Module):
    """The largest of each `PIECES` neighbouring inputs: `[…, PIECES · units]` to `[…, units]`."""

    def forward(self, x: Tensor) -> Tensor:
        """The largest value of each group."""
        return x.view(*x.shape[:-1], -1, PIECES).amax(-1)


ACTIVATIONS = MappingProxyType[str, Callable[[], nn.Module]](
    {
        "celu": nn.CELU,
        "elu": nn.ELU,
        "gelu": nn.GELU,
        "hardsigmoid": nn.Hardsigmoid,
        "hardswish": nn.Hardswish,
        "hardtanh": nn.Hardtanh,
        "leaky_relu": nn.LeakyReLU,
        "log_sigmoid": nn.LogSigmoid,
        "maxout": Maxout,
        "mish": nn.Mish,
        "prelu": nn.PReLU,
        "relu": nn.ReLU,
        "sigmoid": nn.Sigmoid,
        "silu": nn.SiLU,
        "softmax": lambda: nn.Softmax(dim=-1),
        "softplus": nn.Softplus,
        "tanh": nn.Tanh,
    }
)
"""Activation modules, under the words of the catalogue `functions.ACTIVATIONS`."""

INITIALISERS = MappingProxyType[str, Callable[[Tensor], Any]](
    {
        "zeros": nn.init.zeros_,
        "standard_normal": nn.init.normal_,
        "glorot_uniform": nn.init.xavier_uniform_,
        "he_normal": nn.init.kaiming_normal_,
    }
)
"""What fills a weight matrix, by name; biases start at zero."""


@dataclass(frozen=True)
class MLP:
    """A multilayer perceptron; without hidden layers it is a linear model.

    Example:
        >>> MLP(64, (32,), 10).build()
        Sequential(
          (0): Linear(in_features=64, out_features=32, bias=True)
          (1): ReLU()
          (2): Linear(in_features=32, out_features=10, bias=True)
        )
    """

    inputs: int
    hidden: tuple[int, ...]
    """Width of each hidden layer."""
    outputs: int
    activation: str | None = "relu"
    """After each hidden layer; a key of `ACTIVATIONS`, or None for nothing at all."""
    output_activation: str | None = None
    """After the last layer; None where the loss takes logits or plain values."""
    initialiser: str | None = None
    """A key of `INITIALISERS`; None leaves torch's own (uniform, bound 1/√fan-in)."""

    def build(self) -> nn.Sequential:
        """The torch module, input shape `[batch, inputs]`, output shape `[batch, outputs]`."""
        layers: list[nn.Module] = []
        pieces = PIECES if self.activation == "maxout" else 1
        for fan_in, fan_out in pairwise((self.inputs, *self.hidden)):
            layers += [self._linear(fan_in, pieces * fan_out), *_activation(self.activation)]
        layers.append(self._linear((self.inputs, *self.hidden)[-1], self.outputs))
        return nn.Sequential(*layers, *_activation(self.output_activation))

    def _linear(self, fan_in: int, fan_out: int) -> nn.Linear:
        layer = nn.Linear(fan_in, fan_out)
        if self.initialiser is not None:
            INITIALISERS[self.initialiser](layer.weight)
            nn.init.zeros_(layer.bias)
        return layer


def _activation(name: str | None) -> list[nn.Module]:
    return [] if name is None else [ACTIVATIONS[name]()]

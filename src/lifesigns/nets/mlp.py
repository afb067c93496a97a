"""The multilayer perceptron: linear maps, an activation after each one but the last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

from lifesigns import functions
from lifesigns.functions import modules

PIECES = 2
"""Linear maps of which a maxout unit takes the largest (Goodfellow et al. 2013)."""
_CANNOT_BE_HIDDEN = frozenset({"glu", "geglu", "swiglu", "reglu", "crelu", "rrelu"})
"""Activations that change the number of units, or draw random numbers."""
_NEED_MORE_THAN_A_SHAPE = frozenset({"lsuv", "identity_recurrent"})
"""Initialisers that need data, or a square recurrent weight."""


def _written(code: str) -> Callable[[], nn.Module]:
    """What makes the module that a catalogue entry's own code names."""
    names = {"nn": nn, **{name: getattr(modules, name) for name in modules.__all__}}

    def make() -> nn.Module:
        module: nn.Module = eval(code, names)  # the catalogue's own constant, never a user's text
        return module

    return make


ACTIVATION_MODULES = MappingProxyType[str, Callable[[], nn.Module]](
    {
        name: _written(entry.code)
        for name, entry in functions.ACTIVATIONS.items()
        if entry.code and name not in _CANNOT_BE_HIDDEN
    }
)
"""Modules of the catalogue's activations that can stand behind a linear layer, by name."""

INITIALISERS = MappingProxyType[str, Callable[[Tensor], Any]](
    {
        name: entry
        for name, entry in functions.INITIALISERS.items()
        if name not in _NEED_MORE_THAN_A_SHAPE
    }
)
"""What fills a weight matrix, by the catalogue's names; biases start at zero."""


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
    """After each hidden layer; a key of `ACTIVATION_MODULES`, or None for nothing at all."""
    output_activation: str | None = None
    """After the last layer; None where the loss takes logits or plain values."""
    initialiser: str | None = None
    """Of every layer; see `initialised`."""

    def build(self) -> nn.Sequential:
        """The torch module, input shape `[batch, inputs]`, output shape `[batch, outputs]`."""
        layers: list[nn.Module] = []
        pieces = PIECES if self.activation == "maxout" else 1
        for fan_in, fan_out in pairwise((self.inputs, *self.hidden)):
            linear = initialised(nn.Linear(fan_in, pieces * fan_out), self.initialiser)
            layers += [linear, *_activation(self.activation)]
        last = nn.Linear((self.inputs, *self.hidden)[-1], self.outputs)
        layers.append(initialised(last, self.initialiser))
        return nn.Sequential(*layers, *_activation(self.output_activation))


def initialised(layer: nn.Linear | nn.Conv2d, initialiser: str | None) -> nn.Module:
    """The layer, its weights filled by a key of `INITIALISERS` and its biases by zeros, in place.

    None leaves torch's own (uniform, bound 1/√fan-in).

    Args:
        layer: Has a bias.
        initialiser: A key of `INITIALISERS`, or None.

    Returns:
        The same object.
    """
    if initialiser is not None:
        INITIALISERS[initialiser](layer.weight)
        assert layer.bias is not None
        nn.init.zeros_(layer.bias)
    return layer


def _activation(name: str | None) -> list[nn.Module]:
    return [] if name is None else [ACTIVATION_MODULES[name]()]

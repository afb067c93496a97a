"""The maxout network: every hidden unit is the largest of several linear maps."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from lifesigns.functions.modules import Maxout
from lifesigns.nets.mlp import initialised


@dataclass(frozen=True)
class MaxoutMLP:
    """A multilayer perceptron of maxout units; with two pieces it is `MLP(…, "maxout")`.

    Source: Goodfellow et al. 2013.

    Example:
        >>> sum(p.numel() for p in MaxoutMLP(4, (8,), 3, pieces=3).build().parameters())
        147
    """

    inputs: int
    hidden: tuple[int, ...]
    """Units of each hidden layer; each has `pieces` times the weights of a ReLU unit."""
    outputs: int
    pieces: int = 2
    initialiser: str | None = None
    """Of every layer; see `nets.mlp.initialised`."""

    def build(self) -> nn.Sequential:
        """The torch module, input shape `[batch, inputs]`, output shape `[batch, outputs]`."""
        widths = (self.inputs, *self.hidden)
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(widths):
            linear = nn.Linear(fan_in, fan_out * self.pieces)
            layers += [initialised(linear, self.initialiser), Maxout(self.pieces)]
        last = nn.Linear(widths[-1], self.outputs)
        return nn.Sequential(*layers, initialised(last, self.initialiser))

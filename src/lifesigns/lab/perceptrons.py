"""A stack of multilayer perceptrons with a backward pass written out.

Weight and bias of a layer are one tensor `[K, I + 1, O]`, and every layer's input carries a last
column of ones: one batched matrix product gives the preactivation with its bias, one gives both
gradients. No autograd graph is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lifesigns.lab.heads import head_of
from lifesigns.lab.slopes import Slope, slope_of
from lifesigns.nets import MLP, Recipe


@dataclass(frozen=True)
class Layer:
    """What one layer did on one batch."""

    input: Tensor
    """Shape `[K, B, I + 1]`, the last column ones."""
    z: Tensor
    """Preactivation, shape `[K, B, O]`."""
    a: Tensor
    """Activation, shape `[K, B, O]`."""


class StackedPerceptrons:
    """K perceptrons of one structure as one program."""

    def __init__(self, recipe: Recipe, modules: Sequence[nn.Module], dtype: torch.dtype) -> None:
        if not isinstance(recipe.network, MLP):
            raise TypeError(f"a perceptron is expected, not {type(recipe.network).__name__}")
        layers = [[m for m in module.modules() if isinstance(m, nn.Linear)] for module in modules]
        self.parameters = [_stacked(column, dtype) for column in zip(*layers, strict=True)]
        self.gradients = [torch.empty_like(parameter) for parameter in self.parameters]
        self._hidden = slope_of(recipe.network.activation)
        self._output = slope_of(recipe.network.output_activation)
        self._head = head_of(recipe.loss)
        self._ones: dict[tuple[int, ...], Tensor] = {}

    @property
    def members(self) -> int:
        """How many networks there are."""
        return len(self.parameters[0])

    def forward(self, inputs: Tensor) -> list[Layer]:
        """Every layer's values for inputs of shape `[K, B, I]`."""
        layers: list[Layer] = []
        value = inputs
        for weight in self.parameters:
            extended = torch.cat((value, self._column_of_ones(value)), -1)
            z = torch.bmm(extended, weight)
            activation = self._hidden if len(layers) < len(self.parameters) - 1 else self._output
            value = z if activation is None else activation.value(z)
            layers.append(Layer(extended, z, value))
        return layers

    def losses_and_gradients(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The losses `[K]` on a batch; leaves the gradients in `self.gradients`."""
        layers = self.forward(inputs)
        losses, delta = self._head(layers[-1].a, targets)
        delta = _before(self._output, delta, layers[-1])
        for index in range(len(layers) - 1, -1, -1):
            torch.bmm(layers[index].input.transpose(1, 2), delta, out=self.gradients[index])
            if index:
                weight = self.parameters[index][:, :-1]
                delta = torch.bmm(delta, weight.transpose(1, 2))
                delta = _before(self._hidden, delta, layers[index - 1])
        return losses

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The losses `[K]` of given outputs."""
        return self._head(outputs, targets)[0]

    def hidden_slopes(self, layers: Sequence[Layer]) -> list[Tensor]:
        """σ′ at every value of the hidden layers, each `[K, B, O]`.

        Empty without activation, and for functions of several values, where σ′ is no one number.
        """
        if self._hidden is None or any(x.a.shape != x.z.shape for x in layers):
            return []
        backward = self._hidden.backward
        return [backward(torch.ones_like(x.z), x.z, x.a) for x in layers[:-1]]

    def module_state(self, member: int) -> list[tuple[Tensor, Tensor]]:
        """Weight `[O, I]` and bias `[O]` of each layer of one member, as `nn.Linear` keeps them."""
        return [(p[member, :-1].T.clone(), p[member, -1].clone()) for p in self.parameters]

    def _column_of_ones(self, value: Tensor) -> Tensor:
        shape = (*value.shape[:-1], 1)
        if shape not in self._ones:
            self._ones[shape] = torch.ones(shape, dtype=value.dtype)
        return self._ones[shape]


def _before(activation: Slope | None, gradient: Tensor, layer: Layer) -> Tensor:
    return gradient if activation is None else activation.backward(gradient, layer.z, layer.a)


def _stacked(layers: Sequence[nn.Linear], dtype: torch.dtype) -> Tensor:
    with torch.no_grad():
        columns = [torch.cat((x.weight.T, x.bias.unsqueeze(0))).to(dtype) for x in layers]
    return torch.stack(columns)

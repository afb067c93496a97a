"""A stack of multilayer perceptrons with a backward pass written out.

Inside, values stand as `[K, units, B]` and every layer's input carries a last row of ones, so that
weight and bias are one tensor `[K, O, I + 1]`: one batched matrix product gives the preactivation
with its bias, one gives both gradients, and every elementwise pass runs over contiguous memory. No
autograd graph is built; what a batch size needs is allocated once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lifesigns.lab.heads import head_of
from lifesigns.lab.products import exact_products
from lifesigns.lab.slopes import Slope, slope_of
from lifesigns.nets import MLP, Recipe


@dataclass(frozen=True)
class Layer:
    """What one layer did on one batch."""

    input: Tensor
    """Shape `[K, I + 1, B]`, the last row ones."""
    z: Tensor
    """Preactivation, shape `[K, O, B]`."""
    a: Tensor
    """Activation, shape `[K, O', B]`; the next layer's input without its ones."""
    delta: Tensor
    """Gradient at `input`, of its shape."""


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
        self._head = head_of(recipe)
        self._layers: dict[int, list[Layer]] = {}
        self._products = exact_products(self.parameters, recipe.batch_size)

    @property
    def members(self) -> int:
        """How many networks there are."""
        return len(self.parameters[0])

    def outputs(self, inputs: Tensor) -> Tensor:
        """Outputs `[K, B, O]` for inputs `[K, B, I]`."""
        return self.measured(inputs)[0]

    def measured(self, inputs: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Outputs `[K, B, O]`, and σ′ at every value of the hidden layers, each `[K, B, O]`.

        No σ′ without activation, and for functions of several values, where it is no one number.
        """
        layers = self._allocated(inputs.shape[1])
        self._forward(layers, inputs)
        output = layers[-1].a.transpose(1, 2)
        if self._hidden is None or not self._hidden.elementwise:
            return output, []
        backward = self._hidden.backward
        found = [backward(torch.ones_like(x.z), x.z, x.a) for x in layers[:-1]]
        return output, [slope.transpose(1, 2) for slope in found]

    def losses_and_gradients(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The losses `[K]` on a batch; leaves the gradients in `self.gradients`."""
        size = inputs.shape[1]
        layers = self._layers.get(size) or self._layers.setdefault(size, self._allocated(size))
        with self._products:
            self._forward(layers, inputs)
            losses, delta = self._head(layers[-1].a, targets)
            self._backward(layers, delta)
        return losses

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The losses `[K]` of given outputs `[K, B, O]`."""
        return self._head(outputs.transpose(1, 2), targets)[0]

    def module_state(self, member: int) -> list[tuple[Tensor, Tensor]]:
        """Weight `[O, I]` and bias `[O]` of each layer of one member, as `nn.Linear` keeps them."""
        return [(p[member, :, :-1].clone(), p[member, :, -1].clone()) for p in self.parameters]

    def _forward(self, layers: Sequence[Layer], inputs: Tensor) -> None:
        layers[0].input[:, :-1] = inputs.transpose(1, 2)
        for index, (layer, weight) in enumerate(zip(layers, self.parameters, strict=True)):
            torch.bmm(weight, layer.input, out=layer.z)
            slope = self._slope(index)
            if slope is not None:
                slope.value(layer.z, layer.a)
            elif layer.a is not layer.z:
                layer.a.copy_(layer.z)

    def _backward(self, layers: Sequence[Layer], delta: Tensor) -> None:
        for index in range(len(layers) - 1, -1, -1):
            layer, slope = layers[index], self._slope(index)
            if slope is not None:
                delta = slope.backward(delta, layer.z, layer.a)
            torch.bmm(delta, layer.input.transpose(1, 2), out=self.gradients[index])
            if index:
                torch.bmm(self.parameters[index].transpose(1, 2), delta, out=layer.delta)
                delta = layer.delta[:, :-1]

    def _slope(self, index: int) -> Slope | None:
        return self._hidden if index < len(self.parameters) - 1 else self._output

    def _allocated(self, size: int) -> list[Layer]:
        """Memory for one batch of `size` samples."""
        inputs = [
            weight.new_ones(self.members, weight.shape[2], size) for weight in self.parameters
        ]
        layers: list[Layer] = []
        for index, (weight, value) in enumerate(zip(self.parameters, inputs, strict=True)):
            z = weight.new_empty(self.members, weight.shape[1], size)
            last = index == len(inputs) - 1
            a = inputs[index + 1][:, :-1] if not last else z if not self._output else z.clone()
            layers.append(Layer(value, z, a, torch.empty_like(value)))
        return layers


def _stacked(layers: Sequence[nn.Linear], dtype: torch.dtype) -> Tensor:
    with torch.no_grad():
        columns = [torch.cat((x.weight, x.bias.unsqueeze(1)), 1).to(dtype) for x in layers]
    return torch.stack(columns)

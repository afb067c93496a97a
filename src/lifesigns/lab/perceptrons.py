"""A stack of multilayer perceptrons with a backward pass written out.

Inside, values stand as `[K, units, B]` and every layer's input carries a last row of ones, so that
weight and bias are one tensor `[K, O, I + 1]`: one batched matrix product gives the preactivation
with its bias, one gives both gradients, and every elementwise pass runs over contiguous memory. No
autograd graph is built; what a batch size needs is allocated once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch
from torch import Tensor, nn

from lifesigns.lab.heads import has_formula, head_of
from lifesigns.lab.products import exact_products
from lifesigns.lab.slopes import Slope, has_kernel, slope_of, steepest
from lifesigns.nets import MLP, Recipe


@dataclass(frozen=True)
class Layer:
    """What one layer did on one batch."""

    z: Tensor
    """Preactivation, shape `[K, O, B]`."""
    a: Tensor
    """Activation, shape `[K, O', B]`."""
    output: Tensor
    """The next layer's input, shape `[K, O' + 1, B]`: `a` and a row of ones; `a` in the last."""
    at_z: Tensor
    """Gradient at `z`, of its shape."""
    at_output: Tensor
    """Gradient at `output`, of its shape."""


class StackedPerceptrons:
    """K perceptrons of one structure as one program."""

    def __init__(self, recipe: Recipe, modules: Sequence[nn.Module], dtype: torch.dtype) -> None:
        if not isinstance(recipe.network, MLP):
            raise TypeError(f"a perceptron is expected, not {type(recipe.network).__name__}")
        layers = [[m for m in module.modules() if isinstance(m, nn.Linear)] for module in modules]
        self.parameters = [_stacked(column, dtype) for column in zip(*layers, strict=True)]
        self.gradients = [torch.empty_like(parameter) for parameter in self.parameters]
        self._hidden = slope_of(recipe.network.activation)
        self.steepest = steepest(recipe.network.activation)
        """The largest |σ′| of the hidden layers' activation; infinite if there is none."""
        self._output = slope_of(recipe.network.output_activation)
        self._head = head_of(recipe)
        self._layers: dict[int, list[Layer]] = {}
        self._products = exact_products(self.parameters, recipe.batch_size)

    @staticmethod
    def needs_autograd(recipe: Recipe) -> bool:
        """Whether some gradient has no formula here; else training may run in inference mode."""
        network = recipe.network
        if not isinstance(network, MLP) or not has_formula(recipe):
            return True
        return not (has_kernel(network.activation) and has_kernel(network.output_activation))

    @property
    def members(self) -> int:
        """How many networks there are."""
        return len(self.parameters[0])

    def prepared(self, samples: Tensor) -> Tensor:
        """Samples `[N, I]` as all methods want them: with a column of ones, `[N, I + 1]`."""
        return torch.cat((samples, samples.new_ones(len(samples), 1)), 1)

    def outputs(self, inputs: Tensor) -> Tensor:
        """Outputs `[K, B, O]` for prepared inputs `[K, B, I + 1]`."""
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
        found = [backward(torch.ones_like(x.z), x.z, x.a, x.at_z) for x in layers[:-1]]
        return output, [slope.transpose(1, 2) for slope in found]

    def losses_and_gradients(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The losses `[K]` on a prepared batch; leaves the gradients in `self.gradients`."""
        size = inputs.shape[1]
        layers = self._layers.get(size) or self._layers.setdefault(size, self._allocated(size))
        with self._products:
            self._forward(layers, inputs)
            losses, delta = self._head(layers[-1].a, targets)
            self._backward(layers, inputs, delta)
        return losses

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The losses `[K]` of given outputs `[K, B, O]`."""
        return self._head(outputs.transpose(1, 2), targets)[0]

    def module_state(self, member: int) -> list[tuple[Tensor, Tensor]]:
        """Weight `[O, I]` and bias `[O]` of each layer of one member, as `nn.Linear` keeps them."""
        return [(p[member, :, :-1].clone(), p[member, :, -1].clone()) for p in self.parameters]

    def _forward(self, layers: Sequence[Layer], inputs: Tensor) -> None:
        x = inputs.transpose(1, 2)
        for index, (layer, weight) in enumerate(zip(layers, self.parameters, strict=True)):
            torch.bmm(weight, x, out=layer.z)
            slope = self._slope(index)
            if slope is not None:
                slope.value(layer.z, layer.a)
            elif layer.a is not layer.z:
                layer.a.copy_(layer.z)
            x = layer.output

    def _backward(self, layers: Sequence[Layer], inputs: Tensor, delta: Tensor) -> None:
        for index in range(len(layers) - 1, -1, -1):
            layer, slope = layers[index], self._slope(index)
            if slope is not None:
                delta = slope.backward(delta, layer.z, layer.a, layer.at_z)
            x = layers[index - 1].output.transpose(1, 2) if index else inputs
            torch.bmm(delta, x, out=self.gradients[index])
            if index:
                below = layers[index - 1].at_output
                torch.bmm(self.parameters[index].transpose(1, 2), delta, out=below)
                delta = below[:, :-1]

    def _slope(self, index: int) -> Slope | None:
        return self._hidden if index < len(self.parameters) - 1 else self._output

    def _allocated(self, size: int) -> list[Layer]:
        """Memory for one batch of `size` samples."""
        layers: list[Layer] = []
        for weight, following in zip_longest(self.parameters, self.parameters[1:]):
            z = weight.new_empty(self.members, weight.shape[1], size)
            if following is None:
                a = output = z.clone() if self._output else z
            else:
                output = weight.new_ones(self.members, following.shape[2], size)
                a = output[:, :-1]
            layers.append(Layer(z, a, output, torch.empty_like(z), torch.empty_like(output)))
        return layers


def _stacked(layers: Sequence[nn.Linear], dtype: torch.dtype) -> Tensor:
    with torch.no_grad():
        columns = [torch.cat((x.weight, x.bias.unsqueeze(1)), 1).to(dtype) for x in layers]
    return torch.stack(columns)

"""A stack of multilayer perceptrons with a backward pass written out.

Inside, values stand as `[K, units, B]` and every layer's input carries a last row of ones, so that
weight and bias are one matrix `[K, I + 1, O]`: one batched matrix product gives the preactivation
with its bias, one gives both gradients, and every elementwise pass runs over contiguous memory. No
autograd graph is built; what a batch size needs is allocated once, and used again where it can be,
because memory in the cache is faster than any other.

`compiled` has the same arithmetic as a C program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch
from torch import Tensor, nn

from lifesigns.lab.engines.torch.batched_activations import Slope, flat_below, slope_of
from lifesigns.lab.engines.torch.batched_losses import head_of
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
    at_output: Tensor
    """Gradient at `output`, of its shape; layers of one width share it."""
    at_a: Tensor
    """The part of it that is the gradient at `a`."""


class StackedPerceptrons:
    """K perceptrons of one structure as one program."""

    def __init__(self, recipe: Recipe, modules: Sequence[nn.Module], dtype: torch.dtype) -> None:
        if not isinstance(recipe.network, MLP):
            raise TypeError(f"a perceptron is expected, not {type(recipe.network).__name__}")
        layers = [[m for m in module.modules() if isinstance(m, nn.Linear)] for module in modules]
        self.parameters = [_stacked(column, dtype) for column in zip(*layers, strict=True)]
        """Of each layer, shape `[K, I + 1, O]`: the weights, and the bias as last row."""
        self._weights = [parameter.transpose(1, 2) for parameter in self.parameters]
        self.gradients = [torch.empty_like(parameter) for parameter in self.parameters]
        self._hidden = slope_of(recipe.network.activation)
        self.flat = flat_below(recipe.network.activation)
        """A slope of the hidden layers' activation that is smaller is saturated."""
        self._output = slope_of(recipe.network.output_activation)
        self._head = head_of(recipe)
        self._layers: dict[int, list[Layer]] = {}

    @property
    def members(self) -> int:
        """How many networks there are."""
        return len(self.parameters[0])

    def prepared(self, samples: Tensor) -> Tensor:
        """Samples `[N, I]` as all methods want them: with a column of ones, `[N, I + 1]`.

        Args:
            samples: The same for all members; the column stands in for the bias.
        """
        return torch.cat((samples, samples.new_ones(len(samples), 1)), 1)

    def outputs(self, inputs: Tensor) -> Tensor:
        """Outputs `[K, B, O]` for prepared inputs `[K, B, I + 1]`.

        Args:
            inputs: As `prepared` made them, `[K, B, I + 1]`.
        """
        return self.measured(inputs)[0]

    @property
    def has_slopes(self) -> bool:
        """Whether hidden layers have an activation whose σ′ is one number for each value."""
        return bool(self.gradients[1:]) and self._hidden is not None and self._hidden.elementwise

    def measured(self, inputs: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Outputs `[K, B, O]`, and σ′ at every value of the hidden layers, if there is one.

        Args:
            inputs: As `prepared` made them, `[K, B, I + 1]`.

        Returns:
            The outputs, and slopes `[K, B, units]`, one tensor a hidden layer.
        """
        layers = self._allocated(inputs.shape[1])
        self._forward(layers, inputs)
        output = layers[-1].a.transpose(1, 2)
        if self._hidden is None or not self.has_slopes:
            return output, []
        backward = self._hidden.backward
        found = [backward(torch.ones_like(x.z), x.z, x.a, x.z) for x in layers[:-1]]
        return output, [slope.transpose(1, 2) for slope in found]

    def losses_and_gradients(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The losses `[K]` on a prepared batch; leaves the gradients in `self.gradients`.

        Args:
            inputs: As `prepared` made them, `[K, B, I + 1]`.
            targets: Class indices `[K, B]`, or values `[K, B, O]`.
        """
        layers = self._kept(inputs.shape[1])
        self._forward(layers, inputs)
        losses, delta = self._head(layers[-1].a, targets)
        for index in reversed(range(len(layers))):
            at_z = self._at_z(index, layers[index], delta)
            x = layers[index - 1].output if index else inputs.transpose(1, 2)
            torch.bmm(x, at_z.transpose(1, 2), out=self.gradients[index])
            if index:
                torch.bmm(self.parameters[index], at_z, out=layers[index - 1].at_output)
                delta = layers[index - 1].at_a
        return losses

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The losses `[K]` of given outputs `[K, B, O]`.

        Args:
            outputs: Shape `[K, B, O]`.
            targets: Class indices `[K, B]`, or values `[K, B, O]`.
        """
        return self._head(outputs.transpose(1, 2), targets)[0]

    def _forward(self, layers: Sequence[Layer], inputs: Tensor) -> None:
        x = inputs.transpose(1, 2)
        for index, (layer, weight) in enumerate(zip(layers, self._weights, strict=True)):
            torch.bmm(weight, x, out=layer.z)
            slope = self._slope(index)
            if slope is not None:
                slope.value(layer.z, layer.a)
            elif layer.a is not layer.z:
                layer.a.copy_(layer.z)
            x = layer.output

    def _at_z(self, index: int, layer: Layer, at_a: Tensor) -> Tensor:
        """The gradient at `z` from that at `a`."""
        slope = self._slope(index)
        if slope is not None:
            return slope.backward(at_a, layer.z, layer.a, layer.z)
        return at_a if layer.a is layer.z else layer.z.copy_(at_a)

    def _slope(self, index: int) -> Slope | None:
        return self._hidden if index < len(self.parameters) - 1 else self._output

    def _kept(self, size: int) -> list[Layer]:
        """Memory for a batch of `size` samples, kept for the next one."""
        if size not in self._layers:
            self._layers[size] = self._allocated(size)
        return self._layers[size]

    def _allocated(self, size: int) -> list[Layer]:
        """Memory for one batch of `size` samples."""
        layers: list[Layer] = []
        shared: dict[int, Tensor] = {}
        for weight, following in zip_longest(self._weights, self._weights[1:]):
            z = weight.new_empty(self.members, weight.shape[1], size)
            if following is None:
                a = output = z.clone() if self._output else z
            else:
                output = weight.new_ones(self.members, following.shape[2], size)
                a = output[:, :-1]
            if output.shape[1] not in shared:
                shared[output.shape[1]] = torch.empty_like(output)
            at_output = shared[output.shape[1]]
            layers.append(Layer(z, a, output, at_output, at_output[:, : a.shape[1]]))
        return layers


def _stacked(layers: Sequence[nn.Linear], dtype: torch.dtype) -> Tensor:
    with torch.no_grad():
        columns = [torch.cat((x.weight.T, x.bias.unsqueeze(0))).to(dtype) for x in layers]
    return torch.stack(columns)

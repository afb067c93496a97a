"""Optimizers of the batched program: torch's update rules on stacked parameters.

Every member has its own learning rate, momentum and weight decay; the order of the operations is
that of `torch.optim`, so that the numbers are its numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lifesigns.nets.recipe import Recipe


@dataclass
class Stepper:
    """State and settings of one optimizer kind for a stack of members."""

    kind: str
    """A key of `nets.OPTIMIZERS`."""
    rate: Tensor
    """Shape `[K]`, as the other settings."""
    momentum: Tensor
    decay: Tensor
    steps: int = 0
    first: list[Tensor] = field(default_factory=list)
    """Running mean of gradients, or the momentum buffer, for each parameter."""
    second: list[Tensor] = field(default_factory=list)
    """Running mean of squared gradients."""

    def __post_init__(self) -> None:
        self.has_momentum, self.has_decay = bool(self.momentum.any()), bool(self.decay.any())

    @classmethod
    def of(cls, recipes: Sequence[Recipe], dtype: torch.dtype) -> Stepper:
        """The stepper of recipes that name one and the same optimizer.

        Args:
            recipes: One for each member; settings such as the rate may differ.
            dtype: Of the parameters.
        """

        def column(name: str) -> Tensor:
            return torch.tensor([getattr(recipe, name) for recipe in recipes], dtype=dtype)

        return cls(
            recipes[0].optimizer,
            column("learning_rate"),
            column("momentum"),
            column("weight_decay"),
        )

    def step(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
        """Updates the stacked parameters in place; the gradients are used up.

        Args:
            parameters: Each `[K, …]`.
            gradients: Of the same shapes.
        """
        self.steps += 1
        update = _UPDATES[self.kind]
        for index, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True)):
            update(self, index, parameter, gradient)

    def along(self, setting: Tensor, parameter: Tensor) -> Tensor:
        """A setting `[K]` in the shape that broadcasts against a stacked parameter.

        Args:
            setting: One number for each member, shape `[K]`.
            parameter: Shape `[K, …]`.
        """
        return setting.view(-1, *(1,) * (parameter.dim() - 1))

    def buffer(self, store: list[Tensor], index: int, like: Tensor) -> Tensor:
        """The state tensor of parameter `index`, zeros at first.

        Args:
            store: State tensors by index of the parameter.
            index: Number of the parameter.
            like: The parameter: its shape and dtype are the buffer's.
        """
        if len(store) <= index:
            store.append(torch.zeros_like(like))
        return store[index]


def _decayed(state: Stepper, parameter: Tensor, gradient: Tensor) -> Tensor:
    if state.has_decay:
        gradient.addcmul_(parameter, state.along(state.decay, parameter))
    return gradient


def _sgd(state: Stepper, index: int, parameter: Tensor, gradient: Tensor) -> None:
    gradient = _decayed(state, parameter, gradient)
    if state.has_momentum:
        velocity = state.buffer(state.first, index, gradient)
        gradient = velocity.mul_(state.along(state.momentum, parameter)).add_(gradient)
    parameter.addcmul_(gradient, state.along(state.rate, parameter), value=-1)


def _rmsprop(state: Stepper, index: int, parameter: Tensor, gradient: Tensor) -> None:
    gradient = _decayed(state, parameter, gradient)
    squares = state.buffer(state.second, index, gradient)
    squares.mul_(0.99).addcmul_(gradient, gradient, value=1 - 0.99)
    width = squares.sqrt().add_(1e-8)
    rate = state.along(-state.rate, parameter)
    if state.has_momentum:
        velocity = state.buffer(state.first, index, gradient)
        velocity.mul_(state.along(state.momentum, parameter)).addcdiv_(gradient, width)
        parameter.addcmul_(velocity, rate)
    else:
        parameter.addcdiv_(gradient.mul_(rate), width)


def _adam(state: Stepper, index: int, parameter: Tensor, gradient: Tensor) -> None:
    gradient = _decayed(state, parameter, gradient)
    _adam_update(state, index, parameter, gradient)


def _adamw(state: Stepper, index: int, parameter: Tensor, gradient: Tensor) -> None:
    parameter.mul_(state.along(1 - state.rate * state.decay, parameter))
    _adam_update(state, index, parameter, gradient)


def _adam_update(state: Stepper, index: int, parameter: Tensor, gradient: Tensor) -> None:
    mean = state.buffer(state.first, index, gradient)
    squares = state.buffer(state.second, index, gradient)
    mean.lerp_(gradient, 1 - 0.9)
    squares.mul_(0.999).addcmul_(gradient, gradient, value=1 - 0.999)
    size = state.along(-state.rate / (1 - 0.9**state.steps), parameter)
    width = squares.sqrt().div_(math.sqrt(1 - 0.999**state.steps)).add_(1e-8)
    parameter.addcdiv_(mean * size, width)


_UPDATES = {"sgd": _sgd, "rmsprop": _rmsprop, "adam": _adam, "adamw": _adamw}

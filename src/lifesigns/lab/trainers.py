"""What moves the parameters of a population: torch's operations, or the C program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from lifesigns.lab.compiled import CompiledTrainer, is_compiled
from lifesigns.lab.modules import SeparateModules, StackedModules
from lifesigns.lab.perceptrons import StackedPerceptrons
from lifesigns.lab.steppers import Stepper
from lifesigns.nets import Recipe

Program = StackedPerceptrons | StackedModules | SeparateModules


class Trainer(Protocol):
    """Trains the parameters of a program in place, on samples it was given."""

    gradient_norm: Tensor
    """Of each member in the last step, float64, shape `[K]`; empty before the first."""

    def advance(self, order: Tensor, batches: range) -> Tensor:
        """Trains on some batches of an epoch.

        Args:
            order: The samples of the epoch in each member's own order, shape `[K, N]`, int64.
            batches: Their numbers, in steps of one.

        Returns:
            The losses before each step, shape `[T, K]`.
        """
        ...


def trainer_of(
    recipes: Sequence[Recipe], program: Program, inputs: Tensor, targets: Tensor
) -> Trainer:
    """The C program where it can do it, else torch's operations.

    Args:
        recipes: One for each member, of one structure.
        program: Has the parameters.
        inputs: Shape `[N, …]`, of the parameters' dtype.
        targets: Shape `[N]` or `[N, …]`.
    """
    if isinstance(program, StackedPerceptrons) and is_compiled(recipes[0], inputs, targets):
        return CompiledTrainer(recipes, program, inputs, targets)
    stepper = Stepper.of(recipes, inputs.dtype)
    samples = program.prepared(inputs), targets
    return TorchTrainer(program, stepper, samples, recipes[0].batch_size)


class TorchTrainer:
    """Trains any program step by step with torch's operations; a `Trainer`."""

    def __init__(
        self, program: Program, stepper: Stepper, samples: tuple[Tensor, Tensor], batch_size: int
    ) -> None:
        self._program, self._stepper = program, stepper
        self._samples, self._batch_size = samples, batch_size
        self.gradient_norm = torch.empty(0)
        whole = program.members * batch_size
        self._kept = [sample.new_empty(whole, *sample.shape[1:]) for sample in samples]

    @torch.no_grad()
    def advance(self, order: Tensor, batches: range) -> Tensor:
        """See `Trainer`."""
        losses = []
        for number in batches:
            losses.append(self._program.losses_and_gradients(*self._batch(order, number)))
            if number == batches[-1]:
                self.gradient_norm = lengths(self._program.gradients)
            self._stepper.step(self._program.parameters, self._program.gradients)
        return torch.stack(losses)

    def _batch(self, order: Tensor, number: int) -> tuple[Tensor, Tensor]:
        """A batch `[K, B, …]`; it is valid until the next one, as whole batches share memory."""
        start = number * self._batch_size
        rows = order[:, start : start + self._batch_size]
        if rows.shape[1] < self._batch_size:
            inputs, targets = self._samples
            return inputs[rows], targets[rows]
        picked = rows.flatten()
        for sample, kept in zip(self._samples, self._kept, strict=True):
            torch.index_select(sample, 0, picked, out=kept)
        inputs, targets = (kept.view(*rows.shape, *kept.shape[1:]) for kept in self._kept)
        return inputs, targets


def lengths(tensors: Sequence[Tensor]) -> Tensor:
    """The length of all that each member has in stacked tensors, float64, shape `[K]`."""
    squares = [tensor.double().square().reshape(len(tensor), -1).sum(1) for tensor in tensors]
    return torch.stack(squares).sum(0).sqrt()

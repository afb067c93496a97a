"""What moves the parameters of a population: torch's operations, or the C program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from lifesigns.lab.engines.c import CompiledTrainer, is_compiled
from lifesigns.lab.engines.torch.batched_optimizers import Stepper
from lifesigns.lab.engines.torch.examining import Examination, Program, Samples, examined
from lifesigns.lab.engines.torch.perceptrons import StackedPerceptrons
from lifesigns.nets import Recipe

FEW = 8
"""Members whose lengths are taken at a time: large copies between small results that stay would
scatter the memory."""


class Trainer(Protocol):
    """Trains the parameters of a program in place, and examines them, on samples it was given."""

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

    def examine(self) -> Examination:
        """What the members do on the held-out samples at present."""
        ...


def trainer_of(
    recipes: Sequence[Recipe], program: Program, samples: Samples, held_out: Samples
) -> Trainer:
    """The C program where it can do it, else torch's operations.

    Args:
        recipes: One for each member, of one structure.
        program: Has the parameters.
        samples: To train on.
        held_out: To examine on.
    """
    if isinstance(program, StackedPerceptrons) and is_compiled(recipes[0], samples, held_out):
        return CompiledTrainer(recipes, program, samples, held_out)
    return TorchTrainer(recipes, program, samples, held_out)


class TorchTrainer:
    """Trains any program step by step with torch's operations; a `Trainer`."""

    def __init__(
        self, recipes: Sequence[Recipe], program: Program, samples: Samples, held_out: Samples
    ) -> None:
        inputs, targets = samples
        self._program, self._held_out = program, held_out
        self._stepper = Stepper.of(recipes, inputs.dtype)
        self._samples, self._batch_size = (program.prepared(inputs), targets), recipes[0].batch_size
        whole = program.members * self._batch_size
        self._kept = [sample.new_empty(whole, *sample.shape[1:]) for sample in self._samples]
        self.gradient_norm = torch.empty(0)

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

    def examine(self) -> Examination:
        """See `Trainer`."""
        return examined(self._program, *self._held_out)

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
    """The length of all that each member has in stacked tensors, float64, shape `[K]`.

    Args:
        tensors: Each `[K, …]`.
    """
    few = zip(
        *(torch.split(tensor.reshape(len(tensor), -1), FEW) for tensor in tensors), strict=True
    )
    return torch.cat([_norms([part.double() for part in parts]) for parts in few])


def _norms(parts: Sequence[Tensor]) -> Tensor:
    return torch.stack([part.square().sum(1) for part in parts]).sum(0).sqrt()

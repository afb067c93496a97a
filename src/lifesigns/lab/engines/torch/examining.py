"""What is measured of every member now and then, on the held-out samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.lab.engines.torch.modules import SeparateModules, StackedModules
from lifesigns.lab.engines.torch.perceptrons import StackedPerceptrons

Program = StackedPerceptrons | StackedModules | SeparateModules
Samples = tuple[Tensor, Tensor]
"""Inputs `[N, …]`, and targets `[N]` or `[N, …]`."""
Measures = Mapping[str, NDArray[np.float64]]

MEASURES = MappingProxyType(
    {
        "test_loss": "mean loss on the held-out samples",
        "accuracy": "share of held-out samples classified right; NaN for regression",
        "r2": "1 - squared error / variance of the held-out targets; NaN for classes",
        "dead_fraction": "share of hidden units that pass no gradient on for any held-out sample",
        "saturated_fraction": "share of hidden values where |σ′| is below 1 % of its maximum, or "
        "below 0.01 if it has none",
        "gradient_norm": "length of the whole gradient of the step before",
        "update_norm": "length of the whole update of the step before",
    }
)
"""Names and meanings; all have shape `[K]`."""

AT_A_TIME = 2048
"""Held-out samples times members measured at a time: more would leave the processor's cache."""


@dataclass(frozen=True, eq=False)
class Examination:
    """What members do on N samples; float64, shape `[K]`."""

    loss: Tensor
    """Mean."""
    right: Tensor
    """Samples whose largest output is the one of their class, or of the largest target."""
    squares: Tensor
    """Squared distances of outputs from targets, summed; 0 where targets are class indices."""
    dead: Tensor
    """Share of hidden units whose slope is 0 on every sample; NaN if there are no slopes."""
    saturated: Tensor
    """Share of hidden values with a slope of less than `flat`."""

    def measures(self, targets: Tensor) -> Measures:
        """The first five of `MEASURES`, for the samples' targets, `[N]` or `[N, O]`.

        Args:
            targets: Class indices `[N]`, or values `[N, O]`.

        Returns:
            float64 arrays of shape `[K]` by name; NaN where a measure has no meaning.
        """
        unknown = torch.full_like(self.loss, torch.nan)
        classes = _are_classes(targets)
        found = {
            "test_loss": self.loss,
            "accuracy": self.right / len(targets) if classes else unknown,
            "r2": unknown if classes else 1 - self.squares / _variation(targets),
            "dead_fraction": self.dead,
            "saturated_fraction": self.saturated,
        }
        return {name: value.numpy() for name, value in found.items()}


@torch.no_grad()
def examined(program: Program, inputs: Tensor, targets: Tensor) -> Examination:
    """Examines a program's members with torch's operations, in blocks of samples.

    Args:
        program: Has the members.
        inputs: Shape `[N, …]`.
        targets: Shape `[N]` or `[N, …]`.
    """
    size = max(8, AT_A_TIME // program.members)
    pairs = zip(
        torch.split(program.prepared(inputs), size), torch.split(targets, size), strict=True
    )
    sums = _Sums(program.members)
    for block in pairs:
        sums.add(program, *(t.unsqueeze(0).expand(program.members, *t.shape) for t in block))
    return sums.examination()


class _Sums:
    """Sums over blocks of samples; every tensor has shape `[K]` or `[K, units]`."""

    def __init__(self, members: int) -> None:
        self.samples = self.values = 0
        self.loss, self.right, self.squares, self.flat = torch.zeros(
            4, members, dtype=torch.float64
        )
        self.steepest: list[Tensor] = []

    def add(self, program: Program, inputs: Tensor, targets: Tensor) -> None:
        if isinstance(program, StackedPerceptrons):
            outputs, slopes = program.measured(inputs)
            self._add_slopes(slopes, program.flat)
        else:
            outputs = program.outputs(inputs)
        self.samples += targets.shape[1]
        self.loss += program.losses(outputs, targets).double() * targets.shape[1]
        if targets.is_floating_point():
            self.squares += (outputs - targets).double().square().flatten(1).sum(1)
        if targets.is_floating_point() and targets.shape == outputs.shape:
            targets = targets.argmax(-1)
        self.right += torch.count_nonzero(outputs.argmax(-1) == targets, 1)

    def _add_slopes(self, slopes: Sequence[Tensor], flat: float) -> None:
        sizes = [slope.abs() for slope in slopes]
        steepest = [size.amax(1) for size in sizes]
        before = self.steepest or steepest
        self.steepest = [torch.maximum(*pair) for pair in zip(before, steepest, strict=True)]
        for size in sizes:
            self.flat += torch.count_nonzero(size < flat, (1, 2))
            self.values += size[0].numel()

    def examination(self) -> Examination:
        unknown = torch.full_like(self.loss, torch.nan)
        return Examination(
            self.loss / self.samples,
            self.right,
            self.squares,
            1 - (torch.cat(self.steepest, 1) > 0).double().mean(1) if self.values else unknown,
            self.flat / self.values if self.values else unknown,
        )


def _are_classes(targets: Tensor) -> bool:
    """Whether targets are class indices, or one-hot rows."""
    if not targets.is_floating_point():
        return True
    zeros_and_ones = bool(((targets == 0) | (targets == 1)).all())
    return targets.shape[-1] > 1 and zeros_and_ones and bool((targets.sum(-1) == 1).all())


def _variation(targets: Tensor) -> Tensor:
    """Squared distances of targets from their mean, summed."""
    return (targets.double() - targets.double().mean(0)).square().sum()

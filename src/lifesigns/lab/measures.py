"""What is measured of every member now and then, on the held-out samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.lab.perceptrons import StackedPerceptrons
from lifesigns.lab.trainers import Program

if TYPE_CHECKING:
    from lifesigns.nets.data import Split

Measures = Mapping[str, NDArray[np.float64]]

MEASURES = MappingProxyType(
    {
        "test_loss": "mean loss on the held-out samples",
        "accuracy": "share of held-out samples classified right; NaN for regression",
        "r2": "1 - squared error / variance of the held-out targets; NaN for classes",
        "dead_fraction": "share of hidden units that pass no gradient on for any held-out sample",
        "saturated_fraction": "share of hidden values where σ′ is below 1 % of its maximum, or of "
        "the largest one here if it has none",
        "gradient_norm": "length of the whole gradient of the step before",
        "update_norm": "length of the whole update of the step before",
    }
)
"""Names and meanings; all have shape `[K]`."""

AT_A_TIME = 2048
"""Held-out samples times members measured at a time: more would leave the processor's cache."""
SATURATED = 0.01


@torch.no_grad()
def measure(
    program: Program,
    data: Split,
    dtype: torch.dtype,
    *,
    gradient_norm: NDArray[np.float64] | None = None,
    update_norm: NDArray[np.float64] | None = None,
) -> Measures:
    """All `MEASURES` of a program's members; the norms are NaN where there was no step."""
    unknown = np.full(program.members, np.nan)
    sums = _Sums(program.members)
    for rows in torch.split(
        torch.arange(len(data.test_inputs)), max(8, AT_A_TIME // program.members)
    ):
        inputs = program.prepared(data.test_inputs[rows].to(dtype))
        targets = data.test_targets[rows]
        targets = targets.to(dtype) if targets.is_floating_point() else targets
        sums.add(program, _for_all(inputs, program), _for_all(targets, program))
    return {
        **sums.results(),
        "gradient_norm": unknown if gradient_norm is None else gradient_norm,
        "update_norm": unknown if update_norm is None else update_norm,
    }


class _Sums:
    """Sums over blocks of samples; every tensor has shape `[K]` or `[K, units]`."""

    def __init__(self, members: int) -> None:
        self.samples = 0
        self.loss = torch.zeros(members, dtype=torch.float64)
        self.right: Tensor | None = None
        self.rest: Tensor | None = None
        self.targets: list[Tensor] = []
        self.alive: list[Tensor] = []
        self.flat: Tensor | None = None
        self.values = 0

    def add(self, program: Program, inputs: Tensor, targets: Tensor) -> None:
        count = inputs.shape[1]
        if isinstance(program, StackedPerceptrons):
            outputs, slopes = program.measured(inputs)
            self._add_units(slopes, program.steepest)
        else:
            outputs = program.outputs(inputs)
        self.samples += count
        right = _right(outputs, targets)
        if right is not None:
            self.right = right if self.right is None else self.right + right
        else:
            rest = (outputs - targets).double().square().flatten(1).sum(1)
            self.rest = rest if self.rest is None else self.rest + rest
            self.targets.append(targets[0].double())
        self.loss += program.losses(outputs, targets).double() * count

    def _add_units(self, slopes: Sequence[Tensor], steepest: float) -> None:
        for index, slope in enumerate(slopes):
            size = slope.abs()
            alive = size.amax(1) > 0
            if len(self.alive) <= index:
                self.alive.append(alive)
            else:
                self.alive[index] = self.alive[index] | alive
            bounded = math.isfinite(steepest)
            top = steepest if bounded else size.amax((1, 2), keepdim=True)
            flat = torch.count_nonzero(size < SATURATED * top, (1, 2)).double()
            self.flat = flat if self.flat is None else self.flat + flat
            self.values += slope.shape[1] * slope.shape[2]

    def results(self) -> dict[str, NDArray[np.float64]]:
        unknown = torch.full_like(self.loss, float("nan"))
        dead = 1 - torch.cat(self.alive, 1).double().mean(1) if self.alive else unknown
        flat = self.flat / self.values if self.flat is not None else unknown
        right = self.right / self.samples if self.right is not None else unknown
        r2 = unknown if self.rest is None else 1 - self.rest / self._target_squares()
        named = (self.loss / self.samples, right, r2, dead, flat)
        names = ("test_loss", "accuracy", "r2", "dead_fraction", "saturated_fraction")
        return {name: value.numpy() for name, value in zip(names, named, strict=True)}

    def _target_squares(self) -> Tensor:
        targets = torch.cat(self.targets)
        return (targets - targets.mean(0)).square().sum()


def _right(outputs: Tensor, targets: Tensor) -> Tensor | None:
    """How many samples each member classifies right, `[K]`; None where there are no classes."""
    if not targets.is_floating_point():
        return (outputs.argmax(-1) == targets).double().sum(1)
    one_hot = targets.shape[-1] > 1 and bool((targets.sum(-1) == 1).all())
    if one_hot and bool(((targets == 0) | (targets == 1)).all()):
        return (outputs.argmax(-1) == targets.argmax(-1)).double().sum(1)
    return None


def _for_all(tensor: Tensor, program: Program) -> Tensor:
    return tensor.unsqueeze(0).expand(program.members, *tensor.shape)

"""Trains a stack of members and keeps what the lab wants to know of each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lifesigns._errors import UsageError
from lifesigns.lab.measures import MEASURES, Measures, measure
from lifesigns.lab.modules import SeparateModules, StackedModules, batched_or_separate
from lifesigns.lab.perceptrons import StackedPerceptrons
from lifesigns.lab.slopes import is_function
from lifesigns.lab.stacks import stacks
from lifesigns.lab.steppers import Stepper
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.data import Split

Program = StackedPerceptrons | StackedModules | SeparateModules


@dataclass(frozen=True)
class Member:
    """One network of a population: what is trained, and the seed of weights and sample order."""

    recipe: Recipe
    seed: int = 0


@dataclass(frozen=True, eq=False)
class History:
    """What happened to K members over T steps; measured at R of them."""

    losses: NDArray[np.float64]
    """Training loss before each step, shape `[T, K]`; NaN after a member has diverged."""
    steps: NDArray[np.int64]
    """Steps done when the measures were taken, shape `[R]`."""
    measures: dict[str, NDArray[np.float64]]
    """By name, see `MEASURES`; each of shape `[R, K]`, NaN where meaningless."""
    diverged: NDArray[np.int64]
    """First step with a non-finite loss, shape `[K]`; -1 for members that stayed finite."""

    @property
    def members(self) -> int:
        """How many members there are."""
        return len(self.diverged)

    def select(self, positions: Sequence[int]) -> History:
        """The history of some members only."""
        return History(
            self.losses[:, positions],
            self.steps,
            {name: values[:, positions] for name, values in self.measures.items()},
            self.diverged[positions],
        )


def train_population(
    members: Sequence[Member],
    data: Split,
    steps: int,
    *,
    measured_at: Sequence[int] | None = None,
    dtype: torch.dtype = torch.float32,
    progress: Callable[[int], object] | None = None,
) -> History:
    """Trains members of one structure, all at once, each with the numbers it would get alone.

    Weights are drawn by the member's own seed through `recipe.network.build()`, the order of the
    samples by the same seed as in `nets.train`.

    Args:
        members: Recipes of one structure (`stacks` sorts them).
        data: Shapes `[samples, …]`.
        steps: Training steps; `recipe.epochs` is not used.
        measured_at: Numbers of steps after which `MEASURES` are taken; about 20, evenly, and
            the beginning and the end by default.
        dtype: Of weights and inputs.
        progress: Called with the number of member-steps done since the last call.

    Raises:
        UsageError: The members do not share a structure, or there is none.

    Cost: memory for parameters, gradients and optimizer state of all members, and for one batch of
    activations of each; the caller bounds it by the number of members.
    """
    written_out = not any(StackedPerceptrons.needs_autograd(member.recipe) for member in members)
    with torch.inference_mode(written_out):
        return _trained(members, data, steps, measured_at, dtype, progress)


def _trained(
    members: Sequence[Member],
    data: Split,
    steps: int,
    measured_at: Sequence[int] | None,
    dtype: torch.dtype,
    progress: Callable[[int], object] | None,
) -> History:
    program = _program(members, data, dtype)
    stepper = Stepper.of([member.recipe for member in members], dtype)
    samples = program.prepared(_as(data.inputs, dtype)), _as(data.targets, dtype)
    batches = _batches(members, *samples, members[0].recipe.batch_size)
    moments = sorted(set(_moments(steps) if measured_at is None else measured_at))
    losses: list[Tensor] = []
    taken = [measure(program, data, dtype)] if 0 in moments else []
    with program.products:
        for step in range(steps):
            if step + 1 in moments:
                found, norms = _measured_step(program, stepper, *next(batches))
                taken.append(measure(program, data, dtype, **norms))
            else:
                found = _step(program, stepper, *next(batches))
            losses.append(found)
            if progress is not None:
                progress(len(members))
    return _history(members, losses, [m for m in moments if m <= steps], taken)


def _program(members: Sequence[Member], data: Split, dtype: torch.dtype) -> Program:
    if not members or len(stacks(members)) > 1:
        found = f"{len(stacks(members))} structures" if members else "no members"
        raise UsageError(f"A population needs members of one structure; {found} were given.")
    recipe = members[0].recipe
    modules = [_built(member) for member in members]
    if isinstance(recipe.network, MLP) and is_function(recipe.network.activation):
        return StackedPerceptrons(recipe, modules, dtype)
    rows = slice(0, min(4, len(data.inputs)))
    sample = _as(data.inputs[rows], dtype), _as(data.targets[rows], dtype)
    return batched_or_separate(recipe, modules, dtype, sample)


def _built(member: Member) -> nn.Module:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(member.seed)
        return member.recipe.network.build()


def _batches(
    members: Sequence[Member], inputs: Tensor, targets: Tensor, size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches `[K, B, …]`, every member in the order of its own seed.

    A batch is valid until the next one is taken: whole batches share their memory.
    """
    seeds = sorted({member.seed for member in members})
    orders = [torch.Generator().manual_seed(seed) for seed in seeds]
    of_member = torch.tensor([seeds.index(member.seed) for member in members])
    shared = not torch.equal(of_member, torch.arange(len(seeds)))
    x, y = (s.new_empty(len(members) * size, *s.shape[1:]) for s in (inputs, targets))
    whole_x, whole_y = (s.view(len(members), size, *s.shape[1:]) for s in (x, y))
    shuffled = torch.empty(len(seeds), len(inputs), dtype=torch.int64)
    while True:
        for row, order in zip(shuffled, orders, strict=True):
            torch.randperm(len(inputs), generator=order, out=row)
        for rows in torch.split(shuffled[of_member] if shared else shuffled, size, dim=1):
            if rows.shape[1] == size:
                picked = rows.flatten()
                torch.index_select(inputs, 0, picked, out=x)
                torch.index_select(targets, 0, picked, out=y)
                yield whole_x, whole_y
            else:
                yield inputs[rows], targets[rows]


def _as(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _moments(steps: int) -> list[int]:
    return [round(x) for x in np.linspace(0, steps, min(steps, 20) + 1)]


def _step(program: Program, stepper: Stepper, inputs: Tensor, targets: Tensor) -> Tensor:
    """One step of all members; their losses before it, `[K]`."""
    if stepper.is_plain_descent and isinstance(program, StackedPerceptrons):
        return program.descend(inputs, targets, stepper.rate)
    losses = program.losses_and_gradients(inputs, targets)
    stepper.step(program.parameters, program.gradients)
    return losses


def _measured_step(
    program: Program, stepper: Stepper, inputs: Tensor, targets: Tensor
) -> tuple[Tensor, dict[str, NDArray[np.float64]]]:
    """The same, with the norms of gradient and update."""
    losses = program.losses_and_gradients(inputs, targets)
    gradient = _norms(program.gradients)
    before = [parameter.clone() for parameter in program.parameters]
    stepper.step(program.parameters, program.gradients)
    moved = [after - start for after, start in zip(program.parameters, before, strict=True)]
    return losses, {"gradient_norm": gradient, "update_norm": _norms(moved)}


def _norms(tensors: Sequence[Tensor]) -> NDArray[np.float64]:
    squares = sum(t.double().square().reshape(len(t), -1).sum(1) for t in tensors)
    found: NDArray[np.float64] = torch.as_tensor(squares).sqrt().numpy()
    return found


def _history(
    members: Sequence[Member],
    found: Sequence[Tensor],
    moments: Sequence[int],
    taken: Sequence[Measures],
) -> History:
    losses = np.array([step.double().numpy() for step in found]).reshape(-1, len(members))
    broken = ~np.isfinite(losses)
    diverged = np.where(broken.any(0), broken.argmax(0), -1)
    after = np.cumsum(broken, 0) > 0
    return History(
        np.where(after, np.nan, losses),
        np.array(moments),
        {name: np.stack([m[name] for m in taken]) for name in MEASURES} if taken else {},
        diverged,
    )

"""Trains members of one structure together, and keeps losses and measures of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lifesigns._errors import UsageError
from lifesigns.lab.engines.torch.batched_activations import is_function
from lifesigns.lab.engines.torch.examining import MEASURES, Measures, Program
from lifesigns.lab.engines.torch.modules import batched_or_separate
from lifesigns.lab.engines.torch.perceptrons import StackedPerceptrons
from lifesigns.lab.training.members import Member, stacks
from lifesigns.lab.training.trainers import lengths, trainer_of
from lifesigns.nets import MLP
from lifesigns.nets.data import Split

AT_A_TIME = 4096
"""Steps, summed over the members, between two reports of progress: well under a second."""


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
        """The history of some members only.

        Args:
            positions: Which members, in this order.
        """
        return History(
            self.losses[:, positions],
            self.steps,
            {name: values[:, positions] for name, values in self.measures.items()},
            self.diverged[positions],
        )


class Population:
    """Members of one structure in the middle of their training, each as if it were alone.

    Weights are drawn by the member's own seed through `recipe.network.build()`, the order of the
    samples by the same seed as in `nets.train`.

    Cost: memory for parameters, gradients and optimizer state of all members, and for one batch of
    activations of each; the caller bounds it by the number of members.
    """

    def __init__(self, members: Sequence[Member], data: Split, dtype: torch.dtype) -> None:
        """Builds the networks.

        Args:
            members: Recipes of one structure (`stacks` sorts them).
            data: Shapes `[samples, …]`.
            dtype: Of weights and inputs.

        Raises:
            UsageError: The members do not share a structure, or there is none.
        """
        self.program = _program(members, data, dtype)
        recipes = [member.recipe for member in members]
        samples = _as(data.inputs, dtype), _as(data.targets, dtype)
        held_out = _as(data.test_inputs, dtype), _as(data.test_targets, dtype)
        self._trainer = trainer_of(recipes, self.program, samples, held_out)
        self._test_targets = data.test_targets
        self._batches = -(-len(data.inputs) // recipes[0].batch_size)
        self._orders = _orders([member.seed for member in members], len(data.inputs))
        self._order, self._next = next(self._orders), 0
        self._moved: list[Tensor] = []

    def advance(self, steps: int) -> Iterator[Tensor]:
        """Trains and yields losses `[T, K]`, some steps at a time: about `AT_A_TIME` of members.

        Args:
            steps: How many, 0 for none; a new epoch begins where one ends.

        Yields:
            Together `steps` rows: T differs from one to the next.
        """
        most = max(1, AT_A_TIME // self.program.members)
        while steps:
            if self._next == self._batches:
                self._order, self._next = next(self._orders), 0
            stop = min(self._next + min(steps, most), self._batches)
            yield self._trainer.advance(self._order, range(self._next, stop))
            steps -= stop - self._next
            self._next = stop

    def measured_step(self) -> tuple[Tensor, Measures]:
        """One step: its losses `[1, K]`, and `MEASURES` after it."""
        if not self._moved:
            self._moved = [torch.empty_like(parameter) for parameter in self.program.parameters]
        pairs = list(zip(self._moved, self.program.parameters, strict=True))
        for moved, parameter in pairs:
            moved.copy_(parameter)
        (losses,) = self.advance(1)
        for moved, parameter in pairs:
            moved.sub_(parameter)
        norms = {
            "gradient_norm": self._trainer.gradient_norm.numpy(),
            "update_norm": lengths(self._moved).numpy(),
        }
        return losses, {**self.measure(), **norms}

    def measure(self) -> Measures:
        """`MEASURES` as the members are now; NaN for norms, which need a step."""
        unknown = np.full(self.program.members, np.nan)
        found = self._trainer.examine().measures(self._test_targets)
        return {**dict.fromkeys(MEASURES, unknown), **found}


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

    Args:
        members: Recipes of one structure.
        data: Shapes `[samples, …]`.
        steps: Training steps; `recipe.epochs` is not used.
        measured_at: Numbers of steps after which `MEASURES` are taken; about 20, evenly, and
            the beginning and the end by default.
        dtype: Of weights and inputs.
        progress: Called with the number of member-steps done since the last call.

    Raises:
        UsageError: The members do not share a structure, or there is none.
    """
    population = Population(members, data, dtype)
    wanted = _moments(steps) if measured_at is None else measured_at
    moments = sorted({moment for moment in wanted if moment <= steps})
    losses, taken, done = torch.empty(steps, len(members), dtype=torch.float64), [], 0
    for found, measures in _stretches(population, steps, moments):
        losses[done : done + len(found)] = found
        taken += measures
        done += len(found)
        if progress is not None:
            progress(found.numel())
    return _history(losses.numpy(), moments, taken)


def _stretches(
    population: Population, steps: int, moments: Sequence[int]
) -> Iterator[tuple[Tensor, list[Measures]]]:
    """Trains; yields losses `[T, K]` piece by piece, each with what was measured at its end."""
    done = 0
    if 0 in moments:
        yield torch.empty(0, population.program.members), [population.measure()]
    for moment in moments:
        if moment:
            yield from ((losses, []) for losses in population.advance(moment - 1 - done))
            losses, measures = population.measured_step()
            yield losses, [measures]
            done = moment
    yield from ((losses, []) for losses in population.advance(steps - done))


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


def _orders(seeds: Sequence[int], samples: int) -> Iterator[Tensor]:
    """The order of the samples in each epoch, `[K, N]`, without end; the memory is reused."""
    distinct = sorted(set(seeds))
    generators = [torch.Generator().manual_seed(seed) for seed in distinct]
    of_member = torch.tensor([distinct.index(seed) for seed in seeds])
    shuffled = torch.empty(len(distinct), samples, dtype=torch.int64)
    orders = torch.empty(len(seeds), samples, dtype=torch.int64)
    while True:
        for row, generator in zip(shuffled, generators, strict=True):
            torch.randperm(samples, generator=generator, out=row)
        yield torch.index_select(shuffled, 0, of_member, out=orders)


def _as(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _moments(steps: int) -> list[int]:
    return [round(x) for x in np.linspace(0, steps, min(steps, 20) + 1)]


def _history(
    losses: NDArray[np.float64], moments: Sequence[int], taken: Sequence[Measures]
) -> History:
    broken = ~np.isfinite(losses)
    diverged = np.where(broken.any(0), broken.argmax(0), -1)
    after = np.cumsum(broken, 0) > 0
    return History(
        np.where(after, np.nan, losses),
        np.array(moments),
        {name: np.stack([m[name] for m in taken]) for name in MEASURES} if taken else {},
        diverged,
    )

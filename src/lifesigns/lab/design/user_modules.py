"""The user's own torch modules as cells of a comparison."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from torch import nn

from lifesigns._errors import UsageError
from lifesigns.lab.design.design import FIRST_SEED, TUNING_SEEDS, Cell
from lifesigns.lab.training.members import Member
from lifesigns.lab.training.work_units import Given
from lifesigns.nets import Recipe
from lifesigns.nets.data import Split
from lifesigns.nets.optimizers import OPTIMIZERS
from lifesigns.nets.recipe import LOSSES, LossFunction

Factory = Callable[[], nn.Module]


@dataclass(frozen=True)
class Made:
    """A network that a function of the user's makes."""

    factory: Factory

    def build(self) -> nn.Module:
        """The module."""
        return self.factory()


@dataclass(frozen=True, eq=False)
class OwnModels:
    """Modules by name, trained alike: same data, loss, optimizer, rates to choose from and seeds.

    Raises:
        UsageError: There is no model or rate, a number is out of its range, or a name is unknown.
    """

    factories: Mapping[str, Factory]
    data: Split
    loss: str | LossFunction
    rates: tuple[float, ...]
    seeds: int
    steps: int
    batch_size: int
    optimizer: str
    chunk: int = 0

    def __post_init__(self) -> None:
        possible = all(math.isfinite(rate) and rate > 0 for rate in self.rates)
        if not (self.factories and self.rates and possible):
            raise UsageError("A comparison needs a model_factory, and learning rates above 0.")
        for name, least in (("seeds", 2), ("steps", 1), ("batch_size", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"{name} is {getattr(self, name)}; at least {least} are needed.")
        if isinstance(self.loss, str) and self.loss not in LOSSES:
            raise UsageError(f"There is no loss {self.loss!r}. Known: {', '.join(LOSSES)}.")
        if self.optimizer not in OPTIMIZERS:
            raise UsageError(
                f"There is no optimizer {self.optimizer!r}. Known: {', '.join(OPTIMIZERS)}."
            )

    def with_chunk(self, size: int) -> OwnModels:
        """The same in chunks of this size.

        Args:
            size: Members trained as one program; 0 has it tuned at the start.
        """
        return replace(self, chunk=size)

    def source(self, *, validation: bool = False) -> Given:
        """The data: to compare on, or those for tuning.

        Args:
            validation: Whether a part of the training samples is held out in place of the test
                samples.
        """
        return Given(self.data, validation)

    def cells(self) -> list[Cell]:
        """One for each model."""
        loss = self.loss if isinstance(self.loss, str) else getattr(self.loss, "__name__", "own")
        return [Cell("", "", loss, self.optimizer, name) for name in self.factories]

    def label(self, cell: Cell) -> str:
        """The name of the model.

        Args:
            cell: One of `cells()`.
        """
        return cell.model

    def recipe(self, cell: Cell, rate: float) -> Recipe:
        """One model at one rate.

        Args:
            cell: Names the model.
            rate: The learning rate.
        """
        return Recipe(
            Made(self.factories[cell.model]),
            self.loss,
            rate,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
        )

    def tuning(self, data: Split) -> Iterator[tuple[Cell, Member]]:
        """Each model at each rate, with the seeds kept for tuning.

        Args:
            data: Not used: a network of one's own fits its data as it is.
        """
        for cell, rate, seed in itertools.product(self.cells(), self.rates, range(TUNING_SEEDS)):
            yield cell, Member(self.recipe(cell, rate), seed)

    def comparison(self, rates: dict[Cell, float], data: Split) -> Iterator[tuple[Cell, Member]]:
        """Each model at its own rate, with fresh seeds shared by all.

        Args:
            rates: The tuned learning rate of each cell.
            data: Not used, as in `tuning`.
        """
        for cell, seed in itertools.product(self.cells(), range(self.seeds)):
            yield cell, Member(self.recipe(cell, rates[cell]), FIRST_SEED + seed)

    def untried(self) -> Iterator[str]:
        """What it leaves out, in sentences."""
        yield (
            f"{self.optimizer} only, {self.steps} steps, batches of {self.batch_size}, constant "
            "rates: more steps, a schedule or another optimizer may change the order."
        )

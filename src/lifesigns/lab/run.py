"""Carries a design out: tune the rate of each cell, then train every cell with fresh seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lifesigns.lab.design.design import Cell, Design
from lifesigns.lab.design.memory import require_memory
from lifesigns.lab.design.user_modules import OwnModels
from lifesigns.lab.training.baseline import Baseline
from lifesigns.lab.training.chunks import best_chunk, largest_chunk, speed
from lifesigns.lab.training.members import Member, stacks
from lifesigns.lab.training.population import History
from lifesigns.lab.training.work_units import Given, Shelf, Source, WorkUnit, work_units_of
from lifesigns.lab.training.workers import LocalWorkers, Workers
from lifesigns.nets.data import Split

LOOKS = 4
"""Structures of networks whose speed is measured beforehand."""

Plan = Design | OwnModels
P = TypeVar("P", Design, OwnModels)
Progress = Callable[[int, int], object]
"""Called with the member-steps done and those there are in all, as far as known."""


@dataclass(frozen=True, eq=False)
class CellResult:
    """What one cell did."""

    cell: Cell
    rates: tuple[float, ...]
    tuning: NDArray[np.float64]
    """Score on the validation samples, shape `[rates, tuning seeds]`; NaN where it diverged."""
    rate: float
    """The rate chosen by the mean of `tuning`."""
    scores: NDArray[np.float64]
    """Score on the test samples at that rate, shape `[seeds]`."""
    history: History
    """Of the comparison, one member for each seed."""

    @property
    def diverged(self) -> int:
        """How many of the compared members became non-finite."""
        return int((self.history.diverged >= 0).sum())

    @property
    def all_diverged(self) -> bool:
        """None of the compared members stayed finite."""
        return self.diverged == len(self.scores)

    @property
    def rate_at_edge(self) -> bool:
        """The best rate is the lowest or the highest tried: a better one may lie beyond."""
        return len(self.rates) > 1 and self.rate in (min(self.rates), max(self.rates))


@dataclass(frozen=True, eq=False)
class Outcome:
    """A design with the results of all its cells."""

    design: Plan
    """As it was carried out: `chunk` is the size that was used."""
    score: str
    """`accuracy` or `r2`: larger is better, on the samples held out."""
    results: tuple[CellResult, ...]
    baseline: Baseline
    """What the same samples give without learning."""


def run(
    design: P,
    *,
    workers: Workers | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
    on_design: Callable[[P], object] | None = None,
    on_price: Callable[[float], object] | None = None,
) -> Outcome:
    """Trains all that the design asks for.

    Args:
        design: What is compared.
        workers: This process by default.
        folder: Keeps what is done, so that a design that was interrupted goes on from there.
        progress: Told about the member-steps done.
        on_design: Told the design as it will be carried out, before the first work unit.
        on_price: Told about how many seconds it will take here; a look at that costs some tenths.

    Raises:
        UsageError: The data cannot be read, or do not suit the losses; or there is not enough
            memory for the design.
    """
    data = design.source().load()
    score = "accuracy" if data.classes else "r2"
    workers = workers or LocalWorkers()
    if isinstance(design, Design):
        require_memory(design, data, workers.jobs if isinstance(workers, LocalWorkers) else 1)
    design = design if design.chunk else design.with_chunk(_tuned_chunk(design, workers.jobs))
    if on_design is not None:
        on_design(design)
    if on_price is not None:
        on_price(_seconds(design, data, workers.jobs))
    desk = _Desk(design, workers, Shelf(folder) if folder else None, progress)
    tuned = desk.train(list(design.tuning(data)), design.source(validation=True))
    curves = {cell: _curve(design, tuned[cell], score) for cell in design.cells()}
    rates = {cell: design.rates[_best(curve)] for cell, curve in curves.items()}
    compared = desk.train(list(design.comparison(rates, data)), design.source())
    return Outcome(
        design,
        score,
        tuple(
            CellResult(
                cell,
                design.rates,
                curves[cell],
                rates[cell],
                compared[cell].measures[score][-1],
                compared[cell],
            )
            for cell in design.cells()
        ),
        Baseline.of(data),
    )


def _tuned_chunk(design: Plan, jobs: int) -> int:
    """One size for the whole design: that of its first stack, within the memory of all."""
    data = design.source().load()
    members = [member for _, member in design.tuning(data)]
    groups = [[members[i] for i in positions] for positions in stacks(members)]
    first = groups[0]
    best = best_chunk(first, data.for_loss(first[0].recipe.loss), jobs)
    return min(best, *(largest_chunk(group[0], data) for group in groups))


def _seconds(design: Plan, data: Split, jobs: int) -> float:
    """About how long a design takes on this machine, by a few steps of some of its networks."""
    members = [member for _, member in design.tuning(data)]
    groups = [[members[i] for i in positions] for positions in stacks(members)]
    looked_at = groups[:: max(1, len(groups) // LOOKS)]
    known = [
        1 / speed(group[: design.chunk], data.for_loss(group[0].recipe.loss)) for group in looked_at
    ]
    compared = len(list(design.cells())) * design.seeds
    return float(np.mean(known)) * design.steps * (len(members) + compared) / jobs


def _curve(design: Plan, history: History, score: str) -> NDArray[np.float64]:
    last = np.where(history.diverged >= 0, np.nan, history.measures[score][-1])
    curve: NDArray[np.float64] = last.reshape(len(design.rates), -1)
    return curve


def _best(curve: NDArray[np.float64]) -> int:
    """The rate with the best mean score; where a seed diverged only if all others did as well."""
    mean = curve.mean(1)
    return int(np.argmax(np.where(np.isfinite(mean), mean, -np.inf)))


@dataclass(frozen=True, eq=False)
class _Desk:
    """Hands out work units and sorts what comes back."""

    design: Plan
    workers: Workers
    shelf: Shelf | None
    progress: Progress | None

    def train(
        self, wanted: Sequence[tuple[Cell, Member]], source: Source | Given
    ) -> dict[Cell, History]:
        """The histories of the members of each cell, in the order in which they were asked for."""
        work_units = self._work_units([member for _, member in wanted], source)
        done = self._done(work_units)
        histories: dict[Member, History] = {}
        for work_unit in work_units:
            for position, member in enumerate(work_unit.members):
                histories[member] = done[work_unit].select([position])
        cells: dict[Cell, list[History]] = {}
        for cell, member in wanted:
            cells.setdefault(cell, []).append(histories[member])
        return {cell: joined(parts) for cell, parts in cells.items()}

    def _work_units(self, members: Sequence[Member], source: Source | Given) -> list[WorkUnit]:
        work_units: list[WorkUnit] = []
        for positions in stacks(members):
            group = [members[position] for position in positions]
            work_units += work_units_of(group, source, self.design.steps, self.design.chunk)
        return work_units

    def _done(self, work_units: Sequence[WorkUnit]) -> dict[WorkUnit, History]:
        kept = {one: self.shelf.get(one) if self.shelf else None for one in work_units}
        done = {work_unit: history for work_unit, history in kept.items() if history is not None}
        whole, steps = _steps(work_units), _steps(done)
        self._tell(steps, whole)
        for work_unit, history in self.workers.train([u for u in work_units if u not in done]):
            if self.shelf:
                self.shelf.put(work_unit, history)
            done[work_unit] = history
            steps += work_unit.size
            self._tell(steps, whole)
        return done

    def _tell(self, steps: int, whole: int) -> None:
        if self.progress is not None:
            self.progress(steps, whole)


def joined(parts: Sequence[History]) -> History:
    """Histories of the same steps side by side.

    Args:
        parts: Histories of different members.
    """
    return History(
        np.concatenate([part.losses for part in parts], 1),
        parts[0].steps,
        {
            name: np.concatenate([part.measures[name] for part in parts], 1)
            for name in parts[0].measures
        },
        np.concatenate([part.diverged for part in parts]),
    )


def _steps(work_units: Iterable[WorkUnit]) -> int:
    return sum(work_unit.size for work_unit in work_units)

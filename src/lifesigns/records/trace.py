"""A whole run: its snapshots, every loss, what watching cost, where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from lifesigns._errors import extra
from lifesigns.records import table
from lifesigns.records.evaluations import EvaluationPass
from lifesigns.records.loaders import Loader, StoredData
from lifesigns.records.loads import LatestSizes, Load, OwnLoad, Rewind
from lifesigns.records.long_momentum import LongMomentum
from lifesigns.records.readings import ParameterReading, Snapshot
from lifesigns.records.units import Floats, Ints

POOLED = -1
"""Stream of the losses that came after too many others to be told apart: it is never judged."""


@dataclass(frozen=True, eq=False)
class LossCurve:
    """The loss of every step, recorded or not; three arrays of equal length."""

    steps: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    values: Floats = field(default_factory=lambda: np.zeros(0, np.float64))
    streams: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def stream(self, number: int = 0) -> Floats:
        """Values of one stream in order; read-only.

        Args:
            number: Which loss of the program, counted from 0 in the order they first appeared.

        Returns:
            Shape `[steps]`; empty if there is no such stream.

        Example:
            >>> two = LossCurve(np.array([0, 0, 1]), np.array([2.3, 0.7, 2.2]), np.array([0, 1, 0]))
            >>> two.stream(0).tolist()
            [2.3, 2.2]
        """
        return self._by_stream.get(number, np.zeros(0, np.float64))

    @property
    def stream_count(self) -> int:
        """How many different losses were told apart."""
        return len(self.numbers)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the streams, in order."""
        return tuple(self._by_stream)

    @cached_property
    def _by_stream(self) -> dict[int, Floats]:
        numbers = [number for number in np.unique(self.streams).tolist() if number != POOLED]
        picked = {number: self.values[self.streams == number] for number in numbers}
        for values in picked.values():
            values.flags.writeable = False
        return picked


@dataclass(frozen=True, eq=False)
class RateCurve:
    """The learning rates of the optimizers' groups: one row for each change."""

    steps: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    """The step from which the rate was used."""
    groups: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    """Number of the group, counted through all optimizers."""
    values: Floats = field(default_factory=lambda: np.zeros(0, np.float64))
    targets: Floats = field(default_factory=lambda: np.zeros(0, np.float64))
    """By group: the full rate as a scheduler noted it in the group; NaN where none did."""

    def at(self, steps: Ints) -> Floats:
        """The rates of all groups, shape `[steps, groups]`; before a group's first step NaN.

        Args:
            steps: Numbers of steps, ascending.
        """
        rates = np.full((len(steps), len(self.targets)), np.nan)
        for group in range(len(self.targets)):
            own = self.groups == group
            place = np.searchsorted(self.steps[own], steps, side="right") - 1
            known = place >= 0
            rates[known, group] = self.values[own][place[known]]
        return rates


@dataclass(frozen=True)
class Plateau:
    """What the first `ReduceLROnPlateau` of a run was given."""

    rises: bool
    """Whether it waits for a rise (`mode="max"`)."""
    given: int
    """How often it was given a number."""
    first: float
    lowest: float
    highest: float
    latest: float
    samples: int = 0
    """The fewest samples that all numbers can be shares of, as accuracies are; 0 if none, or if
    too few numbers were given to tell."""


NO_RATES = RateCurve()
"""Those of a run without optimizers."""


@dataclass(frozen=True)
class Cost:
    """What watching cost, measured in this very run, in seconds of wall time."""

    watching: float = 0.0
    """Time spent inside lifesigns."""
    training: float = 0.0
    """Time from the first forward pass to the end, without `watching`."""
    first_steps: float = 0.0
    """Of `watching`, what the first steps took, which are always recorded."""
    idle_steps: float = 0.0
    """Of `watching`, what the steps took that were not recorded."""
    recordings: float = 0.0
    """Of `watching`, what the other recorded steps took."""
    judging: float = 0.0
    """Time the rules took when the training was over; no part of `watching`."""

    @property
    def overhead(self) -> float:
        """Watching as a share of training; 0 before anything was trained."""
        return self.watching / self.training if self.training > 0 else 0.0


@dataclass(frozen=True)
class RunInfo:
    """Where a trace comes from."""

    command: str = ""
    started: str = ""
    """UTC, ISO 8601."""
    versions: Mapping[str, str] = field(default_factory=dict)
    outcome: str = "running"
    """`running`, `finished`, `interrupted`, or `failed: <exception>`."""
    arguments: tuple[str, ...] = ()
    """`command` as separate words; empty where the run was not started by `lifesigns run`."""
    folder: str = ""
    """The working directory, with which `command` can be run again."""
    options: Mapping[str, str] = field(default_factory=dict)
    """How it was watched: options of `lifesigns run` without the dashes, such as `every`."""
    rank: int = 0
    """Which of the processes that trained together this one was."""
    ranks: int = 1
    """How many they were."""


@dataclass(frozen=True, eq=False)
class Trace:
    """A run's snapshots in order, with the loss of every step."""

    snapshots: tuple[Snapshot, ...] = ()
    losses: LossCurve = field(default_factory=LossCurve)
    steps: int = 0
    """Completed cycles (every known optimizer has stepped), recorded or not."""
    optimizers: tuple[str, ...] = ()
    """Class names of the optimizers seen."""
    unreached: tuple[ParameterReading, ...] = ()
    """Parameters that an optimizer holds and that stood still, without a gradient, in every
    recorded step: no recorded graph contained them, and they belong to no watched network."""
    left_out: tuple[ParameterReading, ...] = ()
    """Tensors that are no parameters, have a gradient that nothing clears, are used as weights are
    (no dimension of samples), and stood still in every recorded step: no optimizer holds them."""
    idle: tuple[str, ...] = ()
    """Class names of the optimizers that hold what is watched and made no step."""
    standing: tuple[str, ...] = ()
    """Class names of the copies of a trained network that ran beside it, and are at the end as they
    were made: equal to it to the bit, with weights as torch draws them."""
    bare_averages: tuple[str, ...] = ()
    """Class names of the copies of a trained network whose weights had moved at their latest
    evaluation, while their running statistics were mean 0 and variance 1, as they are made."""
    loads: tuple[Load, ...] = ()
    """Checkpoints that were loaded and of which less than half was taken, or most was written over
    before training, the first of them."""
    rounded_eps: tuple[str, ...] = ()
    """Class names of the optimizers whose eps is 0 in the float16 of their parameters."""
    long_momenta: tuple[LongMomentum, ...] = ()
    """Optimizers like Adam whose momentum has a longer memory than their scale, each once."""
    weight_decay: float = float("nan")
    """The largest weight decay that any group of an optimizer began with; NaN where one has no such
    setting, or no optimizer is known."""
    sizes: LatestSizes | None = None
    """The sizes of the weights before the latest evaluation, or at the end of a run whose network
    is still there; None where nothing was looked at."""
    rewind: Rewind | None = None
    """The load that brought back the weights from before the first step; None where there was
    none, or more than one."""
    own_load: OwnLoad | None = None
    """The first load that gave a network its own tensors, trained since they were taken."""
    loaders: tuple[Loader, ...] = ()
    """What the run was seen to ask for batches, the first of them."""
    stored: tuple[StoredData, ...] = ()
    """What data sets hold, where it was changed from one epoch to the next."""
    rates: RateCurve = NO_RATES
    """The learning rates, read at every step."""
    plateau: Plateau | None = None
    """What a schedule that waits for a plateau was given; None where there was none."""
    evaluated: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    """Steps after which a network that is trained was put in evaluation mode (`model.eval()`), at
    most about a thousand of them."""
    evaluations: tuple[EvaluationPass, ...] = ()
    """How networks that are trained were evaluated: the first passes of each place in the program
    that makes any."""
    unseen: tuple[str, ...] = ()
    """What could not be watched at all, in sentences for the coverage line."""
    severed: int = 0
    """Backward passes from a loss that no operation led to: nothing could get a gradient."""
    cost: Cost = field(default_factory=Cost)
    info: RunInfo = field(default_factory=RunInfo)
    recorded: int = 0
    """Steps that were recorded, where not all of their snapshots were kept; 0 if they were."""

    @property
    def is_blank(self) -> bool:
        """Whether nothing of a training was seen, nor of what precedes one."""
        seen = self.snapshots, self.steps, self.severed, len(self.losses.steps), len(self.evaluated)
        held = self.optimizers, self.idle, self.loads, self.loaders, self.stored, self.evaluations
        return not any((*seen, *held))

    @property
    def recorded_steps(self) -> int:
        """Number of different steps with at least one snapshot."""
        return len({snapshot.step for snapshot in self.snapshots})

    def stream(self, number: int = 0) -> tuple[Snapshot, ...]:
        """The snapshots of one loss.

        Args:
            number: Which loss of the program, counted from 0 in the order they first appeared.

        Returns:
            In the order of training; empty if there is no such stream.
        """
        return self._by_stream.get(number, ())

    @property
    def recorded_streams(self) -> tuple[int, ...]:
        """The numbers of the losses that have snapshots, in order."""
        return tuple(self._by_stream)

    def rows(self) -> list[dict[str, Any]]:
        """The trace as a table: one row for each recorded step and place.

        Returns:
            Dictionaries with the same keys: `step`, `site`, `dead_share`, `update_ratio`, …
            (`lifesigns.records.table` says what each means); NaN where something was not measured.

        Example:
            >>> from lifesigns.rules.testing import chain, snapshot
            >>> Trace((snapshot(chain("linear", "relu")),), steps=1).rows()
            []
        """
        return table.rows(self.snapshots)

    def to_frame(self) -> Any:
        """`rows()` as a `pandas.DataFrame`.

        Raises:
            MissingExtraError: The extra `pandas` is not installed.
        """
        with extra("pandas"):
            import pandas
        return pandas.DataFrame(self.rows(), columns=list(table.COLUMNS))

    @cached_property
    def _by_stream(self) -> dict[int, tuple[Snapshot, ...]]:
        numbers = {snapshot.stream for snapshot in self.snapshots} - {POOLED}
        return {n: tuple(s for s in self.snapshots if s.stream == n) for n in sorted(numbers)}

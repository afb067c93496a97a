"""A factorial design: every combination of the given factors, with rates to tune and seeds.

A *cell* is one combination without learning rate and seed. Rates are tuned for each cell by
itself before cells are compared: at one common rate the comparison would be about the rate.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from typing import Any

from lifesigns._errors import UsageError, cut, shown
from lifesigns.lab.training.members import Member
from lifesigns.lab.training.work_units import Source
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.data import DATA, Split
from lifesigns.nets.mlp import ACTIVATION_MODULES, INITIALISERS
from lifesigns.nets.optimizers import OPTIMIZERS
from lifesigns.nets.recipe import LOSSES

TUNING_SEEDS = 3
FIRST_SEED = 1000
"""Seeds of the comparison start here: none of them has been used for tuning."""
MOST = 10**9
"""Of anything that is counted: more than can be trained, and a number the C program can hold."""
MOST_LAYERS = 1000
LINEAR = "none"
"""The word for no activation at all."""


@dataclass(frozen=True)
class Cell:
    """One combination of what is compared."""

    activation: str
    initialiser: str
    loss: str
    optimizer: str
    model: str = ""
    """The name of a network of one's own, in place of activation and initialiser."""

    @property
    def factors(self) -> dict[str, str]:
        """The level of every factor there is."""
        return {factor: level for factor, level in asdict(self).items() if level}


@dataclass(frozen=True)
class Design:
    """What is to be compared, on which data, and how long each network is trained.

    Raises:
        UsageError: A name is unknown, a number is out of its range; the message says which.
    """

    data: str
    """A name `nets.data.load` knows, or a path."""
    target: str | None = None
    hidden: tuple[int, ...] = (64, 64)
    activations: tuple[str, ...] = ("relu",)
    initialisers: tuple[str, ...] = ("he_normal",)
    losses: tuple[str, ...] = ("cross_entropy",)
    optimizers: tuple[str, ...] = ("sgd",)
    rates: tuple[float, ...] = (0.001, 0.01, 0.1, 1.0)
    seeds: int = 8
    steps: int = 500
    batch_size: int = 32
    momentum: float = 0.0
    weight_decay: float = 0.0
    chunk: int = 0
    """Members trained as one program; 0 has it tuned at the start."""

    def __post_init__(self) -> None:
        self._require_names()
        for rate in self.rates:
            if not (math.isfinite(rate) and rate > 0):
                raise UsageError(f"{rate:g} is no learning rate; a number above 0 is expected.")
        for name, least in (("seeds", 2), ("steps", 1), ("batch_size", 1), ("chunk", 0)):
            value = getattr(self, name)
            if not least <= value <= MOST:
                raise UsageError(f"{name} is {shown(value)}; {least} to {MOST:,} are possible.")
        if not 0 <= self.momentum < 1:
            raise UsageError(f"momentum is {self.momentum:g}; 0 or more, and below 1, is expected.")
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise UsageError(f"weight_decay is {self.weight_decay:g}; 0 or more is expected.")
        self._require_layers()

    def _require_names(self) -> None:
        for kind, names, known in (
            ("activation", self.activations, (LINEAR, *ACTIVATION_MODULES)),
            ("initialiser", self.initialisers, INITIALISERS),
            ("loss", self.losses, LOSSES),
            ("optimizer", self.optimizers, OPTIMIZERS),
        ):
            for name in names:
                _require_known(kind, name, known)
        for name in ("activations", "initialisers", "losses", "optimizers", "rates"):
            levels = getattr(self, name)
            if not levels:
                raise UsageError(f"The design names no {name}; at least one is needed.")
            if len(set(levels)) < len(levels):
                twice, _ = Counter(levels).most_common(1)[0]
                raise UsageError(f"The design names {twice} twice in {name}; once is enough.")
        if self.target is not None and self.data in DATA:
            raise UsageError(
                f"{self.data} has its own targets, so target = {shown(self.target)} says nothing; "
                "a target is the column of a CSV file."
            )

    def _require_layers(self) -> None:
        if len(self.hidden) > MOST_LAYERS:
            raise UsageError(
                f"The network has {len(self.hidden):,} hidden layers; at most {MOST_LAYERS:,} are "
                "possible."
            )
        for width in self.hidden:
            if not 1 <= width <= MOST:
                raise UsageError(
                    f"A layer cannot be {shown(width)} wide; 1 to {MOST:,} are possible."
                )

    def source(self, *, validation: bool = False) -> Source:
        """The data: to compare on, or those for tuning.

        Args:
            validation: Whether the test samples are replaced by a part of the training samples.
        """
        return Source(self.data, self.target, validation=validation)

    def with_chunk(self, size: int) -> Design:
        """The same design in chunks of this size.

        Args:
            size: Members trained as one program; 0 has it tuned at the start.
        """
        return replace(self, chunk=size)

    def untried(self) -> Iterator[str]:
        """What it leaves out, in sentences."""
        for kind, tried, known in (
            ("activations", self.activations, ACTIVATION_MODULES),
            ("initialisers", self.initialisers, INITIALISERS),
            ("optimizers", self.optimizers, OPTIMIZERS),
        ):
            left = sorted(set(known) - set(tried))
            if left:
                names = ", ".join(left[:4]) + (", …" if len(left) > 4 else "")
                yield f"{len(left)} of {len(known)} {kind} were not tried: {names}."
        shape = "-".join(map(str, self.hidden)) or "no hidden layer"
        yield (
            f"One network shape ({shape}), {self.steps} steps, batches of {self.batch_size}, "
            "constant rates: another shape, more steps or a schedule may change the order."
        )

    def cells(self) -> list[Cell]:
        """Every combination, in the order in which the factors were given."""
        factors = (self.activations, self.initialisers, self.losses, self.optimizers)
        return [Cell(*combination) for combination in itertools.product(*factors)]

    def label(self, cell: Cell) -> str:
        """The factors of a cell that differ within the design, in one line.

        Args:
            cell: One combination of the factors.
        """
        levels = {
            "activation": self.activations,
            "initialiser": self.initialisers,
            "loss": self.losses,
            "optimizer": self.optimizers,
        }
        varying = [name for name, tried in levels.items() if len(tried) > 1] or ["activation"]
        return " · ".join(getattr(cell, name) for name in varying)

    def recipe(self, cell: Cell, rate: float, data: Split) -> Recipe:
        """The recipe of one cell at one rate, shaped for the data.

        Args:
            cell: One combination of the factors.
            rate: The learning rate.
            data: Gives the number of inputs and of outputs.
        """
        activation = None if cell.activation == LINEAR else cell.activation
        network = MLP(
            data.features, self.hidden, data.outputs, activation, initialiser=cell.initialiser
        )
        return Recipe(
            network,
            cell.loss,
            rate,
            batch_size=self.batch_size,
            optimizer=cell.optimizer,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )

    def tuning(self, data: Split) -> Iterator[tuple[Cell, Member]]:
        """Each cell at each rate, with the seeds kept for tuning.

        Args:
            data: Gives the number of inputs and of outputs.

        Returns:
            Each network with the cell it belongs to.
        """
        for cell, rate, seed in itertools.product(self.cells(), self.rates, range(TUNING_SEEDS)):
            yield cell, Member(self.recipe(cell, rate, data), seed)

    def comparison(self, rates: dict[Cell, float], data: Split) -> Iterator[tuple[Cell, Member]]:
        """Each cell at its own rate, with fresh seeds shared by all cells.

        Args:
            rates: The rate of each cell, in the order of the cells.
            data: Gives the number of inputs and of outputs.
        """
        for cell, seed in itertools.product(self.cells(), range(self.seeds)):
            yield cell, Member(self.recipe(cell, rates[cell], data), FIRST_SEED + seed)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as in a TOML file."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Design:
        """The design of a TOML file.

        Args:
            values: What stands in the file; what is left out takes its default, lists become
                tuples.

        Raises:
            UsageError: A key is unknown or a value has the wrong type.
        """
        known = {field.name: field for field in fields(cls)}
        for key, value in values.items():
            _require_known("setting", key, tuple(known))
            if not _is_like(value, known[key].default, key):
                raise UsageError(
                    f"{cut(key)} = {shown(value)} is not what a design expects there: "
                    f"{_expected(known[key].default, key)}."
                )
        if "data" not in values:
            raise UsageError("The design names no data; add a line such as data = 'digits'.")
        settings: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**settings)


def logarithmic(low: float, high: float, count: int = 0) -> tuple[float, ...]:
    """Rates from low to high in equal ratios; two per factor of ten by default.

    Args:
        low: The lowest rate, above 0.
        high: The highest rate, included.
        count: How many; 0 for two per factor of ten.

    Example:
        >>> logarithmic(0.01, 1)
        (0.01, 0.0316228, 0.1, 0.316228, 1.0)
    """
    count = count or 1 + max(1, round(2 * (math.log10(high) - math.log10(low))))
    # In logarithms: the ratio of two numbers can be more than a number holds.
    first, width = math.log10(low), (math.log10(high) - math.log10(low)) / (count - 1)
    inner = [float(f"{10 ** (first + width * i):.6g}") for i in range(1, count - 1)]
    return (float(f"{low:.6g}"), *inner, float(f"{high:.6g}"))


def _is_like(value: Any, default: Any, key: str) -> bool:
    if isinstance(default, tuple):
        return isinstance(value, list) and all(_is_like(each, default[0], "") for each in value)
    if key == "data" or default is None:
        return _is_text(value)
    if isinstance(default, str):
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    whole = isinstance(value, int)
    return abs(value) <= MOST if whole else not isinstance(default, int)


def _is_text(value: Any) -> bool:
    """Whether it can be written into the files of a lab, and be the name of a file."""
    try:
        return isinstance(value, str) and b"\0" not in value.encode()
    except UnicodeEncodeError:  # bytes of the command line that are no UTF-8
        return False


def _expected(default: Any, key: str) -> str:
    """What a setting is to be, in words."""
    if isinstance(default, tuple):
        return f"a list, such as {list(default)}"
    if key == "data" or default is None:
        return "a text, such as 'digits'"
    return f"a number, such as {default}"


def _require_known(kind: str, name: str, known: Iterable[str]) -> None:
    known = tuple(known)
    if name in known:
        return
    near = get_close_matches(name, known, n=2, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(sorted(known))}."
    raise UsageError(f"There is no {kind} {shown(name)}. {hint}")

"""What a program of this collection is: a training loop, and the measure by which it learns.

A healthy program is unusual and learns; lifesigns must leave it alone. A faulty program has a flag
`fixed`: without it the program does not learn for one known cause, with it it learns.
"""

import importlib.util
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import torch


@dataclass(frozen=True)
class Program:
    """A training loop and how to tell that it learnt."""

    train: Callable[..., float]
    """Trains and returns the measure; every random number comes from torch's default generator."""
    measure: str
    at_least: float | None = None
    at_most: float | None = None
    causes: tuple[str, ...] = ()
    """The causes a report on it may lead with; empty for a healthy program."""
    leads: bool = True
    """Whether the cause is expected to come first, not merely among the first three."""
    needs: str = ""
    """A package without which it cannot run, and which the tests do not install."""

    @property
    def name(self) -> str:
        return self.train.__name__

    @property
    def kind(self) -> str:
        """The programs of one file are of one kind, and it is named after that."""
        return self.train.__module__.rpartition(".")[2]

    @property
    def story(self) -> str:
        """What is unusual or wrong about it: the docstring as one paragraph."""
        return " ".join((self.train.__doc__ or "").split())

    @property
    def goal(self) -> str:
        bound = f"≥ {self.at_least:g}" if self.at_most is None else f"≤ {self.at_most:g}"
        return f"{self.measure} {bound}"

    def run(self, seed: int = 0, **flags: bool) -> float:
        """Trains from a fixed seed on one thread and returns the measure."""
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        return float(self.train(**flags))

    @property
    def runnable(self) -> bool:
        return not self.needs or importlib.util.find_spec(self.needs) is not None

    def learnt(self, value: float) -> bool:
        """Whether the measure says that it learnt; NaN says that it did not."""
        return value <= self.at_most if self.at_least is None else value >= self.at_least


def healthy(measure, **bound):
    """Makes a program of a training loop that learns."""
    return lambda train: Program(train, measure, **bound)


def faulty(measure, *, causes, leads=True, needs="", **bound):
    """Makes a program of a training loop that learns only with `fixed=True`."""
    return lambda train: Program(train, measure, causes=causes, leads=leads, needs=needs, **bound)


def programs_of(package: ModuleType) -> list[Program]:
    """The programs of all files of a package, in the order in which they are written."""
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    modules = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    return [p for module in modules for p in vars(module).values() if isinstance(p, Program)]

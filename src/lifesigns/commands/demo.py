"""The demonstration: one small network, six ways to spoil it, and what lifesigns says to each.

Every fault differs from the healthy recipe in what a person might really write. The data are the
1797 handwritten digits that come with scikit-learn, half of them as negatives: without those a
linear model is as good as any, and the fault of having only linear layers could not show.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch
from rich.console import Console, ConsoleRenderable
from rich.padding import Padding
from rich.text import Text
from torch import Tensor, nn
from torch.nn.functional import one_hot

from lifesigns._errors import UsageError, extra
from lifesigns.locale.spoken import said
from lifesigns.nets import MLP, Recipe, accuracy, train
from lifesigns.records import Finding
from lifesigns.report import Report
from lifesigns.report.progress import Progress, spell
from lifesigns.report.terminal import INDENT, console_for, prose, write
from lifesigns.report.verdict import alarms
from lifesigns.watch import watch

with extra("lab"):
    from sklearn.datasets import load_digits

NETWORK = MLP(64, (64, 64), 10)
HEALTHY = Recipe(NETWORK, "cross_entropy")
HELD_OUT = 397
"""Digits kept for the accuracy, of 1797."""
PROBED, JUDGING = 10, 0.5
"""Steps that tell how long a training will take; and seconds to judge it."""
LONG = 3.0
"""Seconds from which that is said."""


@dataclass(frozen=True)
class Fault:
    """One way to spoil the healthy recipe."""

    name: str
    what: str
    recipe: Recipe


FAULTS = (
    Fault(
        "zero-init",
        "every weight starts at zero",
        replace(HEALTHY, network=replace(NETWORK, initialiser="zeros")),
    ),
    Fault(
        "dead-relu",
        "ReLU, and a learning rate of 5",
        replace(HEALTHY, learning_rate=5.0),
    ),
    Fault(
        "saturated",
        "ten tanh layers, weights drawn from N(0, 1)",
        replace(
            HEALTHY,
            network=MLP(64, (64,) * 10, 10, activation="tanh", initialiser="standard_normal"),
        ),
    ),
    Fault(
        "double-softmax",
        "a softmax before a loss that applies its own",
        replace(HEALTHY, network=replace(NETWORK, output_activation="softmax")),
    ),
    Fault(
        "linear",
        "no activation between the layers",
        replace(HEALTHY, network=replace(NETWORK, activation=None)),
    ),
    Fault(
        "mse-sigmoid",
        "squared error on sigmoids that start confidently wrong",
        replace(
            HEALTHY,
            network=replace(NETWORK, output_activation="sigmoid", initialiser="standard_normal"),
            loss="squared_error",
        ),
    ),
    Fault("none", "nothing: this one is healthy", HEALTHY),
)


@dataclass(frozen=True)
class Outcome:
    """What came of one training."""

    fault: Fault
    report: Report
    accuracy: float
    """On the held-out digits."""

    @property
    def alarms(self) -> list[Finding]:
        """The findings that are more than notes, most probable root cause first."""
        return alarms(self.report.findings)


@dataclass(frozen=True)
class Digits:
    """Handwritten digits, some light on dark, some dark on light, and a part of them held out.

    Inputs have shape `[samples, 64]`, a pixel from -1 to 1.
    """

    inputs: Tensor
    labels: Tensor
    held_out_inputs: Tensor
    held_out_labels: Tensor

    @classmethod
    def load(cls, seed: int) -> Digits:
        """The digits that come with scikit-learn; `seed` says which are held out or negative.

        Args:
            seed: The same seed gives the same split and the same signs.
        """
        bundle, random = load_digits(), torch.Generator().manual_seed(seed)
        order = torch.randperm(len(bundle.data), generator=random)
        sign = 1 - 2 * torch.randint(2, (len(bundle.data), 1), generator=random)
        inputs = sign * torch.tensor(bundle.data / 8 - 1, dtype=torch.float32)[order]
        labels = torch.tensor(bundle.target)[order]
        return cls(inputs[HELD_OUT:], labels[HELD_OUT:], inputs[:HELD_OUT], labels[:HELD_OUT])

    def targets(self, loss: object) -> Tensor:
        """The training labels in the form that `loss` compares with: one-hot rows or indices.

        Args:
            loss: A name from `nets.LOSSES`.

        Returns:
            Indices `[samples]` for cross-entropy, rows `[samples, 10]` for all others.
        """
        return self.labels if loss == "cross_entropy" else one_hot(self.labels, 10).float()


def demo(fault: str | None = None, seed: int = 0, console: Console | None = None) -> int:
    """Train, watch and report: one fault with its whole report, or all of them as a table.

    Args:
        fault: A name from `FAULTS`; None for all.
        seed: Seed of the split, the initialisation and the order of the samples.
        console: Where to print; standard output by default.

    Returns:
        The exit code, 0.

    Raises:
        UsageError: There is no fault of this name.
    """
    console = console or console_for(sys.stdout)
    outcomes = run(_faults(fault), seed)
    if fault is None:
        write(console, lambda: _print_table(console, outcomes))
    else:
        outcomes[0].report.print(console.file)
        accuracy = f"Accuracy on held-out digits: {outcomes[0].accuracy:.3f}"
        write(console, lambda: console.print(prose(console, said(accuracy))))
    return 0


def run(faults: Sequence[Fault], seed: int) -> list[Outcome]:
    """Train each fault's recipe under watch, and say on standard error how far that is.

    Args:
        faults: Trained one after the other, all with the same data and seed.
        seed: Of the split, the initialisation and the order of the samples.
    """
    torch.set_num_threads(1)  # a network this small is slower on several
    digits = Digits.load(seed)
    with Progress("demo") as progress:
        seconds = sum(_seconds(fault, digits, seed) for fault in faults)
        if seconds > LONG:
            number = len(faults)
            progress.say(f"{number} trainings, about {spell(seconds)} on this machine.")
        return [
            _run(
                fault,
                digits,
                seed,
                lambda share, at=at, name=fault.name: progress.at(  # type: ignore[misc]
                    name, at + share, len(faults)
                ),
            )
            for at, fault in enumerate(faults)
        ]


def _seconds(fault: Fault, digits: Digits, seed: int) -> float:
    """How long a training will take, by its first steps."""
    steps, whole = _training(fault, digits, seed)[1:]
    next(steps)  # the first one is slower than all others
    begin = time.perf_counter()
    for _ in islice(steps, PROBED):
        pass
    return (time.perf_counter() - begin) / PROBED * whole + JUDGING


def _training(
    fault: Fault, digits: Digits, seed: int
) -> tuple[tuple[nn.Module, torch.optim.Optimizer], Iterator[float], int]:
    """A model with its optimizer, its steps, which train it as they are asked for; how many."""
    torch.manual_seed(seed)
    recipe = fault.recipe
    model = recipe.network.build()
    optimizer = torch.optim.SGD(model.parameters(), lr=recipe.learning_rate)
    targets = digits.targets(recipe.loss)
    steps = train(recipe, model, optimizer, digits.inputs, targets, seed)
    return (model, optimizer), steps, recipe.steps(len(targets))


def _run(fault: Fault, digits: Digits, seed: int, tell: Callable[[float], object]) -> Outcome:
    (model, optimizer), steps, whole = _training(fault, digits, seed)
    with watch(model, optimizer) as watcher:
        for step, _ in enumerate(steps):
            tell(step / whole)
    return Outcome(
        fault, watcher.report, accuracy(model, digits.held_out_inputs, digits.held_out_labels)
    )


def _faults(name: str | None) -> tuple[Fault, ...]:
    chosen = tuple(fault for fault in FAULTS if name in (None, fault.name))
    if not chosen:
        known = ", ".join(fault.name for fault in FAULTS)
        raise UsageError(f"There is no fault {name!r} to demonstrate. Choose one of {known}.")
    return chosen


def _print_table(console: Console, outcomes: Sequence[Outcome]) -> None:
    """One below the other, so that nothing is cut off, however narrow the terminal is."""
    console.print(prose(console, said("Ten-class handwritten digits, half of them as negatives:")))
    for outcome in outcomes:
        what, accuracy = said(outcome.fault.what), said(f"accuracy {outcome.accuracy:.3f}")
        console.print()
        console.print(Text.assemble((outcome.fault.name, "bold"), f"  {accuracy}"))
        console.print(_indented(console, what))
        console.print(_found(console, outcome))
    console.print()
    console.print(prose(console, said("One of them in full: lifesigns demo --fault zero-init")))
    console.print(prose(console, said("What a name means: lifesigns explain symmetric-units")))


def _found(console: Console, outcome: Outcome) -> ConsoleRenderable:
    rules = list(dict.fromkeys(finding.rule for finding in outcome.alarms))
    if not rules:
        return _indented(console, said("found: nothing"), "green")
    return _indented(console, said(f"found: {', '.join(rules)}"), "red")


def _indented(console: Console, text: str, style: str = "") -> ConsoleRenderable:
    shown = prose(console, text, INDENT)
    shown.stylize(style)
    return Padding(shown, (0, 0, 0, INDENT))

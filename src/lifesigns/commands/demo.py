"""The demonstration: one small network, six ways to spoil it, and what lifesigns says to each.

Every fault differs from the healthy recipe in what a person might really write. The data are the
1797 handwritten digits that come with scikit-learn, half of them as negatives: without those a
linear model is as good as any, and the fault of having only linear layers could not show.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from torch import Tensor
from torch.nn.functional import one_hot

from lifesigns._errors import UsageError, extra
from lifesigns.nets import MLP, Recipe, accuracy, train
from lifesigns.records import Finding
from lifesigns.report import Report
from lifesigns.report.terminal import console_for
from lifesigns.report.verdict import alarms
from lifesigns.watch import watch

with extra("lab"):
    from sklearn.datasets import load_digits

NETWORK = MLP(64, (64, 64), 10)
HEALTHY = Recipe(NETWORK, "cross_entropy")
HELD_OUT = 397
"""Digits kept for the accuracy, of 1797."""


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
    outcomes = run(_faults(fault), seed, console)
    if fault is None:
        console.print(_table(outcomes))
        console.print(
            "One of them in full: [bold]lifesigns demo --fault zero-init[/]. "
            "What a name means: [bold]lifesigns explain symmetric-units[/]."
        )
    else:
        outcomes[0].report.print(console.file)
        console.print(f"Accuracy on held-out digits: {outcomes[0].accuracy:.3f}")
    return 0


def run(faults: Iterable[Fault], seed: int, console: Console) -> list[Outcome]:
    """Train each fault's recipe under watch, with a progress bar on `console`.

    Args:
        faults: Trained one after the other, all with the same data and seed.
        seed: Of the split, the initialisation and the order of the samples.
        console: The bar is drawn only on a terminal, and is gone afterwards.
    """
    torch.set_num_threads(1)  # a network this small is slower on several
    digits = Digits.load(seed)
    columns = (TextColumn("{task.description:14}"), BarColumn(), MofNCompleteColumn())
    shown = console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
        return [_run(fault, digits, seed, progress) for fault in faults]


def _run(fault: Fault, digits: Digits, seed: int, progress: Progress) -> Outcome:
    torch.manual_seed(seed)
    recipe = fault.recipe
    model = recipe.network.build()
    optimizer = torch.optim.SGD(model.parameters(), lr=recipe.learning_rate)
    targets = digits.targets(recipe.loss)
    steps = train(recipe, model, optimizer, digits.inputs, targets, seed)
    with watch(model, optimizer) as watcher:
        for _ in progress.track(steps, recipe.steps(len(targets)), description=fault.name):
            pass
    return Outcome(
        fault, watcher.report, accuracy(model, digits.held_out_inputs, digits.held_out_labels)
    )


def _faults(name: str | None) -> tuple[Fault, ...]:
    chosen = tuple(fault for fault in FAULTS if name in (None, fault.name))
    if not chosen:
        known = ", ".join(fault.name for fault in FAULTS)
        raise UsageError(f"There is no fault {name!r} to demonstrate. Choose one of {known}.")
    return chosen


def _table(outcomes: Iterable[Outcome]) -> Table:
    table = Table(title="Ten-class handwritten digits, half of them as negatives")
    table.add_column("fault", no_wrap=True)
    table.add_column("what it is")
    table.add_column("what lifesigns found")
    table.add_column("accuracy", justify="right")
    for outcome in outcomes:
        fault = outcome.fault
        table.add_row(fault.name, fault.what, _found(outcome), f"{outcome.accuracy:.3f}")
    return table


def _found(outcome: Outcome) -> str:
    if not outcome.alarms:
        return "[green]nothing[/]"
    first, *others = dict.fromkeys(finding.rule for finding in outcome.alarms)
    return ", ".join([f"[bold red]{first}[/]", *others])

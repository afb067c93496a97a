"""What two runs were started with and made of, as far as a run file tells: texts side by side.

The program's source is not in a run file, so it is not compared; its command line and the versions
of what it runs on are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from lifesigns.records import Trace

MOST_GROUPS = 8
"""Groups of parameters whose rates are compared."""


@dataclass(frozen=True)
class Setting:
    """One setting of both runs."""

    group: str
    """`command`, `training` or `versions`."""
    name: str
    first: str | None
    """None where the run does not have it."""
    other: str | None

    @property
    def is_same(self) -> bool:
        """Whether both runs have the same."""
        return self.first == self.other


def settings(first: Trace, other: Trace) -> tuple[Setting, ...]:
    """All settings that either run has.

    Args:
        first: Of any length.
        other: Likewise.
    """
    return tuple(
        Setting(group, name, ours.get(name), theirs.get(name))
        for group, ours, theirs in (
            ("command", options(first.info.command), options(other.info.command)),
            ("training", dict(_training(first)), dict(_training(other))),
            ("versions", first.info.versions, other.info.versions),
        )
        for name in dict.fromkeys([*ours, *theirs])
    )


def options(command: str) -> Mapping[str, str]:
    """The words of a command line by what they are for.

    Args:
        command: As a run file has it, with a blank between words, whatever is in them.

    Returns:
        `program`, `arguments`, and each option with its value: empty for a flag.

    Example:
        >>> dict(options("train.py data --lr 0.1 --wide --seed=-3"))
        {'program': 'train.py', 'arguments': 'data', '--lr': '0.1', '--wide': 'given', '--seed': '-3'}
    """  # noqa: E501
    found: dict[str, list[str]] = {}
    words = command.split()
    program = words[:2] if words[:1] == ["-m"] else words[:1]
    if program:
        found["program"] = [" ".join(program)]
    option = "arguments"
    for word in words[len(program) :]:
        if _is_option(word):
            option, equals, value = word.partition("=")
            found.setdefault(option, []).extend([value] if equals else [])
            option = "arguments" if equals else option
        else:
            found.setdefault(option, []).append(word)
            option = "arguments"
    return {name: " ".join(values) or "given" for name, values in found.items()}


def _is_option(word: str) -> bool:
    """A negative number is a value."""
    return re.match(r"--?[^\W\d]", word) is not None


def _training(trace: Trace) -> Iterator[tuple[str, str]]:
    if trace.optimizers:
        yield "optimizer", ", ".join(trace.optimizers)
    yield from _rates(trace)
    if trace.snapshots:
        yield from _network(trace)
    yield "steps", str(trace.steps)


def _rates(trace: Trace) -> Iterator[tuple[str, str]]:
    """The rate of each group: the first, and the last where a schedule changed it."""
    rates = trace.rates
    groups = len(rates.targets)
    for group in range(min(groups, MOST_GROUPS)):
        values = rates.values[rates.groups == group]
        if len(values):
            name = "learning rate" if groups == 1 else f"learning rate {group + 1}"
            ends = dict.fromkeys(f"{value:.6g}" for value in (values[0], values[-1]))
            changed = "" if len(values) < 2 else f" in {len(values) - 1} changes"
            yield name, " → ".join(ends) + changed


def _network(trace: Trace) -> Iterator[tuple[str, str]]:
    last = trace.snapshots[-1]
    yield "sites", str(len(last.graph.sites))
    trainable = [p for p in last.parameters if p.trainable]
    yield "trainable numbers", str(sum(int(np.prod(p.shape)) for p in trainable))
    if last.batch is not None:
        yield "shape of the batch", " × ".join(map(str, last.batch.shape))
    if last.loss is not None:
        yield "loss", last.loss.operation or last.loss.kind

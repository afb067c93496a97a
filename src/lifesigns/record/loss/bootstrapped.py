"""Whether the targets of a regression are rewards plus what the network itself says of next states.

A copy of the network, or the network, is asked in the same step; its answers are not trained. Where
all targets lie on one line over the values it gave, every row got the same reward and none was the
end of an episode, whose target is the reward alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lifesigns.record.graph.module_calls import ForwardHooks
from lifesigns.record.graph.same_form import is_like
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.shared_targets import PendingShared, shared_targets
from lifesigns.record.loss.summands import OF_NUMBERS
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

SQUARES = frozenset({"Abs", "Pow", *OF_NUMBERS})
"""Nodes that compare numbers: torch's own, and what is left to compare by hand."""
FEWEST, MOST = 8, 4096
"""Rows of a batch that are compared."""
MOST_ANSWERS = 4
"""Answers that are compared: a network, its copy, and the twins of both."""
ON_LINE = 1e-4
"""How far from a line rounding brings a target, as a share of the spread of the values."""
RESOLVED = 1e-3
"""The spread of values, as a share of their size, below which float32 does not tell a line."""


class PendingAnswers(NamedTuple):
    """Lines through the targets over the values of each answer, still on the device."""

    slot: int | None
    rows: int
    shared: PendingShared | None = None

    def of(self, arrays: list[NDArray[np.float64]]) -> Mapping[str, float]:
        """Details of a loss.

        That a copy was asked; and, if targets were read and the values differ, how many rows there
        are, whether all lie on one line, its slope (the discount) and its height at 0 (the reward).

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        found = {"own_answers": 1.0}
        if self.slot is None:
            return found
        if self.shared is not None:
            found.update(self.shared.of(arrays))
        lines = arrays[self.slot].reshape(-1, 5)
        known = [line for line in lines if np.isfinite(line).all() and line[3] > RESOLVED * line[4]]
        if not known:
            return found
        slope, height, error, spread, _ = min(known, key=lambda line: line[2] / line[3])
        found["answered_rows"] = float(self.rows)
        if error <= ON_LINE * spread:
            found.update(on_one_line=1.0, discount=float(slope), reward=float(height))
        return found


def may_bootstrap(walked: Walk) -> bool:
    """Whether a loss has a square of a residual.

    Args:
        walked: Its graph.
    """
    return not SQUARES.isdisjoint(walked.names)


def own_answers(
    pack: Pack, walked: Walk, networks: Iterable[nn.Module], hooks: ForwardHooks
) -> PendingAnswers | None:
    """Compares the targets of a regression with what the network or its copy has answered.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.
        networks: Those that are trained.
        hooks: What ran in the step.

    Returns:
        None where no such module gave a row for each target.
    """
    answers = list(_answers(hooks, walked, list(networks)))[:MOST_ANSWERS]
    target = _target(walked)
    if target is None or not answers:
        return PendingAnswers(None, 0) if answers else None
    alike = [a for a in answers if len(a) == target.numel() and a.device == target.device]
    if not alike:
        return None
    wanted = target.reshape(-1)
    lines = torch.stack([_line(values, wanted) for values in _values(alike)])
    shared = shared_targets(pack, alike, wanted)
    return PendingAnswers(pack.add(lines.reshape(-1)), target.numel(), shared)


def _answers(hooks: ForwardHooks, walked: Walk, networks: list[nn.Module]) -> Iterator[Tensor]:
    """What a copy of a trained network said, or the network itself without gradients."""
    for module, answer, graded in hooks.answered(walked.numbers):
        if not (answer.is_floating_point() and answer.dim() and is_readable(answer)):
            continue
        own = not graded and any(module is network for network in networks)
        if FEWEST <= len(answer) <= MOST and (own or any(is_like(module, n) for n in networks)):
            yield answer.detach()


def _target(walked: Walk) -> Tensor | None:
    """The targets of torch's own regression, one for each row."""
    for node, name in zip(walked.nodes, walked.names, strict=True):
        target = saved(node, "target") if name in OF_NUMBERS else None
        if isinstance(target, Tensor) and target.dim() and target.numel() == max(target.shape):
            given: Tensor = target.detach()
            return given
    return None


def _values(answers: list[Tensor]) -> Iterator[Tensor]:
    """The value of each next state: the largest, that of another's choice, or the only one."""
    for answer in answers:
        if answer.numel() == len(answer):
            yield answer.reshape(-1)
        elif answer.dim() == 2:
            yield answer.amax(1)
            for other in answers:
                if other is not answer and other.shape == answer.shape:
                    yield answer.gather(1, other.argmax(1, keepdim=True)).squeeze(1)


def _line(values: Tensor, targets: Tensor) -> Tensor:
    """Slope, height at 0, largest error, and spread and size of the values."""
    full = torch.float32 if values.device.type == "mps" else torch.float64
    x, y = values.to(full), targets.to(full)
    apart = x - x.mean()
    slope = (apart * y).sum() / apart.square().sum()
    height = y.mean() - slope * x.mean()
    error = (y - height - slope * x).abs().max()
    return torch.stack([slope, height, error, apart.abs().max(), x.abs().max()])

"""lower-decay: a weight decay that leaves the loss a say."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import optim

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument
from lifesigns.remedies._training import optimizer_built
from lifesigns.remedies.testing import OPTIMIZER, case

SETTING = "weight_decay"
SHRUNK = 0.2
"""Of the size of weights at the start: no gradient that leads nowhere takes so much away."""


@dataclass(frozen=True)
class LowerDecay(Edit):
    """The weight decay of every group is multiplied by `factor`."""

    name: ClassVar[str] = "lower-decay"
    factor: float = 0.01

    def exceeds(self, other: Edit) -> bool:
        """Whether even less is left of the decay."""
        return isinstance(other, LowerDecay) and self.factor < other.factor

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        decaying = [g for g in run.the_optimizer().param_groups if g.get(SETTING)]
        if not decaying:
            raise Refused("the optimizer has no weight decay")
        for group in decaying:
            group[SETTING] *= self.factor
        return nullcontext()

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        call = optimizer_built(script)
        given = argument(call, SETTING)
        if given is not None:
            yield script.replaced(given.value, script.times(given.value, self.factor))
            return
        kind = getattr(optim, script.name(call).rpartition(".")[2])
        usual = inspect.signature(kind).parameters.get(SETTING)
        if usual is None or not usual.default:
            raise Refused("the optimizer is not told a weight decay by its name")
        yield from script.keyword(call, SETTING, f"{usual.default:g} * {self.factor:g}")


def _shrank(trace: Trace) -> bool:
    """Whether most weights end far smaller than they began."""
    if not trace.snapshots:
        return False
    begin = {p.name: p.weight_rms for p in trace.snapshots[0].parameters}
    end = {p.name: p.weight_rms for p in trace.snapshots[-1].parameters}
    kept = [end[name] / begin[name] for name in begin.keys() & end.keys() if begin[name] > 0]
    return bool(kept) and float(np.median(kept)) < SHRUNK


def made_for(finding: Finding, trace: Trace) -> Iterator[LowerDecay]:
    """A hundredth, then a hundredth of that: half a weight a step is usually meant as 5e-4.

    For a finding that only says that nothing was learned: where the weights shrank away meanwhile.
    """
    if finding.rule == "loss-flat" and not _shrank(trace):
        return
    yield LowerDecay(0.01)
    yield LowerDecay(0.0001)


# --- cases ----------------------------------------------------------------------------------------
_BUILT = "optimizer = torch.optim.{}(model.parameters(), lr=1e-3{})"
MANUAL = Manual(
    name=LowerDecay.name,
    title="A weight decay that leaves the loss a say",
    changes="How much of each weight every step takes off, in all groups of the optimizer.",
    unsafe="Where weights are to go to zero, as in pruning, and where the decay is all that keeps "
    "a network from learning its data by heart.",
    references=("Loshchilov & Hutter 2019, Decoupled Weight Decay Regularization",),
    made_for=made_for,
    cases=(
        case(
            "a keyword",
            LowerDecay(),
            "optimizer",
            _BUILT.format("SGD", ", weight_decay=0.5"),
            _BUILT.format("SGD", ", weight_decay=0.5 * 0.01"),
        ),
        case(
            "the usual decay of an optimizer",
            LowerDecay(),
            "optimizer",
            _BUILT.format("AdamW", ""),
            _BUILT.format("AdamW", ", weight_decay=0.01 * 0.01"),
        ),
        case("refused: there is none", LowerDecay(), "optimizer", OPTIMIZER, None),
    ),
)

"""scale-rate: a learning rate that is some factor larger or smaller."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import optim

from lifesigns.evidence import Run
from lifesigns.evidence.thresholds import LARGE_UPDATE
from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import rates_scaled
from lifesigns.remedies._script import Change, Script, argument
from lifesigns.remedies._training import optimizer_built
from lifesigns.remedies.testing import case

TENFOLD = 10.0
UP = frozenset({"rate-too-low", "stopped-early", "rate-ran-out", "updates-rounded-away"})
"""Rules that ask for a higher rate; all others ask for a lower one first."""


@dataclass(frozen=True)
class ScaleRate(Edit):
    """The learning rate of every group is multiplied by `factor`."""

    name: ClassVar[str] = "scale-rate"
    factor: float

    def exceeds(self, other: Edit) -> bool:
        """Whether the rate goes the same way, and further."""
        if not isinstance(other, ScaleRate):
            return False
        return self.factor > other.factor > 1 or self.factor < other.factor < 1

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        return rates_scaled(run.the_optimizer(), lambda _step: self.factor)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        call = optimizer_built(script)
        given = argument(call, "lr", 1)
        if given is not None:
            yield script.replaced(given.value, script.times(given.value, self.factor))
        else:
            kind = getattr(optim, script.name(call).rpartition(".")[2])
            default = inspect.signature(kind).parameters["lr"].default
            yield from script.keyword(call, "lr", f"{default:g} * {self.factor:g}")


def made_for(finding: Finding, trace: Trace) -> Iterator[ScaleRate]:
    """Ten times lower or higher, then a hundred times, then a thousand times."""
    low, high = ("lr_too_low" in finding.causes, "lr_too_high" in finding.causes)
    up = finding.rule in UP or (low and not high)
    for factor in (TENFOLD, TENFOLD**2, TENFOLD**3):
        yield ScaleRate(factor if up else 1 / factor)


def fitting_rate(trace: Trace) -> ScaleRate:
    """Tenfold lower where some step has changed a weight by a large part of it, else higher.

    Args:
        trace: Of a run that nothing is known to be wrong with.
    """
    stream = next(iter(Run(trace).streams), None)
    is_large = stream is not None and stream.largest_update > LARGE_UPDATE
    return ScaleRate(1 / TENFOLD if is_large else TENFOLD)


# --- cases ----------------------------------------------------------------------------------------
_LOWER = ScaleRate(0.1)
MANUAL = Manual(
    name=ScaleRate.name,
    title="A learning rate that is ten times lower or higher",
    changes="The learning rate of every group of the optimizer, in each step; the shape of a "
    "schedule stays.",
    unsafe="Where the rate is not the cause: a lower one hides a loss that has the wrong scale and "
    "makes a training longer; a higher one can make it diverge.",
    references=("Bengio 2012, Practical Recommendations for Gradient-Based Training, section 3.1",),
    made_for=made_for,
    cases=(
        case(
            "a number",
            _LOWER,
            "optimizer",
            "optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)",
            "optimizer = torch.optim.SGD(model.parameters(), lr=0.1 * 0.1, momentum=0.9)",
        ),
        case(
            "an expression, by position, over two lines",
            ScaleRate(10),
            "optimizer",
            "rate = 1e-3\noptimizer = torch.optim.SGD(  # plain\n    model.parameters(), "
            "rate / 2\n)",
            "rate = 1e-3\noptimizer = torch.optim.SGD(  # plain\n    model.parameters(), "
            "(rate / 2) * 10\n)",
        ),
        case(
            "the optimizer's own default",
            _LOWER,
            "optimizer",
            "optimizer = torch.optim.Adam(model.parameters())",
            "optimizer = torch.optim.Adam(model.parameters(), lr=0.001 * 0.1)",
        ),
        case(
            "refused: two optimizers",
            _LOWER,
            "optimizer",
            "optimizer = torch.optim.Adam(model[0].parameters())\n"
            "other = torch.optim.Adam(model[2].parameters())",
            None,
        ),
    ),
)

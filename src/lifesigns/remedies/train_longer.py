"""train-longer: more epochs, or more steps where there are no epochs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst
from lifesigns.remedies._training import outermost_loop
from lifesigns.remedies.testing import case

FACTOR = 5
LIMIT = 2
"""Arguments of a `range` whose end is a number of rounds: `range(end)` and `range(start, end)`."""


@dataclass(frozen=True)
class TrainLonger(Edit):
    """The outermost loop around the steps goes round `factor` times as often."""

    name: ClassVar[str] = "train-longer"
    factor: int = FACTOR

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        raise Refused("how long a run trains is written in its source only")

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        over = outermost_loop(script).iter
        is_range = isinstance(over, cst.Call) and script.name(over).endswith("range")
        if not isinstance(over, cst.Call) or not is_range or not 0 < len(over.args) <= LIMIT:
            raise Refused(f"the loop goes over {script.text(over)}, not over a range")
        end = over.args[-1].value
        yield script.replaced(end, script.times(end, self.factor))


def made_for(finding: Finding, trace: Trace) -> Iterator[TrainLonger]:
    """One."""
    yield TrainLonger()


# --- cases ----------------------------------------------------------------------------------------
_STEPS = """
    loss = F.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_EPOCHS = """
epochs = 2
for epoch in range(1, {}):
    for step in range(3):
        loss = F.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_FUNCTION = """
def train(model):
    for step in [1, 2]:
        loss = F.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return step, loss


for epoch in range({}):
    step, loss = train(model)
"""
MANUAL = Manual(
    name=TrainLonger.name,
    title="Five times as many epochs",
    changes="The end of the outermost range around the steps.",
    unsafe="Where a schedule of the learning rate counts on the old number, and where the network "
    "already fits its training data: it will fit their noise.",
    references=("Hoffer, Hubara & Soudry 2017, Train longer, generalize better",),
    made_for=made_for,
    cases=(
        case(
            "a number of steps",
            TrainLonger(),
            "loop",
            "for step in range(20):" + _STEPS,
            "for step in range(20 * 5):" + _STEPS,
        ),
        case(
            "epochs, by an expression",
            TrainLonger(),
            "loop",
            _EPOCHS.format("epochs + 1"),
            _EPOCHS.format("(epochs + 1) * 5"),
        ),
        case(
            "epochs around a function that trains one",
            TrainLonger(),
            "loop",
            _FUNCTION.format(3),
            _FUNCTION.format("3 * 5"),
        ),
        case(
            "refused: a loop over data",
            TrainLonger(),
            "loop",
            "for step in [1, 2, 3]:" + _STEPS,
            None,
        ),
    ),
)

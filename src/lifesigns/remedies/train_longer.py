"""train-longer: more epochs, or more steps where there are no epochs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst
from lifesigns.remedies._training import outermost_loop
from lifesigns.remedies.testing import case

FACTOR = 5
BARS = ("enumerate", "tqdm", "track")
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
        over = _within_a_bar(script, outermost_loop(script).iter)
        if isinstance(over, cst.Call) and _is_counted(script, over):
            end = over.args[-1].value
            yield script.replaced(end, script.times(end, self.factor))
            return
        again = f"(each for _ in range({self.factor}) for each in "
        if not script.text(over).startswith(again[1:]):  # parentheses are not of the node
            start, stop = script.span(over)
            yield Change(start, start, again)
            yield Change(stop, stop, ")")


def _within_a_bar(script: Script, over: cst.BaseExpression) -> cst.BaseExpression:
    """What is counted, or shown by a bar of progress, while a loop goes over it."""
    is_bar = isinstance(over, cst.Call) and script.name(over).rpartition(".")[2] in BARS
    return over.args[0].value if isinstance(over, cst.Call) and is_bar and over.args else over


def _is_counted(script: Script, over: cst.Call) -> bool:
    return script.name(over).endswith("range") and 0 < len(over.args) <= LIMIT


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
    changes="The end of the outermost range around the steps; a loop over data goes over them five "
    "times.",
    unsafe="Where a schedule of the learning rate counts on the old number, and where the network "
    "already fits its training data: it will fit their noise.",
    references=("Hoffer, Hubara & Soudry 2017, Train longer, generalize better",),
    made_for=always(TrainLonger()),
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
            "a loop over data, counted",
            TrainLonger(),
            "loop",
            "for step, _ in enumerate([1, 2, 3]):" + _STEPS,
            "for step, _ in enumerate((each for _ in range(5) for each in [1, 2, 3])):" + _STEPS,
        ),
        case(
            "refused: no loop that goes over something",
            TrainLonger(),
            "loop",
            "step = 0\nwhile step < 3:" + _STEPS + "    step += 1\n",
            None,
        ),
    ),
)

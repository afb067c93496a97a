"""take-logarithm: inputs that are spread over orders of magnitude enter as their logarithms.

Of each value the distance from the least one is taken, over the median of these distances:
`log1p((x - least) / median)`. So it makes no difference whether they were standardised before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import until_closed
from lifesigns.remedies._origin import is_scaled, whole_of
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._training import model_name, scope_of
from lifesigns.remedies.testing import OPTIMIZER, case

SMALLEST = 1e-12
"""Of a median: a column that stands still stays where it is."""
TABLE = ("sample", "feature")
"""The dimensions of an input whose features have units of their own."""


@dataclass(frozen=True)
class TakeLogarithm(Edit):
    """The model is given logarithms of the distances from the least value."""

    name: ClassVar[str] = "take-logarithm"
    by_column: bool = False
    """Whether each column has a least value and a median of its own."""

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        known: list[Tensor] = []

        def taken(_model: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
            first = inputs[0] if inputs else None
            if not isinstance(first, Tensor) or not first.is_floating_point():
                return inputs
            if not known:
                known.extend(self._scale(first.detach()))
            least, median = known
            return ((first - least).div(median).clamp_min(0).log1p(), *inputs[1:])

        return until_closed(run.model.register_forward_pre_hook(taken))

    def _scale(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The least value and the median distance from it."""
        columns = x.flatten(0, -2) if self.by_column else x.reshape(-1, 1)
        least = columns.amin(0)
        return least, (columns - least).median(0).values.clamp_min(SMALLEST)

    def _changes(self, script: Script, places: Places) -> list[Change]:
        model = model_name(script)
        calls = script.calls(lambda call: script.text(call.func) == model and bool(call.args))
        inputs = [whole_of(script, call.args[0].value) for call in calls]
        names = [each for each in inputs if isinstance(each, cst.Name)]
        if len({each.value for each in names}) != 1 or len(names) < len(inputs):
            raise Refused("where the inputs of the model are defined cannot be told")
        found = {_definition(script, each) for each in names}
        statement = one(list(found), f"definition of {names[0].value}", script)
        if script.name(statement.value).startswith("numpy."):
            raise Refused(f"line {script.line(statement)} defines no tensor")
        if script.within(statement, cst.For) or script.within(statement, cst.While):
            raise Refused(f"line {script.line(statement)} defines new inputs in each round")
        return script.lines_after(statement, *self._lines(names[0].value))

    def _lines(self, x: str) -> tuple[str, str]:
        least, median = ("amin(0)", "median(0).values") if self.by_column else ("min()", "median()")
        return (
            f"{x} = {x} - {x}.{least}",
            f"{x} = ({x} / {x}.{median}.clamp_min({SMALLEST})).log1p()",
        )


def _definition(script: Script, name: cst.Name) -> cst.Assign:
    """The one statement that defines a tensor where it is used, or at the top of the script."""
    found: list[cst.Assign] = []
    for scope in dict.fromkeys((scope_of(script, name), script.tree)):
        own = [
            each for each in script.of_kind(cst.Assign, scope) if scope_of(script, each) is scope
        ]
        found = found or [each for each in own if _defines(script, each, name.value)]
    return one(found, f"definition of {name.value}", script)


def _defines(script: Script, statement: cst.Assign, name: str) -> bool:
    """Whether the name is assigned to, and not what it stood for before, shifted and scaled."""
    targets = [n for each in statement.targets for n in script.of_kind(cst.Name, each.target)]
    return any(n.value == name for n in targets) and not is_scaled(statement.value, name)


def made_for(finding: Finding, trace: Trace) -> Iterator[TakeLogarithm]:
    """One: of a table each column has a unit of its own."""
    batch = next((shot.batch for shot in trace.snapshots if shot.batch), None)
    if batch is not None:
        yield TakeLogarithm(by_column=len(batch.shape) == len(TABLE))


# --- cases ----------------------------------------------------------------------------------------
_WHOLE = """
powers = powers - powers.min()
powers = (powers / powers.median().clamp_min(1e-12)).log1p()"""
_POWERS = "powers = torch.exp(4 * x)"
_SPLIT = """
train, test = powers[:48], powers[48:]
mean, std = train.mean(), train.std()
train, test = (train - mean) / std, (test - mean) / std
"""
_COLUMNS = """
powers = powers - powers.amin(0)
powers = (powers / powers.median(0).values.clamp_min(1e-12)).log1p()"""
_LOOP = """
for step in range(20):
    optimizer.zero_grad()
    loss = F.mse_loss(model({}), y[:48])
    loss.backward()
    optimizer.step()
error = F.mse_loss(model({}), y[48:])
"""


def _case(name: str, data: tuple[str, str], *given: str, by_column: bool = False) -> Any:
    edit, loop = TakeLogarithm(by_column), _LOOP.format(*given)
    return case(name, edit, "data", *data, loop=loop, optimizer=OPTIMIZER)


MANUAL = Manual(
    name=TakeLogarithm.name,
    title="Inputs as their logarithms",
    changes="What the model is given: the distance of each value from the least one, over the "
    "median of these distances, and of that and 1 the logarithm; in a table by columns. It is "
    "written where the inputs are defined, before they are split or standardised. In a live run "
    "the first batch says what is least and what the median is.",
    unsafe="Where differences count and not ratios, and where the inputs are targets as well. New "
    "data need the same least value and median.",
    references=("Tukey 1977, Exploratory Data Analysis: re-expression of amounts and counts",),
    made_for=made_for,
    cases=(
        _case(
            "before they are split and standardised",
            (_POWERS + _SPLIT, _POWERS + _WHOLE + _SPLIT),
            *("train", "test"),
        ),
        _case(
            "a table",
            (_POWERS, _POWERS + _COLUMNS),
            *("powers[:48]", "powers[48:]"),
            by_column=True,
        ),
        case(
            "refused: new ones in the evaluation",
            TakeLogarithm(),
            "data",
            _POWERS,
            None,
            loop=_LOOP.format("powers[:48]", "torch.rand(16, 4)"),
        ),
    ),
)

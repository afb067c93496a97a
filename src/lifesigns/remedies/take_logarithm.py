"""take-logarithm: inputs that are spread over orders of magnitude enter as their logarithms.

Of each value the distance from the least one is taken, in units that are small beside most of them:
`log1p((x - least) / unit)`. So it makes no difference whether they were standardised before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from lifesigns.records import BatchReading, Finding, Floats, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import until_closed
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst
from lifesigns.remedies._training import model_name, optimizer_built, scope_of
from lifesigns.remedies.testing import OPTIMIZER, case

MOST = 8
"""Features with numbers of their own that are written into the source."""
LOWER_QUARTER = 0.25
DIGITS = 2
"""Of a unit that are written; a least value is written to as small a part."""


@dataclass(frozen=True)
class TakeLogarithm(Edit):
    """The model is given `log1p((x - least) / unit)`; a value below the least one gives 0."""

    name: ClassVar[str] = "take-logarithm"
    least: tuple[float, ...]
    """Of each feature; one number for all."""
    unit: tuple[float, ...]
    """As many."""

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def taken(_model: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
            first = inputs[0] if inputs else None
            if not isinstance(first, Tensor) or not first.is_floating_point():
                return inputs
            return (self._of(first), *inputs[1:])

        return until_closed(run.model.register_forward_pre_hook(taken))

    def _of(self, x: Tensor) -> Tensor:
        least, unit = (x.new_tensor(each) for each in (self.least, self.unit))
        return x.sub(least).div(unit).clamp_min(0).log1p()

    def _changes(self, script: Script, places: Places) -> list[Change]:
        if len(self.least) > MOST:
            raise Refused(f"each of {len(self.least)} features has numbers of its own")
        call, model = optimizer_built(script), model_name(script)
        _refuse_other_ways(script, call, model)
        x = "given[0]"
        least, unit = (_written(each, x) for each in (self.least, self.unit))
        taken = f"{x}.sub({least}).div({unit}).clamp_min(0).log1p()"
        hook = f"lambda _, given: ({taken}, *given[1:])"
        return script.lines_before(call, f"{model}.register_forward_pre_hook({hook})")


def _written(numbers: tuple[float, ...], like: str) -> str:
    texts = [f"{number:.12g}" for number in numbers]
    return texts[0] if len(texts) == 1 else f"{like}.new_tensor([{', '.join(texts)}])"


def _refuse_other_ways(script: Script, optimizer: cst.Call, model: str) -> None:
    """A model that comes from elsewhere may get the hook twice, and its methods pass it by."""
    built = script.of_kind(cst.Assign, scope_of(script, optimizer))
    if not any(script.text(t.target) == model for each in built for t in each.targets):
        raise Refused(f"{model} is not built in the function that trains it")
    for call in script.of_kind(cst.Call):
        asked = call.func
        is_of_model = isinstance(asked, cst.Attribute) and script.text(asked.value) == model
        if is_of_model and not hasattr(nn.Module, script.text(asked).rpartition(".")[2]):
            raise Refused(f"line {script.line(call)} calls {script.text(asked)} of the model")


def made_for(finding: Finding, trace: Trace) -> Iterator[TakeLogarithm]:
    """One, where all features reach far above their mean; of a table each has its own numbers."""
    batches = [shot.batch for shot in trace.snapshots if shot.batch]
    whole = finding.evidence.get("whole", 0.0)
    if not batches or not whole > 1:
        return
    least = np.min([each.features.minimum for each in batches], axis=0)
    mean, deviation = (np.median(each, axis=0) for each in _moments(batches))
    moves = deviation > 0
    if not moves.any() or (deviation < mean - least)[moves].any():
        return
    unit = np.where(moves, deviation / whole, 1.0)
    if len(batches[0].shape) == len(("sample", "feature")) and not _alike(least, unit):
        yield TakeLogarithm(*_rounded(least, unit))
    elif _alike(least, unit):
        usual = np.quantile(unit[moves], LOWER_QUARTER, keepdims=True)
        yield TakeLogarithm(*_rounded(least.min(keepdims=True), usual))


def _moments(batches: list[BatchReading]) -> tuple[list[Floats], list[Floats]]:
    read = [each.features for each in batches]
    return [sums.mean for sums in read], [np.sqrt(sums.variance) for sums in read]


def _alike(least: Floats, unit: Floats) -> bool:
    """Whether one least value will do for all features."""
    return bool((least - least.min() <= unit).all())


def _rounded(least: Floats, unit: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Both with few digits."""
    units = [float(f"{each:.{DIGITS}g}") for each in unit]
    digits = [DIGITS - math.floor(math.log10(each)) for each in units]
    pairs = zip(least, digits, strict=True)
    return tuple(round(float(each), places) for each, places in pairs), tuple(units)


# --- cases ----------------------------------------------------------------------------------------
_LINE = (
    "model.register_forward_pre_hook(lambda _, given: "
    "(given[0].sub({}).div({}).clamp_min(0).log1p(), *given[1:]))\n"
)
_ALL = TakeLogarithm((-4.0,), (0.01,))
_EACH = TakeLogarithm((-4.0, -4.5, -5.0, -4.0), (0.01, 0.02, 0.01, 0.5))
_NUMBERS = (
    f"given[0].new_tensor([{', '.join(f'{n:g}' for n in each)}])"
    for each in (_EACH.least, _EACH.unit)
)
MANUAL = Manual(
    name=TakeLogarithm.name,
    title="Inputs as their logarithms",
    changes="What the model is given first, in training and in evaluation: the logarithm of each "
    "value's distance from the least one, which is 0 at the least one and about proportional to "
    "the distance below a small unit. Weights and their names stay.",
    unsafe="Where differences count and not ratios. The hook is not stored with the weights: who "
    "loads them has to register it again.",
    references=("Tukey 1977, Exploratory Data Analysis: re-expression of amounts and counts",),
    made_for=made_for,
    cases=(
        case(
            "one kind of values",
            _ALL,
            "optimizer",
            OPTIMIZER,
            _LINE.format("-4", "0.01") + OPTIMIZER,
        ),
        case("a table", _EACH, "optimizer", OPTIMIZER, _LINE.format(*_NUMBERS) + OPTIMIZER),
        case(
            "refused: a model that is handed over",
            _ALL,
            "optimizer",
            "def optimized(net):\n    return torch.optim.SGD(net.parameters(), lr=0.1)\n\n\n"
            "optimizer = optimized(model)",
            None,
        ),
        case(
            "refused: a wide table",
            TakeLogarithm((0.0,) * 9, (1.0,) * 9),
            "optimizer",
            OPTIMIZER,
            None,
        ),
    ),
)

"""turn-momentum: running statistics that keep their past, where the momentum was read backwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

from torch.nn.modules.batchnorm import _NormBase

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument, cst
from lifesigns.remedies._sites import assigned
from lifesigns.remedies.testing import case

NORMS = tuple(
    f"torch.nn.{kind}Norm{size}"
    for kind in ("Batch", "SyncBatch", "Instance")
    for size in ("1d", "2d", "3d", "")
)
POSITION = 2
"""Of the momentum among the arguments."""
HALF = 0.5
"""Above, the newest batch counts more than all that came before."""


@dataclass(frozen=True)
class TurnMomentum(Edit):
    """A momentum above one half becomes what is missing from it to 1."""

    name: ClassVar[str] = "turn-momentum"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        norms = [m for m in run.model.modules() if isinstance(m, _NormBase)]
        high = [m for m in norms if m.momentum is not None and m.momentum > HALF]
        if not high:
            raise Refused("no normalisation has a momentum above one half")
        for each in high:
            each.momentum = _turned(each.momentum or HALF)
        return nullcontext()

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        numbers = list(_momenta(script))
        if not numbers:
            raise Refused("no momentum of a normalisation was found in the source")
        for number in numbers:
            value = float(script.text(number))
            if value > HALF:
                yield script.replaced(number, f"{_turned(value):g}")


def _turned(momentum: float) -> float:
    return round(1 - momentum, 6)


def _momenta(script: Script) -> Iterator[cst.BaseExpression]:
    """The numbers that are given as the momentum of a normalisation, or stand behind its name."""
    given = [argument(call, "momentum", POSITION) for call in script.calls_to(*NORMS)]
    values = [arg.value for arg in given if arg is not None]
    for statement in script.of_kind(cst.Assign):
        target = statement.targets[0].target
        if isinstance(target, cst.Attribute) and target.attr.value == "momentum":
            values.append(statement.value)
    named = [each for v in values if isinstance(v, cst.Name) for each in assigned(script, v)]
    numbers = [v for v in (*values, *named) if isinstance(v, cst.Float)]
    yield from dict.fromkeys(numbers)


# --- cases ----------------------------------------------------------------------------------------
_NET = "model = nn.Sequential(nn.Linear(4, 8), {}, nn.ReLU(), nn.Linear(8, 1))"
_NAMED = "keep = {}\nmodel = nn.Sequential(nn.BatchNorm1d(4, 1e-5, keep), nn.Linear(4, 1))"


def _case(name: str, before: str, after: str | None) -> Any:
    return case(name, TurnMomentum(), "model", before, after)


MANUAL = Manual(
    name=TurnMomentum.name,
    title="Running statistics that keep their past",
    changes="A momentum above one half of a batch or instance normalisation: 0.99 becomes 0.01. In "
    "PyTorch it is the share of the newest batch, elsewhere that of what came before. Training "
    "batches are normalised as before; evaluation is not.",
    unsafe="Where the statistics are meant to be those of the last batch alone.",
    references=("PyTorch documentation, torch.nn.BatchNorm1d: momentum",),
    made_for=always(TurnMomentum()),
    cases=(
        _case(
            "a keyword",
            _NET.format("nn.BatchNorm1d(8, momentum=0.99)"),
            _NET.format("nn.BatchNorm1d(8, momentum=0.01)"),
        ),
        _case("a name, by position", _NAMED.format("0.9"), _NAMED.format("0.1")),
        _case("refused: no momentum", _NET.format("nn.BatchNorm1d(8)"), None),
    ),
)

"""tell-mode: functions of dropout that follow the mode of the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import Answering
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument, cst
from lifesigns.remedies._sites import is_module_class
from lifesigns.remedies.testing import case

DROPOUTS = (
    *("dropout", "dropout1d", "dropout2d", "dropout3d"),
    *("alpha_dropout", "feature_alpha_dropout"),
)
"""Functions that drop units in every mode unless they are told it."""
MODULES = tuple(f"torch.nn.{n}" for n in ("Dropout", "Dropout1d", "Dropout2d", "AlphaDropout"))
ATTENTION = "scaled_dot_product_attention"
TRAINING = 2
"""Position of `training` among the arguments."""
SHARE = 4
"""Position of `dropout_p` among those of the attention."""


@dataclass(frozen=True)
class TellMode(Edit):
    """What drops units without being told the mode is told that of the network."""

    name: ClassVar[str] = "tell-mode"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if run.model.training or name not in (*DROPOUTS, ATTENTION):
                return NotImplemented
            position, keyword, off = (
                (SHARE, "dropout_p", 0.0) if name == ATTENTION else (TRAINING, "training", False)
            )
            given = {**kwargs, **({keyword: off} if len(args) <= position else {})}
            others = [off if i == position else arg for i, arg in enumerate(args)]
            return getattr(nn.functional, name)(*others, **given)

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        functions, shares, made = _functions(script), _shares(script), _made(script)
        if not functions and not shares and not made:
            raise Refused("no dropout that is not told the mode was found in the source")
        for call in functions:
            mode = f"{_network(script, call)}.training"
            yield from script.keyword(call, "training", mode, TRAINING)
        for share in shares:
            mode = f"{_network(script, share)}.training"
            yield script.replaced(share, f"{script.text(share)} if {mode} else 0.0")
        for module in made:
            end = script.span(module)[1]
            yield Change(end, end, f".train({_network(script, module)}.training)")


def _functions(script: Script) -> list[cst.Call]:
    """Calls that leave out the mode, or say that it is always training."""
    calls = script.calls_to(*(f"torch.nn.functional.{name}" for name in DROPOUTS))
    told = [(call, argument(call, "training", TRAINING)) for call in calls]
    return [call for call, mode in told if mode is None or script.text(mode.value) == "True"]


def _shares(script: Script) -> list[cst.BaseExpression]:
    """What attention drops: a number, or a name that no mode is asked for."""
    calls = script.calls_to(f"torch.nn.functional.{ATTENTION}")
    given = [arg.value for call in calls if (arg := argument(call, "dropout_p", SHARE))]
    plain = [each for each in given if isinstance(each, cst.Name | cst.Attribute | cst.Float)]
    return [each for each in plain if script.text(each) != "0.0"]


def _made(script: Script) -> list[cst.Call]:
    """Modules that are made where they are called, as in `nn.Dropout(0.5)(x)`."""
    called = [call.func for call in script.of_kind(cst.Call)]
    return [each for each in called if isinstance(each, cst.Call) and script.name(each) in MODULES]


def _network(script: Script, node: cst.CSTNode) -> str:
    """What the network is called in the method that a node stands in: `self`."""
    method, owner = script.within(node, cst.FunctionDef), script.within(node, cst.ClassDef)
    if owner is None or method is None or not is_module_class(script, owner):
        raise Refused(f"line {script.line(node)} stands in no method of a network")
    if script.within(method, cst.ClassDef) is not owner or not method.params.params:
        raise Refused(f"line {script.line(node)} stands in no method of a network")
    return method.params.params[0].name.value


# --- cases ----------------------------------------------------------------------------------------
_NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 1)

    def forward(self, x):
        h = {}
        return self.last(h)


model = Net()
"""
_FREE = """
def dropped(x):
    return F.dropout(x, 0.1)


class Net(nn.Linear):
    def forward(self, x):
        return dropped(super().forward(x))


model = Net(4, 1)
"""


def _case(name: str, before: str, after: str) -> Any:
    return case(name, TellMode(), "model", before, after, frame=_NET)


MANUAL = Manual(
    name=TellMode.name,
    title="Dropout that follows the mode of the network",
    changes="Functions of dropout, attention that drops and modules that are made anew in each "
    "pass: they drop units in training mode only.",
    unsafe="Where dropout is left on to average over many passes.",
    references=("PyTorch documentation, torch.nn.functional.dropout",),
    made_for=always(TellMode()),
    cases=(
        _case(
            "a function",
            "F.dropout(F.relu(self.first(x)), 0.2)",
            "F.dropout(F.relu(self.first(x)), 0.2, training=self.training)",
        ),
        _case(
            "a function that is told the wrong thing",
            "F.dropout(self.first(x), training=True, p=0.2)",
            "F.dropout(self.first(x), training=self.training, p=0.2)",
        ),
        _case(
            "a module that is made anew",
            "nn.Dropout(0.2)(self.first(x))",
            "nn.Dropout(0.2).train(self.training)(self.first(x))",
        ),
        _case(
            "attention",
            "F.scaled_dot_product_attention(*[self.first(x)] * 3, dropout_p=0.1)",
            "F.scaled_dot_product_attention("
            "*[self.first(x)] * 3, dropout_p=0.1 if self.training else 0.0)",
        ),
        case("refused: a function of its own", TellMode(), "model", _FREE, None),
    ),
)

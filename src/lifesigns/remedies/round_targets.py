"""round-targets: classes that a division leaves a little below a whole number are rounded to it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import Answering, call_again
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._sites import assigned
from lifesigns.remedies.testing import case

TO_WHOLE = ("long", "int", "astype", "type", "to")
"""Methods that cut the part behind the point off."""
WHOLE = ("long", "int")
ROUND = ".round()"


@dataclass(frozen=True)
class RoundTargets(Edit):
    """What was divided is rounded before it becomes a whole number."""

    name: ClassVar[str] = "round-targets"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if name not in WHOLE or not torch.is_tensor(args[0]):
                return NotImplemented
            if not args[0].is_floating_point():
                return NotImplemented
            return call_again(name, args[0].round(), *args[1:], **kwargs)

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> list[Change]:
        calls = [call for name in TO_WHOLE for call in script.method_calls(name)]
        found = [call for call in calls if _cuts(script, call) and _is_divided(script, call)]
        call = one(found, "division that is cut off", script)
        if not isinstance(call.func, cst.Attribute):
            raise Refused(f"line {script.line(call)} cuts nothing off")
        dot = script.span(call.func)[1] - len(f".{call.func.attr.value}")
        there = script.text(call.func).endswith(f"{ROUND}.{call.func.attr.value}")
        return [] if there else [Change(dot, dot, ROUND)]


def _cuts(script: Script, call: cst.Call) -> bool:
    """Whether a method makes whole numbers: by its name, or by the type that it is given."""
    method = call.func.attr.value if isinstance(call.func, cst.Attribute) else ""
    given = script.text(call.args[0].value) if len(call.args) == 1 else ""
    is_named = method in WHOLE and not call.args
    return is_named or any(word in given.rpartition(".")[2] for word in WHOLE)


def _is_divided(script: Script, call: cst.Call) -> bool:
    """Whether what a method is called on is a quotient, or has been given one."""
    value = call.func.value if isinstance(call.func, cst.Attribute) else None
    while isinstance(value, cst.Call) and isinstance(value.func, cst.Attribute):
        value = value.func.value
    values = assigned(script, value) if isinstance(value, cst.Name) else [value]
    quotients = (n for v in values if v for n in script.of_kind(cst.BinaryOperation, v))
    return any(isinstance(each.operator, cst.Divide) for each in quotients)


# --- cases ----------------------------------------------------------------------------------------
_MODEL = "model = nn.Linear(4, 2)"
_LOOP = """
masks = 254 * (x[:, 0] > 0)
for step in range(20):
    wanted = {}
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), wanted)
    loss.backward()
    optimizer.step()
"""
_NAMED = "masks / 255\n    wanted = wanted{}.to(torch.long)"


def _case(name: str, before: str, after: str | None) -> Any:
    return case(name, RoundTargets(), "loop", before, after, frame=_LOOP, model=_MODEL)


MANUAL = Manual(
    name=RoundTargets.name,
    title="Classes are rounded, not cut off",
    changes="Where a quotient becomes a whole number by `long()`, `int()` or a type, it is rounded "
    "before: 254 of 255 is class 1, not 0.",
    unsafe="Where the part behind the point is to be cut off, as in a count of whole bins.",
    references=("PyTorch documentation, torch.Tensor.long",),
    made_for=always(RoundTargets()),
    cases=(
        _case("a quotient", "(masks / 255).long()", "(masks / 255).round().long()"),
        _case("a quotient with a name", _NAMED.format(""), _NAMED.format(".round()")),
        _case("refused: nothing is divided", "(masks > 127).long()", None),
    ),
)

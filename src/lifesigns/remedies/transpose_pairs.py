"""transpose-pairs: a list of pairs becomes two index vectors by a transpose, not by a view."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies.samples_first import VIEWS
from lifesigns.remedies.testing import case

TRANSPOSED = "t().contiguous()"
SIZES = ["2", "-1"]


@dataclass(frozen=True)
class TransposePairs(Edit):
    """What is viewed as two rows is transposed."""

    name: ClassVar[str] = "transpose-pairs"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        raise Refused("the list of pairs was viewed before the run began")

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        views = [call for name in VIEWS for call in script.method_calls(name)]
        call = one([each for each in views if _is_of_two(script, each)], "view as two rows", script)
        assert isinstance(call.func, cst.Attribute), "it is a method"
        yield Change(script.span(call.func.attr)[0], script.span(call)[1], TRANSPOSED)


def _is_of_two(script: Script, call: cst.Call) -> bool:
    """Whether a view asks for the sizes 2 and -1, one by one or as a pair."""
    sizes = [arg.value for arg in call.args]
    if len(sizes) == 1 and isinstance(sizes[0], cst.Tuple | cst.List):
        sizes = [element.value for element in sizes[0].elements]
    return [script.text(size) for size in sizes] == SIZES


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
pairs = torch.randint(len(x), (24, 2))
sources, targets = {}
for step in range(20):
    said = model(x)
    heard = torch.zeros_like(said).index_add(0, targets, said[sources])
    loss = (heard - y).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def _case(name: str, before: str, after: str | None) -> Any:
    other = None if after is None else _LOOP.format(after)
    return case(name, TransposePairs(), "loop", _LOOP.format(before), other)


MANUAL = Manual(
    name=TransposePairs.name,
    title="Pairs transposed, not viewed",
    changes="The one `view` or `reshape` to the sizes 2 and -1: the list of pairs is transposed, "
    "so that the first row holds the first number of each pair.",
    unsafe="Where two rows were stored one behind the other, and a view is right.",
    references=("PyTorch documentation, torch.Tensor.view and torch.t",),
    made_for=always(TransposePairs()),
    cases=(
        _case("a reshape", "pairs.reshape(2, -1)", "pairs.t().contiguous()"),
        _case("a view of a pair of sizes", "pairs.view((2, -1))", "pairs.t().contiguous()"),
        _case("refused: it is transposed", "pairs.t()", None),
        _case("refused: other sizes", "pairs.reshape(-1, 24)[:2]", None),
    ),
)

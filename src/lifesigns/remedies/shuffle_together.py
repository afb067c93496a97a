"""shuffle-together: samples and targets in one new order, where only the samples got one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._training import scope_of
from lifesigns.remedies.testing import case

SHUFFLES = ("numpy.random.shuffle",)
PERMUTATIONS = ("torch.randperm", "numpy.random.permutation")
ORDER = "order"


@dataclass(frozen=True)
class ShuffleTogether(Edit):
    """What is shuffled by itself takes what is read beside it along."""

    name: ClassVar[str] = "shuffle-together"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        raise Refused("what belongs together is written in the source only")

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        alone = [each for each in _shuffled(script) if _beside(script, *each)]
        statement = one([statement for statement, _ in alone], "shuffle of one of two", script)
        name = next(name for each, name in alone if each is statement)
        other = _beside(script, statement, name)[0]
        draws = _draw(script, statement, name)
        whole = "[:]" if isinstance(statement.body[0], cst.Expr) else ""
        both = f"{name}{whole}, {other}{whole} = {name}[{ORDER}], {other}[{ORDER}]"
        start, _ = script.span(statement.body[0])
        yield Change(start, script.span(statement.body[-1])[1], both)
        yield from script.lines_before(statement, f"{ORDER} = {draws}")


Shuffled = tuple[cst.SimpleStatementLine, str]


def _shuffled(script: Script) -> Iterator[Shuffled]:
    """Statements that give a name a new order, and the name: in place, or by an index."""
    for call in script.calls_to(*SHUFFLES):
        line = script.within(call, cst.SimpleStatementLine)
        if line is not None and len(call.args) == 1 and isinstance(call.args[0].value, cst.Name):
            yield line, call.args[0].value.value
    for assign in script.of_kind(cst.Assign):
        line = script.within(assign, cst.SimpleStatementLine)
        name = script.text(assign.targets[0].target)
        part = assign.value
        if line is not None and isinstance(part, cst.Subscript) and script.text(part.value) == name:
            draws = script.calls_to(*PERMUTATIONS, root=part)
            if draws:
                yield line, name


def _draw(script: Script, statement: cst.SimpleStatementLine, name: str) -> str:
    """How the order is drawn: as it was, or as NumPy draws one."""
    draws = script.calls_to(*PERMUTATIONS, root=statement)
    if draws:
        return script.text(draws[0])
    return f"{script.spelled('numpy.random.permutation')}(len({name}))"


def _beside(script: Script, statement: cst.SimpleStatementLine, name: str) -> list[str]:
    """What is read by the same index as a name in the same function, and was not shuffled."""
    scope = scope_of(script, statement)
    parts = [p for p in script.of_kind(cst.Subscript, scope) if isinstance(p.value, cst.Name)]
    parts = [p for p in parts if script.within(p, cst.SimpleStatementLine) is not statement]
    indices = {_index(script, p) for p in parts if script.text(p.value) == name}
    other = [script.text(p.value) for p in parts if _index(script, p) in indices]
    return [each for each in dict.fromkeys(other) if each != name]


def _index(script: Script, part: cst.Subscript) -> str:
    return script.text(part)[len(script.text(part.value)) :]


# --- cases ----------------------------------------------------------------------------------------
_NUMPY = """
import numpy as np

rows, targets = x.numpy(), y.numpy()
for step in range(5):
    {}
    for i in range(0, 64, 16):
        out = model(torch.from_numpy(rows[i : i + 16]))
        loss = F.mse_loss(out, torch.from_numpy(targets[i : i + 16]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_TENSORS = """
for step in range(5):
    {}
    for i in range(0, 64, 16):
        loss = F.mse_loss(model(x[i : i + 16]), y[i : i + 16])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_BOTH = "order = torch.randperm(64)\n    x, y = x[order], y[order]"


def _case(name: str, loop: str, before: str, after: str | None) -> Any:
    return case(name, ShuffleTogether(), "loop", before, after, frame=loop)


MANUAL = Manual(
    name=ShuffleTogether.name,
    title="Samples and targets in one new order",
    changes="A shuffle of the samples alone: what is read beside them by the same index takes the "
    "same new order.",
    unsafe="Where the two are no pairs, or pairs are to be broken up on purpose, as in a test by "
    "permutation.",
    references=("NumPy documentation, numpy.random.shuffle",),
    made_for=always(ShuffleTogether()),
    cases=(
        _case(
            "in place",
            _NUMPY,
            "np.random.shuffle(rows)",
            "order = np.random.permutation(len(rows))\n"
            "    rows[:], targets[:] = rows[order], targets[order]",
        ),
        _case("by an index", _TENSORS, "x = x[torch.randperm(64)]", _BOTH),
        _case("refused: both are", _TENSORS, _BOTH, None),
    ),
)

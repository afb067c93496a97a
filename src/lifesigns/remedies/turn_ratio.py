"""turn-ratio: the new probability over the old one, where a policy's loss has the old over the new.

The source is changed where an exponential is taken of data minus what is computed there: the old
logarithm was handed over, stored or computed without a graph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from lifesigns.remedies._called_on import called_on
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import Answering, call_again
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._sites import assigned, is_call_of
from lifesigns.remedies._training import scope_of, trained
from lifesigns.remedies.testing import case

OLD = re.compile("(?<![a-z])old|old(?![a-z])", re.IGNORECASE)
"""In a name: `old_log_prob`, `logp_old`."""
DEEPEST = 8
"""How many names and calls are followed."""
PASSED = re.compile("(Sum|View|UnsafeView|Squeeze|Unsqueeze|Reshape|Clamp|ClampMin|ClampMax)Back")
"""Nodes of a graph between a difference and the exponential."""


@dataclass(frozen=True)
class TurnRatio(Edit):
    """The two sides of the difference that an exponential is taken of are exchanged."""

    name: ClassVar[str] = "turn-ratio"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        return Answering(_turned)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        exponents = {call: list(_differences(script, call)) for call in _exponentials(script)}
        weighed = {c: found for c, found in exponents.items() if _is_weighed(script, c)}
        found = dict.fromkeys(d for each in weighed.values() for d in each)
        turned = [each for each in found if _old(script, each) is each.left]
        if not turned and any(_old(script, each) for each in found):
            return
        difference = one(turned, "exponential of old minus new", script)
        left, right = (_whole(script, side) for side in (difference.left, difference.right))
        yield script.replaced(difference, f"{right} - {left}")


# --- in a live run --------------------------------------------------------------------------------
def _turned(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if name == "exp" and args and type(args[0]) is Tensor and _is_old_less_new(args[0]):
        return call_again(name, -args[0], *args[1:], **kwargs)
    return NotImplemented


def _is_old_less_new(exponent: Tensor) -> bool:
    """Whether it is several numbers, each a datum minus what has a gradient."""
    node: Any = exponent.grad_fn if exponent.numel() > 1 else None
    while node is not None and PASSED.match(node.name()):
        node = node.next_functions[0][0]
    if node is None or not node.name().startswith("SubBackward"):
        return False
    left, right = (below for below, _ in node.next_functions)
    return left is None and right is not None


# --- in the source --------------------------------------------------------------------------------
def _exponentials(script: Script) -> list[cst.Call]:
    return trained(script, script.calls(lambda call: is_call_of(script, call, "exp")))


def _differences(
    script: Script, node: cst.CSTNode, depth: int = 0
) -> Iterator[cst.BinaryOperation]:
    """The differences that a value is, or is the sum, the clipped value or another name of."""
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Subtract):
        yield node
    for below in _passed(script, node) if depth < DEEPEST else ():
        yield from _differences(script, below, depth + 1)


def _passed(script: Script, node: cst.CSTNode) -> Sequence[cst.CSTNode]:
    if isinstance(node, cst.UnaryOperation):
        return [node.expression]
    if isinstance(node, cst.Name):
        return assigned(script, node)
    return called_on(script, node) if isinstance(node, cst.Call) else []


def _is_weighed(script: Script, node: cst.CSTNode, depth: int = 0) -> bool:
    """Whether a value, clipped or not, is a factor of a product."""
    for above in script.around(node):
        if isinstance(above, cst.BinaryOperation):
            return isinstance(above.operator, cst.Multiply)
        if isinstance(above, cst.Assign) and depth < DEEPEST:
            names = [t.target.value for t in above.targets if isinstance(t.target, cst.Name)]
            uses = script.of_kind(cst.Name, scope_of(script, node))
            own = [t.target for t in above.targets]
            return any(
                use.value in names and use not in own and _is_weighed(script, use, depth + 1)
                for use in uses
            )
        if isinstance(above, cst.SimpleStatementLine):
            break
    return False


def _old(script: Script, difference: cst.BinaryOperation) -> cst.BaseExpression | None:
    """The side that is data; where both are, or none, the one that is called old."""
    sides = (difference.left, difference.right)
    data = [side for side in sides if _is_data(script, side)]
    if len(data) != 1:
        data = [side for side in sides if OLD.search(script.text(side))]
    return data[0] if len(data) == 1 else None


def _is_data(script: Script, node: cst.CSTNode, depth: int = 0) -> bool:
    """Whether a value is handed over, stored, detached or computed without a graph."""
    if depth > DEEPEST:
        return False
    if isinstance(node, cst.Name):
        values = [*assigned(script, node), *_unpacked(script, node)]
        return all(_is_data(script, value, depth + 1) for value in trained(script, values))
    if isinstance(node, cst.Call):
        below = called_on(script, node)
        if not below or script.text(node.func).endswith("detach"):
            return bool(below)
        return _is_data(script, below[0], depth + 1)
    if isinstance(node, cst.Subscript | cst.Attribute):
        return _is_data(script, node.value, depth + 1)
    if isinstance(node, cst.BinaryOperation):
        return all(_is_data(script, side, depth + 1) for side in (node.left, node.right))
    return True


def _unpacked(script: Script, name: cst.Name) -> list[cst.CSTNode]:
    """The calls whose results a name is one of."""
    return [
        statement.value
        for statement in script.of_kind(cst.Assign, scope_of(script, name))
        for target in (statement.targets[0].target,)
        if isinstance(target, cst.Tuple) and isinstance(statement.value, cst.Call)
        if name.value in [script.text(each.value) for each in target.elements]
    ]


def _whole(script: Script, side: cst.BaseExpression) -> str:
    """One side of a difference as it can stand on the other."""
    text = script.text(side)
    if side.lpar:
        return f"({text})"
    is_sum = isinstance(side, cst.BinaryOperation) and isinstance(
        side.operator, cst.Add | cst.Subtract
    )
    return f"({text})" if is_sum else text


# --- cases ----------------------------------------------------------------------------------------
_MODEL = "model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3), nn.LogSoftmax(1))"
_DATA = """
moves, gain = torch.randint(3, (64, 1)), x[:, :1]
with torch.no_grad():
    old = model(x).gather(1, moves)
"""
_LOOP = """
for step in range(20):
    new = model(x).gather(1, moves)
    {}
    loss = -torch.min(ratio * gain, ratio.clamp(0.8, 1.2) * gain).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_FUNCTION = """
def surrogate(logp, logp_old):
    return -({} * gain).mean()


for step in range(20):
    loss = surrogate(model(x).gather(1, moves), old)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_NAMED = "gap = {}\n    ratio = gap.clamp(-20, 20).exp()\n    kl = (ratio - 1 - gap).mean()"
_BESIDE = "kl = (old - new).exp() - (old - new) - 1\n    ratio = torch.exp({})"


def _case(name: str, before: str, after: str | None, loop: str = _LOOP) -> Any:
    return case(
        name,
        TurnRatio(),
        "loop",
        _DATA + loop.format(before),
        None if after is None else _DATA + loop.format(after),
        model=_MODEL,
    )


MANUAL = Manual(
    name=TurnRatio.name,
    title="The new probability over the old one",
    changes="The difference of logarithms whose exponential advantages are multiplied with: the "
    "old one is subtracted from the new one.",
    unsafe="Where what is multiplied is a cost, which is to shrink.",
    references=("Schulman et al. 2017, Proximal Policy Optimization Algorithms, equation 6",),
    made_for=always(TurnRatio()),
    cases=(
        _case("in place", "ratio = torch.exp(old - new)", "ratio = torch.exp(new - old)"),
        _case(
            "sums, as a method",
            "ratio = (old.sum(1, True) - (new + 0)).exp()",
            "ratio = ((new + 0) - old.sum(1, True)).exp()",
        ),
        _case("a name for it", _NAMED.format("old - new"), _NAMED.format("new - old")),
        _case(
            "a function that names the old one",
            "torch.exp(logp_old - logp)",
            "torch.exp(logp - logp_old)",
            _FUNCTION,
        ),
        _case("beside a divergence", _BESIDE.format("old - new"), _BESIDE.format("new - old")),
        _case("refused: which one is old cannot be told", "ratio = torch.exp(new - 2 * new)", None),
        _case("refused: no exponential", "ratio = 1 + new - old", None),
    ),
)

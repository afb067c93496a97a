"""raise-value: an actor's loss is minus the value that its critic gives, so that the value rises.

The source is changed where a value is differentiated that is the mean of what one network makes of
what another one makes: `critic(states, actor(states)).mean()`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from lifesigns.remedies._called_on import called_on
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import Answering, call_again
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._sites import assigned
from lifesigns.remedies._training import KNOWN_LOSSES, loss_calls, trained
from lifesigns.remedies.testing import case

DEEPEST = 8
"""How many names and calls are followed."""
PASSED = re.compile("(Mean|Sum|View|Squeeze|Unsqueeze|Reshape|Select|Slice)Back")
"""Nodes of a graph between a mean and what a layer puts out."""
LAYER = re.compile("(Addmm|Mm|Linear)Back")


@dataclass(frozen=True)
class RaiseValue(Edit):
    """The mean of a critic's values gets a minus where it is differentiated."""

    name: ClassVar[str] = "raise-value"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        return Answering(_negated)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        values = [each for each in _differentiated(script) if _is_value(script, each)]
        value = one(list(dict.fromkeys(values)), "mean of a critic's values", script)
        is_receiver = isinstance(next(script.around(value)), cst.Attribute) and not value.lpar
        text = f"-{script.text(value)}"
        yield script.replaced(value, f"({text})" if is_receiver else text)


# --- in a live run --------------------------------------------------------------------------------
def _negated(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if name == "backward" and args and isinstance(args[0], Tensor) and _is_raw(args[0]):
        return call_again(name, -args[0], *args[1:], **kwargs)
    return NotImplemented


def _is_raw(loss: Tensor) -> bool:
    """Whether a loss is the mean of what a layer puts out, no more."""
    node: Any = loss.grad_fn
    while node is not None and PASSED.match(node.name()):
        node = node.next_functions[0][0]
    return node is not None and bool(LAYER.match(node.name()))


# --- in the source --------------------------------------------------------------------------------
def _differentiated(script: Script) -> Iterator[cst.BaseExpression]:
    """What `backward` is called on: the expressions, for a name those that are assigned to it."""
    for call in trained(script, script.method_calls("backward")):
        value = call.func.value if isinstance(call.func, cst.Attribute) else call
        values = assigned(script, value) if isinstance(value, cst.Name) else [value]
        yield from (each for each in values if isinstance(each, cst.BaseExpression))


def _is_value(script: Script, node: cst.CSTNode, depth: int = 0, *, is_mean: bool = False) -> bool:
    """Whether it is the mean of what a network puts out for what another one does.

    Args:
        script: Holds the node.
        node: Is followed down to the call of the network.
        depth: How far it was followed already.
        is_mean: Whether a mean was met.
    """
    if depth > DEEPEST or node in loss_calls(script, KNOWN_LOSSES):
        return False
    below: cst.CSTNode | None = None
    if isinstance(node, cst.Name):
        values = assigned(script, node)
        below = values[0] if len(values) == 1 else None
    elif isinstance(node, cst.Subscript):
        below = node.value
    elif isinstance(node, cst.Call):
        below = next(iter(called_on(script, node)), None)
        if below is None:
            return is_mean and any(_asks_another(script, arg.value, node) for arg in node.args)
        is_mean = is_mean or script.text(node.func).endswith("mean")
    return below is not None and _is_value(script, below, depth + 1, is_mean=is_mean)


def _asks_another(
    script: Script, given: cst.BaseExpression, critic: cst.Call, depth: int = 0
) -> bool:
    """Whether what a network is given was made by another one."""
    calls = [call for call in script.of_kind(cst.Call, given) if not called_on(script, call)]
    if any(script.text(call.func) != script.text(critic.func) for call in calls):
        return True
    names = script.of_kind(cst.Name, given) if depth < DEEPEST else []
    return any(
        isinstance(value, cst.BaseExpression) and _asks_another(script, value, critic, depth + 1)
        for name in names
        for value in assigned(script, name)
    )


# --- cases ----------------------------------------------------------------------------------------
_MODEL = "model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1), nn.Tanh())"
_DATA = """
critic = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))
judging = torch.optim.SGD(critic.parameters(), lr=0.1)
"""
_LOOP = """
for step in range(20):
    judging.zero_grad()
    loss = F.mse_loss(critic(torch.cat([x, torch.rand_like(y)], 1)), -y)
    loss.backward()
    judging.step()
    optimizer.zero_grad()
    {}
    optimizer.step()
"""
_ASKED = "critic(torch.cat([x, model(x)], 1)){}"
_CASES = {
    "one name for both losses": (
        f"loss = {_ASKED.format('.mean()')}\n    loss.backward()",
        f"loss = -{_ASKED.format('.mean()')}\n    loss.backward()",
    ),
    "in place": (
        f"{_ASKED.format('.mean()')}.backward()",
        f"(-{_ASKED.format('.mean()')}).backward()",
    ),
    "names for what is asked": (
        "moves = torch.cat([x, model(x)], 1)\n    worth = critic(moves)\n    "
        "value = torch.mean(worth)\n    value.backward()",
        "moves = torch.cat([x, model(x)], 1)\n    worth = critic(moves)\n    "
        "value = -torch.mean(worth)\n    value.backward()",
    ),
    "refused: a minus is there": (
        f"value = -{_ASKED.format('.mean()')}\n    value.backward()",
        None,
    ),
    "refused: no other network": ("critic(torch.cat([x, y], 1)).mean().backward()", None),
}


def _case(name: str) -> Any:
    before, after = _CASES[name]
    return case(name, RaiseValue(), "loop", before, after, frame=_LOOP, data=_DATA, model=_MODEL)


MANUAL = Manual(
    name=RaiseValue.name,
    title="An actor that raises its value",
    changes="The loss of an actor that is the mean of what its critic gives: it gets a minus, so "
    "that the value rises while the loss falls.",
    unsafe="Where the critic gives costs.",
    references=("Lillicrap et al. 2015, Continuous control with deep reinforcement learning",),
    made_for=always(RaiseValue()),
    cases=tuple(map(_case, _CASES)),
)

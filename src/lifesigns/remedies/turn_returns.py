"""turn-returns: returns in the order of the steps of an episode, not from its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one, receiver_of
from lifesigns.remedies._training import scope_of
from lifesigns.remedies.testing import case


@dataclass(frozen=True)
class TurnReturns(Edit):
    """What is added up from the end of an episode is put in front of the list, not behind it."""

    name: ClassVar[str] = "turn-returns"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        raise Refused("returns are added up outside of torch")

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        found = [call for loop in script.of_kind(cst.For) for call in _appended(script, loop)]
        call = one(found, "list that is filled from the end of an episode", script)
        start = script.span(call.func)[1] - len("append")
        yield Change(start, script.span(call.args[0])[0], "insert(0, ")


def _appended(script: Script, loop: cst.For) -> Iterator[cst.Call]:
    """The `list.append(total)` of a loop that runs backwards, of lists that stay as they are."""
    if not _runs_backwards(script, loop):
        return
    for call in script.method_calls("append", loop.body):
        filled = receiver_of(call, "append")
        name = "" if filled is None else script.text(filled)
        if isinstance(filled, cst.Name) and not _is_turned(script, call, name):
            yield call


def _runs_backwards(script: Script, loop: cst.For) -> bool:
    text = script.text(loop.iter)
    return text.startswith("reversed(") or text.endswith("[::-1]")


def _is_turned(script: Script, call: cst.Call, name: str) -> bool:
    """Whether the list is put in order after the loop."""
    text = script.text(scope_of(script, call))
    return any(t in text for t in (f"{name}.reverse()", f"{name}[::-1]", f"reversed({name})"))


# --- cases ----------------------------------------------------------------------------------------
_RETURNS = """
def returns_of(rewards):
    total, returns = 0.0, []
    for reward in {}:
        total = reward + 0.9 * total
        returns.{}(total)
    return torch.tensor({})
"""
_LOOP = """
rewards = [1.0] * 64
for step in range(20):
    chosen = torch.distributions.Normal(model(x)[:, 0], 1.0)
    loss = -(chosen.log_prob(y[:, 0]) * returns_of(rewards)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_OPTIMIZER = "optimizer = torch.optim.SGD(model.parameters(), lr=0.01)"


def _case(name: str, rewards: str, returns: str = "returns", *, refused: bool = False) -> Any:
    before = _RETURNS.format(rewards, "append", returns)
    after = None if refused else before.replace("append(", "insert(0, ")
    return case(name, TurnReturns(), "data", before, after, loop=_LOOP, optimizer=_OPTIMIZER)


MANUAL = Manual(
    name=TurnReturns.name,
    title="Returns in the order of the steps",
    changes="A list that a loop fills from the end of an episode: each return is put in front.",
    unsafe="Where the list is turned round later, in another place.",
    references=("Williams 1992, Simple statistical gradient-following algorithms",),
    made_for=always(TurnReturns()),
    cases=(
        _case("reversed", "reversed(rewards)"),
        _case("a slice", "rewards[::-1]"),
        _case("refused: turned round afterwards", "rewards[::-1]", "returns[::-1]", refused=True),
        _case("refused: from the beginning", "rewards", refused=True),
    ),
)

"""log-each: the logarithm of each likelihood, and the mean of these."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one, receiver_of
from lifesigns.remedies._training import trained
from lifesigns.remedies.testing import case


@dataclass(frozen=True)
class LogEach(Edit):
    """The mean is taken behind the logarithm, not before it."""

    name: ClassVar[str] = "log-each"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        raise Refused("once the mean is taken no likelihood can be told by itself")

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        means = {log: mean for log in _logs(script) if (mean := _mean_in(script, log))}
        log = one(list(means), "logarithm of a mean", script)
        of, end = means[log], script.span(log)[1]
        yield Change(script.span(of)[1], script.span(of)[1] + len(MEAN), "")
        yield Change(end, end, MEAN)


MEAN = ".mean()"


def _logs(script: Script) -> list[cst.Call]:
    return trained(script, [*script.calls_to("torch.log"), *_methods(script)])


def _methods(script: Script) -> list[cst.Call]:
    """The calls of `log` on a value, such as `p.log()`."""
    return [c for c in script.method_calls("log") if not c.args]


def _mean_in(script: Script, log: cst.Call) -> cst.BaseExpression | None:
    """What the mean in a logarithm is taken of, a small number beside it or not."""
    of = log.args[0].value if log.args else receiver_of(log, "log")
    while isinstance(of, cst.BinaryOperation) and isinstance(of.operator, cst.Add):
        of = of.left
    is_whole = isinstance(of, cst.Call) and not of.args
    return receiver_of(of, "mean") if of is not None and is_whole else None


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
for step in range(20):
    likelihood = torch.exp(-((model(x) - y) ** 2))
    loss = -{}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def _case(name: str, before: str, after: str | None) -> Any:
    other = None if after is None else _LOOP.format(after)
    return case(name, LogEach(), "loop", _LOOP.format(before), other)


MANUAL = Manual(
    name=LogEach.name,
    title="The mean of logarithms",
    changes="The order of a mean over samples and a logarithm in the loss: the logarithm of each "
    "likelihood is taken first.",
    unsafe="Where the mean is over draws or members that explain one sample together.",
    references=("Bishop 1994, Mixture density networks, equation 29",),
    made_for=always(LogEach()),
    cases=(
        _case("a function", "torch.log(likelihood.mean())", "torch.log(likelihood).mean()"),
        _case(
            "a small number beside it",
            "torch.log(likelihood.mean() + 1e-8)",
            "torch.log(likelihood + 1e-8).mean()",
        ),
        _case("a method", "likelihood.mean().log()", "likelihood.log().mean()"),
        _case("refused: a mean of logarithms", "torch.log(likelihood).mean()", None),
    ),
)

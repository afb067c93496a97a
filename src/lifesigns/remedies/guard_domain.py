"""guard-domain: an operation that is kept away from the edge of where it is defined."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from lifesigns.records import Finding, NonFinite, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import Answering, call_again
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._scores import StableScores
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._sites import is_call_of
from lifesigns.remedies._softmax_by_hand import as_log_softmax
from lifesigns.remedies._training import trained
from lifesigns.remedies.testing import case

LEAST = 1e-12
"""Far below what a sum of squares or a probability comes to in float32, and far above its zero."""
INSIDE = 1.0 - 1e-6
LOGARITHMS = ("log", "log2", "log10")
FROM_BELOW = ("sqrt", "rsqrt", *LOGARITHMS)
BOTH_SIDES = ("acos", "asin")
QUOTIENTS = frozenset({"div", "div_", "__truediv__", "__itruediv__", "true_divide", "divide"})
INVERSES = frozenset({"reciprocal", "__rtruediv__", "__rdiv__"})
SOFTMAXES = ("softmax", "safe_softmax", "log_softmax")
NOTHING = "-1e9"
"""Stands for minus infinity in a mask: its exponential is 0, and a row of it is no 0/0."""
GUARDED = frozenset({*FROM_BELOW, *BOTH_SIDES, "div", *SOFTMAXES, "exp"})


@dataclass(frozen=True)
class GuardDomain(Edit):
    """What `operation` is given stays inside of its domain; a name of the graph's, as `sqrt`."""

    name: ClassVar[str] = "guard-domain"
    operation: str

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        return self._guarded()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        with ExitStack() as stack:
            if self.operation != "exp":
                stack.enter_context(Answering(self._answer))
            if self.operation in ("exp", "log"):
                stack.enter_context(StableScores())
            yield

    def _answer(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        rest = {key: value for key, value in kwargs.items() if key not in ("input", "other")}
        given = [*args, *(kwargs[key] for key in ("input", "other") if key in kwargs)]
        if self.operation == "div":
            return _quotient(name, given, rest)
        if name != self.operation or not given or not torch.is_tensor(given[0]):
            return NotImplemented
        return call_again(name, self._inside(given[0], given[1:], rest), *given[1:], **rest)

    def _inside(self, given: Tensor, others: Any, settings: dict[str, Any]) -> Tensor:
        if self.operation in FROM_BELOW:
            return given.clamp_min(LEAST)
        if self.operation in BOTH_SIDES:
            return given.clamp(-INSIDE, INSIDE)
        dim = settings.get("dim", next(iter(others), -1))
        nothing_left = (given == -torch.inf).all(-1 if dim is None else dim, keepdim=True)
        return given.masked_fill(nothing_left, 0.0)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        if self.operation == "exp":
            yield from as_log_softmax(script)
        elif self.operation == "div":
            yield from _divided(script)
        elif self.operation in SOFTMAXES:
            yield from _masked(script)
        else:
            calls = script.calls(lambda call: is_call_of(script, call, self.operation))
            call = one(trained(script, calls), self.operation, script)
            yield from _inside(script, call, self._guard())

    def _guard(self) -> str:
        if self.operation in FROM_BELOW:
            return f".clamp_min({LEAST:g})"
        return f".clamp({-INSIDE}, {INSIDE})"


def _quotient(name: str, given: list[Any], settings: dict[str, Any]) -> Any:
    """A fraction with a little more below."""
    if name in INVERSES and torch.is_tensor(given[0]):
        return call_again(name, given[0] + LEAST, *given[1:], **settings)
    if (
        name not in QUOTIENTS
        or len(given) < len(("above", "below"))
        or not torch.is_tensor(given[1])
    ):
        return NotImplemented
    return call_again(name, given[0], given[1] + LEAST, *given[2:], **settings)


def _inside(script: Script, call: cst.Call, guard: str) -> Iterator[Change]:
    """Behind what a function or method is called on, a bound."""
    if isinstance(call.func, cst.Attribute) and not script.name(call).startswith("torch."):
        method = f".{call.func.attr.value}"
        if not script.text(call.func).endswith(f"{guard}{method}"):
            dot = script.span(call.func)[1] - len(method)
            yield Change(dot, dot, guard)
        return
    if not call.args or call.args[0].star or call.args[0].keyword is not None:
        raise Refused(f"line {script.line(call)} names or unpacks what it is called on")
    given = call.args[0].value
    if script.text(given).endswith(guard):
        return
    start, end = script.span(given)
    is_atom = isinstance(given, cst.Name | cst.Attribute | cst.Call | cst.Subscript)
    yield Change(start, start, "" if is_atom else "(")
    yield Change(end, end, guard if is_atom else f"){guard}")


def _divided(script: Script) -> Iterator[Change]:
    """A little more below the one line of a fraction, which numbers divide elsewhere."""
    quotients = [
        node.right
        for node in script.of_kind(cst.BinaryOperation)
        if isinstance(node.operator, cst.Divide) and not _is_number(node.right)
    ]
    below, more = one(quotients, "division", script), f" + {LEAST:g}"
    if not script.text(below).endswith(more):
        start, end = script.span(below)  # without parentheses
        yield Change(start, start, "(")
        yield Change(end, end, f"{more})")


def _is_number(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Integer | cst.Float) or (
        isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value == "len"
    )


def _masked(script: Script) -> Iterator[Change]:
    """A large number in the place of the infinity that a mask puts in."""
    calls = [c for name in ("masked_fill", "masked_fill_") for c in script.method_calls(name)]
    filled = [c.args[1].value for c in calls if len(c.args) > 1]
    infinite = [each for each in filled if _is_infinity(script.text(each))]
    yield script.replaced(one(infinite, "mask of minus infinity", script), NOTHING)


def _is_infinity(text: str) -> bool:
    plain = text.replace("'", "").replace('"', "").replace(" ", "").lower()
    return plain in ("float(-inf)", "-float(inf)") or (plain[:1] == "-" and plain.endswith(".inf"))


def made_for(finding: Finding, trace: Trace) -> Iterator[GuardDomain]:
    """One, where the operation is known; an exponential only where it is normalised by hand."""
    origin = _origin(trace)
    if finding.evidence.get("steep"):  # not recorded, but nothing else can have spoilt it
        operation = re.split("[:#]", finding.site)[1:2]
        yield from (GuardDomain(name) for name in operation if name in FROM_BELOW)
        return
    if origin is None or origin.operation not in GUARDED or finding.rule != "non-finite-origin":
        return
    if origin.operation in SOFTMAXES and not origin.masked_rows:
        return
    sites = next(s for s in trace.snapshots if s.nonfinite).graph.sites
    if origin.operation != "exp" or any(site.operation == "div" for site in sites):
        yield GuardDomain(origin.operation)


def _origin(trace: Trace) -> NonFinite | None:
    return next((s.nonfinite for s in trace.snapshots if s.nonfinite is not None), None)


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
for step in range(20):
    loss = {}.mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_ROOT, _RATIO = GuardDomain("sqrt"), GuardDomain("div")
_MASKED = """
hidden = torch.zeros(64, 1, dtype=torch.bool)
for step in range(20):
    loss = model(x).masked_fill(hidden, {}).softmax(1).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_BY_HAND = """
for step in range(20):
    z = model(x) * torch.arange(1.0, 4.0)
    p = {}
    loss = -p.gather(1, torch.ones(64, 1).long()){}.mean()
    print(p.argmax(1).sum())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_EXP = GuardDomain("exp")
MANUAL = Manual(
    name=GuardDomain.name,
    title="An operation kept away from the edge of where it is defined",
    changes="What a root, a logarithm, an arc cosine or a fraction is given, by less than float32 "
    "tells from 0; in a mask before a softmax, minus infinity becomes a large number. A softmax "
    "that is written by hand is computed as torch does it, and so is its logarithm.",
    unsafe="Where numbers as small as the bound are meant, or a fraction may be negative below. "
    "It hides a loss that is zero for a reason.",
    references=("Goodfellow et al. 2016, Deep Learning, section 4.1: overflow and underflow",),
    made_for=made_for,
    cases=(
        case(
            "a method",
            _ROOT,
            "loop",
            _LOOP.format("((model(x) - y) ** 2).sqrt()"),
            _LOOP.format("((model(x) - y) ** 2).clamp_min(1e-12).sqrt()"),
        ),
        case(
            "a function of a sum",
            _ROOT,
            "loop",
            _LOOP.format("torch.sqrt(model(x) ** 2 + y)"),
            _LOOP.format("torch.sqrt((model(x) ** 2 + y).clamp_min(1e-12))"),
        ),
        case(
            "a fraction",
            _RATIO,
            "loop",
            _LOOP.format("(model(x) ** 2 / y / 2)"),
            _LOOP.format("(model(x) ** 2 / (y + 1e-12) / 2)"),
        ),
        case(
            "a mask",
            GuardDomain("softmax"),
            "loop",
            _MASKED.format("-torch.inf"),
            _MASKED.format("-1e9"),
        ),
        case(
            "a softmax by hand",
            _EXP,
            "loop",
            _BY_HAND.format("z.exp() / z.exp().sum(1, keepdim=True)", ".log()"),
            _BY_HAND.format("torch.log_softmax(z, 1)", ""),
        ),
        case(
            "refused: a softmax that is used as it is",
            _EXP,
            "loop",
            _BY_HAND.format("z.exp() / torch.sum(z.exp(), dim=1, keepdim=True)", ""),
            None,
        ),
        case(
            "refused: two roots",
            _ROOT,
            "loop",
            _LOOP.format("(model(x).abs().sqrt() - y.sqrt())"),
            None,
        ),
    ),
)

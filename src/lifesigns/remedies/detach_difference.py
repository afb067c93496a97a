"""detach-difference: what is added to a value, less that value, gets no gradient of its own."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import Answering
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._training import trained
from lifesigns.remedies.testing import case

LATEST = 8
"""Differences that are known again: a sum stands next to what it is made of."""
DETACHED = ".detach()"


@dataclass(frozen=True)
class DetachDifference(Edit):
    """A value plus the difference of another and itself has the gradient of the value."""

    name: ClassVar[str] = "detach-difference"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        return Answering(_Sums())

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        sums = trained(script, script.of_kind(cst.BinaryOperation))
        found = [part for whole in sums for part in _cancelling(script, whole)]
        if not found and any(_is_detached(script, whole) for whole in sums):
            return
        difference = one(found, "sum of a value and a difference from it", script)
        start, end = script.span(difference)
        if not difference.lpar:
            yield Change(start, start, "(")
            yield Change(end, end, f"){DETACHED}")
            return
        behind = difference.rpar[0].whitespace_before
        if len(difference.rpar) > 1 or not isinstance(behind, cst.SimpleWhitespace):
            raise Refused("it cannot be told where the difference ends")
        end += len(behind.value) + 1
        yield Change(end, end, DETACHED)


# --- in a live run --------------------------------------------------------------------------------
@dataclass
class _Sums:
    """Sums of a value and a difference that was made of it shortly before."""

    known: deque[tuple[Any, Any, Any]] = field(default_factory=lambda: deque(maxlen=LATEST))
    """Differences, what each was made of, and what was taken away: none is kept alive."""

    def __call__(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        is_sum = name in ("add", "sub") and len(args) == len(("one", "other")) and not kwargs
        if not is_sum or not torch.is_grad_enabled() or not all(map(_has_graph_or_data, args)):
            return NotImplemented
        left, right = args
        if name == "add":
            if self._is_of(right, taken=left):
                return left + right.detach()
            return left.detach() + right if self._is_of(left, taken=right) else NotImplemented
        if self._is_of(right, given=left):
            return left - right.detach()
        made = left - right
        self.known.append((weakref.ref(made), weakref.ref(left), weakref.ref(right)))
        return made

    def _is_of(self, difference: Tensor, *, given: Any = None, taken: Any = None) -> bool:
        """Whether it was made of one value, or by taking one away."""
        for made, left, right in self.known:
            if made() is difference:
                return (given is not None and left() is given) or (
                    taken is not None and right() is taken
                )
        return False


def _has_graph_or_data(given: Any) -> bool:
    return type(given) is Tensor or isinstance(given, torch.nn.Parameter)


# --- in the source --------------------------------------------------------------------------------
def _cancelling(script: Script, whole: cst.BinaryOperation) -> Iterator[cst.BinaryOperation]:
    """The difference within a sum, if what it takes away is the other summand."""
    for part, other, side in _sides(whole):
        if isinstance(part, cst.BinaryOperation) and isinstance(part.operator, cst.Subtract):
            taken = part.right if side == "right" else part.left
            if script.text(taken) == script.text(other):
                yield part


def _sides(
    whole: cst.BinaryOperation,
) -> Iterator[tuple[cst.BaseExpression, cst.BaseExpression, str]]:
    """What may be the difference, beside what, and on which side of it that is to stand."""
    if isinstance(whole.operator, cst.Add):
        yield whole.left, whole.right, "right"
        yield whole.right, whole.left, "right"
    elif isinstance(whole.operator, cst.Subtract):
        yield whole.right, whole.left, "left"


def _is_detached(script: Script, whole: cst.BinaryOperation) -> bool:
    """Whether a sum is a straight-through estimator as it should be."""
    for part, other, side in _sides(whole):
        called = part.func if isinstance(part, cst.Call) else None
        difference = called.value if isinstance(called, cst.Attribute) else None
        if isinstance(difference, cst.BinaryOperation) and script.text(part).endswith(DETACHED):
            taken = difference.right if side == "right" else difference.left
            if script.text(taken) == script.text(other):
                return True
    return False


# --- cases ----------------------------------------------------------------------------------------
_NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(4, 8), nn.Linear(8, 1)

    def forward(self, x):
        z = self.body(x)
        q = z.detach().sign()
        return self.head({})


model = Net()
"""


def _case(name: str, before: str, after: str | None) -> Any:
    return case(name, DetachDifference(), "model", before, after, frame=_NET)


MANUAL = Manual(
    name=DetachDifference.name,
    title="A straight-through estimator that detaches its difference",
    changes="In the one sum of a value and a difference from which the same value is taken away, "
    "the difference is detached: the sum has the value of the one, and the gradient of the other.",
    unsafe="Where the gradient of the other value is meant: the sum was this value alone.",
    references=(
        "Bengio, Léonard & Courville, 2013, Estimating or Propagating Gradients Through Stochastic "
        "Neurons for Conditional Computation",
    ),
    made_for=always(DetachDifference()),
    cases=(
        _case("a code", "z + (q - z)", "z + (q - z).detach()"),
        _case("the other way round", "(q - z) + z", "(q - z).detach() + z"),
        _case("without brackets", "q - z + z", "(q - z).detach() + z"),
        _case("taken away", "z - (z - q)", "z - (z - q).detach()"),
        _case("refused: another value", "z + (z - q)", None),
        _case("refused: two of them", "z + (q - z) + 0 * (z + (z.sign() - z))", None),
    ),
)

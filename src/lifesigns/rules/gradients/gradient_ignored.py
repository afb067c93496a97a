"""GRD006: a function's own backward passes on what does not depend on the gradient it is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

TOLD, IGNORED = "own_backwards", "gradients_ignored"
"""Details of a loss: functions with a backward of their own of which it can be told, and those of
them that ignore the gradient."""
ANY = Threshold(1, "times that a function was seen to ignore its gradient", "exact: it never may")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    shots = [s for s in stream.snapshots if s.loss is not None and s.loss.details.get(TOLD)]
    details = [s.loss.details for s in shots if s.loss is not None]
    ignored = sum(one[IGNORED] for one in details)
    if not all(one[IGNORED] for one in details) or ignored < ANY:
        return
    names = dict.fromkeys(name for s in shots for name in s.coverage.opaque)
    yield RULE.finding(
        stream.course.harm(HALF),
        "the backward of a function of your own ignores the gradient it is given",
        site=next(iter(names)) if len(names) == 1 else "",
        step=shots[0].step,
        measured=f"in {counted(len(shots), 'recorded step')} what it passes on is a function of "
        "its input alone, and does not change with the gradient that arrives, which has both signs"
        f"{stream.course.remark}",
        expected="the gradient that arrives, times a derivative",
        certainty=f"decisive, on up to 4,096 elements, in {counted(int(ignored), 'pass')}",
        causes=("other",),
        remedies=(_MULTIPLY, _CHECK),
        evidence={"passes": ignored},
    )


_MULTIPLY = Remedy(
    "Multiply the gradient that arrives by the derivative, and return the product.",
    "grad_input = grad_output.clone()  # not torch.ones_like(grad_output)\ngrad_input[inp < 0] = 0",
)
_CHECK = Remedy(
    "Let torch compare the backward with numerical derivatives.",
    "x = torch.randn(8, dtype=torch.double, requires_grad=True)\n"
    "torch.autograd.gradcheck(MyFunction.apply, (x,))",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(told: float, ignored: float, *, losses: Sequence[float] = example.FLAT) -> Trace:
    marks = {TOLD: told, IGNORED: ignored} if told else {}
    return example.marked(example.regression(losses, update=1e-3), marks)


RULE = Rule(
    code="GRD006",
    name="gradient-ignored",
    title="A backward of your own ignores the gradient",
    why="By the chain rule a function passes back the gradient that arrives, times its derivative. "
    "One that passes on its derivative alone tells the layers before it the same whatever the loss "
    "asks for: they are driven in one direction, and never learn.",
    sees="""
A `torch.autograd.Function` whose `backward` returns `torch.ones_like(grad_output)` or the
derivative, and forgets to multiply it by `grad_output`.
""",
    evidence="""
At each function written in Python the gradient that arrives and the one that is passed on are
compared, in the order of the input that was saved for it. What is passed on follows the input
without a break; its differences from one element to the next have nothing to do with those of the
gradient that arrives, which has both signs and no order. No code of the function is called.
""",
    ignore="""
A straight-through estimator, a gradient that is reversed, scaled, clipped or added to (a penalty)
depends on what arrives, and is left alone. A loss of your own that is the last function is given
the same number everywhere, and cannot be told.
""",
    references=("PyTorch, Extending autograd: how to use; gradcheck",),
    reads=frozenset({Quantity.LOSS, Quantity.GRADIENTS}),
    check=check,
    thresholds={"any": ANY, "fit": HALF},
    explains=(
        *("constant-output", "labels-unrelated", "loss-flat", "rate-too-high", "loss-diverges"),
        *("dead-units", "exploding-gradient", "vanishing-gradient", "zero-gradient"),
        *("loss-oscillates", "stopped-early", "wrong-direction", "output-cannot-reach-target"),
    ),
    cases=(
        Case("an activation that returns ones", lambda: _example(1, 1), Severity.ERROR),
        Case("two of three functions", lambda: _example(3, 2), Severity.ERROR),
        Case("near miss: all depend on it", lambda: _example(2, 0), None),
        Case("near miss: of none it can be told", lambda: _example(0, 0), None),
        Case(
            "it learns all the same",
            lambda: _example(1, 1, losses=example.FALLING),
            Severity.NOTE,
        ),
        Case("readings missing: no loss", lambda: example.unread(_example(1, 1)), None),
    ),
)

"""GRD008: a function's own backward turns the gradient round for some of its inputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

TOLD, WRONG, SHARE = "own_derivatives", "wrong_signs", "opposed"
"""Details of a loss: functions with a backward of their own of which it can be told, those of them
at fault, and for which share of their inputs."""
STEPS = Threshold(3, "recorded steps that show it", "a definition: more than an accident")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    shots = [s for s in stream.snapshots if s.loss is not None and s.loss.details.get(TOLD)]
    details = [s.loss.details for s in shots if s.loss is not None]
    if len(details) < STEPS or not all(one[WRONG] for one in details):
        return
    names = dict.fromkeys(name for s in shots for name in s.coverage.opaque)
    share = max(one[SHARE] for one in details)
    yield RULE.finding(
        Severity.WARNING,
        "the backward of a function of your own has the wrong sign for some of its inputs",
        site=next(iter(names)) if len(names) == 1 else "",
        step=shots[0].step,
        measured=f"in {counted(len(shots), 'recorded step')} the gradient that is passed on is the "
        f"one that arrives times a number of the other sign than the function's slope, for "
        f"{share:.0%} of the inputs where both are clear, and of the same sign for the others"
        f"{stream.course.remark}",
        expected="a derivative that is positive where the function rises, negative where it falls",
        certainty="decisive, on up to 4,096 elements in order of the input that was saved",
        causes=("other",),
        remedies=(_DERIVE, _CHECK),
        evidence={"opposed": share, "functions": max(one[WRONG] for one in details)},
    )


_DERIVE = Remedy(
    "Write the derivative of what `forward` computes, on both sides of 0.",
    "return grad_output / (1 + x.abs()) ** 2  # of x / (1 + x.abs()): no x.sign()",
)
_CHECK = Remedy(
    "Let torch compare the backward with numerical derivatives.",
    "x = torch.randn(8, dtype=torch.double, requires_grad=True)\n"
    "torch.autograd.gradcheck(MyFunction.apply, (x,))",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(told: float, wrong: float, *, losses: Sequence[float] = example.FLAT) -> Trace:
    marks = {TOLD: told, WRONG: wrong, SHARE: 0.5 if wrong else 0.0} if told else {}
    return example.marked(example.regression(losses, update=1e-3), marks)


RULE = Rule(
    code="GRD008",
    name="derivative-of-wrong-sign",
    title="A backward of your own has the wrong sign for some inputs",
    why="A gradient is to point the way in which the loss grows. Where a derivative has the wrong "
    "sign, the layers before it are led the wrong way for these inputs, and the right way for the "
    "others: what is learned is half unlearned, and the loss stops far too high.",
    sees="""
A `torch.autograd.Function` whose `backward` multiplies by a sign too many, or forgets one: the
derivative of a function of `|x|`, of one that is split at 0, or that falls.
""",
    evidence="""
At each function written in Python its output is followed in order of the input that it saved, and
so is the ratio of the gradient that it passes on to the one that arrives. Where both are functions
of the input, the slope of the one is compared with the other in 64 groups: they are of opposite
signs in a tenth of those where both are clear, at least, and of the same sign in another tenth.
No code of the function is called.
""",
    ignore="""
A straight-through estimator or a surrogate rises where the function does, or where it is level; a
gradient that is reversed is so everywhere; what is no function of each element alone is not told.
""",
    references=("PyTorch, Extending autograd: how to use; gradcheck",),
    reads=frozenset({Quantity.LOSS, Quantity.GRADIENTS}),
    check=check,
    thresholds={"steps": STEPS},
    explains=(
        *("constant-output", "labels-unrelated", "loss-flat", "loss-oscillates", "stopped-early"),
        *("loss-diverges", "rate-too-high", "rate-too-low", "wrong-direction"),
    ),
    cases=(
        Case("an activation that is wrong below 0", lambda: _example(1, 1), Severity.WARNING),
        Case(
            "one of three functions, and it learns",
            lambda: _example(3, 1, losses=example.FALLING),
            Severity.WARNING,
        ),
        Case("near miss: all are right", lambda: _example(2, 0), None),
        Case("near miss: of none it can be told", lambda: _example(0, 0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(1, 1)), None),
    ),
)

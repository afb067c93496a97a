"""LOS051: a loss holds a derivative of the network, and nothing is trained through it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import ENOUGH_STEPS, HALF
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

LEFT, ENTERED = "derivatives_left_out", "derivatives_entered"
"""Details of a loss: derivatives that have no part in its graph; whether their values are in it."""
BESIDE = "derivatives_beside"
"""Whether what was derived is not in the loss either, which has a number added to it."""
NUMBERED = "derivatives_numbered"
"""Whether what was derived is in the loss, and a number without a graph is added to it."""
SHARE = Threshold(1.0, "share of the recorded steps in which it is so", "all of them: exact")
PART = Threshold(0.1, "share of the loss that a number makes up", "less does little harm")
CHANGES = Threshold(0.1, "share of its mean by which that number changes", "constants do not")
FEWEST = Threshold(3, "recorded steps in which that number is looked at", "more than a trial")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    losses = _watched(stream)
    marked = [loss for loss in losses if loss.details.get(LEFT)]
    if not marked or len(marked) < SHARE * len(losses):
        return
    count = int(marked[-1].details[LEFT])
    entered = sum(bool(loss.details[ENTERED]) for loss in marked)
    harm, long = stream.course.harm(HALF), stream.course.steps >= ENOUGH_STEPS
    beside = all(loss.details.get(BESIDE) for loss in marked)
    numbered = not entered and _has_number(marked)
    sure = entered or beside or numbered
    known = f"; its values are in the loss in {entered} of them" if entered else ""
    yield RULE.finding(
        Severity.WARNING if sure and long and harm is Severity.NOTE else harm,
        f"{counted(count, 'derivative')} of the network by its input "
        + ("has" if count == 1 else "have")
        + " no part in the gradient",
        step=stream.first.step,
        measured=f"{_BESIDE if beside else _NUMBERED if numbered else _IN_IT}, "
        f"in {counted(len(marked), 'recorded step')}"
        f"{known}{stream.course.remark}",
        expected="a derivative with a graph of its own, through which the weights are trained",
        certainty="exact for the graph",
        causes=("frozen", "wrong_loss", "other"),
        remedies=(_CREATE, _KEEP),
        evidence={"derivatives": count, "entered": entered},
    )


def _watched(stream: Stream) -> list[LossReading]:
    """The losses of steps that were watched from their beginning.

    One that is recorded because of its loss was not: nothing is known of what it derived before.
    """
    return [
        s.loss
        for s in stream.snapshots
        if s.loss and (s.reason == "scheduled" or s.loss.details.get(LEFT))
    ]


def _has_number(losses: Sequence[LossReading]) -> bool:
    """Whether a number without a graph is part of the loss, another one from step to step."""
    rests = np.array([loss.penalty for loss in losses if loss.details.get(NUMBERED)])
    if len(rests) < max(FEWEST, len(losses)):
        return False
    share = float(np.median(np.abs(rests) / [abs(loss.value) or 1.0 for loss in losses]))
    return share > PART and float(np.ptp(rests)) > CHANGES * abs(float(rests.mean()))


_IN_IT = (
    "torch.autograd.grad derived what the loss is computed from, and the graph of the loss holds "
    "nothing of the result"
)
_BESIDE = (
    "torch.autograd.grad derived what the network that this loss trains made, the result has no "
    "graph, and to the loss a number is added that has none"
)
_NUMBERED = (
    "torch.autograd.grad derived what the loss is computed from, the result has no graph, and to "
    "the loss a number is added that has none and changes from step to step"
)
_CREATE = Remedy(
    "A derivative in the loss needs a graph of its own.",
    "slope, = torch.autograd.grad(u, t, torch.ones_like(u), create_graph=True)",
    edit="create-graph",
)
_KEEP = Remedy(
    "Leave it in the graph: no `detach()` or `.data` behind it.",
    "print(slope.requires_grad, slope.grad_fn)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    left: int,
    *,
    entered: bool = False,
    beside: bool = False,
    losses: Sequence[float] = example.FLAT,
) -> Trace:
    marks = {LEFT: float(left), ENTERED: float(entered)} if left else {}
    marks |= {BESIDE: 1.0} if beside else {}
    return example.marked(example.regression(losses, update=1e-3), marks)


def _numbered(*numbers: float) -> Trace:
    """A regression that fits, to whose loss these numbers are added in turn."""
    known = example.marked(
        example.regression(example.FALLING, update=1e-3), {LEFT: 1.0, ENTERED: 0.0, NUMBERED: 1.0}
    )
    shots = tuple(
        replace(s, loss=replace(s.loss, fit=s.loss.value, value=s.loss.value + numbers[i % 2]))
        for i, s in enumerate(known.snapshots)
        if s.loss
    )
    return replace(known, snapshots=shots)


def _with_a_spike(known: Trace) -> Trace:
    """The same run, whose last step was recorded because of its loss."""
    *shots, last = known.snapshots
    assert last.loss is not None
    unseen = replace(last, reason="spike", loss=replace(last.loss, details={}))
    return replace(known, snapshots=(*shots, unseen))


RULE = Rule(
    code="LOS051",
    name="derivative-without-graph",
    title="A derivative in the loss through which nothing is trained",
    why="Without create_graph a derivative is a number like any other: the loss is computed with "
    "it, and its gradient takes it for a constant. What is trained then is another equation than "
    "the one that is written.",
    sees="""
The residual of a differential equation, `u_t + k * u`, whose derivative was taken without
`create_graph=True`, or detached: the network itself is still in it, so the loss has a graph and
falls, perhaps far, or runs away. Or the penalty on the slope of a critic (WGAN-GP), which then
holds nothing back; or the error of forces, of which the energies alone are trained.
""",
    evidence="""
Each call of `torch.autograd.grad` by data in a recorded step, and the graph of the loss that
follows: it holds what was derived, and no operation of the result. Whether the values of the result
are in the loss is known where an operation has kept their memory, or a residual is exactly a sum of
multiples of them, the output and the input, and is not without them. Where what was derived is not
in the loss, as of a critic that is called once more for a penalty: that its weights are those the
loss trains, that the result has no graph, and that a number without one is added to the loss. That
is looked at also where what was derived is in the loss: the number is a tenth of it or more, and
another one in each step, as no constant is.
""",
    ignore="""
A derivative that is only looked at, a saliency or a slope to print, is a note unless nothing is
learned. Derivatives of a loss, as for adversarial examples, are not counted.
""",
    references=(
        "PyTorch, `torch.autograd.grad`: create_graph",
        "Raissi, Perdikaris & Karniadakis 2019, Physics-informed neural networks",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"share": SHARE, "part": PART, "changes": CHANGES, "fewest": FEWEST}
    | {"enough_steps": ENOUGH_STEPS, "fit": HALF},
    explains=(
        *("loss-diverges", "loss-flat", "constant-output", "labels-unrelated", "stopped-early"),
        *("loss-oscillates", "one-sided-inputs", "rate-too-high", "exploding-gradient"),
    ),
    cases=(
        Case("one, and nothing is learned", lambda: _example(1), Severity.WARNING),
        Case(
            "two in the loss, which falls",
            lambda: _example(2, entered=True, losses=example.FALLING),
            Severity.WARNING,
        ),
        Case(
            "a penalty on the slope of a critic",
            lambda: _example(1, beside=True, losses=example.FALLING),
            Severity.WARNING,
        ),
        Case("a number that changes", lambda: _numbered(2.0, 1.0), Severity.WARNING),
        Case(
            "and a step recorded for its loss",
            lambda: _with_a_spike(_numbered(2.0, 1.0)),
            Severity.WARNING,
        ),
        Case("near miss: a constant beside one to look at", lambda: _numbered(2.0, 2.0), None),
        Case(
            "near miss: one to look at, and it learns",
            lambda: _example(1, losses=example.FALLING),
            None,
        ),
        Case("near miss: all have a graph", lambda: _example(0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(1)), None),
    ),
)

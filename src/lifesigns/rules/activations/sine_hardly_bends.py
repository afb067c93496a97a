"""ACT012: sines of coordinates whose arguments stay so small that all they make is smooth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import HALF, PATIENCE
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

SPAN, ALIKE = "sine_span", "neighbours_alike"
"""Details of a loss: range of a first sine's arguments, and of targets of neighbours."""
TURN = Threshold(
    math.pi, "range of a first sine's arguments, in radians", "arithmetic: half a turn, one arc"
)
NEIGHBOURS = Threshold(
    0.5, "correlation of targets with those of the nearest points", "Cohen 1988: large"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    seen = [one.details for one in stream.marked(SPAN)]
    course = stream.course
    if not seen or course.steps < PATIENCE or course.opposed:
        return
    span, alike = max(each[SPAN] for each in seen), float(np.median([e[ALIKE] for e in seen]))
    if not (span < TURN and alike > NEIGHBOURS and course.gain < HALF * alike):
        return
    yield RULE.finding(
        course.harm(HALF),
        f"the first sines hardly bend: their arguments span {span:.2g} of the {2 * math.pi:.3g} "
        "radians of a turn, so that the network makes slow waves only",
        step=stream.first.step,
        measured=f"half of the first sines have arguments that span at most {span:.2g} radians; "
        f"the targets of points and of their nearest neighbours correlate at {alike:.2f}, in "
        f"{counted(len(seen), 'recorded step')}{course.remark}",
        expected="first sines that go around several times over the data",
        certainty="the range is measured on the recorded batches; that neighbours answer one "
        "another better than the network does shows that there is more to learn",
        causes=("bad_init",),
        remedies=(_MULTIPLY,),
        evidence={"span": span, "neighbours": alike, "gain": course.gain},
    )


_MULTIPLY = Remedy(
    "Multiply what each sine is given by a frequency of about 30, and draw the hidden weights that "
    "much smaller.",
    "y = torch.sin(30 * layer(x))\n"
    "bound = (6 / layer.in_features) ** 0.5 / 30  # of all layers but the first\n"
    "nn.init.uniform_(layer.weight, -bound, bound)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(span: float, losses: Sequence[float], *, alike: float = 0.9) -> Trace:
    """Targets of ±1, whose constant prediction has a loss of 1."""
    known = example.fitting(
        example.chain("linear", "sin", "linear/1", "sin", "linear/2", "mse_loss"),
        losses,
        np.tile([[-0.1], [0.1]], (16, 1)),
        example.target(np.tile([[-1.0], [1.0]], (16, 1))),
    )
    return example.marked(known, {SPAN: span, ALIKE: alike})


_POOR = list(np.geomspace(1.0, 0.88, 300))
_HALF = list(np.geomspace(1.0, 0.4, 300))

RULE = Rule(
    code="ACT012",
    name="sine-hardly-bends",
    title="First sines that hardly bend make slow waves only",
    why="Within a small part of a turn a sine is nearly a straight line, and a network of such "
    "lines is smooth: what changes from one point to the next is out of its reach. Training moves "
    "weights far too little to raise a frequency tenfold.",
    sees="""
A network of sines (SIREN) that maps a place to a brightness, a height or a pressure, without the
factor in front of its arguments: the loss falls to where the slow part of the targets is learned,
and rests there.
""",
    evidence="""
The range of the arguments of the sines behind the first layer over a batch, in the median of its
units, and how the target of each point correlates with that of its nearest neighbour. It alarms
where that range is below half a turn in all recorded steps, the neighbours are alike, and the fit
is not even half as good after hundreds of steps.
""",
    ignore="""
Sines of small arguments fit targets that are smooth themselves, as solutions of many equations:
what is fitted is not reported. Nor are inputs of more than four numbers.
""",
    references=(
        "Sitzmann et al. 2020, Implicit Neural Representations with Periodic Activation "
        "Functions, section 3.2",
        "Rahaman et al. 2019, On the Spectral Bias of Neural Networks",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"turn": TURN, "neighbours": NEIGHBOURS, "steps": PATIENCE, "fit": HALF},
    explains=("loss-flat", "stopped-early", "constant-output", "labels-unrelated", "rate-ran-out"),
    cases=(
        Case("arguments of a sixth of a turn", lambda: _example(1.0, _POOR), Severity.WARNING),
        Case("nothing is learned", lambda: _example(1.0, [1.0] * 300), Severity.ERROR),
        Case("near miss: it is learned", lambda: _example(1.0, _HALF), None),
        Case(
            "near miss: neighbours have nothing in common",
            lambda: _example(1, _POOR, alike=0),
            None,
        ),
        Case("near miss: several turns", lambda: _example(19.0, _POOR), None),
        Case("near miss: a short run", lambda: _example(1.0, _POOR[:200]), None),
        Case("readings missing", lambda: example.unread(_example(1.0, _POOR)), None),
    ),
)

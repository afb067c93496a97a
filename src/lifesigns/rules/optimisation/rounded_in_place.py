"""OPT035: quantised weights take the place of the weights themselves, and steps are lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.thresholds import FITTED, HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MOST, LEAST = "weight_levels", "weight_levels_least"
"""Details of a loss: how many different numbers 48 of one row are, of the weights with the most and
the least."""
LEVELS = Threshold(16, "different numbers among 48 weights of a row", "four bits")
STEPS = Threshold(2, "recorded steps after the first that begin so", "one may be a test")
MOVED = Threshold(
    0.5,
    "change by a step relative to the weight it is made from",
    "arithmetic: weights that were put back differ from their signs by about as much as these are",
)


def check(stream: Stream) -> Iterator[Finding]:
    """At most one finding per stream."""
    coarse = [s for s in stream.snapshots[1:] if _is_coarse(s)]
    marked = [s for s in stream.snapshots[1:] if s.loss and MOST in s.loss.details]
    if len(coarse) < STEPS or len(coarse) < len(marked):
        return
    ratios = [p.update_ratio for s in coarse for p in s.parameters if len(p.shape) > 1]
    ratio = float(np.nanmedian(ratios)) if np.isfinite(ratios).any() else float("nan")
    if ratio < MOVED:
        yield _finding(stream, coarse, ratio)


def _is_coarse(snapshot: Snapshot) -> bool:
    """Whether all weights that were looked at, of any step but the first, have few levels."""
    details = {} if snapshot.loss is None else snapshot.loss.details
    return details.get(LEAST, 0) > 1 and details[MOST] <= LEVELS


def _finding(stream: Stream, coarse: Sequence[Snapshot], ratio: float) -> Finding:
    course = stream.course
    most = max(int(s.loss.details[MOST]) for s in coarse if s.loss is not None)
    return RULE.finding(
        course.harm(HALF, alarms=not course.gain > FITTED),
        f"each pass finds weights of at most {most} different numbers in a row: what steps add is "
        "rounded away",
        step=coarse[0].step,
        measured=f"in {len(coarse)} recorded steps the rows of the weights are made of at most "
        f"{most} numbers, and the step that follows changes them by {ratio:.2g} of their size, "
        f"from there: nothing finer is kept{course.remark}",
        expected="weights that keep what each step adds, and are quantised for the pass alone",
        certainty=f"exact in the rows that were looked at, in {len(coarse)} recorded steps",
        causes=("other",),
        remedies=(_COPY, _RESTORE),
        evidence={"levels": most, "ratio": ratio, "steps": len(coarse)},
    )


_COPY = Remedy(
    "Quantise a copy, and let the gradient go straight through.",
    "w = self.weight\nw = w + (quantise(w) - w).detach()\nreturn F.linear(x, w, self.bias)",
)
_RESTORE = Remedy(
    "Or put the weights back before the step.",
    "loss.backward()\nfor p in model.parameters():\n    p.data.copy_(p.latent)\noptimizer.step()",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    levels: float, *, least: float = 2.0, update: float = 0.01, losses: Sequence[float] = (1.0,)
) -> Trace:
    """Weights of so many different numbers in each recorded step, all of size 1."""
    known = example.regression(tuple(losses) * (200 // len(losses)), update=update)
    known = example.marked(known, {MOST: levels, LEAST: least})
    shots = [
        replace(s, parameters=tuple(replace(p, weight_rms=1.0) for p in s.parameters))
        for s in known.snapshots
    ]
    return replace(known, snapshots=tuple(shots))


RULE = Rule(
    code="OPT035",
    name="rounded-in-place",
    title="Quantised weights take the place of the weights themselves",
    why="Steps are far smaller than the distance between two levels. Only weights that are kept as "
    "they are add them up: what is rounded in place at each pass begins from the same level again.",
    sees="""
A layer for training aware of quantisation that sets `self.weight.data` to its quantised values in
`forward`; a binary network whose real weights are not put back before the optimizer steps. The
weights stay where they are, or jump where a step is large.
""",
    evidence="""
In each recorded step but the first, 48 numbers of one row of each of the largest weights are at
most 16 different ones, and the step changes the weights by less than half of their size: it begins
from the levels.
""",
    ignore="""
Weights that are put back before the step change by about their own size from what the pass saw.
Weights that begin as a few numbers, as at 0, are seen in the first step alone. Zeros, as pruning
leaves them, do not count, and what is left has numbers of its own.
""",
    references=(
        "Courbariaux et al. 2015, BinaryConnect, section 2.3",
        "Jacob et al. 2018, Quantization and Training of Neural Networks, section 3",
    ),
    reads=frozenset({Quantity.LOSS, Quantity.PARAMETERS, Quantity.UPDATES}),
    check=check,
    thresholds={
        "levels": LEVELS,
        "steps": STEPS,
        "moved": MOVED,
        "half": HALF,
        "fitted": FITTED,
    },
    explains=("loss-flat", "loss-diverges", "exploding-gradient", "rate-too-low", "rate-too-high"),
    cases=(
        Case("two levels", lambda: _example(2.0), Severity.WARNING),
        Case("fifteen levels", lambda: _example(15.0), Severity.WARNING),
        Case(
            "two levels, and it fits", lambda: _example(2.0, losses=example.FALLING), Severity.NOTE
        ),
        Case("near miss: numbers of their own", lambda: _example(48.0), None),
        Case("near miss: put back before the step", lambda: _example(2.0, update=1.0), None),
        Case("near miss: all of them 0", lambda: _example(1.0, least=1.0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(2.0)), None),
    ),
)

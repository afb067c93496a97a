"""LOS094: targets that are places on a circle are predicted as one number."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.stream import RECENT
from lifesigns.evidence.thresholds import ENOUGH_STEPS
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

PLACE, SINE, COSINE = "circle_place", "circle_sine", "circle_cosine"
LOW, HIGH, INSIDE = "circle_low_error", "circle_high_error", "circle_inside_error"
AT_ENDS = "circle_ends"
"""Details of a regression: which shares of the variance of the targets, and of sine and cosine on a
circle of their range, a line over the inputs explains; mean squares of the errors in squares of the
range, at both ends and in the middle; and the share of targets at the end that has fewer."""
STEPS = Threshold(4, "recorded steps with such targets", "batches are small, and shares rough")
LATE = Threshold(3, "last recorded steps whose errors count, at least", STEPS.source)
ROUND = Threshold(
    0.4,
    "share of the variance of sine and of cosine that a line over the inputs explains",
    "of 30 000 random networks as targets of random inputs none has both and the next",
)
RATHER = Threshold(
    1.2,
    "times the share that it explains of the targets themselves, at least",
    "arithmetic: 1.64 on a circle with as many targets at each place",
)
PEOPLED = Threshold(
    0.05, "share of the targets within a tenth of the range from each end", "half of evenly spread"
)
WORSE = Threshold(
    2.0, "RMS of the errors at each end over that in the middle", "a definition: not by chance"
)
LARGE = Threshold(
    0.05, "RMS of the errors at each end, as a share of the range", "below: it is fitted"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    course = stream.course
    seen = [one.details for one in stream.marked(PLACE)]
    if len(seen) < STEPS or course.opposed or course.steps < ENOUGH_STEPS:
        return
    words = (PLACE, SINE, COSINE, AT_ENDS)
    place, sine, cosine, ends = (float(np.mean([x[of] for x in seen])) for of in words)
    both = min(sine, cosine)
    if both < max(ROUND, RATHER * place) or ends < PEOPLED:
        return
    late = seen[-max(int(LATE), round(len(seen) * RECENT)) :]
    low, high, inside = (
        float(np.sqrt(np.mean([x[of] for x in late]))) for of in (LOW, HIGH, INSIDE)
    )
    if min(low, high) < max(LARGE, WORSE * inside):
        return
    yield RULE.finding(
        Severity.WARNING,
        "places on a circle are predicted as one number: where it is cut open, neighbours lie a "
        "whole range apart",
        step=stream.first.step,
        measured=f"on a circle as long as the targets' range, a line over the inputs explains "
        f"{sine:.0%} of the variance of the sine and {cosine:.0%} of that of the cosine, but "
        f"{place:.0%} of that of the targets, mean of {counted(len(seen), 'recorded step')}; at "
        f"the end the errors are {low:.2g} of the range where the targets are least and {high:.2g} "
        f"where they are greatest, and {inside:.2g} between{course.remark}",
        expected="two outputs, a sine and a cosine",
        certainty="the shares are exact on the recorded batches; that the targets are places on a "
        "circle is likely",
        causes=("wrong_loss", "other"),
        remedies=(_BOTH,),
        evidence={"sine": sine, "cosine": cosine, "place": place, "low": low, "high": high},
    )


_BOTH = Remedy(
    "Predict sine and cosine, and take the angle of both.",
    "angle = 2 * torch.pi * y / 360\n"
    "target = torch.stack([angle.sin(), angle.cos()], 1)  # two outputs\n"
    "degrees = torch.rad2deg(torch.atan2(output[:, 0], output[:, 1])) % 360",
)


# --- cases ----------------------------------------------------------------------------------------
_STEPS = (0, 1, 4, 16, 64, 199)


def _example(
    place: float = 0.38,
    both: tuple[float, float] = (0.58, 0.56),
    *,
    low: float = 0.2,
    high: float = 0.18,
    ends: float = 0.2,
    steps: int = len(_STEPS),
) -> Trace:
    """The same in all recorded steps; errors are RMS, in ranges of the targets."""
    known = example.fitting(
        example.chain("linear", "relu", "linear/1", "mse_loss"),
        list(np.geomspace(1.0, 0.2, 200)),
        np.tile([[-0.5], [0.5]], (4, 1)),
        example.target(np.tile([[-1.0], [1.0]], (4, 1))),
        steps=_STEPS[:steps],
    )
    errors = {LOW: low**2, HIGH: high**2, INSIDE: 0.03**2}
    marks = {PLACE: place, SINE: both[0], COSINE: both[1], AT_ENDS: ends, **errors}
    return example.marked(known, marks)


RULE = Rule(
    code="LOS094",
    name="circle-cut-open",
    title="Places on a circle are predicted as one number",
    why="A direction of 359 degrees is 2 degrees from one of 1, and its inputs are as close, "
    "but as numbers they are as far apart as can be. A network is smooth: in between it predicts "
    "all numbers from 359 down to 1, the south among them, and a squared error pulls it there.",
    sees="""
A regression of a wind direction, an orientation, a phase or the time of day, in degrees, radians or
scaled to 0 to 1 or -1 to 1. The loss falls far below that of a constant; most predictions are good,
and those where the numbers begin anew are anywhere.
""",
    evidence="""
One target for each row of a table, with many at both ends of their range. On a circle as long as
that range, least squares on the table explain two fifths of the variance of the sine and of the
cosine of their places, and of each a fifth more than of the targets themselves: inputs of the
least and the greatest are alike, those of the middle are not. In the last recorded steps the errors
at each end, a tenth of the range, are twice those in the middle.
""",
    ignore="""
Errors that are computed round the circle, as those of an angle's difference, are no regression of
numbers. Where a circle is in the inputs, but no line over them shows it, as in pictures, nothing is
said; nor of tables with more than a third as many columns as a batch has rows.
""",
    references=(
        "Mardia & Jupp 2000, Directional Statistics",
        "Zhou et al. 2019, On the Continuity of Rotation Representations in Neural Networks",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "steps": STEPS,
        "late": LATE,
        "round": ROUND,
        "rather": RATHER,
        "peopled": PEOPLED,
        "worse": WORSE,
        "large": LARGE,
        "enough_steps": ENOUGH_STEPS,
    },
    explains=("stopped-early", "loss-oscillates", "unscaled-target", "dead-units"),
    cases=(
        Case("most inputs at the cut", lambda: _example(), Severity.WARNING),
        Case("an exact circle", lambda: _example(0.608, (1.0, 1.0)), Severity.WARNING),
        Case("near miss: an open arc", lambda: _example(0.84, (0.95, 0.99)), None),
        Case("near miss: a line", lambda: _example(1.0, (0.88, 0.03)), None),
        Case("near miss: a vague circle", lambda: _example(0.16, (0.3, 0.4)), None),
        Case("near miss: fitted at the ends", lambda: _example(low=0.04, high=0.04), None),
        Case("near miss: one end is no worse", lambda: _example(high=0.055), None),
        Case("near miss: few at an end", lambda: _example(ends=0.02), None),
        Case("few steps", lambda: _example(steps=3), None),
        Case("readings missing: no loss", lambda: example.unread(_example()), None),
    ),
)

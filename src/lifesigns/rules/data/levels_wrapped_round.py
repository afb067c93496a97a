"""DAT051: pictures of 8 bits were calculated with in 8 bits, and wrapped round."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import FITTED
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

AT, JUMPS, CIRCLE, SIZE = "levels_at", "jumps", "round_circle", "jump_size"
"""Details of a loss: the site that is given pictures of 256 levels, and how neighbours differ."""
MANY = Threshold(
    0.15,
    "share of neighbours that jump over half of the levels",
    "measured: a mean subtracted 0.23; scans of black on white 0.06, wrapped phases 0.04",
)
SMOOTHER = Threshold(
    0.7,
    "difference of neighbours on a circle over that as given",
    "measured: pictures 0.88 and more, noise 0.75, wrapped ones 0.38 to 0.74",
)
ALIKE = Threshold(
    4.0,
    "difference at a jump, on a circle, over that of other neighbours",
    "measured: wrapped pictures 1.8 to 5.9, black on white that is as smooth 6 and more",
)
STEPS = Threshold(2, "recorded steps with such pictures", "one may be chance")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    seen = [one.details for one in stream.marked(CIRCLE)]
    if len(seen) < STEPS:
        return
    jumps, circle, size = (float(np.median([d[of] for d in seen])) for of in (JUMPS, CIRCLE, SIZE))
    if jumps < MANY or circle >= SMOOTHER or size >= ALIKE:
        return
    site = stream.first.graph.sites[int(seen[0][AT])]
    yield RULE.finding(
        Severity.WARNING if stream.course.gain < FITTED else Severity.NOTE,
        f"the pictures that {site.name} is given have wrapped round: they were calculated with in "
        "8 bits, where less than 0 is close to 255",
        site=site.name,
        step=stream.first.step,
        measured=f"{jumps:.0%} of neighbouring pixels differ by more than half of 256 levels; on a "
        f"circle of 256 levels, all neighbours differ by {circle:.0%} of what they do now, in "
        f"{counted(len(seen), 'recorded step')}{stream.course.remark}",
        expected="differences of numbers that may be less than 0",
        certainty="by sight: whole pictures are not smoother on a circle",
        causes=("unnormalised_input", "other"),
        remedies=(_FLOAT,),
        evidence={"jumps": jumps, "circle": circle, "size": size},
    )


_FLOAT = Remedy(
    "Make floating-point numbers of the pictures before you calculate with them.",
    "x = images.astype(np.float32) - mean_image  # not uint8 - uint8, which wraps round",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    jumps: float, circle: float, size: float, losses: Sequence[float] = example.FLAT
) -> Trace:
    known = example.fitting(
        example.chain("conv2d/4", "relu", "linear/1", "mse_loss"),
        losses,
        np.tile([[-1.0], [1.0]], (4, 1)),
        example.target([-1.0, 1.0] * 4),
    )
    return example.marked(known, {AT: 0.0, JUMPS: jumps, CIRCLE: circle, SIZE: size})


RULE = Rule(
    code="DAT051",
    name="levels-wrapped-round",
    title="Pictures were calculated with in 8 bits, and wrapped round",
    why="In 8 bits what would be less than 0 comes out close to 255, and what is more than 255 "
    "begins at 0 again, without an error. A pixel that is a little darker than the mean becomes "
    "the brightest of all, and edges appear where there are none.",
    sees="""
A mean image, or a background, is subtracted from pictures while both are `uint8`. Some of it is
learned by heart, and held-out pictures, whose noise wraps round elsewhere, are taken for others.
""",
    evidence="""
The pictures that the first convolution is given have 256 levels, evenly spread. More than a
seventh of the neighbours in rows and columns differ by more than half of them: these are jumps;
pixels at the darkest and brightest level are left out. On a circle, where 255 is next to 0, the
differences of all neighbours are less than seven tenths of what they are as given, and those at
jumps no larger than at other edges.
""",
    ignore="""
It is a note where nine tenths are learned: scans of black on white with some grain look the same.
Black on white has jumps, too: they end at the ends of the levels, or are far larger on the circle
than the noise beside them. Hues and phases are angles and lie on a circle by nature. Flat pictures,
such as drawings, may wrap round without being seen; nor are batches looked at that lack one of the
two ends of the levels, or pictures no convolution gets.
""",
    references=(
        "NumPy, Data types: overflow errors of integers of a fixed size",
        "OpenCV, Core operations: addition in OpenCV is cut off, in NumPy it wraps round",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "fitted": FITTED,
        "many": MANY,
        "smoother": SMOOTHER,
        "alike": ALIKE,
        "steps": STEPS,
    },
    explains=("loss-flat", "labels-unrelated", "stopped-early"),
    cases=(
        Case("a mean was subtracted", lambda: _example(0.25, 0.43, 2.6), Severity.WARNING),
        Case("near miss: jumps at the edges alone", lambda: _example(0.06, 0.52, 1.8), None),
        Case(
            "it learns all the same",
            lambda: _example(0.25, 0.43, 2.6, example.FALLING),
            Severity.NOTE,
        ),
        Case("near miss: pictures with hard edges", lambda: _example(0.04, 0.88, 4.1), None),
        Case("near miss: noise", lambda: _example(0.25, 0.75, 1.5), None),
        Case("near miss: black on white", lambda: _example(0.1, 0.35, 7.0), None),
        Case("near miss: hardly any jumps", lambda: _example(0.01, 0.6, 2.0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(0.25, 0.43, 2)), None),
    ),
)

"""DAT072: inputs so far from 0 that float32 rounds away what tells the samples apart."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import ENOUGH_STEPS, NOTHING, WEAK
from lifesigns.records import BatchReading, Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MARK, SPACING, LEVEL, LEFT, NEXT = (
    "rounded_column", "rounded_spacing", "rounded_level", "rounded_left", "rounded_next",
)  # fmt: skip
"""Details of a loss: the column, how far the numbers of float32 are apart there, its mean, its
deviation in such spacings, and how many of them are between its nearest values."""
STEPS = Threshold(2, "recorded steps with such inputs", "one batch may be odd")
NEIGHBOURS = Threshold(
    1.0, "times the spacing, between the nearest values", "those of a coarser unit are further"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    course = stream.course
    seen = [one.details for one in stream.marked(MARK)]
    if len(seen) < STEPS or min(x[NEXT] for x in seen) > NEIGHBOURS:
        return
    severity = course.harm()
    if severity is Severity.NOTE:
        return
    spacing, level, left = (
        float(np.median([x[word] for x in seen])) for word in (SPACING, LEVEL, LEFT)
    )
    column = int(seen[0][MARK])
    yield RULE.finding(
        severity,
        f"the inputs were rounded to multiples of {spacing:.6g}: they are near {level:,.0f}, where "
        "float32 has no numbers between, and the network learns nothing finer",
        site="input",
        step=stream.first.step,
        measured=f"column {column} of the batch has a deviation of {left:.0f} such spacings, and "
        "nearest values one spacing apart, which is no whole unit, in "
        f"{counted(len(seen), 'recorded step')}{course.remark}",
        expected="a reference subtracted in float64, before the cast",
        certainty="the rounding is exact on the recorded batches; that what was lost is what the "
        "targets depend on is likely",
        causes=("unnormalised_input",),
        remedies=(_REFERENCE,),
        evidence={"spacing": spacing, "level": level, "left": left, "gain": course.gain},
    )


_REFERENCE = Remedy(
    "Subtract a reference, or scale the data, in float64, and cast to float32 last.",
    "t = torch.tensor(t - t.mean(), dtype=torch.float32)  # t: an array of float64",
)


# --- cases ----------------------------------------------------------------------------------------
_FLAT = [1.0] * 200
_WEAKLY = [0.9] * 200
_FITTED = list(np.geomspace(1.0, 0.05, 200))


def _example(losses: list[float], nearest: float = 1.0, steps: int = 9) -> Trace:
    """Dates near 2,457,000 days, in a few recorded steps."""
    marks = {MARK: 0.0, SPACING: 0.25, LEVEL: 2_457_450.0, LEFT: 1040.0, NEXT: nearest}
    known = example.fitting(
        example.chain("linear", "tanh", "linear/1", "mse_loss"),
        losses,
        np.tile([[-0.1], [0.1]], (4, 1)),
        example.target(np.tile([[-1.0], [1.0]], (4, 1))),
        batch=BatchReading((8, 1), example.sums(2_457_450 + np.arange(8.0)[:, None])),
    )
    return example.marked_each(known, [marks if i < steps else {} for i in range(9)])


RULE = Rule(
    code="DAT072",
    name="rounded-inputs",
    title="Inputs are rounded before the network sees them",
    why="Numbers of float32 have 24 bits, and what lies far from 0 needs most of them to say how "
    "far: near 2,457,000 they are a quarter apart, and all times of a morning become the same "
    "number. To subtract a mean afterwards brings nothing back.",
    sees="""
Julian dates, seconds since 1970, coordinates on a map in metres or numbers of samples that are cast
to float32 as they are. A network is to learn what changes from hour to hour, or from metre to
metre, and finds nothing.
""",
    evidence="""
A column of the recorded batches whose deviation is between 16 and 4,096 times the distance of
neighbouring numbers in float32, of at least 16 different values, some of which are such neighbours.
An alarm only where the network hardly learns.
""",
    ignore="""
Whole numbers that are one apart, as years, counts and identities, are exact. Values of a coarser
unit, as hours in seconds, are further apart than neighbours are. Quarters of days, if they are
meant, look the same near two million.
""",
    references=(
        "Goldberg 1991, What Every Computer Scientist Should Know About Floating-Point Arithmetic",
        "Astropy documentation, astropy.time: two float64 keep what one date loses",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "steps": STEPS,
        "neighbours": NEIGHBOURS,
        "weak": WEAK,
        "nothing": NOTHING,
        "enough_steps": ENOUGH_STEPS,
    },
    explains=(
        *("loss-flat", "constant-output", "unscaled-input", "rate-too-low", "loss-oscillates"),
        *("saturated-units", "dead-units", "stopped-early"),
    ),
    cases=(
        Case("dates, and nothing is learned", lambda: _example(_FLAT), Severity.ERROR),
        Case("dates, and little is learned", lambda: _example(_WEAKLY), Severity.WARNING),
        Case("near miss: it is fitted", lambda: _example(_FITTED), None),
        Case("near miss: values of a coarser unit", lambda: _example(_FLAT, 28.0), None),
        Case("near miss: in one step", lambda: _example(_FLAT, steps=1), None),
        Case("few steps", lambda: _example([1.0] * 30), None),
        Case("readings missing: no loss", lambda: example.unread(_example(_FLAT)), None),
    ),
)

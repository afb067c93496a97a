"""DAT004: targets of another scale than the outputs, and a fit that does not get there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Stream, Threshold, suspects
from lifesigns.evidence.course import REGRESSIONS
from lifesigns.evidence.thresholds import ENOUGH_STEPS, RANKS, RAW_TARGET
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace, UnitSums
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

DEVIATION = Threshold(
    0.1, "deviation of the outputs over that of the targets", "arithmetic: 1 % of the variance"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream; raw inputs carry outputs to any scale and come first."""
    readings = stream.readings
    targets = stream.targets
    if not targets or readings[-1].kind not in REGRESSIONS or readings[0].prediction is None:
        return
    output = readings[0].prediction.rms
    if targets.rms / max(output, 1.0) > RAW_TARGET and not stream.is_raw:
        yield _finding(stream, targets, output)


def _finding(stream: Stream, targets: UnitSums, output: float) -> Finding:
    course = stream.course
    severity = _severity(stream, targets)
    rate = suspects.evident(stream, (suspects.rate_too_high, suspects.rate_too_low))
    return RULE.finding(
        severity,
        f"targets have RMS {targets.rms:.3g}, the outputs start at {output:.2g}"
        + (" and do not get there" if severity is not Severity.NOTE else ""),
        step=stream.first.step,
        measured="; ".join((str(course), *(suspect.evidence for suspect in rate))),
        expected="targets of mean 0 and standard deviation about 1",
        certainty="the scale is exact on the recorded targets; the effect is measured",
        causes=("unnormalised_input", *(suspect.cause for suspect in rate)),
        remedies=(
            Remedy(
                "Scale the targets: mean 0 and standard deviation 1; undo it to predict.",
                "y = (y - y_train.mean()) / y_train.std()",
            ),
            Remedy(
                "Or start at their mean.",
                "with torch.no_grad():\n    model[-1].bias.fill_(y_train.mean())",
            ),
        ),
        evidence={
            "target_rms": targets.rms,
            "output_rms": output,
            "output_deviation": course.output_deviation,
            "gain": course.gain,
        },
    )


def _severity(stream: Stream, targets: UnitSums) -> Severity:
    """Where the constant prediction's loss is not known: the targets' deviation is above it."""
    course = stream.course
    if np.isfinite(course.gain) or not course.steps >= ENOUGH_STEPS:
        return course.harm()
    above = course.end > float(np.sqrt(targets.variance.mean()))
    same = course.output_deviation < DEVIATION
    poor = not course.correlation > RANKS
    return Severity.WARNING if poor and (above or same) else Severity.NOTE


# --- cases ----------------------------------------------------------------------------------------
def _example(
    losses: Sequence[float], kind: str = "squared_error", *, scale: float = 300.0, output: float = 1
) -> Trace:
    """Targets of mean `scale` and standard deviation a third of it; outputs ±`output`."""
    return example.regression(
        losses, update=0.003, kind=kind, output=output, offset=scale, scales=[scale / 3]
    )


RULE = Rule(
    code="DAT004",
    name="unscaled-target",
    title="Regression targets of another scale than the outputs",
    why="A network starts with outputs of about 1, and has to move its last weights all the way to "
    "targets of hundreds. Under squared error the gradient grows with that distance and steps "
    "overshoot; under absolute error each step has the same length and the way is long.",
    sees="""
Prices, years or counts as targets of a regression, as they were measured. The first steps of such a
run do nothing but carry the output's bias to the mean of the targets.
""",
    evidence="""
The RMS of the recorded targets against that of the first outputs, and a weak fit: a loss near or
above that of the best constant prediction. For absolute errors that level is not known, but never
above the standard deviation of the targets; or outputs that hardly differ between inputs.
""",
    ignore="""
It is a note if the network gets there all the same, and if the run is too short to tell. Raw inputs
carry the outputs to any scale: then unscaled-input comes first.
""",
    references=(
        "Bishop 2006, Pattern Recognition and Machine Learning, section 5.5: scaling and priors",
        "LeCun et al. 1998, Efficient BackProp, section 4.5: choosing target values",
    ),
    reads=frozenset(
        {Quantity.ACTIVATIONS, Quantity.PARAMETERS, Quantity.UPDATES, Quantity.BATCH, Quantity.LOSS}
    ),
    check=check,
    thresholds={"ratio": RAW_TARGET, "deviation": DEVIATION, "correlation": RANKS},
    explains=(
        "loss-flat",
        "loss-diverges",
        "exploding-gradient",
        "dead-units",
        "saturated-units",
        "non-finite-origin",
        "constant-output",
        "rate-too-high",
        "rate-too-low",
        "loss-oscillates",
    ),
    cases=(
        Case("far above the level of a constant", lambda: _example([9e4] * 200), Severity.ERROR),
        Case(
            "absolute error falls slowly",
            lambda: _example(list(np.linspace(300, 250, 200)), "absolute_error"),
            Severity.WARNING,
        ),
        Case(
            "near miss: large targets, learned",
            lambda: _example(list(np.geomspace(9e4, 500, 200))),
            None,
        ),
        Case(
            "near miss: absolute error, learned",
            lambda: _example(list(np.geomspace(300, 20, 200)), "absolute_error", output=90),
            None,
        ),
        Case("targets of scale 1", lambda: _example([1.0] * 200, scale=1), None),
        Case("few steps", lambda: _example([9e4] * 60, "absolute_error", scale=20), None),
        Case("no regression", lambda: _example([9e4] * 200, "binary_cross_entropy"), None),
        Case("readings missing: no targets", lambda: example.unread(_example([9e4] * 200)), None),
    ),
)

"""DAT004: targets of another scale than the outputs, and a fit that does not get there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold, suspects
from lifesigns.evidence.constant import targets_of
from lifesigns.evidence.course import REGRESSIONS
from lifesigns.evidence.terms import Term, terms_of
from lifesigns.evidence.thresholds import CALIBRATED, ENOUGH_STEPS, NOTHING, RANKS, RAW_TARGET, WEAK
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

DEVIATION = Threshold(
    0.1, "deviation of the outputs over that of the targets", "arithmetic: 1 % of the variance"
)

MADE = Threshold(
    10.0,
    "times the size of the first targets",
    "arithmetic: what grows so is made by the run itself",
)
SWAMPED = Threshold(0.9, "share of a sum that leaves nothing to its other terms", CALIBRATED)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream; raw inputs carry outputs to any scale and come first."""
    if stream.is_raw or not stream.readings:
        return
    terms = [term for term in terms_of(stream.readings) if _is_raw(term.readings)]
    if terms:
        yield _of_a_term(stream, terms[0])
    elif not stream.readings[-1].others and _is_raw(stream.readings):
        yield _finding(stream)


def _is_raw(readings: Sequence[LossReading]) -> bool:
    """Whether these targets are of another order of magnitude than the first outputs.

    Targets that begin small and grow are no data: what the network makes itself runs away.
    """
    targets, output = targets_of(readings), readings[0].prediction
    if not targets or readings[-1].kind not in REGRESSIONS or output is None:
        return False
    first = targets_of(readings[:1])
    if first is not None and targets.rms > MADE * first.rms:
        return False
    return targets.rms / max(output.rms, 1.0) > RAW_TARGET


def _of_a_term(stream: Stream, term: Term) -> Finding:
    """One term of a sum: it is in the way of itself, or of the others."""
    others = [other for other in terms_of(stream.readings) if other.operation != term.operation]
    ignored = [o for o in others if o.gain < NOTHING] if term.share > SWAMPED else []
    harmed = term.gain < WEAK or ignored
    judged = stream.course.steps >= ENOUGH_STEPS and not stream.course.opposed
    return _told(
        stream,
        term.readings,
        Severity.WARNING if harmed and judged else Severity.NOTE,
        f"{term}; it is {term.share:.1%} of the loss"
        + "".join(f", and {other.operation} is not learned" for other in ignored),
        gain=term.gain,
        of=f" of {term.operation}",
    )


def _finding(stream: Stream) -> Finding:
    return _told(
        stream, stream.readings, _severity(stream), str(stream.course), gain=stream.course.gain
    )


def _told(
    stream: Stream,
    readings: Sequence[LossReading],
    severity: Severity,
    measured: str,
    *,
    gain: float,
    of: str = "",
) -> Finding:
    targets, given = targets_of(readings), readings[0].prediction
    assert targets is not None
    assert given is not None
    rate = suspects.evident(stream, (suspects.rate_too_high, suspects.rate_too_low))
    return RULE.finding(
        severity,
        f"targets{of} have RMS {targets.rms:.3g}, the outputs start at {given.rms:.2g}"
        + (" and do not get there" if severity is not Severity.NOTE else ""),
        step=stream.first.step,
        # what a rate's suspects say is said of the whole sum, not of this term
        measured="; ".join((measured, *(suspect.evidence for suspect in rate if not of))),
        expected="targets of mean 0 and standard deviation about 1",
        certainty="the scale is exact on the recorded targets; the effect is measured",
        causes=("unnormalised_input", *(suspect.cause for suspect in rate)),
        remedies=(
            Remedy(
                "Scale the targets: mean 0 and standard deviation 1; undo it to predict.",
                "y = (y - y_train.mean()) / y_train.std()",
                edit="standardise-targets",
            ),
            Remedy(
                "Or start at their mean.",
                "with torch.no_grad():\n    model[-1].bias.fill_(y_train.mean())",
            ),
        ),
        evidence={
            "target_rms": targets.rms,
            "output_rms": given.rms,
            "output_deviation": stream.course.output_deviation,
            "gain": gain,
        },
    )


def _severity(stream: Stream) -> Severity:
    """Outputs on their way to such targets rank them well long before they are anywhere near.

    Where the constant prediction's loss is not known: the targets' deviation is above it.
    """
    course, targets = stream.course, stream.targets
    if targets is None or np.isfinite(course.gain) or not course.steps >= ENOUGH_STEPS:
        far = course.steps >= ENOUGH_STEPS and course.worse_than_constant
        grave = course.harm(alarms=far and not course.targets_move)
        return Severity.WARNING if course.arrives and grave is Severity.ERROR else grave
    above = course.end > float(np.sqrt(targets.variance.mean()))
    same = course.output_deviation < DEVIATION
    poor = not course.correlation > RANKS
    return Severity.WARNING if poor and (above or same) else Severity.NOTE


# --- cases ----------------------------------------------------------------------------------------
def _example(
    losses: Sequence[float],
    kind: str = "squared_error",
    *,
    scale: float = 300.0,
    output: float = 1,
    correlation: float = math.nan,
) -> Trace:
    """Targets of mean `scale` and standard deviation a third of it; outputs ±`output`."""
    return example.regression(
        losses,
        update=0.003,
        kind=kind,
        output=output,
        correlation=correlation,
        offset=scale,
        scales=[scale / 3],
    )


def _sum(end: float, beside: float) -> Trace:
    """Two squared errors, of targets ±1 and ±300; levels as shares of what a constant reaches."""
    sign = np.tile([[-1.0], [1.0]], (16, 1))
    graph = example.chain("linear", "relu", "linear/1", "mse_loss", batch=32)

    def reading(scale: float, fit: float, *others: LossReading) -> LossReading:
        value = fit + sum(other.fit for other in others)
        return LossReading(
            value, "squared_error", "mse_loss" if others else "pow", fit=fit, scale=1.0,
            input_shape=(32, 1), prediction=example.sums(sign), target=example.target(scale * sign),
            others=others,
        )  # fmt: skip

    loss = reading(1.0, beside, reading(300.0, 9e4 * end))
    shots = [example.snapshot(graph, step=step, loss=loss) for step in (0, 1, 50, 199)]
    return example.trace(*shots, losses=[loss.value] * 200)


def _growing() -> Trace:
    """Targets that are 1 at first, and 300 in the end."""
    small, large = _example([9e4] * 200, scale=1), _example([9e4] * 200)
    return replace(large, snapshots=(*small.snapshots[:1], *large.snapshots[1:]))


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
above that of the best constant prediction. Well above it, that holds although outputs and targets
go together: such a run is still on its way to their mean. For absolute errors that level is not
known, but never above the standard deviation of the targets; or outputs that hardly differ between
inputs. In a sum of losses each term is judged by its own targets, and by whether the others are
learned beside it.
""",
    ignore="""
It is a note if the network gets there all the same, and if the run is too short to tell. Raw inputs
carry the outputs to any scale: then unscaled-input comes first. Targets that move while the outputs
follow them, as those of a critic, are never reached.
""",
    references=(
        "Bishop 2006, Pattern Recognition and Machine Learning, section 5.5: scaling and priors",
        "LeCun et al. 1998, Efficient BackProp, section 4.5: choosing target values",
    ),
    reads=frozenset(
        {Quantity.ACTIVATIONS, Quantity.PARAMETERS, Quantity.UPDATES, Quantity.BATCH, Quantity.LOSS}
    ),
    check=check,
    thresholds={
        "ratio": RAW_TARGET,
        "made": MADE,
        "deviation": DEVIATION,
        "correlation": RANKS,
        "swamped": SWAMPED,
    },
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
        "stopped-early",
        "one-loss-unlearned",
    ),
    cases=(
        Case("far above the level of a constant", lambda: _example([9e4] * 200), Severity.ERROR),
        Case(
            "far above that level, on its way, and it ranks the targets well",
            lambda: _example(list(np.linspace(9e4, 5e4, 200)), correlation=0.9),
            Severity.WARNING,
        ),
        Case(
            "near miss: on its way, a few steps",
            lambda: _example(list(np.linspace(9e4, 5e4, 30)), correlation=0.9),
            None,
        ),
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
        Case(
            "a term of a sum that is far from its targets",
            lambda: _sum(end=0.9, beside=0.5),
            Severity.WARNING,
        ),
        Case(
            "a term of a sum that leaves nothing to the others",
            lambda: _sum(end=0.5, beside=1.0),
            Severity.WARNING,
        ),
        Case("near miss: both terms are learned", lambda: _sum(end=0.5, beside=0.5), None),
        Case("near miss: targets that the run makes itself", lambda: _growing(), None),
        Case("no regression", lambda: _example([9e4] * 200, "binary_cross_entropy"), None),
        Case("readings missing: no targets", lambda: example.unread(_example([9e4] * 200)), None),
    ),
)

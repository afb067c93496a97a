"""OPT005: the loss swings from step to step and gets nowhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.thresholds import CALIBRATED, LARGE_UPDATE, SURE
from lifesigns.records import Finding, Floats, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

STEPS = Threshold(40, "steps of the tail at least", "standard error of 0.16")
MEMORY = Threshold(-0.3, "correlation with the next loss, below it a swing", "noise: 0")
SWING = Threshold(0.2, "median change over the level", CALIBRATED)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream; several losses in turn (a GAN) have no level to judge by."""
    if not stream.is_alone:
        return
    curve = stream.course.curve
    tail = curve[-max(int(STEPS), len(curve) // 2) :]
    if len(tail) < STEPS:
        return
    memory, swing = _memory(tail), _swing(tail)
    if memory < MEMORY - SURE / math.sqrt(len(tail)) and swing > SWING:
        yield _finding(stream, memory, swing)


def _memory(values: Floats) -> float:
    """Correlation of each loss with the next one, the trend taken out: 0 for batch noise."""
    rest = values - np.poly1d(np.polyfit(np.arange(len(values)), values, 1))(np.arange(len(values)))
    power = float((rest**2).sum())
    return float((rest[1:] * rest[:-1]).sum()) / power if power > 0 else 0.0


def _swing(values: Floats) -> float:
    """Median change from one step to the next, over the level."""
    level = abs(float(np.mean(values)))
    return float(np.median(np.abs(np.diff(values)))) / level if level > 0 else 0.0


def _finding(stream: Stream, memory: float, swing: float) -> Finding:
    course, ratio = stream.course, stream.largest_update
    severity = course.harm() if ratio > LARGE_UPDATE else Severity.NOTE
    return RULE.finding(
        severity,
        f"the loss swings up and down from step to step, by {swing:.0%} of its level",
        step=int(stream.steps[len(stream.steps) // 2]),
        measured=f"each loss correlates with the next one at {memory:.2f}, where batch noise "
        f"gives 0; the largest update was {ratio:.2g} of its weights; {course}",
        expected="losses that scatter independently around a falling trend",
        certainty=f"the correlation's standard error is {1 / math.sqrt(course.steps // 2):.2f}",
        causes=("lr_too_high", "wrong_batch_size"),
        remedies=(
            Remedy(
                "Lower the learning rate threefold, or the momentum.",
                "for group in optimizer.param_groups:\n    group['lr'] /= 3",
                edit="scale-rate",
            ),
        ),
        evidence={"memory": memory, "swing": swing, "update": ratio},
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(losses: Sequence[float], *, update: float = 0.3) -> Trace:
    return example.regression(losses, update=update)


def _swinging(level: float, by: float, steps: int = 120) -> list[float]:
    return [level + by * (-1) ** step for step in range(steps)]


def _noisy(level: float, by: float, steps: int = 120) -> list[float]:
    return list(level + by * np.random.default_rng(0).standard_normal(steps))


RULE = Rule(
    code="OPT005",
    name="loss-oscillates",
    title="The loss swings from step to step and gets nowhere",
    why="Where the loss is curved more sharply than the step is short, each step overshoots the "
    "valley and the next one comes back. The other directions could still go down, but the swing "
    "hides it.",
    sees="""
A loss that goes up and down in turn: high after low and low after high, by a good part of its
level. Noise from batches scatters as well, but independently from step to step.
""",
    evidence="""
The correlation of each loss with the next one over the second half of the run, the trend taken
out: about 0 for batch noise, towards -1 for a swing. It must lie below the limit by two standard
errors, and it alarms only with large updates and a weak fit.
""",
    ignore="""
At the edge of stability (Cohen et al. 2021) full-batch descent swings a little and still learns:
that is a note. Cyclic rates and alternating kinds of batches swing in longer or planned periods.
""",
    references=(
        "LeCun et al. 1998, Efficient BackProp, section 5: largest rate before divergence",
        "Cohen et al. 2021, Gradient descent typically occurs at the edge of stability",
    ),
    reads=frozenset({Quantity.PARAMETERS, Quantity.UPDATES, Quantity.LOSS}),
    check=check,
    thresholds={
        "steps": STEPS,
        "memory": MEMORY,
        "sure": SURE,
        "swing": SWING,
        "update": LARGE_UPDATE,
    },
    explains=("loss-flat", "labels-unrelated"),
    cases=(
        Case("up and down above a constant", lambda: _example(_swinging(3, 2)), Severity.ERROR),
        Case("up and down around it", lambda: _example(_swinging(1.3, 0.6)), Severity.ERROR),
        Case("near miss: batch noise", lambda: _example(_noisy(3, 2)), None),
        Case("near miss: a swing that learns", lambda: _example(_swinging(0.2, 0.1)), None),
        Case("near miss: small updates", lambda: _example(_swinging(3, 2), update=1e-3), None),
        Case("falling", lambda: _example(list(np.geomspace(3, 0.1, 120))), None),
        Case("readings missing", lambda: example.unread(_example(_swinging(3, 2))), None),
    ),
)

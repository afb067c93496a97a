"""DAT045: a mean is taken over rows that do not belong together; in the other order they would."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.thresholds import WEAK
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

USED, OTHERWISE = "rows_grouped", "rows_otherwise"
"""Details of a loss: the variance between groups over that within them, for both orders."""
STEPS = Threshold(4, "recorded steps with such groups", "a standard error needs some")
ERRORS = Threshold(
    3, "standard errors over the steps by which groups are alike, or are not", "normal: p < 0.15 %"
)
ALIKE = Threshold(1.2, "variance between groups over that within them", "a definition: above 1")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    details = [loss.details for loss in stream.readings if OTHERWISE in loss.details]
    ratios = np.array([[each[USED], each[OTHERWISE]] for each in details])
    if len(ratios) < STEPS or not (np.isfinite(ratios) & (ratios > 0)).all():
        return
    severity, logs = stream.course.harm(WEAK), np.log(ratios)
    used, otherwise = np.exp(logs.mean(axis=0))
    apart = logs[:, 1] - logs[:, 0]
    errors = apart.mean() / (apart.std(ddof=1) / math.sqrt(len(apart)))
    if not otherwise > ALIKE > used or not errors > ERRORS or severity is Severity.NOTE:
        return
    yield RULE.finding(
        severity,
        "a mean is taken over rows that do not belong together: the two sizes of the view are "
        "exchanged",
        step=stream.first.step,
        measured=f"between the groups whose mean is taken rows vary {used:.2f} times as "
        f"much as within them, in the other order {otherwise:.2f} times (mean of "
        f"{len(details)} recorded steps; 1 is chance){stream.course.remark}",
        expected="groups whose rows are alike, as the samples of a class are",
        certainty=f"{errors:.1f} standard errors; that no such mean is meant is likely",
        causes=("wrong_shape", "other"),
        remedies=(
            Remedy(
                "Exchange the two numbers of the view, and take the mean over the other axis.",
                "prototypes = embedded.view(classes, shots, -1).mean(1)",
            ),
        ),
        evidence={"used": float(used), "otherwise": float(otherwise)},
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(
    used: Sequence[float] = (0.8, 0.9, 0.85, 0.75, 0.9, 0.8),
    otherwise: Sequence[float] = (1.6, 1.9, 1.5, 1.7, 1.8, 1.6),
    losses: Sequence[float] = (1.0, 1.02) * 100,
) -> Trace:
    """Recorded steps in which rows vary so much between groups, in both orders."""
    sign = np.tile([[-1.0], [1.0]], (16, 1))
    graph = example.chain("linear", "relu", "linear/1", "mse_loss", batch=32)
    shots = [
        example.fitting(
            graph,
            losses,
            0.1 * sign,
            example.target(sign),
            steps=(10 * k,),
            details={USED: one, OTHERWISE: other},
        ).snapshots[0]
        for k, (one, other) in enumerate(zip(used, otherwise, strict=True))
    ]
    return example.trace(*shots, losses=losses)


RULE = Rule(
    code="DAT045",
    name="means-of-mixed-rows",
    title="A mean over rows that do not belong together",
    why="The mean of samples of one class stands for the class. The mean of one sample of each "
    "class stands for none: all such means are alike, and nothing can be told from them.",
    sees="""
A prototypical network whose support samples lie class by class, and are averaged as if they lay by
turns: `z.view(shots, classes, -1).mean(0)` where `z.view(classes, shots, -1).mean(1)` is meant.
Both have the same shape, and nothing fails.
""",
    evidence="""
A view puts the rows of a matrix in groups, of which a mean is taken. The variance between groups
over that within them is about 1 if they are drawn by chance. In the groups taken it is below
the limit, in those of the other order above it, by more than the steps scatter; and the fit
is weak.
""",
    ignore="""
Where a mean is to be taken over samples of all classes, as that of a batch, and the fit is weak for
another reason. Nothing is said of rows of which only some are averaged.
""",
    references=("Snell, Swersky & Zemel 2017, Prototypical Networks for Few-shot Learning",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS, "errors": ERRORS, "alike": ALIKE, "gain": WEAK},
    explains=("loss-flat", "labels-unrelated", "rate-too-low", "stopped-early", "constant-output"),
    cases=(
        Case("rows of all classes in each mean", _example, Severity.ERROR),
        Case(
            "something is learned all the same",
            lambda: _example(losses=list(np.linspace(1.0, 0.88, 200))),
            Severity.WARNING,
        ),
        Case(
            "near miss: rows of one class",
            lambda: _example((1.6, 1.9, 1.5, 1.7), (0.8, 0.9, 0.8, 0.7)),
            None,
        ),
        Case(
            "near miss: neither order has a class",
            lambda: _example((0.9, 1.1, 1.0, 0.95), (1.0, 1.3, 0.8, 1.0)),
            None,
        ),
        Case(
            "near miss: it learns",
            lambda: _example(losses=list(np.geomspace(1, 0.1, 200))),
            None,
        ),
        Case("few steps", lambda: _example((0.8, 0.9), (1.6, 1.9)), None),
        Case("readings missing: no loss", lambda: example.unread(_example()), None),
    ),
)

"""LOS089: the scale of a likelihood comes out of a ReLU or a clamp, and stays at its floor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Quantity, Remedy, Severity, Site, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

SHARE, FLOOR = "scales_at_floor", "floor_of_scales"
"""Details of a loss: the share of its scales that are the floor, and the smallest scale."""
THERE, ELSEWHERE = "error_at_floor", "error_elsewhere"
"""The mean of the errors that the smallest scale divides, once divided, and of all others."""
CLAMPED, AT = "floor_by_clamp", "floor_site"
"""Whether a clamp makes the floor, and no ReLU; and at which site, -1 for none."""
TIMES = Threshold(
    10.0,
    "mean error over the scale at the floor, where 1 is right",
    "ten times what a Gaussian likelihood is least at",
)
STEPS = Threshold(2, "recorded steps with scales at the floor", "one may be a trial")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream: several steps show it, or one that brought the NaN."""
    shots = [s for s in stream.snapshots if s.loss is not None and SHARE in s.loss.details]
    shown = [s for s in shots if _is_shown(s)]
    ruined = not stream.course.ends_finite and any(_detail(s, FLOOR) == 0 for s in shown)
    if len(shown) < (1 if ruined else STEPS):
        return
    share, floor, there, elsewhere = (
        float(np.median([_detail(s, of) for s in shown])) for of in (SHARE, FLOOR, THERE, ELSEWHERE)
    )
    site = _site(shown[0])
    made_by = "is clamped" if _detail(shown[0], CLAMPED) else "comes out of a ReLU"
    yield RULE.finding(
        _severity(stream),
        f"the scale of a likelihood {made_by}: at its floor it gets no gradient, and errors are "
        "divided by next to nothing",
        site=site.name if site else "",
        step=shown[0].step,
        measured=f"{share:.1%} of the scales are the floor, {floor:.2g}, in "
        f"{counted(len(shown), 'recorded step')}; the errors that it divides become {there:.2g} on "
        "average" + (f", others {elsewhere:.2g}" if elsewhere >= 0 else "") + stream.course.remark,
        expected="about 1 on average, and a scale with a gradient for every sample",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_output_activation", "dead_relu", "wrong_loss"),
        remedies=(_SOFTPLUS, _LOGARITHM),
        evidence={"share": share, "floor": floor, "error": there},
    )


def _detail(snapshot: Snapshot, word: str) -> float:
    return snapshot.loss.details[word] if snapshot.loss else float("nan")


def _is_shown(snapshot: Snapshot) -> bool:
    return _detail(snapshot, SHARE) > 0 and _detail(snapshot, THERE) >= TIMES


def _site(snapshot: Snapshot) -> Site | None:
    at = int(_detail(snapshot, AT))
    return snapshot.graph.sites[at] if at >= 0 else None


def _severity(stream: Stream) -> Severity:
    course = stream.course
    if not course.ends_finite or course.worse_than_constant:
        return Severity.ERROR
    return Severity.NOTE if course.learned else Severity.WARNING


_SOFTPLUS = Remedy(
    "Let the scale end in a softplus, which is positive everywhere and has a gradient.",
    "variance = F.softplus(raw) + 1e-3  # not F.relu(raw)",
)
_LOGARITHM = Remedy(
    "Or let the network give the logarithm of the variance.",
    "loss = 0.5 * (error**2 * torch.exp(-log_variance) + log_variance).mean()",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    share: float,
    error: float = 500.0,
    *,
    losses: tuple[float, ...] = example.FLAT,
    floor: float = 1e-6,
    clamped: bool = False,
    steps: int = 5,
    others: float = 1.0,
) -> Trace:
    """So many of the scales are the floor, in as many of the last steps."""
    marks = {SHARE: share, FLOOR: floor, THERE: error, ELSEWHERE: others}
    marks |= {CLAMPED: float(clamped), AT: 1.0}
    known = example.regression(losses, update=1e-3)
    before = example.marked(known, {**marks, SHARE: 0.0}).snapshots
    after = example.marked(known, marks).snapshots
    at = len(after) - steps
    return replace(known, snapshots=(*before[:at], *after[at:]))


RULE = Rule(
    code="LOS089",
    name="variance-through-relu",
    title="The scale of a likelihood stays at the floor of a ReLU",
    why="A likelihood divides an error by the scale that the network gives with it, and a scale of "
    "next to nothing makes any error huge. Where a ReLU gives 0, or a clamp its bound, no "
    "gradient reaches the layer below it, and no such loss can make the scale grow.",
    sees="""
A head for the variance, or the standard deviation, that ends in `nn.ReLU()`, or a plain output with
`.clamp(min=1e-6)`, in `nn.GaussianNLLLoss`, `Normal(mean, scale).log_prob(y)` or a formula by hand.
The loss is in the thousands and jumps, though the means follow the targets.
""",
    evidence="""
The graph: the loss adds the logarithm of what a ReLU gives, or a clamp of a linear map, and divides
errors by the same. The numbers: in two or more of the recorded steps some of the scales are exactly
the floor, and the errors, once divided by the smallest scale, are ten times what they should be.
Early steps of this kind may do lasting harm: the gradient is as large as the loss.
""",
    ignore="""
A softplus or an exponential, with or without a clamp behind it, has a gradient everywhere, and is
not looked at. A floor as large as the errors does little harm, and of a run that learns all the
same there is only a note.
""",
    references=(
        "PyTorch, `nn.GaussianNLLLoss`: var is clamped to eps, for stability",
        "Nix & Weigend 1994, Estimating the mean and variance of the target distribution (ICNN)",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"times": TIMES, "steps": STEPS},
    explains=(
        *("loss-flat", "loss-diverges", "loss-oscillates", "stopped-early", "rate-too-low"),
        *("rate-too-high", "dead-units", "zero-gradient", "exploding-gradient", "constant-output"),
        *("non-finite-origin", "output-cannot-reach-target", "unscaled-target"),
    ),
    cases=(
        Case("one scale in ten", lambda: _example(0.1), Severity.WARNING),
        Case("all of them", lambda: _example(1.0, others=np.nan), Severity.WARNING),
        Case("a clamp", lambda: _example(0.3, clamped=True), Severity.WARNING),
        Case(
            "a loss above a constant's",
            lambda: _example(0.1, losses=(1.5, *[30.0] * 99)),
            Severity.ERROR,
        ),
        Case(
            "a scale of 0, and then NaN",
            lambda: _example(0.1, np.inf, losses=(1.0, *[np.nan] * 99), floor=0.0),
            Severity.ERROR,
        ),
        Case("near miss: it learns", lambda: _example(0.1, losses=example.FALLING), None),
        Case("near miss: errors as large as the floor", lambda: _example(0.1, 2.0), None),
        Case("near miss: no scale is the floor", lambda: _example(0.0), None),
        Case("near miss: in the last step alone", lambda: _example(0.1, steps=1), None),
        Case("readings missing: no loss", lambda: example.unread(_example(0.1)), None),
    ),
)

"""OPT004: the loss runs away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lifesigns.records import (
    BatchReading,
    Finding,
    Floats,
    Ints,
    LossReading,
    Remedy,
    Severity,
    Trace,
)
from lifesigns.rules import _examples as example
from lifesigns.rules import _suspects
from lifesigns.rules._evidence import streams
from lifesigns.rules._loss_trend import Trend, block_means, trend
from lifesigns.rules._rule import Case, Chinese, Rule, Threshold
from lifesigns.rules._scales import update_ratio
from lifesigns.rules._suspects import Suspect, suspects


def check(trace: Trace) -> Iterable[Finding]:
    """At most one finding; several losses in turn (a GAN) rise and fall against each other."""
    if trace.losses.stream_count != 1:
        return
    stream = next(iter(streams(trace)), 0)
    losses = trace.losses.stream(stream)
    finite = np.isfinite(losses)
    if not finite.any():
        return  # never finite: that is where it began, not where it went
    course = trend(trace, stream)
    if not finite[-1]:
        yield _overflowed(trace, stream, course, losses)
    elif course.steps >= _limit("steps") and course.rose(_factor(course)):
        yield _rose(trace, stream, course)


def _factor(course: Trend) -> float:
    return _limit("factor" if np.isfinite(course.baseline) else "unknown_factor")


def _onset(steps: Ints, values: Floats, factor: float) -> int:
    """The step from which the loss stayed above `factor` times its first value (or non-finite)."""
    first = values[np.isfinite(values)][0]
    below = np.flatnonzero(values - first <= (factor - 1) * abs(first))
    return int(steps[min(below[-1] + 1, len(steps) - 1)]) if len(below) else int(steps[0])


def _overflowed(trace: Trace, stream: int, course: Trend, values: Floats) -> Finding:
    last = int(np.flatnonzero(np.isfinite(values))[-1])
    steps = trace.losses.steps[trace.losses.streams == stream]
    step = int(steps[last + 1])
    peak = float(np.nanmax(np.abs(values[: last + 1])))
    grew = peak > _limit("factor") * abs(float(values[np.isfinite(values)][0]))
    return _finding(
        trace,
        stream,
        course,
        f"the loss is not finite from step {step} on" + (", after it grew" if grew else ""),
        _onset(steps, values, _limit("factor")) if grew else step,
        f"{values[0]:.3g} at the start, {values[last]:.3g} as the last finite loss",
        "exact",
        () if grew else ("nan",),
    )


def _rose(trace: Trace, stream: int, course: Trend) -> Finding:
    means = block_means(course.curve)
    steps = trace.losses.steps[trace.losses.streams == stream]
    baseline = f"; a constant prediction reaches {course.baseline:.3g}"
    return _finding(
        trace,
        stream,
        course,
        f"the loss rose from {course.start:.3g} to {course.end:.3g}",
        _onset(steps, trace.losses.stream(stream), _factor(course)),
        f"block means of the loss over the run: {', '.join(f'{m:.3g}' for m in means[:5])} …"
        + (baseline if np.isfinite(course.baseline) else ""),
        f"{course.end_error:.2g} standard error of the end level, {course.steps} steps",
        (),
    )


def _finding(
    trace: Trace,
    stream: int,
    course: Trend,
    symptom: str,
    step: int,
    measured: str,
    certainty: str,
    first: tuple[str, ...],
) -> Finding:
    asked = (_suspects.unscaled_input, _uphill, _suspects.rate_too_high, _perhaps_uphill)
    found = suspects(trace, stream, course, asked) or [_RATE]
    causes = (*first, *(s.cause for s in found), "exploding", "lr_too_high")
    return RULE.finding(
        Severity.ERROR,
        symptom,
        step=step,
        measured="; ".join((measured, *(s.evidence for s in found if s.evidence))),
        expected="a loss that falls, or stays level",
        certainty=certainty,
        causes=tuple(dict.fromkeys(causes))[:3],
        remedies=(*(s.remedy for s in found), _CLIP)[:3],
        evidence={"start": course.start, "end": course.end, "baseline": course.baseline},
    )


def _uphill(trace: Trace, stream: int, course: Trend) -> Suspect | None:
    """Small updates and a loss that rises all the same: steps along the gradient."""
    small = [ratio < _suspects.LARGE_UPDATE for ratio in _early_ratios(trace, stream)]
    return _SIGN if small and all(small) and _rises_throughout(course) else None


def _perhaps_uphill(trace: Trace, stream: int, course: Trend) -> Suspect | None:
    """The same, if only the first update was small: an overshoot may look like this as well."""
    small = [ratio < _suspects.LARGE_UPDATE for ratio in _early_ratios(trace, stream)]
    return _SIGN if small and small[0] and not all(small) and _rises_throughout(course) else None


def _early_ratios(trace: Trace, stream: int) -> list[float]:
    ratios = map(update_ratio, trace.stream(stream)[:4])
    return [ratio for ratio in ratios if np.isfinite(ratio)]


def _rises_throughout(course: Trend) -> bool:
    means = block_means(course.curve)
    levels = means if len(means) > 3 else course.curve
    return len(levels) > 2 and bool((np.diff(levels) > 0).all())


_SIGN = Suspect(
    "other",
    "it rises without a break from a small first update on",
    Remedy(
        "Check the sign: the loss must be minimised.",
        "loss = -objective  # and no maximize=True in the optimizer",
    ),
)
_CLIP = Remedy(
    "Clip the gradient while you look for the cause.",
    "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)",
)
_RATE = Suspect(
    "lr_too_high",
    "",
    Remedy(
        "Lower the learning rate tenfold.",
        "for group in optimizer.param_groups:\n    group['lr'] *= 0.1",
    ),
)


def _limit(name: str) -> float:
    return RULE.thresholds[name].value


# --- cases ----------------------------------------------------------------------------------------
def _example(
    losses: Sequence[float], *, rms: float = 1.0, variance: float = 0.1, **rest: Any
) -> Trace:
    graph = example.chain("linear", "mse_loss", batch=32)
    wanted = np.sqrt(variance) * np.tile([[-1.0], [1.0]], (16, 4))
    shots = [
        example.snapshot(
            graph,
            step=s,
            parameters=example.weights(graph, weight_rms=1.0, update_rms=rest.get("update", 0.5)),
            loss=LossReading(
                float(losses[s]),
                "squared_error",
                "mse_loss",
                fit=float(losses[s]),
                scale=1.0,
                site=1,
                target=example.target(wanted),
            ),
            batch=BatchReading((32, 4), example.sums(np.full((32, 4), rms))),
        )
        for s in (0, 1, 2, 4)
    ]
    return example.trace(*shots, losses=losses)


RULE = Rule(
    code="OPT004",
    name="loss-diverges",
    title="The loss runs away",
    why="Gradient descent goes downhill only while its steps are short against the curvature of "
    "the loss. A longer step lands higher on the other side of the valley, the gradient there is "
    "larger, and so is the next step.",
    sees="""
On a quadratic with curvature h a step of the gradient times a rate above 2/h overshoots the
minimum by more than it was away from it: the loss grows from step to step until it overflows.
Large inputs make h large, so raw inputs and a large learning rate look the same.
""",
    evidence="""
The loss ends not finite after it was finite, or the mean of its last fifth is more than twice its
start, beyond its noise and above what a constant prediction reaches. For a loss that is not
recognised, ten times.

The size of the first updates tells two causes apart. Long steps overshoot; a loss that rises
steadily in *small* steps goes uphill: a flipped sign or `maximize=True`.
""",
    ignore="""
A loss that starts near 0 on a pretrained network may rise a little without harm, as long as it
stays below a constant prediction. Losses trained against each other (GANs) are not judged.
""",
    references=(
        "LeCun et al. 1998, Efficient BackProp: convergence of gradient descent",
        "Goodfellow, Bengio & Courville 2016, Deep Learning, section 4.3: gradient-based "
        "optimization",
    ),
    check=check,
    thresholds={
        "steps": Threshold(10, "steps before a rise is judged", "calibrated on the cases"),
        "factor": Threshold(2.0, "end over start", "calibrated on the cases"),
        "unknown_factor": Threshold(
            10.0, "end over start of an unrecognised loss", "no level is known"
        ),
    },
    explains=("loss-flat", "constant-output", "exploding-gradient", "non-finite-origin"),
    cases=(
        Case(
            "grows until it overflows",
            lambda: _example([*np.geomspace(1, 1e30, 30), float("inf"), float("nan")]),
            Severity.ERROR,
        ),
        Case(
            "rises in small steps",
            lambda: _example(list(np.linspace(1, 50, 100)), update=1e-3),
            Severity.ERROR,
        ),
        Case("raw input", lambda: _example(list(np.geomspace(1, 9, 50)), rms=90), Severity.ERROR),
        Case("near miss: one spike", lambda: _example([1.0] * 20 + [50.0] + [0.5] * 40), None),
        Case("falling", lambda: _example(list(np.geomspace(5, 0.1, 100))), None),
        Case("below chance", lambda: _example(list(np.linspace(0.01, 0.09, 90)), variance=1), None),
        Case("a negative loss", lambda: _example(list(np.linspace(-1, -9, 90))), None),
        Case("recovers from one overflow", lambda: _example([1, np.nan, *[0.9] * 50]), None),
        Case(
            "readings missing: the losses prove it",
            lambda: example.unread(_example([*np.geomspace(1, 1e30, 30), float("inf")])),
            Severity.ERROR,
        ),
    ),
    chinese=Chinese(
        translates="dd4010ec",
        title="损失发散",
        why="只有步长与损失的曲率相比足够短，梯度下降才会往下走。步子再长，就会落到山谷对面更"
        "高的地方，那里的梯度更大，下一步也就更长。",
        remedies={
            "Lower the learning rate tenfold.": "把学习率降到十分之一。",
            "Clip the gradient while you look for the cause.": "查找原因期间，先裁剪梯度。",
            "Check the sign: the loss must be minimised.": "检查符号：损失应当被最小化。",
            "Scale the input: mean 0 and standard deviation 1 per feature.": (
                "对输入做标准化：每个特征均值为 0、标准差为 1。"
            ),
        },
    ),
)

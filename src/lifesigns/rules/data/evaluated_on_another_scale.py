"""DAT016: what the network is given in evaluation has another scale than what it was trained on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lifesigns.evidence import Run, Stream, Threshold
from lifesigns.evidence.evaluated import EvaluatedPlace, evaluated_places
from lifesigns.evidence.sites import counted
from lifesigns.records import (
    BatchReading,
    EvaluationPass,
    Finding,
    Floats,
    Quantity,
    Remedy,
    Scales,
    Severity,
    Trace,
    UnitSums,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

APART = Threshold(
    3.0,
    "standard deviations of the training between the means of a feature",
    "0.3 % of a normal's values",
)
WIDER = Threshold(
    5.0, "times the spread of the training", "beyond what samplers of noise begin with (4)"
)
NARROWER = Threshold(
    1 / 3,
    "share of the spread of the training, in images",
    "standardised images are 3 to 5 wide",
)
MANY = Threshold(1 / 3, "share of the features that are off", "more than a few that drift")
MOST = Threshold(0.5, "share of the features with a spread in both", "most of them")
SAMPLES = Threshold(8, "samples of an evaluation, at least", "a single one has no spread")
FAR = Threshold(
    10.0,
    "standard deviations of the training between its mean and that of a few samples",
    "a sample of the same scale is hardly ever so far",
)
PASSES = Threshold(2, "passes of a few samples, at least", "one may be an outlier")
SEVERAL = Threshold(2, "features that are so far, at least", "one alone may drift")
FIFTH = Threshold(0.2, "share of the features that are so far", "raw ones may lie near 0, too")


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding, for the place where most features are off."""
    trained = reduce(_merged, _batches(run.streams), None)
    if trained is None:
        return
    found = [
        off
        for place in evaluated_places(run.trace)
        if not place.is_in_each_step
        and (off := _off(place, trained, _are_images(run)) or _far(place, trained)) is not None
    ]
    if found:
        yield _finding(max(found, key=lambda off: off.share))


@dataclass(frozen=True)
class _Off:
    """How a pass differs: the share of the features that do, and the one that does most."""

    share: float
    apart: float
    feature: int
    told: EvaluationPass
    mean: tuple[float, float]
    deviation: tuple[float, float]


def _batches(streams: Iterable[Stream]) -> Iterator[UnitSums]:
    for stream in streams:
        yield from (shot.batch.features for shot in stream.snapshots if shot.batch is not None)


def _merged(known: UnitSums | None, other: UnitSums) -> UnitSums:
    """All of one kind together: what changes in training widens its spread."""
    return other if known is None or known.units != other.units else known.merge(other)


def _are_images(run: Run) -> bool:
    """Whether each sample has more than one dimension beside its features.

    A window of a series is as narrow as the series moves within it.
    """
    shots = (shot for stream in run.streams for shot in stream.snapshots)
    return all(len(shot.batch.shape[2:]) > 1 for shot in shots if shot.batch is not None)


def _off(place: EvaluatedPlace, trained: UnitSums, images: bool) -> _Off | None:
    """The least that passes of a place differ; None if one does not."""
    given = [p for p in place.passes if p.inputs is not None and p.samples >= SAMPLES]
    found = [_compared(p, p.inputs, trained, images) for p in given if p.inputs is not None]
    known = [off for off in found if off is not None]
    return min(known, key=lambda off: off.share) if known and len(known) == len(found) else None


def _far(place: EvaluatedPlace, trained: UnitSums) -> _Off | None:
    """The least that passes of a few samples are away; None if one is not far."""
    given = [(p, p.inputs) for p in place.passes if p.inputs is not None and p.samples < SAMPLES]
    found = [_distant(one, inputs, trained) for one, inputs in given]
    known = [off for off in found if off is not None]
    return min(known, key=lambda off: off.share) if len(known) == len(found) >= PASSES else None


def _distant(one: EvaluationPass, inputs: Scales, trained: UnitSums) -> _Off | None:
    stride = inputs.stride(trained.units)
    mean, deviation = trained.mean[::stride], np.sqrt(trained.variance)[::stride]
    if mean.shape != inputs.mean.shape or _is_curve(inputs, one) or not (deviation > 0).any():
        return None
    apart = np.abs(inputs.mean - mean) / np.where(deviation > 0, deviation, np.inf)
    far, at = int((apart > FAR).sum()), int(apart.argmax())
    share = far / int((deviation > 0).sum())
    if far < SEVERAL or share <= FIFTH:
        return None
    scale = float(mean[at]), float(inputs.mean[at])
    spread = float(deviation[at]), math.nan
    return _Off(share, float(apart[at]), at * stride, one, scale, spread)


def _compared(one: EvaluationPass, inputs: Scales, trained: UnitSums, images: bool) -> _Off | None:
    stride = inputs.stride(trained.units)
    mean, deviation = trained.mean[::stride], np.sqrt(trained.variance)[::stride]
    if mean.shape != inputs.mean.shape or _is_curve(inputs, one):
        return None
    varied = (deviation > 0) & np.isfinite(inputs.mean)
    known = varied & (inputs.deviation > 0)
    if not known.any() or known.sum() <= MOST * varied.sum():
        return None
    apart, wider = _differences(inputs, mean, deviation, known)
    narrow = (wider < NARROWER) & images
    differs = (apart > APART) | (wider > WIDER) | narrow
    share = float(differs.mean())
    if share <= MANY:
        return None
    size = np.where(differs, np.maximum(apart, np.maximum(wider, 1 / wider)), 0.0)
    at = int(np.flatnonzero(known)[size.argmax()])
    return _Off(
        share,
        float(size.max()),
        at * stride,
        one,
        (float(mean[at]), float(inputs.mean[at])),
        (float(deviation[at]), float(inputs.deviation[at])),
    )


def _is_curve(inputs: Scales, one: EvaluationPass) -> bool:
    """Whether the input is one number: a function is drawn beyond where it was fitted."""
    return len(inputs.mean) == 1 and inputs.count <= one.samples


def _differences(
    inputs: Scales,
    mean: Floats,
    deviation: Floats,
    known: NDArray[np.bool_],
) -> tuple[Floats, Floats]:
    """Deviations between the means, and the spread as a multiple, of the known features."""
    apart = np.abs(inputs.mean - mean)[known] / deviation[known]
    return apart, inputs.deviation[known] / deviation[known]


def _finding(off: _Off) -> Finding:
    one = off.told
    return RULE.finding(
        Severity.WARNING,
        f"evaluated on inputs of another scale than it is trained on: {off.share:.0%} of the "
        "features",
        site="input",
        step=one.step,
        measured=f"feature {off.feature}: mean {off.mean[1]:.3g} and deviation "
        f"{off.deviation[1]:.3g} in {one.samples} samples of an evaluation, {off.mean[0]:.3g} and "
        f"{off.deviation[0]:.3g} in the training"
        if off.deviation[1] == off.deviation[1]
        else f"feature {off.feature}: {off.mean[1]:.3g} in {counted(one.samples, 'sample')} of an "
        f"evaluation, mean {off.mean[0]:.3g} and deviation {off.deviation[0]:.3g} in the training",
        expected="the same scaling, with the numbers of the training, wherever the network is used",
        certainty="the scales are exact; that other data were not meant is not known",
        causes=("unnormalised_input", "other"),
        remedies=(_SAME,),
        evidence={"share": off.share, "apart": off.apart},
    )


_SAME = Remedy(
    "Scale what you evaluate on as you scale the training data, with the same mean and deviation.",
    "mean, std = x_train.mean(0), x_train.std(0)\n"
    "x_train, x_test = (x_train - mean) / std, (x_test - mean) / std",
)


# --- cases ----------------------------------------------------------------------------------------
_SPREAD = np.linspace(-1.7, 1.7, 32)[:, None]


def _example(
    mean: ArrayLike,
    deviation: ArrayLike,
    *,
    samples: int = 32,
    places: tuple[int, ...] = (),
    steps: tuple[int, ...] = (50,),
    trained: int = 0,
) -> Trace:
    """A network trained on standardised features, and evaluated on others."""
    mean, deviation = np.asarray(mean, float), np.asarray(deviation, float)
    features = trained or len(mean)
    batch = BatchReading((32, features, *places), example.sums(np.tile(_SPREAD, features)))
    known = example.regression(example.FALLING, update=1e-3)
    shots = tuple(replace(shot, batch=batch) for shot in known.snapshots)
    scales = Scales(samples * math.prod(places), mean, deviation)
    passes = tuple(EvaluationPass(s, samples=samples, inputs=scales) for s in steps)
    return replace(known, snapshots=shots, evaluations=passes)


RULE = Rule(
    code="DAT016",
    name="evaluated-on-another-scale",
    title="The network is evaluated on inputs of another scale than it is trained on",
    why="A network knows the numbers it was trained on. Where training data are standardised and "
    "what it is tested on is not, its first layer receives values that it has never seen, and its "
    "answers mean nothing however well it has learned.",
    sees="""
The training set is standardised, and the test set is not, or with numbers of its own kind; images
are divided by 255 in one place only. The loss falls as it should, and the score of the test is that
of a guess.
""",
    evidence="""
Mean and spread of each feature in the first passes of each place that evaluates, beside those of
all recorded batches of the training together. A feature is off where the means are three deviations
of the training apart, or the spread is five times as wide; of images, also where it is a third. It
is a finding where more than a third of the features are off in all passes of a place; of passes of
fewer than eight samples, which have no spread of their own, where more than a fifth of the features
lie ten deviations away in each.
""",
    ignore="""
States of an environment that a policy reaches, data that drift, the end of a series with a trend,
which varies less than the whole of it, and a function drawn beyond where it was fitted. Where
anomalies are what the network is evaluated on, they may lie as far away as this.
""",
    references=(
        "LeCun et al. 1998, Efficient BackProp, section 4.3: normalising the inputs",
        "scikit-learn documentation, Common pitfalls: inconsistent preprocessing",
    ),
    reads=frozenset({Quantity.BATCH, Quantity.LOSS}),
    check_run=check_run,
    thresholds={
        "apart": APART,
        "wider": WIDER,
        "narrower": NARROWER,
        "many": MANY,
        "most": MOST,
        "samples": SAMPLES,
        "far": FAR,
        "passes": PASSES,
        "several": SEVERAL,
        "fifth": FIFTH,
    },
    cases=(
        Case("raw features", lambda: _example([13, 2, 100], [0.8, 8, 14]), Severity.WARNING),
        Case(
            "images that are not standardised",
            lambda: _example([0.1] * 3, [0.25] * 3, places=(8, 8)),
            Severity.WARNING,
        ),
        Case(
            "near miss: the end of a series with a trend",
            lambda: _example([2.1], [0.25], places=(24,)),
            None,
        ),
        Case("near miss: one of three", lambda: _example([0.1, 0, 9], [1, 0.9, 1]), None),
        Case(
            "single samples, far away",
            lambda: _example([130, 90], [0, 0], samples=1, steps=(50, 99)),
            Severity.WARNING,
        ),
        Case(
            "near miss: a single sample",
            lambda: _example([130, 90], [0, 0], samples=1),
            None,
        ),
        Case(
            "near miss: samples with an outlier",
            lambda: _example([130, 2, 3], [0, 0, 0], samples=1, steps=(50, 99)),
            None,
        ),
        Case("near miss: first states", lambda: _example([0, 0], [0.1, 0.1]), None),
        Case("near miss: a curve, drawn further", lambda: _example([9], [9]), None),
        Case(
            "near miss: in each step",
            lambda: _example([13, 9], [9, 9], steps=(50, 51)),
            None,
        ),
        Case(
            "near miss: what another network is given",
            lambda: _example([13], [9], trained=8),
            None,
        ),
        Case("as in training", lambda: _example([0.1, -0.2, 0], [1, 0.9, 1.2]), None),
        Case("readings missing: inputs", lambda: example.unread(_example([13, 9], [1, 1])), None),
    ),
)

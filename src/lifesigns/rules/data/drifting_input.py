"""DAT020: the inputs grow or shrink from step to step: something changes the data as it is read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold
from lifesigns.evidence.drift import orders, rank_correlation, scales_of
from lifesigns.evidence.evaluated import evaluated_places
from lifesigns.evidence.fold import fold
from lifesigns.evidence.thresholds import CALIBRATED, ENOUGH_STEPS, HALF, JUDGED
from lifesigns.records import (
    BatchReading,
    EvaluationPass,
    Finding,
    Floats,
    Quantity,
    Remedy,
    Scales,
    Severity,
    StoredData,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

SCALE = Threshold(1.1, "RMS of two batches, over each other, called another scale", "augmentation")
ORDERS = Threshold(
    120, "orders of the recorded steps, from which on one of them is no chance", "those of 5"
)
DRIFT = Threshold(10.0, "largest over smallest RMS of the batch, called a drift", CALIBRATED)
ALONG = Threshold(
    5.0,
    "times the RMS of the batch, and of what is evaluated, both went one way",
    "half of the other: there are two witnesses",
)
LOOKS = Threshold(3, "steps after which one place was seen to evaluate", "an order takes three")
SAMPLES = Threshold(8, "samples of an evaluation, at least", "a single one has no spread")
EPOCHS = Threshold(4, "times that the stored data were changed", "an epoch each: no repair")
ALWAYS = Threshold(
    0.8, "share of the looks that found them changed", "all but those that found nothing alike"
)
GROWN = Threshold(
    2.0, "RMS of the stored data at the end and at first, over each other", "convention"
)
ORDERED = Threshold(
    0.9, "rank correlation of the scale of the batch with the step", "beyond chance for 5 steps"
)


def check(stream: Stream) -> Iterator[Finding]:
    """At most one finding; adversaries are fed what another network makes, which may grow."""
    if stream.is_alone and stream.course.steps >= JUDGED:
        found = next(_of_batches(stream), None) or next(_of_store(stream), None)
        yield from [found] if found else []


def _of_batches(stream: Stream) -> Iterator[Finding]:
    """By the batches of the recorded steps."""
    known = [(s.step, _rms(s.batch)) for s in stream.snapshots if s.batch]
    known = [(step, rms) for step, rms in known if 0 < rms < np.inf]
    if len(known) < 2:
        return
    steps, sizes = (np.array(column, float) for column in zip(*known, strict=True))
    own = _Drift.of(sizes)
    if own.orders >= ORDERS and own.fold > DRIFT:
        yield _finding(stream, steps, sizes)
    elif own.fold > ALONG:
        for at, evaluated in _evaluated(stream.trace):
            other = _Drift.of(evaluated, beginning=1)
            same_way = other.grows == own.grows and other.orders * own.orders >= ORDERS
            if same_way and other.fold > ALONG:
                yield _finding(
                    stream, steps, sizes, f"; of what is evaluated, {_shown(at, evaluated)}"
                )
                return


def _of_store(stream: Stream) -> Iterator[Finding]:
    """By what the data sets hold, which each epoch writes over."""
    for data in stream.trace.stored:
        always = data.changes >= max(EPOCHS, ALWAYS * (data.looks - 1))
        if always and data.first > 0 and data.latest > 0 and math.isfinite(data.latest):
            factor = data.latest / data.first
            if max(factor, 1 / factor) > GROWN:
                yield _written_over(stream, data)


@dataclass(frozen=True)
class _Drift:
    """How sizes went one way."""

    fold: float
    grows: bool
    orders: float
    """In how many orders they could have come; 0 where they did not come in one."""

    @classmethod
    def of(cls, sizes: Floats, beginning: int = 2) -> _Drift:
        """Of sizes in the order of the steps, from the middle of so many."""
        ratio = float(sizes[-1] / np.median(sizes[:beginning]))
        scales = scales_of(sizes, SCALE)
        in_order = abs(rank_correlation(scales)) > ORDERED
        return cls(max(ratio, 1 / ratio), ratio > 1, orders(scales) if in_order else 0.0)


def _evaluated(trace: Trace) -> Iterator[tuple[Floats, Floats]]:
    """The steps after which each place evaluated, and the RMS of the first that it gave then."""
    for place in evaluated_places(trace):
        sizes: dict[int, float] = {}
        for one in place.passes if not place.is_in_each_step else ():
            if one.inputs is not None and one.samples >= SAMPLES:
                squares = one.inputs.mean**2 + one.inputs.deviation**2
                sizes.setdefault(one.step, float(np.sqrt(squares.mean())))
        values = np.array(list(sizes.values()))
        if len(sizes) >= LOOKS and (values > 0).all() and np.isfinite(values).all():
            yield np.array(list(sizes), float), values


def _rms(batch: BatchReading) -> float:
    """RMS over all features of a batch."""
    features = batch.features
    return float(np.sqrt(features.total_squared.sum() / max(features.count.sum(), 1)))


def _shown(steps: Floats, sizes: Floats) -> str:
    first_middle_last = (0, len(steps) // 2, -1)
    return ", ".join(f"{sizes[i]:.2g} at step {steps[i]:.0f}" for i in first_middle_last)


def _finding(stream: Stream, steps: Floats, sizes: Floats, evaluated: str = "") -> Finding:
    grew = sizes[-1] > sizes[0]
    factor = max(sizes[-1] / sizes[0], sizes[0] / sizes[-1])
    return RULE.finding(
        _severity(stream.course),
        f"the inputs {'grow' if grew else 'shrink'} {fold(factor)} over the run",
        step=int(steps[0]),
        measured=f"RMS of the batch: {_shown(steps, sizes)}{evaluated}; {stream.course}",
        expected="inputs of the same scale from the first step to the last",
        certainty=f"exact, on {len(steps)} recorded steps, the last one step {steps[-1]:.0f} of "
        f"{stream.trace.steps}",
        causes=("unnormalised_input", "other"),
        remedies=(_COPY, _TWICE),
        evidence={"first": float(sizes[0]), "last": float(sizes[-1]), "factor": float(factor)},
    )


def _written_over(stream: Stream, data: StoredData) -> Finding:
    grew = data.latest > data.first
    factor = max(data.latest / data.first, data.first / data.latest)
    return RULE.finding(
        _severity(stream.course),
        f"the stored inputs {'grow' if grew else 'shrink'} {fold(factor)} over the run: each epoch "
        "changes the data set itself",
        step=stream.first.step,
        measured=f"RMS of what the data set holds: {data.first:.2g} when it was first read, "
        f"{data.latest:.2g} when it was read last; in {data.changes} of {data.looks - 1} later "
        "looks, up to the last change, most of its numbers were others than before, and yet like "
        f"them; {stream.course}",
        expected="stored data that stay as they are",
        certainty="exact, on numbers spread over the largest tensor or array of the data set",
        causes=("unnormalised_input", "other"),
        remedies=(_COPY, _TWICE),
        evidence={"first": data.first, "last": data.latest, "factor": factor},
    )


_COPY = Remedy(
    "Leave the stored data as they are: normalise a copy, not in place.",
    "image = (self.images[index] - self.mean) / self.std  # instead of sub_ and div_",
    edit="copy-data",
)
_TWICE = Remedy(
    "Look at the same sample twice: it has to be the same.",
    "assert torch.equal(dataset[0][0].clone(), dataset[0][0])",
)


def _severity(course: Course) -> Severity:
    """The drift is certain, so a fit that it leaves weak is its doing, early successes or not."""
    weak = course.gain < HALF and course.steps >= ENOUGH_STEPS
    return course.harm(HALF, alarms=weak)


# --- cases ----------------------------------------------------------------------------------------
def _example(scales: Sequence[float], losses: Sequence[float] = FLAT) -> Trace:
    """A regression whose batches have these scales at the recorded steps."""
    first, *others = example.regression(losses, update=1e-3).snapshots
    between = [replace(first, step=step) for step in range(1, len(scales) - len(others))]
    noise = np.random.default_rng(0).standard_normal((32, 4))
    batches = [BatchReading((32, 4), example.sums(scale * noise)) for scale in scales]
    shots = zip((first, *between, *others), batches, strict=True)
    return example.trace(*(replace(s, batch=batch) for s, batch in shots), losses=losses)


def _evaluating(scales: Sequence[float], evaluated: Sequence[float]) -> Trace:
    """The same, with a place that evaluates inputs of these scales."""
    passes = (
        EvaluationPass(10 * n, samples=32, inputs=Scales(32, np.zeros(4), np.full(4, scale)))
        for n, scale in enumerate(evaluated, 1)
    )
    return replace(_example(scales), evaluations=tuple(passes))


def _stored(
    latest: float, changes: int = 9, losses: Sequence[float] = FLAT, looks: int = 10
) -> Trace:
    """A data set that had an RMS of 0.5 at first."""
    return replace(
        example.regression(losses, update=1e-3), stored=(StoredData(looks, changes, 0.5, latest),)
    )


_EPOCHS = (1, 1, 1, 1, 2.8, 2.8, 7.7)
_GROWING = (1, 2, 5, 30, 900)

RULE = Rule(
    code="DAT020",
    name="drifting-input",
    title="The inputs change their scale from step to step",
    why="A network learns weights for inputs of one scale, and each change of it undoes what was "
    "learned. Data that are normalised in place are normalised again in every epoch, and grow or "
    "shrink until nothing is left to see.",
    sees="""
Batches whose RMS moves in one direction by more than ten times over the run: `sub_` and `div_` on
the stored samples, an augmentation that writes back, a running statistic that is applied to itself.
""",
    evidence="""
The RMS of the first input over all features, at every recorded step: it has to follow the order of
the steps, where it differs by more than a tenth, and to end ten times larger or smaller than it
began. Five times are enough where what one place in the program evaluates has gone as far the same
way. Of the data set of a `DataLoader`, a thousand numbers of its largest tensor or array are looked
at whenever it is begun: twice the size is enough where each epoch left most of them changed, until
they stood still if they do.
""",
    ignore="""
Augmentation and noise vary from batch to batch without an order, and leave what is stored as it is.
A buffer whose samples are exchanged for others holds nothing like what it held before. Where
another network makes the inputs (a GAN), or the run fits its targets, it is silent.
""",
    references=(
        "torch documentation, In-place semantics: operations ending in an underscore",
        "LeCun et al. 1998: Efficient BackProp, section 4.3, normalising the inputs",
    ),
    reads=frozenset({Quantity.BATCH, Quantity.LOSS}),
    check=check,
    thresholds={
        "scale": SCALE,
        "orders": ORDERS,
        "along": ALONG,
        "epochs": EPOCHS,
        "always": ALWAYS,
        "grown": GROWN,
        "looks": LOOKS,
        "samples": SAMPLES,
        "drift": DRIFT,
        "ordered": ORDERED,
        "steps": JUDGED,
        "half": HALF,
        "sure": ENOUGH_STEPS,
    },
    explains=(
        *("rate-too-high", "loss-diverges", "loss-flat", "loss-oscillates", "constant-output"),
        *("dead-units", "saturated-units", "exploding-gradient", "non-finite-origin"),
        *("unscaled-input", "labels-unrelated"),
    ),
    cases=(
        Case("inputs that grow", lambda: _example(_GROWING), Severity.WARNING),
        Case("inputs that shrink", lambda: _example([1, 0.5, 0.3, 0.1, 0.01]), Severity.WARNING),
        Case(
            "they grow after a while",
            lambda: _example([1.01, 1.02, 1, 3, 8, 148]),
            Severity.WARNING,
        ),
        Case(
            "what is evaluated grows along",
            lambda: _evaluating(_EPOCHS, [1, 2.7, 7.1]),
            Severity.WARNING,
        ),
        Case("each epoch writes noise on the stored data", lambda: _stored(1.7), Severity.WARNING),
        Case(
            "each epoch normalises them again, until they are all the same",
            lambda: _stored(0.05, changes=4, looks=5),
            Severity.WARNING,
        ),
        Case("near miss: they are repaired once", lambda: _stored(1.7, changes=1), None),
        Case("near miss: they hardly grow", lambda: _stored(0.6), None),
        Case("near miss: they grow, and it fits", lambda: _stored(1.7, losses=FALLING), None),
        Case("near miss: it does not", lambda: _evaluating(_EPOCHS, [1, 1, 1.1]), None),
        Case("near miss: it shrinks", lambda: _evaluating(_EPOCHS, [7.1, 2.7, 1]), None),
        Case(
            "near miss: the last batch is large",
            lambda: _example([1.01, 1.02, 1, 1.03, 1, 50]),
            None,
        ),
        Case("near miss: a large batch in between", lambda: _example([1, 1, 30, 1, 12]), None),
        Case("near miss: they grow a little", lambda: _example([1, 1.2, 1.5, 2, 3]), None),
        Case("near miss: it fits all the same", lambda: _example(_GROWING, FALLING), None),
        Case("augmented inputs", lambda: _example([1, 1.1, 0.9, 1.2, 0.8]), None),
        Case("readings missing: no batch", lambda: example.unread(_example(_GROWING)), None),
    ),
)

"""DAT055: each step is to predict the same noise, which is drawn anew from the same seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.course import REGRESSIONS
from lifesigns.evidence.noise import ENDS, ERRORS, EXACT, ROUNDING, is_noise
from lifesigns.records import (
    BatchReading,
    Finding,
    Floats,
    Quantity,
    Remedy,
    Severity,
    Snapshot,
    TargetReading,
    Trace,
    UnitSums,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

STEPS = Threshold(
    3, "recorded steps of other data, with the same targets", "a definition: more than an accident"
)
NUMBERS = Threshold(64, "targets in a step, at least", "a definition: mean known to an eighth")
TOGETHER = "targets_together"
"""Detail of a loss: standard errors by which the targets of one sample correlate beyond chance."""
DIGITS = 4
"""Decimals to which the means of the inputs are compared: order changes their last bits."""


class Shown(NamedTuple):
    """What one step was given and asked for."""

    batch: BatchReading
    target: TargetReading


def check(stream: Stream) -> Iterator[Finding]:
    """At most one finding per stream."""
    shown = _of_one_size([one for one in map(_shown, stream.snapshots) if one is not None])
    if len(shown) < STEPS or _different_inputs(shown) < STEPS:
        return
    sums = shown[0].target.sums
    is_known = (sums.count > 0).all() and sums.count.sum() >= NUMBERS
    if is_known and is_noise(sums) and all(_are_equal(shown[0], other) for other in shown[1:]):
        yield _finding(stream, shown)


def _shown(shot: Snapshot) -> Shown | None:
    """A step of a regression whose targets are independent and have the shape of its inputs."""
    loss, batch = shot.loss, shot.batch
    target = None if loss is None else loss.target
    if loss is None or target is None or batch is None or loss.kind not in REGRESSIONS:
        return None
    is_independent = loss.details.get(TOGETHER, ERRORS) < ERRORS
    return Shown(batch, target) if is_independent and target.shape == batch.shape else None


def _of_one_size(shown: Sequence[Shown]) -> list[Shown]:
    """Those of the commonest shape: a last batch may be a smaller one."""
    sizes = Counter(one.target.shape for one in shown).most_common(1)
    return [one for one in shown if one.target.shape == sizes[0][0]]


def _are_equal(one: Shown, other: Shown) -> bool:
    """Whether sums per number, smallest and largest are the same, but for rounding."""
    a, b = one.target.sums, other.target.sums
    if not np.array_equal(a.count, b.count):
        return False
    sums = (a.total - b.total) / a.count, (a.total_squared - b.total_squared) / a.count
    ends = a.minimum - b.minimum, a.maximum - b.maximum
    off = np.abs(np.stack([*sums, *ends]))
    return bool((off < ROUNDING).all())


def _different_inputs(shown: Sequence[Shown]) -> int:
    return len({np.round(one.batch.features.mean, DIGITS).tobytes() for one in shown})


def _finding(stream: Stream, shown: Sequence[Shown]) -> Finding:
    sums: UnitSums = shown[0].target.sums
    values = int(sums.count.sum())
    mean = float(sums.total.sum() / values)
    deviation = float(np.sqrt(max(sums.total_squared.sum() / values - mean**2, 0.0)))
    return RULE.finding(
        Severity.WARNING,
        "every step has the same noise to predict, though its data are others",
        step=stream.first.step,
        measured=f"the {values} targets of a step have the mean {mean:.2f}, the deviation "
        f"{deviation:.2f} and the ends of noise; their sums, smallest and largest are equal in "
        f"{len(shown)} recorded steps, whose inputs have {_different_inputs(shown)} different means"
        f"{stream.course.remark}",
        expected="noise of its own in each step",
        certainty=f"beyond chance, in {stream.seen}",
        causes=("wrong_labels", "other"),
        remedies=(_ANEW,),
        evidence={"values": values, "steps": len(shown)},
    )


_ANEW = Remedy(
    "Draw the noise anew in each step: make a generator once, before the loop, or use torch's own.",
    "noise = torch.randn_like(x)  # no generator that is seeded in each step",
)


# --- cases ----------------------------------------------------------------------------------------
_DRAWN = np.random.default_rng(0)
_NORMAL, _DATA = _DRAWN.standard_normal((64, 4)), _DRAWN.random((4, 64, 4))
_SKEWED = _DRAWN.exponential(size=(64, 4)) - 1


def _example(*targets: Floats, inputs: Floats = _DATA, width: int = 4, **loss: Any) -> Trace:
    """Four steps of such targets in turn, and of data to which the first of them were added."""
    targets = targets or (_NORMAL,)
    known = example.fitting(
        example.chain("linear", "relu", "linear/4", "mse_loss", batch=len(targets[0])),
        example.FALLING,
        np.full_like(targets[0], 0.1),
        [example.target(each) for each in targets],
        **{"details": {TOGETHER: 0.5}, **loss},
    )
    shots = (
        replace(shot, batch=BatchReading((len(targets[0]), width), example.sums(targets[0] + x)))
        for shot, x in zip(known.snapshots, inputs[:, : len(targets[0])], strict=True)
    )
    return replace(known, snapshots=tuple(shots))


RULE = Rule(
    code="DAT055",
    name="same-noise",
    title="The same noise to predict in every step",
    why="A network that is to tell noise from data needs noise that it has not seen. Where each "
    "step draws the same numbers it learns these few by heart: the loss falls, and of any other "
    "noise the network knows nothing.",
    sees="""
A generator that is made, or seeded, in each step: `torch.Generator().manual_seed(seed)` in the
loss, as where a key of JAX was never split; or noise that was drawn once, before the loop. The
times of a diffusion, from the same generator, are mostly the same, too.
""",
    evidence="""
The targets of a regression that has the shape of its input are noise to within chance: for each
unit, and for all together, mean, mean square, smallest and largest are those of independent normal
numbers, or of numbers even between 0 and 1; those of one sample correlate by no more than five
standard errors of all squared correlations. They are the same in all recorded steps of one batch
size, three at least: sums, squares, smallest and largest, but for rounding. The inputs have other
means.
""",
    ignore="""
Training on all data at once, with the same inputs in every step. Clean data as targets of a
denoising network are not told either: features correlate, hardly ever have the ends of a normal,
and where they were standardised their means are 0 beyond chance. Independent normal data, all at
once, with noise on the inputs alone, would look the same. Targets of one number are left alone.
""",
    references=(
        "Ho, Jain & Abbeel 2020, Denoising Diffusion Probabilistic Models, algorithm 1",
        "JAX documentation, pseudorandom numbers: never reuse a key",
    ),
    reads=frozenset({Quantity.LOSS, Quantity.BATCH}),
    check=check,
    thresholds={
        "steps": STEPS,
        "numbers": NUMBERS,
        "errors": ERRORS,
        "ends": ENDS,
        "exact": EXACT,
        "rounding": ROUNDING,
    },
    explains=("loss-flat", "learned-by-heart", "stopped-early", "rate-too-low"),
    cases=(
        Case("the same normal noise in each step", _example, Severity.WARNING),
        Case("the same uniform noise in each step", lambda: _example(_DATA[0]), Severity.WARNING),
        Case("near miss: other noise", lambda: _example(_NORMAL, _NORMAL[::-1] * 1.01), None),
        Case(
            "near miss: the same noise, but for its largest numbers",
            lambda: _example(_NORMAL, _NORMAL + 1e-3 * (_NORMAL.max(0) == _NORMAL)),
            None,
        ),
        Case("near miss: the same data", lambda: _example(inputs=0 * _DATA), None),
        Case(
            "near miss: clean data that were standardised",
            lambda: _example((_NORMAL - _NORMAL.mean(0)) / _NORMAL.std(0)),
            None,
        ),
        Case("near miss: skewed data", lambda: _example(_SKEWED), None),
        Case(
            "near miss: data that go together, of which each is normal",
            lambda: _example(details={TOGETHER: 30.0}),
            None,
        ),
        Case("near miss: constant targets", lambda: _example(0 * _NORMAL + 0.5), None),
        Case("near miss: few numbers", lambda: _example(_NORMAL[:8]), None),
        Case("targets of another shape", lambda: _example(width=3), None),
        Case("labels", lambda: _example(kind="binary_cross_entropy"), None),
        Case("readings missing: no targets", lambda: example.unread(_example()), None),
    ),
)

"""LOS073: a network learns to predict uniform noise, and is then asked to denoise normal noise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Run, Stream, Threshold
from lifesigns.evidence.noise import ENDS, ERRORS, UNIFORM, VALUES, drawn, merged
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

OTHER = Threshold(
    0.1,
    "standard deviations by which the inputs of training differ in mean or spread",
    "a definition: a tenth",
)


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding: a loss against uniform noise, and an evaluation that begins normal."""
    for stream in run.streams:
        noise = _uniform_targets(stream)
        given = merged([s.batch.features for s in stream.snapshots if s.batch is not None])
        begun = [p for p in run.trace.evaluations if _is_normal(p.inputs)]
        if noise is not None and given is not None and begun and _is_other(given):
            yield _finding(stream, noise, given, begun[0])
            return


def _uniform_targets(stream: Stream) -> UnitSums | None:
    """The targets of all recorded steps; None unless all are independent and even on 0 to 1."""
    found = drawn(stream, UNIFORM)
    return found if found is not None and _fills(found) else None


def _fills(sums: UnitSums) -> bool:
    """Whether no numbers are beyond 0 and 1, and some next to both."""
    count, low, high = int(sums.count.sum()), float(sums.minimum.min()), float(sums.maximum.max())
    near = ENDS / max(count, 1)
    return 0 <= low < near and 1 - near < high <= 1


def _is_normal(inputs: Scales | None) -> bool:
    """Whether each feature has mean 0 and deviation 1, but for chance."""
    if inputs is None or inputs.count * len(inputs.mean) < VALUES:
        return False
    error = 1 / np.sqrt(inputs.count)
    off = np.abs(inputs.mean) / error, np.abs(inputs.deviation - 1) * np.sqrt(2) / error
    return bool(max(map(np.max, off)) < ERRORS)


def _is_other(given: UnitSums) -> bool:
    """Whether the inputs of the training have another mean or deviation than normal noise."""
    return _off(given) > OTHER


def _off(given: UnitSums) -> float:
    return float(max(np.abs(given.mean).mean(), np.abs(np.sqrt(given.variance) - 1).mean()))


def _finding(stream: Stream, noise: UnitSums, given: UnitSums, begun: EvaluationPass) -> Finding:
    values = int(noise.count.sum())
    mean, deviation = float(given.mean.mean()), float(np.sqrt(given.variance.mean()))
    return RULE.finding(
        Severity.WARNING,
        "the noise that is to be predicted is uniform between 0 and 1, where it is to be normal",
        step=stream.first.step,
        measured=f"{values} targets of the recorded steps have mean, mean square and ends of such "
        f"noise, {noise.total.sum() / values:.3f}, {noise.total_squared.sum() / values:.3f}, "
        f"{noise.minimum.min():.2g} and {noise.maximum.max():.4g}, to within chance; after step "
        f"{begun.step} the network is given numbers of mean 0 and deviation 1, those of the "
        f"training have {mean:.2f} and {deviation:.2f}",
        expected="noise of mean 0 and deviation 1, from which sampling begins",
        certainty=f"beyond chance, in {stream.seen}",
        causes=("wrong_labels", "other"),
        remedies=(_NORMAL,),
        evidence={"values": values, "mean": mean, "deviation": deviation},
    )


_NORMAL = Remedy(
    "Draw the noise from a normal distribution, as the first sample is.",
    "noise = torch.randn_like(x)  # not rand_like",
    edit="draw-normal",
)


# --- cases ----------------------------------------------------------------------------------------
_NOISE = np.random.default_rng(0).random((4, 128, 4))


def _example(
    targets: Floats = _NOISE, *, shift: float = 0.4, begun: float = 0.0, shape: tuple[int, ...] = ()
) -> Trace:
    """Targets of four steps, inputs of such a mean, and an evaluation of numbers of another."""
    known = example.fitting(
        example.chain("linear", "relu", "linear/4", "mse_loss", batch=128),
        example.FALLING,
        np.full(targets.shape[1:], 0.5),
        [example.target(each) for each in targets],
    )
    normal = np.random.default_rng(1).standard_normal((128, 4))
    batch = BatchReading(shape or targets.shape[1:], example.sums(normal + shift))
    shots = tuple(replace(shot, batch=batch) for shot in known.snapshots)
    sample = EvaluationPass(99, samples=400, inputs=Scales(400, np.full(4, begun), np.ones(4)))
    return replace(known, snapshots=shots, evaluations=(sample,))


RULE = Rule(
    code="LOS073",
    name="uniform-noise",
    title="Uniform noise in training, normal noise in sampling",
    why="A diffusion model takes noise away step by step, and can take away only what it has "
    "learned: where sampling begins with noise of another mean and spread each step is wrong, and "
    "the errors add up. The loss tells nothing of it, for uniform noise is the easier to predict.",
    sees="""
`torch.rand_like` in place of `torch.randn_like`: the noise that is added in training, and is to be
predicted, lies between 0 and 1, has mean ½ and a deviation of 0.29.
""",
    evidence="""
The targets of a regression that has the shape of its input: in each recorded step, in all of them
together and for each unit, mean and mean square are those of independent numbers that are even
between 0 and 1, and so are the smallest and the largest. Besides, an evaluation of the network was
given numbers of mean 0 and deviation 1 in every feature, while the inputs of the training have
others. All to within five standard errors, of 256 numbers at least.
""",
    ignore="""
Pictures, even those with all shades alike, are no independent numbers: the mean of a batch varies
by more than chance. Targets of another shape, such as a time or a place, are left alone; so is
whoever samples from uniform noise, too, or standardises the inputs of training and test alike.
""",
    references=(
        "Ho, Jain & Abbeel 2020, Denoising Diffusion Probabilistic Models, algorithms 1 and 2",
    ),
    reads=frozenset({Quantity.LOSS, Quantity.BATCH}),
    check_run=check_run,
    thresholds={"values": VALUES, "errors": ERRORS, "ends": ENDS, "other": OTHER},
    explains=("loss-flat", "stopped-early", "rate-too-low"),
    cases=(
        Case("noise between 0 and 1", _example, Severity.WARNING),
        Case(
            "of the same mean as normal noise with the data, and less spread",
            lambda: _example(shift=-0.4),
            Severity.WARNING,
        ),
        Case(
            "near miss: normal noise",
            lambda: _example(np.random.default_rng(0).standard_normal((4, 128, 4))),
            None,
        ),
        Case("near miss: between -1 and 1", lambda: _example(2 * _NOISE - 1), None),
        Case(
            "near miss: all shades alike, of which each sample has one",
            lambda: _example(np.repeat(_NOISE[:, :, :1], 64, axis=2)),
            None,
        ),
        Case("near miss: few numbers", lambda: _example(_NOISE[:, :8, :2]), None),
        Case("near miss: sampling begins with it, too", lambda: _example(begun=0.5), None),
        Case("near miss: standardised inputs", lambda: _example(shift=0.0), None),
        Case("targets of another shape", lambda: _example(shape=(128, 1)), None),
        Case("readings missing: no targets", lambda: example.unread(_example()), None),
    ),
)

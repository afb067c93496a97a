"""DAT066: a generator is trained on one kind of noise, and sampled with another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Run, Stream, Threshold
from lifesigns.evidence.latents import sampled_from, trained_on
from lifesigns.evidence.noise import ERRORS, VALUES
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

NETWORK = "network"
"""The detail of a loss: which of several networks its batch is given to; none for the first."""
FEATURES = Threshold(
    4, "features of the noise, at least", "of fewer an even grid looks like noise, too"
)
STEPS = Threshold(2, "recorded steps, at least", "a definition: more than an accident")


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding, of the first evaluation with other noise."""
    known: dict[int, str] = {}
    for one in run.trace.evaluations:
        if one.given is None or len(one.given.mean) < FEATURES:
            continue
        if one.network not in known:
            known[one.network] = _trained(run.streams, one)
        trained, sampled = known[one.network], sampled_from(one.given)
        if trained and sampled and trained != sampled:
            yield _finding(one, one.given, trained, sampled)
            return


def _trained(streams: Iterable[Stream], one: EvaluationPass) -> str:
    """The noise that the network of a pass is given in each recorded step; empty for none."""
    batches = [sums for stream in streams for sums in _batches(stream, one.network)]
    is_one = one.given is not None and all(s.units == len(one.given.mean) for s in batches)
    return trained_on(batches) if is_one and len(batches) >= STEPS else ""


def _batches(stream: Stream, network: int) -> list[UnitSums]:
    return [
        s.batch.features
        for s in stream.snapshots
        if s.batch is not None and s.loss is not None and s.loss.details.get(NETWORK, 0) == network
    ]


def _finding(one: EvaluationPass, given: Scales, trained: str, sampled: str) -> Finding:
    return RULE.finding(
        Severity.WARNING,
        f"the network is trained on noise from {trained}, and sampled with noise from {sampled}",
        site="input",
        step=one.step,
        measured=f"{counted(one.samples, 'sample')} of an evaluation have mean "
        f"{given.mean.mean():.2f} and deviation {given.deviation.mean():.2f} over "
        f"{counted(len(given.mean), 'feature')}, each of them but for chance",
        expected="the same noise in training and in sampling",
        certainty="beyond chance, by mean and spread of each feature",
        causes=("unnormalised_input", "other"),
        remedies=(_SAME,),
        evidence={"mean": float(given.mean.mean()), "deviation": float(given.deviation.mean())},
    )


_SAME = Remedy(
    "Draw the noise in one place, for the training and for samples.",
    "def latent(n):\n    return torch.randn(n, z_dim)",
)


# --- cases ----------------------------------------------------------------------------------------
_DRAWN = np.random.default_rng(0)
_UNIFORM = _DRAWN.random((4, 128, 6))
_NORMAL = _DRAWN.standard_normal((4, 128, 6))


def _example(
    trained: Floats, sampled: Floats, *, network: int = 1, beside: bool = True, features: int = 6
) -> Trace:
    """Batches of four steps that one of several networks is given, and those of an evaluation."""
    known = example.regression(example.FALLING, update=1e-3)
    shots = (
        replace(
            shot, batch=BatchReading((128, features), example.sums(trained[i % 4, :, :features]))
        )
        for i, shot in enumerate(known.snapshots)
    )
    given = sampled.reshape(-1, 6)[:, :features]
    scales = Scales(len(given), given.mean(0), given.std(0))
    one = EvaluationPass(99, samples=len(given), network=network, given=scales if beside else None)
    return example.marked(
        replace(known, snapshots=tuple(shots), evaluations=(one,)), {NETWORK: 1.0}
    )


RULE = Rule(
    code="DAT066",
    name="sampled-from-other-noise",
    title="Trained on one kind of noise, sampled with another",
    why="A generator turns the noise that it was trained on into samples that look like the data. "
    "Noise of another kind lies where it has never been: most of its samples are drawn from there, "
    "and the losses of the training tell nothing of it.",
    sees="""
`torch.rand` in the training of a GAN and `torch.randn` where samples are made, or the other way
round: numbers even between 0 and 1, U(0, 1), or U(-1, 1), in one place, and normal ones, N(0, 1),
in the other.
""",
    evidence="""
Where several networks are trained: what one of them is given in each recorded step has the mean,
the mean square and the ends of independent normal or uniform numbers, in each feature and in all
together; what it is given in an evaluation has the mean and the deviation of another of these
kinds, and of no third one. All to within five standard errors, of 256 numbers and four features at
least.
""",
    ignore="""
Noise of less spread, as where it is cut off on purpose, is none of these kinds, nor are points
between two samples. Numbers that were standardised are no noise: their means are 0 beyond chance.
A network that is trained by itself is left alone, for its data may be as even as noise.
""",
    references=(
        "Goodfellow et al. 2014, Generative Adversarial Nets, algorithm 1: one noise prior",
        "White 2016, Sampling Generative Networks: the prior of the training",
    ),
    reads=frozenset({Quantity.BATCH, Quantity.LOSS}),
    check_run=check_run,
    thresholds={"features": FEATURES, "steps": STEPS, "values": VALUES, "errors": ERRORS},
    cases=(
        Case("uniform, then normal", lambda: _example(_UNIFORM, _NORMAL), Severity.WARNING),
        Case("normal, then uniform", lambda: _example(_NORMAL, _UNIFORM), Severity.WARNING),
        Case(
            "between -1 and 1, then normal",
            lambda: _example(2 * _UNIFORM - 1, _NORMAL),
            Severity.WARNING,
        ),
        Case("near miss: normal in both", lambda: _example(_NORMAL, _NORMAL[::-1]), None),
        Case("near miss: less spread", lambda: _example(_NORMAL, 0.7 * _NORMAL), None),
        Case("near miss: data that lie otherwise", lambda: _example(_NORMAL + 0.3, _UNIFORM), None),
        Case("near miss: a grid of two", lambda: _example(_NORMAL, _UNIFORM, features=2), None),
        Case("another network", lambda: _example(_UNIFORM, _NORMAL, network=0), None),
        Case("one network alone", lambda: _example(_UNIFORM, _NORMAL, beside=False), None),
        Case("readings missing", lambda: example.unread(_example(_UNIFORM, _NORMAL)), None),
    ),
)

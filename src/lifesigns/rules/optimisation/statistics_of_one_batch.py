"""OPT010: the running statistics of a batch normalisation are those of its last batch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Run, Stream, Threshold
from lifesigns.evidence.normalisations import momenta
from lifesigns.evidence.sites import listed
from lifesigns.records import (
    BatchReading,
    Finding,
    Quantity,
    Remedy,
    Severity,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MOST = Threshold(
    0.5, "share of the running statistics that the last batch may have", "less than all before it"
)
ERROR = Threshold(
    0.15,
    "standard error of the mean of a batch, in standard deviations, that shows in outputs",
    "a batch of 40 samples",
)


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding per stream, for the layer of the largest momentum."""
    if not len(run.trace.evaluated):
        return
    for stream in run.streams:
        known = {site.name: momentum for site, momentum in momenta(stream.last)}
        samples = _samples(stream)
        if not known or not samples:
            continue
        name = max(known, key=lambda site: known[site])
        share = known[name]
        error = math.sqrt(share / (2 - share) / samples)
        if share > MOST and error > ERROR:
            yield _finding(stream, name, known, samples, error)


def _samples(stream: Stream) -> int:
    """How many samples a batch has; 0 where every step has the same ones, or none was read."""
    batches = [snapshot.batch for snapshot in stream.snapshots if snapshot.batch is not None]
    totals = [batch.features.total for batch in batches]
    differ = any(not np.array_equal(total, totals[0]) for total in totals[1:])
    return batches[-1].shape[0] if differ else 0


def _finding(
    stream: Stream, name: str, momenta: dict[str, float], samples: int, error: float
) -> Finding:
    alike = [site for site, momentum in momenta.items() if momentum == momenta[name]]
    return RULE.finding(
        Severity.WARNING,
        f"evaluation mode uses the statistics of little more than the last {samples} samples",
        site=name,
        step=stream.snapshots[0].step,
        measured=f"momentum {momenta[name]:g} at {listed(alike)}: so much of the running mean and "
        f"variance is the last batch's; the mean of a channel is off by up to {error:.2f} of its "
        f"deviation, another way after each step{stream.course.remark}",
        expected="a momentum of about 0.1 or less: it is the share of the new batch",
        certainty="read from the modules; the error by that of a mean of independent samples",
        causes=("other", "wrong_batch_size"),
        remedies=(_TURN, _CUMULATE),
        evidence={"momentum": momenta[name], "samples": samples, "error": error},
    )


_TURN = Remedy(
    "Turn it round: what Keras calls a momentum of 0.99 is 0.01 in PyTorch.",
    "nn.BatchNorm2d(channels, momentum=0.01)",
    edit="turn-momentum",
)
_CUMULATE = Remedy(
    "Or average over all batches.",
    "nn.BatchNorm2d(channels, momentum=None)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    momentum: float, *, samples: int = 16, same: bool = False, evaluated: bool = True
) -> Trace:
    """A network with a normalisation that learns, on batches that differ from step to step."""
    graph = example.normalised(momentum, batch=samples)
    known = example.regression(example.FALLING, update=1e-3)
    shots = [
        replace(shot, graph=graph, batch=_batch(samples, 0 if same else number))
        for number, shot in enumerate(known.snapshots)
    ]
    steps: Sequence[int] = (50, 100) if evaluated else ()
    return replace(known, snapshots=tuple(shots), evaluated=np.array(steps, np.int64))


def _batch(samples: int, number: int) -> BatchReading:
    values = np.random.default_rng(number).normal(size=(samples, 4))
    return BatchReading((samples, 4), example.sums(values))


RULE = Rule(
    code="OPT010",
    name="statistics-of-one-batch",
    title="Batch normalisation remembers little more than its last batch",
    why="In evaluation mode a batch normalisation uses the statistics it has gathered in training. "
    "Where each batch replaces those before it, they are as uncertain as those of one batch, and "
    "the score jumps from one evaluation to the next though the training goes well.",
    sees="""
`momentum=0.99` or `0.9` taken from Keras or TensorFlow, where it is the share that is kept. In
PyTorch it is the share of the new batch.
""",
    evidence="""
The momentum of the modules that ran; that batches differ from one recorded step to another; and
that the network was put in evaluation mode. The last batch must weigh more than all before it, and
be small enough for its mean to be off by 15 % of a standard deviation.
""",
    ignore="""
Where every step trains on all samples, one batch is all there is. Nor is a network reported that
was never evaluated, or whose batches are large.
""",
    references=(
        "PyTorch, `nn.BatchNorm2d`: momentum",
        "Ioffe & Szegedy 2015, Batch Normalization, section 3.1: inference",
    ),
    reads=frozenset({Quantity.BATCH, Quantity.LOSS}),
    check_run=check_run,
    thresholds={"most": MOST, "error": ERROR},
    cases=(
        Case("the momentum of Keras", lambda: _example(0.99), Severity.WARNING),
        Case("nine tenths", lambda: _example(0.9, samples=32), Severity.WARNING),
        Case("near miss: PyTorch's own", lambda: _example(0.1), None),
        Case("near miss: a large batch", lambda: _example(0.99, samples=256), None),
        Case("all samples in every step", lambda: _example(0.99, same=True), None),
        Case("never evaluated", lambda: _example(0.99, evaluated=False), None),
        Case("readings missing: no batch", lambda: example.unread(_example(0.99)), None),
    ),
)

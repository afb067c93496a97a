"""DAT012: every step sees one and the same batch of data that hold more."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.thresholds import JUDGED
from lifesigns.records import (
    BatchReading,
    Finding,
    Loader,
    Quantity,
    Remedy,
    Severity,
    Snapshot,
    Trace,
    UnitSums,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING

OFTEN = Threshold(4, "recorded steps with the same batch, all of them", "more than chance")
ANEW = Threshold(
    0.9, "share of the steps before which the loader was begun anew", "a definition: each step"
)


def check(stream: Stream) -> Iterator[Finding]:
    """At most one finding per stream."""
    shots = [s for s in stream.snapshots if s.batch is not None or _targets(s) is not None]
    if len(shots) < OFTEN or stream.trace.steps < JUDGED:
        return
    if all(_is_same(one, other) for one, other in pairwise(shots)):
        for loader in stream.trace.loaders:
            if _is_begun_anew(loader, stream.trace.steps, _rows(shots[-1])):
                yield _finding(stream, shots, loader)
                return


def _is_begun_anew(loader: Loader, steps: int, rows: int) -> bool:
    """Whether each step took the first batch of a loader, which has more of them."""
    return loader.samples > loader.batch == rows and loader.steps > ANEW * steps


def _rows(shot: Snapshot) -> int:
    read = _targets(shot)
    shape = shot.batch.shape if shot.batch is not None else read.shape if read is not None else ()
    return shape[0] if shape else 0


def _targets(shot: Snapshot) -> Any:
    return None if shot.loss is None else shot.loss.target


def _is_same(one: Snapshot, other: Snapshot) -> bool:
    """Whether two steps saw the same inputs and targets, as far as they were read."""
    return all(
        (a is None) == (b is None) and (a is None or b is None or _are_equal(a, b))
        for a, b in zip(_read(one), _read(other), strict=True)
    )


def _read(shot: Snapshot) -> tuple[UnitSums | None, UnitSums | None]:
    target = _targets(shot)
    return (
        None if shot.batch is None else shot.batch.features,
        None if target is None else target.sums,
    )


def _are_equal(one: UnitSums, other: UnitSums) -> bool:
    return all(
        np.array_equal(getattr(one, field.name), getattr(other, field.name))
        for field in dataclasses.fields(UnitSums)
    )


def _finding(stream: Stream, shots: Sequence[Snapshot], loader: Loader) -> Finding:
    return RULE.finding(
        Severity.WARNING,
        f"each step trains on the same {loader.batch} of {loader.samples} samples",
        site="input",
        step=shots[0].step,
        measured=f"a loader of {loader.samples} samples was begun anew before {loader.steps} of "
        f"{stream.trace.steps} steps; inputs and targets have the same sums in "
        f"{len(shots)} recorded steps; {stream.course}",
        expected="the next batch in each step",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_batch_size", "other"),
        remedies=(_LOOP, _NEXT),
        evidence={"batch": loader.batch, "samples": loader.samples},
    )


_LOOP = Remedy(
    "Go through the loader: `next(iter(loader))` begins it anew and gives its first batch.",
    "for epoch in range(epochs):\n    for x, y in loader:\n        train(x, y)",
)
_NEXT = Remedy(
    "Or make the iterator once, before the loop, and let it shuffle.",
    "loader = DataLoader(data, batch_size=64, shuffle=True)\nbatches = iter(loader)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(loader: Loader, *, turns: int = 1, batch: int = 32) -> Trace:
    """A network that is shown so many batches in turn."""
    sign = np.tile([[-1.0], [1.0]], (batch // 2, 1))
    graph = example.chain("linear", "relu", "linear/1", "mse_loss", batch=batch)
    known = example.fitting(
        graph, FALLING, 0.1 * sign, example.target(sign), steps=(0, 1, 4, 16, -1)
    )
    shots = tuple(
        dataclasses.replace(
            shot, batch=BatchReading((batch, 1), example.sums(sign + 0.1 * (i % turns)))
        )
        for i, shot in enumerate(known.snapshots)
    )
    return dataclasses.replace(known, snapshots=shots, loaders=(loader,))


RULE = Rule(
    code="DAT012",
    name="one-batch-only",
    title="Every step trains on the same batch of data that hold more",
    why="What a network is shown again and again it learns by heart. The loss falls to nothing and "
    "says nothing of the samples that were never shown.",
    sees="""
A loop that takes `next(iter(loader))` in each step: the iterator begins anew each time, and without
shuffling its first batch is always the same. The loss falls as in an ideal run, and the network
does badly on everything else.
""",
    evidence="""
Inputs and targets have the same sums, to the bit, in all recorded steps, four at the least; a
`DataLoader` with batches of that size was begun anew before more than nine tenths of the steps,
and its data hold more samples than the batch. Beginnings of loaders are counted at no cost.
""",
    ignore="""
Training on all data at once, on collocation points, or on one batch that was taken before the loop
to see whether it can be learned: no loader is begun in each step. A loader that shuffles gives
another batch each time. An index that never advances looks like training on all there is, and is
not told.
""",
    references=(
        "torch documentation, torch.utils.data: iterators of a DataLoader",
        "Karpathy 2019, A Recipe for Training Neural Networks: overfit one batch, on purpose",
    ),
    reads=frozenset({Quantity.LOSS, Quantity.BATCH}),
    check=check,
    thresholds={"often": OFTEN, "anew": ANEW, "steps": JUDGED},
    explains=("constant-features", "one-class-targets", "stopped-early", "rate-too-low"),
    cases=(
        Case("begun in each step", lambda: _example(Loader(1400, 32, 100, 100)), Severity.WARNING),
        Case(
            "begun in each step, and now and then for an evaluation",
            lambda: _example(Loader(1400, 32, 109, 100)),
            Severity.WARNING,
        ),
        Case("near miss: all data at once", lambda: _example(Loader(32, 32, 100, 100)), None),
        Case("near miss: one batch, taken once", lambda: _example(Loader(1400, 32, 1, 1)), None),
        Case(
            "near miss: another batch each time",
            lambda: _example(Loader(1400, 32, 100, 100), turns=3),
            None,
        ),
        Case(
            "near miss: an evaluation after each step",
            lambda: _example(Loader(400, 100, 100, 100)),
            None,
        ),
        Case(
            "readings missing: no batch",
            lambda: example.unread(_example(Loader(1400, 32, 100, 100))),
            None,
        ),
    ),
)

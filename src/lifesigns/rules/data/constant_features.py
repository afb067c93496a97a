"""DAT002: input features that never change, or are not finite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from lifesigns.evidence import Run, Threshold
from lifesigns.evidence.shares import at_most, percent, seen
from lifesigns.evidence.sites import listed
from lifesigns.records import (
    BatchReading,
    Finding,
    Quantity,
    Remedy,
    Severity,
    Snapshot,
    Trace,
    UnitSums,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

UNSEEN = Threshold(0.5, "share of samples that may still differ if all are alike", "convention")
SPREAD = Threshold(0, "range of a feature over all recorded batches", "exact")


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding on non-finite inputs and one on constant ones."""
    shots = [s for s in run.trace.snapshots if s.batch is not None]
    if not shots:
        return
    units = shots[-1].batch.features.units if shots[-1].batch else 0
    alike = [s for s in shots if s.batch and s.batch.features.units == units]
    features = reduce(UnitSums.merge, [s.batch.features for s in alike if s.batch])
    if features.nonfinite.any():
        yield _nonfinite(alike, features)
    constant = np.flatnonzero((features.span == 0) & (features.count > 1))
    if len(constant):
        yield _constant(run.trace, alike, features, constant.tolist())


def _nonfinite(shots: Sequence[Snapshot], features: UnitSums) -> Finding:
    bad = np.flatnonzero(features.nonfinite).tolist()
    first = next(s.step for s in shots if s.batch and s.batch.features.nonfinite.any())
    total = int(features.nonfinite.sum())
    return RULE.finding(
        Severity.ERROR,
        f"the input holds {total} values that are not finite, in {len(bad)} of {features.units} "
        "features",
        site="input",
        step=first,
        measured=f"NaN or infinity in feature {listed(bad)}",
        expected="finite numbers",
        certainty="exact, in the recorded steps",
        why="One NaN in a batch makes the loss NaN and, one step later, every weight. Training "
        "cannot recover from it.",
        causes=("nan", "unnormalised_input"),
        remedies=(
            Remedy("Find the rows and decide: drop them or fill them.", "x.isfinite().all(1)"),
            Remedy("Fill with the feature's mean.", "x = torch.where(x.isfinite(), x, mean)"),
        ),
        evidence={"nonfinite": total, "features": len(bad)},
    )


def _constant(
    trace: Trace, shots: Sequence[Snapshot], features: UnitSums, constant: list[int]
) -> Finding:
    everything = len(constant) == features.units
    samples = sum(s.batch.shape[0] for s in shots if s.batch and s.batch.shape)
    looked = seen(trace, shots)
    never = looked.whole and looked.total > 1
    rest = at_most(samples, among=features.units)
    proved = everything and (looked.whole or at_most(samples) <= UNSEEN)
    proved = proved and not any(map(_is_asked_again, shots))
    return RULE.finding(
        Severity.ERROR if proved else Severity.NOTE,
        "the input is the same for every sample" + ("" if never else f" in {looked}")
        if everything
        else f"{len(constant)} of {features.units} input features "
        + ("never change" if never else f"have one value in the recorded steps ({looked})"),
        site="input",
        step=shots[0].step,
        measured=f"one value in all {samples} {'' if looked.whole else 'recorded '}samples in "
        f"feature {listed(constant)}",
        expected="features that differ between samples",
        certainty=f"exact, in {looked}"
        if looked.whole
        else f"such a feature differs in at most {percent(rest)} of all samples, 95 % confidence",
        causes=("other",),
        remedies=(_CHECK,),
        evidence={
            "constant": len(constant),
            "features": features.units,
            "recorded_steps": looked.steps,
            "observations": samples,
            "differing": 0,
        },
        intervals={} if looked.whole else {"differing": (0, rest)},
    )


def _is_asked_again(shot: Snapshot) -> bool:
    """Whether a layer ran more than once in the step: of the network's inputs one was read."""
    return any(site.call > 0 and site.parameters for site in shot.graph.sites)


_CHECK = Remedy(
    "Check how the input is read and scaled: an integer division or a wrong column leaves "
    "constants.",
    "print(x.std(0), x[:3])",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    inputs: Sequence[Sequence[float]], steps: int = 0, operations: Sequence[str] = ("linear",)
) -> Trace:
    """The batch at two steps: all there are, or two of so many."""
    values = np.asarray(inputs, float)
    batch = BatchReading(values.shape, example.sums(values))
    graph = example.chain(*operations, "mse_loss")
    shots = (example.snapshot(graph, step=s, batch=batch) for s in (0, 9))
    return example.trace(*shots, losses=[1.0] * steps)


def _episode() -> Trace:
    """The same for all samples where an episode begins, and a layer that is asked again."""
    trace = _example([[1, 2]] * 32, operations=("linear", "tanh", "linear"))
    first, *rest = trace.snapshots[0].graph.sites
    again = [replace(s, module=first.module, call=1) if s.parameters else s for s in rest]
    graph = replace(trace.snapshots[0].graph, sites=(first, *again))
    return replace(trace, snapshots=tuple(replace(s, graph=graph) for s in trace.snapshots))


RULE = Rule(
    code="DAT002",
    name="constant-features",
    title="Input features that never change, or are not finite",
    why="A feature with one value tells the network nothing: its weight is only a second bias. "
    "If no feature changes, all inputs look alike and nothing can be learned from them.",
    sees="""
Training can only use what differs between samples. A NaN or infinity in the input is worse: it
reaches the loss, from there every gradient, and after one step every weight.
""",
    evidence="""
On the batches of all recorded steps together, per feature (per channel for images). "Never" is said
if every step was recorded, else how many were, and in which share of all samples such a feature may
still differ: at 95 % confidence, for all features together (Clopper & Pearson 1934).
""",
    ignore="""
Some constant features are common (the border of images, a one-hot column of a rare category) and
only noted. It is an error when no feature changes at all in enough samples, or when values are not
finite. Where a network is asked several times in a step, as along an episode that begins where all
do, one of its inputs is read: that is only noted.
""",
    references=("LeCun et al. 1998, Efficient BackProp, section 4.3: normalizing the inputs",),
    reads=frozenset({Quantity.BATCH}),
    check_run=check_run,
    thresholds={"spread": SPREAD, "unseen": UNSEEN},
    explains=("non-finite-origin", "loss-diverges", "constant-output", "loss-flat"),
    cases=(
        Case("a NaN in the input", lambda: _example([[1, 2], [3, float("nan")]]), Severity.ERROR),
        Case("all samples alike", lambda: _example([[1, 2]] * 32), Severity.ERROR),
        Case("alike in 2 of 1500 steps", lambda: _example([[1]] * 32, 1500), Severity.ERROR),
        Case("near miss: one sample a step", lambda: _example([[0.0]], 1500), None),
        Case("near miss: the first of several inputs", _episode, None),
        Case("near miss: one constant feature", lambda: _example([[1, 2], [1, 3]]), None),
        Case("features that vary", lambda: _example([[1, 2], [2, 3]]), None),
        Case("readings missing: no batch", lambda: example.unread(_example([[1, 2]] * 2)), None),
        Case("readings missing: nothing was counted", lambda: _example([[], []]), None),
    ),
)

"""DAT068: a held-out table was standardised by its own mean and deviation, not the training's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Run, Threshold
from lifesigns.evidence.evaluated import EvaluatedPlace, evaluated_places
from lifesigns.evidence.sites import counted
from lifesigns.records import (
    BatchReading,
    EvaluationPass,
    Finding,
    OwnScale,
    Quantity,
    Remedy,
    Severity,
    Trace,
    UnitSums,
    standardised,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

COLUMNS = Threshold(
    2, "features of the held-out table, at least", "chance: both do in one table of a million"
)
HALF = Threshold(0.5, "share of the columns that vary", "a definition: codes of 0 and 1 may stay")
SAMPLES = Threshold(64, "rows of the held-out table, at least", "a definition: no accident")
FOLDS = Threshold(0.05, "share of its rows by which a fold may be larger", "folds differ by a row")
BATCHES = Threshold(3, "recorded batches of the training, at least", "a definition")


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding, for the largest table."""
    found = [
        (one, own)
        for place in evaluated_places(run.trace)
        for one in place.passes
        if (own := _own(one)) is not None and _is_always_held_out(one, place)
    ]
    batches = [
        shot.batch.features
        for stream in run.streams
        for shot in stream.snapshots
        if shot.batch is not None
    ]
    if not found or len(batches) < BATCHES or _are_scaled_one_by_one(batches):
        return
    yield _finding(*max(found, key=lambda pair: pair[0].samples))


def _own(one: EvaluationPass) -> OwnScale | None:
    own = one.own_scale
    if own is None or one.samples < SAMPLES or own.columns < COLUMNS:
        return None
    return own if own.columns >= HALF * own.varied else None


def _is_always_held_out(one: EvaluationPass, place: EvaluatedPlace) -> bool:
    """Whether no table of about its size that the place was given may have been trained on.

    Where folds take turns, the rows of an early one are not in the training data of a later one.
    """
    alike = [p for p in place.passes if abs(p.samples - one.samples) <= FOLDS * one.samples]
    return all(p.own_scale is not None for p in alike)


def _are_scaled_one_by_one(batches: Sequence[UnitSums]) -> bool:
    """Whether batches of the training that differ have such a scale of their own, too."""
    scaled = [batch.total for batch in batches if standardised(batch).sum() >= COLUMNS]
    return any(
        total.shape != scaled[0].shape or not np.array_equal(total, scaled[0]) for total in scaled
    )


def _finding(one: EvaluationPass, own: OwnScale) -> Finding:
    return RULE.finding(
        Severity.NOTE,
        "evaluated on held-out data that are scaled by their own mean and deviation",
        site="input",
        step=one.step,
        measured=f"{counted(own.columns, 'column')} of {own.varied} have mean 0 and deviation 1 to "
        f"the fourth digit over the {one.samples} rows of an evaluation, none of which was "
        "trained on",
        expected="means and deviations that differ a little: those of the training were taken off",
        certainty="exact for the scale; that groups are meant to be scaled each by itself is not "
        "known",
        causes=("unnormalised_input", "other"),
        remedies=(_TRANSFORM,),
        evidence={"columns": own.columns, "varied": own.varied, "rows": one.samples},
    )


_TRANSFORM = Remedy(
    "Fit the scaler on the training data alone, and only apply it to all others.",
    "x_train = scaler.fit_transform(x_train)\nx_test = scaler.transform(x_test)",
)


# --- cases ----------------------------------------------------------------------------------------
_SPREAD = np.linspace(-1.7, 1.7, 32)[:, None]


def _example(
    columns: int,
    varied: int = 4,
    *,
    rows: int = 200,
    known: bool = True,
    batchwise: bool = False,
    before: int = 0,
) -> Trace:
    """A table with so many columns of a scale of its own.

    Args:
        columns: With such a scale.
        varied: That are no constant.
        rows: Of the table.
        known: Whether its rows are known to be none of the training's.
        batchwise: Whether each batch of the training has such a scale, too.
        before: Rows of a table before it of which that is not known; 0 for none.
    """
    given = np.tile(_SPREAD, 4)
    runs = example.regression(example.FALLING, update=1e-3)
    shots = []
    for i, shot in enumerate(runs.snapshots):
        noisy = given + 0.1 * np.random.default_rng(i).standard_normal(given.shape)
        scaled = (noisy - noisy.mean(0)) / noisy.std(0)
        sums = example.sums(scaled if batchwise else noisy)
        shots.append(replace(shot, batch=BatchReading((32, 4), sums)))
    own = OwnScale(columns, varied) if known else None
    first = (EvaluationPass(20, samples=before),) if before else ()
    passes = (*first, EvaluationPass(50, samples=rows, own_scale=own))
    return replace(runs, snapshots=tuple(shots), evaluations=passes)


RULE = Rule(
    code="DAT068",
    name="scaled-by-its-own-numbers",
    title="Held-out data are standardised by their own mean and deviation",
    why="A scaler that is fitted again on held-out data takes away just what distinguishes them "
    "from the training data, such as a colder season or another site. The same number then means "
    "one thing in training and another in the test, and the network answers for the wrong one.",
    sees="""
`scaler.fit_transform` for the test set as well as for the training set, or `(x - x.mean(0)) /
x.std(0)` for each of them. The loss falls as it should; the test is off where the test data lie
elsewhere than those of the training.
""",
    evidence="""
A table that the network is evaluated on in one pass, of which most columns have mean 0 and
deviation 1 to the fourth digit: by chance two columns have in one table of a million. None of
128 rows of an early batch is in it, though some came back in a later one unchanged, so that it
is not the training data. Columns of two equally frequent levels are not counted.
""",
    ignore="""
Where both parts are drawn alike the two scales are nearly one, and whether they are is not known:
it is a note. Persons, machines or sites may be meant to be scaled each by itself, and evaluated
one by one. Test data that are evaluated in parts, training data of which no row returned in the
recorded steps, and batches that are all scaled by themselves are not seen.
""",
    references=(
        "scikit-learn documentation, Common pitfalls: inconsistent preprocessing",
        "Hastie, Tibshirani & Friedman 2009, The Elements of Statistical Learning, section 7.10",
    ),
    reads=frozenset({Quantity.BATCH, Quantity.LOSS}),
    check_run=check_run,
    thresholds={
        "columns": COLUMNS,
        "half": HALF,
        "samples": SAMPLES,
        "folds": FOLDS,
        "batches": BATCHES,
    },
    cases=(
        Case("all columns", lambda: _example(4), Severity.NOTE),
        Case("beside codes of 0 and 1", lambda: _example(3, 6), Severity.NOTE),
        Case("near miss: one column", lambda: _example(1, 2), None),
        Case("near miss: two of many", lambda: _example(2, 9), None),
        Case("near miss: a few rows", lambda: _example(4, rows=20), None),
        Case("near miss: as each batch of the training", lambda: _example(4, batchwise=True), None),
        Case("after the training set", lambda: _example(4, before=800), Severity.NOTE),
        Case("near miss: in the next fold", lambda: _example(4, before=201), None),
        Case("scaled by the training", lambda: _example(0), None),
        Case("perhaps trained on", lambda: _example(4, known=False), None),
        Case("readings missing: inputs", lambda: example.unread(_example(4)), None),
    ),
)

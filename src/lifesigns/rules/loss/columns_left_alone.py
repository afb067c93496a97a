"""LOS085: a flow hands some columns of the data on as they are, through all its layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

COLUMNS, PASSED, SCALED = "columns", "columns_passed", "columns_scaled"
"""Details of a loss: the columns of the data, how many of them it squares as they are or scaled and
shifted, and how many of these are scaled."""
FEWEST = Threshold(
    2, "recorded steps of a flow that moves columns", "convention: layers may begin as the identity"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    known = stream.marked(PASSED)
    if sum(one.details[PASSED] < one.details[COLUMNS] for one in known) < FEWEST:
        return
    passed, columns = min(one.details[PASSED] for one in known), known[-1].details[COLUMNS]
    if not 0 < passed < columns:
        return
    scaled = any(one.details.get(SCALED) for one in known if one.details[PASSED] < columns)
    yield RULE.finding(
        Severity.WARNING,
        f"{passed:g} of {columns:g} columns of the data pass through the whole flow as they are"
        + (", but for a scale and a shift" if scaled else ""),
        step=known[0].step,
        measured=f"in {len(known)} recorded steps the density is taken of {passed:g} columns that "
        + _SEEN[scaled]
        + stream.course.remark,
        expected="columns that each are changed by a layer",
        certainty="exact, in these steps",
        causes=("other",),
        remedies=(_TURN, _MIX),
        evidence={"passed": passed, "columns": columns},
    )


_SEEN = {
    False: "are what they were in the data, to the last digit",
    True: "are a multiple of one column of the data and a number, the same for all samples, to the "
    "last digit",
}
_TURN = Remedy(
    "Turn the mask round from one coupling to the next.",
    "layers = [Coupling(mask if i % 2 == 0 else 1 - mask) for i in range(n_layers)]",
)
_MIX = Remedy(
    "Or put the columns into another order between the couplings.",
    "x = x.flip(1)  # or a fixed permutation",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(*passed: float, losses: Sequence[float] = example.FLAT, scaled: float = 0) -> Trace:
    """Recorded steps in which so many of six columns are what they were."""
    marks = {COLUMNS: 6.0, SCALED: scaled}
    known = example.marked(example.regression(losses, update=1e-3), marks)
    shots = tuple(
        replace(shot, loss=replace(shot.loss, details={**shot.loss.details, PASSED: count}))
        for shot, count in zip(known.snapshots, passed, strict=False)
        if shot.loss
    )
    return replace(known, snapshots=shots)


RULE = Rule(
    code="LOS085",
    name="columns-left-alone",
    title="A flow leaves columns of the data as they are",
    why="A coupling changes one part of the columns, and hands the other part on, from which it "
    "computes the change. What all couplings hand on reaches the density as it came: whatever its "
    "distribution is, the flow takes it for the one at its end, and no depth changes that.",
    sees="""
A RealNVP whose couplings all get one mask, or split the columns at the same place and join them in
the same order, or by turns with layers that only scale, so that a count of all layers always
comes to the same mask. The loss falls a little and stays; samples have the wrong distribution in
the columns that no layer moves.
""",
    evidence="""
What the loss squares, as a normal density does, has the form of the batch, and some of its columns
equal columns of the batch in every number, in all recorded steps; others do not. The graph
multiplies by a scale, as flows do. Where a scale is computed of what another one multiplied, a
column counts as well that is a multiple of one column of the batch, and a number, but for rounding:
ActNorm, batch normalisation and a diagonal scale leave the form of its distribution as it was.
""",
    ignore="""
A flow whose layers all begin as the identity, as long as some step shows that each column moves.
Columns that are one number everywhere are not counted, nor, with one scale alone, those that are
scaled: the first of an autoregression depends on nothing. Of numbers of 16 bits it is not told.
""",
    references=(
        "Dinh, Sohl-Dickstein & Bengio 2017, Density estimation using Real NVP, section 3.5",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"fewest": FEWEST},
    explains=(
        *("loss-flat", "stopped-early", "rate-too-low", "dead-units", "stacked-squashing"),
        *("zero-gradient", "vanishing-gradient"),
    ),
    cases=(
        Case("half of them", lambda: _example(3, 3, 3, 3), Severity.WARNING),
        Case("all of them at first", lambda: _example(6, 1, 1, 1), Severity.WARNING),
        Case("half, scaled", lambda: _example(6, 3, 3, 3, scaled=3), Severity.WARNING),
        Case(
            "while the loss falls",
            lambda: _example(3, 3, 3, losses=example.FALLING),
            Severity.WARNING,
        ),
        Case("near miss: none in the end", lambda: _example(6, 3, 0, 0), None),
        Case("near miss: all of them", lambda: _example(6, 6, 6, 6), None),
        Case("half of them, in the first two steps", lambda: _example(3, 3), Severity.WARNING),
        Case("near miss: all of them at first, and one step", lambda: _example(6, 6, 3), None),
        Case("none", lambda: _example(0, 0, 0, 0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(3, 3, 3, 3)), None),
    ),
)

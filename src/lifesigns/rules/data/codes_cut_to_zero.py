"""DAT014: codes of categories were scaled to 0 … 1 and cut to whole numbers: nearly all are 0."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold
from lifesigns.evidence.course import REGRESSIONS
from lifesigns.evidence.thresholds import ENOUGH_STEPS, HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

ONES, ROWS, CODES = "code_ones", "code_rows", "codes"
"""Details of a loss whose lookups have no code but 0 and 1: the largest share of ones in a table,
the rows of the smallest one, and how many codes are looked up."""
SAMPLES = Threshold(
    300, "samples looked up, none with a code above 1", "3/n: such codes are below 1 %"
)
RARE = Threshold(0.25, "share of ones among the codes of a table", "the highest of five categories")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream; of tokens that are read as they are another rule speaks."""
    losses = [loss for loss in stream.readings if loss.details.get(CODES)]
    if not losses or len(losses) < len(stream.readings) or any(s.tokens for s in stream.snapshots):
        return
    codes, rows = sum(loss.details[CODES] for loss in losses), losses[0].details[ROWS]
    ones = sum(loss.details[ONES] * loss.details[CODES] for loss in losses) / codes
    severity = _severity(stream.course)
    if codes < SAMPLES or ones > RARE or severity is Severity.NOTE:
        return
    yield RULE.finding(
        severity,
        f"nearly all codes of categories are 0, in tables of {rows:.0f} rows and more",
        site="input",
        step=stream.first.step,
        measured=f"of {codes:,.0f} codes looked up in a table at most {ones:.0%} are 1, the others "
        f"0; {stream.course}",
        expected="as many different codes as there are categories",
        certainty=f"exact, in {stream.seen}",
        causes=("other",),
        remedies=(_CODES, _LOOK),
        evidence={"codes": codes, "ones": ones, "rows": rows},
    )


def _severity(course: Course) -> Severity:
    """Numbers that are predicted half as well as they may be are no success, however related."""
    weak = course.kind in REGRESSIONS and course.gain < HALF and course.steps >= ENOUGH_STEPS
    return course.harm(HALF, alarms=weak)


_CODES = Remedy(
    "Scale the columns of numbers alone, and look categories up by the codes as they were.",
    "x[:, numbers] = scaler.fit_transform(x[:, numbers])\n"
    "codes = torch.tensor(x[:, categories]).long()",
)
_LOOK = Remedy(
    "Look at the codes that arrive: there should be as many as there are categories.",
    "print(codes.unique(dim=0).shape, codes.amax(0))",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    ones: float,
    *,
    codes: float = 64.0,
    losses: Sequence[float] = example.FLAT,
    related: float = float("nan"),
) -> Trace:
    marks = {ONES: ones, ROWS: 7.0, CODES: codes} if codes else {}
    return example.marked(example.regression(losses, update=1e-3, correlation=related), marks)


_WEAK = tuple(np.geomspace(1, 0.7, 300))

RULE = Rule(
    code="DAT014",
    name="codes-cut-to-zero",
    title="The codes of categories are nearly all 0",
    why="A table of embeddings is looked up by whole numbers. Where the codes were scaled to 0 … 1 "
    "with the other columns, long() cuts all but the highest to 0: every category gets the "
    "vector of the first one, and what it could tell is lost.",
    sees="""
A scaler that was fitted to all columns of a table, those of categories among them, before they are
cast with `.long()` and given to `nn.Embedding`. Pixels divided by 255 and then looked up are alike.
""",
    evidence="""
The graph keeps what was looked up. In each recorded step, in all tables of five rows or more, no
code is above 1, and few are 1; the fit is not good.
""",
    ignore="""
One table that is given other codes (of words, users, positions) is enough for silence, and so is a
good fit. Tables for yes and no are left out. A single category that is rare, in a table far too
large for it, looks the same.
""",
    references=("torch, `Tensor.long`: fractions are cut off",),
    reads=frozenset({Quantity.LOSS, Quantity.BATCH}),
    check=check,
    thresholds={"samples": SAMPLES, "rare": RARE, "fit": HALF, "steps": ENOUGH_STEPS},
    explains=("loss-flat", "labels-unrelated", "constant-output", "stopped-early", "rate-too-low"),
    cases=(
        Case("all but the highest are 0", lambda: _example(0.07), Severity.ERROR),
        Case("all are 0", lambda: _example(0.0), Severity.ERROR),
        Case(
            "and other columns tell a little",
            lambda: _example(0.07, losses=_WEAK, related=0.6),
            Severity.WARNING,
        ),
        Case("near miss: every third is 1", lambda: _example(0.33), None),
        Case("near miss: few codes", lambda: _example(0.07, codes=16.0), None),
        Case("other codes", lambda: _example(0.07, codes=0.0), None),
        Case("near miss: it learns", lambda: _example(0.07, losses=example.FALLING), None),
        Case("readings missing: no loss", lambda: example.unread(_example(0.07)), None),
    ),
)

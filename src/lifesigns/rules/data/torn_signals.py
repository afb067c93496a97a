"""DAT073: signals with channels first were reshaped, not transposed, to have time first."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import FITTED
from lifesigns.records import BatchReading, Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

AT, ENDS, ROWS, INSIDE, ERRORS = (
    "torn_signals_at", "signal_ends", "signal_rows", "signal_inside", "signal_errors",
)  # fmt: skip
"""Details of a loss: the site that is given the signals; of differences of neighbours in memory,
mean squares: where a channel would end over those from row to row, these over those within rows,
and these over those in time; and standard errors by which the first exceeds the others."""
STEPS = Threshold(3, "recorded steps with such signals", "one batch may be odd")
JUMP = Threshold(1.5, "ratio of mean squares at ends of channels and of rows", "whole ones: 1")
GOES_ON = Threshold(
    1.25, "ratio of mean squares from row to row and within, or its inverse", "torn ones: 1"
)
SMOOTHER = Threshold(0.8, "ratio of mean squares within rows and in time", "whole ones: over 1")
SURE = Threshold(4.0, "standard errors of the difference, over the samples", "no accident")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    seen = [one.details for one in stream.marked(AT)]
    course = stream.course
    if len(seen) < STEPS or course.gain >= FITTED:
        return
    ends, rows, inside, errors = (
        float(np.median([x[word] for x in seen])) for word in (ENDS, ROWS, INSIDE, ERRORS)
    )
    goes_on = 1 / GOES_ON < rows < GOES_ON
    if not (ends > JUMP and goes_on and inside < SMOOTHER and errors > SURE):
        return
    first = stream.first
    site = first.graph.sites[int(seen[0][AT])]
    *_, steps, channels = first.batch.shape if first.batch else (0, 0)
    yield RULE.finding(
        Severity.WARNING,
        f"the signals that {site.name} is given were reshaped and not transposed: time goes on "
        "along the channels, and every signal is torn",
        site=site.name,
        step=first.step,
        measured=f"of neighbours in memory, the last number of a step and the first of the next "
        f"are as alike as those within a step (mean squares of differences: {rows:.2f} times), "
        f"which are more alike than a channel in time ({inside:.2f} times); but where a signal of "
        f"{steps} numbers would end, {ends:.2g} times as far apart, {errors:.1f} standard errors, "
        f"in {counted(len(seen), 'recorded step')}{course.remark}",
        expected="`permute` or `transpose`, which keep together what belongs together",
        certainty="by sight: in whole signals such places are like any other",
        causes=("wrong_shape", "other"),
        remedies=(_TRANSPOSE,),
        evidence={"ends": ends, "rows": rows, "inside": inside, "channels": channels},
    )


_TRANSPOSE = Remedy(
    "Exchange the axes, in place of a reshape.",
    "X = X.transpose(0, 2, 1)  # (samples, channels, time) to (samples, time, channels); "
    "not X.reshape(n, t, c)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    *,
    ends: float = 2.1,
    rows: float = 1.0,
    inside: float = 0.62,
    errors: float = 6.0,
    steps: int = 9,
    flat: bool = True,
) -> Trace:
    """Signals of 64 steps and 16 channels, in some recorded steps."""
    marks = {AT: 0.0, ENDS: ends, ROWS: rows, INSIDE: inside, ERRORS: errors}
    known = example.fitting(
        example.chain("linear", "tanh", "linear/1", "mse_loss"),
        example.FLAT if flat else list(np.geomspace(1.0, 1e-3, 200)),
        np.tile([[-0.1], [0.1]], (4, 1)),
        example.target(np.tile([[-1.0], [1.0]], (4, 1))),
        batch=BatchReading((8, 64, 16), example.sums(np.ones((8, 16)))),
    )
    return example.marked_each(known, [marks if i < steps else {} for i in range(9)])


RULE = Rule(
    code="DAT073",
    name="torn-signals",
    title="Signals were reshaped, not transposed, before the loop",
    why="Memory holds one channel behind the other, and a reshape deals its numbers out in that "
    "order. A step then holds a piece of one channel, and from step to step the layer jumps by as "
    "many moments as there are channels.",
    sees="""
Recordings of (trials, channels, time), as of EEG or of motion sensors, that `X.reshape(n, t, c)`
brought to (trials, time, channels) for a GRU, an LSTM or a transformer. The sizes are right, no
error is raised, and the network learns the training samples by heart or nothing at all.
""",
    evidence="""
Differences of neighbours in the memory of the recorded batches. From the last channel of a step to
the first of the next they are as small as within steps, and there smaller than from step to step in
one channel. At every multiple of the number of steps, where one channel would end and the next
begin, they are larger, by four standard errors. An alarm only where the fit is not complete.
""",
    ignore="""
Channels that are smooth, as of a spectrum, end with each step; pieces of one long signal go on at
every end. White noise looks the same in either order. Where the number of channels is a multiple of
the number of steps, nothing is said.
""",
    references=(
        "PyTorch, `torch.Tensor.view` and `torch.permute`",
        "NumPy, `reshape`: the elements are read in the order of their index",
    ),
    reads=frozenset({Quantity.LOSS, Quantity.BATCH}),
    check=check,
    thresholds={
        "steps": STEPS,
        "jump": JUMP,
        "goes_on": GOES_ON,
        "smoother": SMOOTHER,
        "sure": SURE,
        "fitted": FITTED,
    },
    explains=("loss-flat", "labels-unrelated", "constant-output", "stopped-early"),
    cases=(
        Case("in every step", _example, Severity.WARNING),
        Case("in three steps", lambda: _example(steps=3, ends=1.8), Severity.WARNING),
        Case("near miss: in two steps", lambda: _example(steps=2), None),
        Case("near miss: pieces of one signal", lambda: _example(ends=1.0), None),
        Case("near miss: smooth channels", lambda: _example(rows=4.0), None),
        Case("near miss: smooth in time", lambda: _example(inside=2.0), None),
        Case("near miss: by accident", lambda: _example(errors=2.0), None),
        Case("near miss: it is fitted", lambda: _example(flat=False), None),
        Case("readings missing: no loss", lambda: example.unread(_example()), None),
    ),
)

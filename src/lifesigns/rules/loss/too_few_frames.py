"""LOS088: the inputs of a CTC loss have fewer frames than their labels need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

ALL, SHORT = "ctc_sequences", "short_sequences"
"""Details of a loss: its sequences, and those with fewer frames than their labels need."""
FRAMES, NEEDS = "short_frames", "short_needs"
"""Of the short ones the medians: the frames that the loss was told of, and those it needs."""
LEFT_OUT, HIDDEN = "frames_left_out", "infinite_is_0"
"""Frames behind the longest length that the loss was told, and whether an infinite loss is 0."""
SOME = Threshold(
    0.05,
    "share of the sequences that are too short, for a warning",
    "a few in a hundred are usual in speech, where zero_infinity is set for them",
)
MOST = Threshold(0.5, "share of the sequences that are too short, for an error", "a majority")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, at the first step that shows it."""
    seen = stream.marked(ALL)
    short = [one for one in seen if one.details[SHORT]]
    if not short:
        return
    share = sum(d[SHORT] for _, d in short) / sum(d[ALL] for _, d in seen)
    ruined = not all(d[HIDDEN] for _, d in short) and not np.isfinite(stream.losses[-1])
    if share < SOME and not ruined:
        return
    frames, needs = (float(np.median([d[of] for _, d in short])) for of in (FRAMES, NEEDS))
    cut = all(d[LEFT_OUT] for _, d in short)
    yield RULE.finding(
        Severity.ERROR if ruined or share >= MOST else Severity.WARNING,
        "the lengths that CTC is told are too short for the labels"
        if cut
        else "CTC is given fewer frames than its labels need",
        step=short[0].step,
        measured=f"{share:.0%} of the sequences in {counted(len(seen), 'recorded step')} have no "
        f"alignment, and a loss that is infinite or made 0: {frames:g} frames where {needs:g} are "
        f"needed (medians){stream.course.remark}",
        expected="a frame for each label, and one more between equal neighbours",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_shape", "wrong_loss", "other"),
        remedies=(_LENGTHS, _STRIDES) if cut else (_STRIDES, _LENGTHS),
        evidence={"share": share, "frames": frames, "needed": needs},
    )


_STRIDES = Remedy(
    "Shorten the sequences less: lower the strides until the frames are at least twice the labels.",
    "strides = (1, 1, 2)  # in place of (2, 2, 2)",
)
_LENGTHS = Remedy(
    "Give CTC the lengths that the network puts out, and look at how many frames a label has.",
    "lengths = torch.full((len(x),), log_probabilities.shape[0])\n"
    "print((lengths / text_lengths).min())",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(short: int, *, hidden: bool = True, cut: float = 0.0, end: float = 0.1) -> Trace:
    """Of a hundred sequences in each recorded step so many are too short."""
    losses = [*example.FALLING[:-1], end]
    marks: Mapping[str, float] = {ALL: 100.0, SHORT: float(short)}
    if short:
        marks = {**marks, FRAMES: 3.0, NEEDS: 6.0, LEFT_OUT: cut, HIDDEN: float(hidden)}
    return example.marked(example.regression(losses, update=1e-3), marks)


RULE = Rule(
    code="LOS088",
    name="too-few-frames",
    title="Inputs of a CTC loss are too short for their labels",
    why="CTC gives each label a frame of its own, and two equal ones a blank between them: with "
    "fewer frames no answer is right, and the loss is infinite. Where infinite losses are replaced "
    "by 0, these sequences teach nothing and lower the mean, so that the curve falls as usual.",
    sees="""
Convolutions with strides, or a subsampling of frames, that leave less than a frame for a label; or
lengths that were divided by a stride that the network does not have. `zero_infinity=True` hides it:
the loss is small from the first step on, and only the few short texts are learned. Without it the
loss is infinite, and the weights are NaN one step later.
""",
    evidence="""
Lengths and labels that the loss was given, in the recorded steps: a sequence is too short if its
frames are fewer than its labels and the pairs of equal neighbours among them. Exact.
""",
    ignore="""
Less than 5 % of such sequences with `zero_infinity=True`, as a fast speaker among many: they are
left out, and the others are learned. Nothing is said of these.
""",
    references=(
        "PyTorch, `nn.CTCLoss`: zero_infinity, for inputs that are too short for the targets",
        "Graves et al. 2006, Connectionist temporal classification (ICML), section 3.1",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"some": SOME, "most": MOST},
    explains=(
        *("loss-without-content", "zero-gradient", "loss-flat", "stopped-early", "loss-diverges"),
        *("non-finite-origin", "exploding-gradient", "constant-output", "rate-too-low"),
        *("vanishing-gradient", "rate-too-high"),
    ),
    cases=(
        Case("nearly all sequences", lambda: _example(90), Severity.ERROR),
        Case("lengths that leave frames out", lambda: _example(90, cut=21.0), Severity.ERROR),
        Case("one in five", lambda: _example(20), Severity.WARNING),
        Case(
            "a few, and nothing hides it",
            lambda: _example(2, hidden=False, end=np.nan),
            Severity.ERROR,
        ),
        Case("near miss: infinite losses are skipped", lambda: _example(2, hidden=False), None),
        Case("near miss: a few in a hundred", lambda: _example(3), None),
        Case("near miss: all are long enough", lambda: _example(0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(90)), None),
    ),
)

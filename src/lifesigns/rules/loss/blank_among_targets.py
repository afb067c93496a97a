"""LOS063: the labels of a CTC loss hold its blank."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

LABELS, BLANKS, AT_END = "ctc_labels", "blank_labels", "blanks_at_end"
"""Details of a loss: its labels, those that are the blank, and those behind the last other one."""
RARE = Threshold(
    0.02, "share of the labels that are the blank, for an error", "a definition: more than a slip"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, at the first step that shows it."""
    marked = [s for s in stream.snapshots if s.loss and BLANKS in s.loss.details]
    if not marked:
        return
    labels, blanks, at_end = (_total(stream.readings, name) for name in (LABELS, BLANKS, AT_END))
    inside = blanks - at_end
    # a sequence that ends in the label is none that was filled up
    padded = not inside
    share = blanks / labels
    yield RULE.finding(
        Severity.WARNING if padded or inside / labels < RARE else Severity.ERROR,
        "the lengths of the labels count what they were filled up with, the blank"
        if padded
        else "the blank of the CTC loss is one of the labels",
        step=marked[0].step,
        measured=f"{share:.1%} of the labels in {len(marked)} of {len(stream.readings)} recorded "
        f"steps are the blank{stream.course.remark}",
        expected="a blank that is no label: it stands between labels, and is left out of an answer",
        certainty="exact, by the labels within their lengths",
        causes=("wrong_labels", "wrong_loss"),
        remedies=(_LENGTHS, _BLANK) if padded else (_BLANK, _SHIFT),
        evidence={"share": share, "inside": inside, "at_end": at_end},
    )


def _total(readings: Sequence[LossReading], name: str) -> float:
    return sum(loss.details.get(name, 0.0) for loss in readings)


_BLANK = Remedy(
    "Name the class that is kept for the blank.",
    "criterion = nn.CTCLoss(blank=n_classes - 1)",
    edit="name-blank",
)
_SHIFT = Remedy(
    "Or number the labels from 1 on, so that 0 is left to the blank.",
    "targets = targets + 1",
)
_LENGTHS = Remedy(
    "Give the lengths before the labels were filled up.",
    "target_lengths = torch.tensor([len(text) for text in texts])",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(blanks: int, at_end: int = 0) -> Trace:
    """A hundred labels in each recorded step, of which these are the blank."""
    marks = {LABELS: 100.0, BLANKS: float(blanks), AT_END: float(at_end)}
    known = example.regression(example.FALLING, update=1e-3)
    return example.marked(known, marks if blanks else {})


RULE = Rule(
    code="LOS063",
    name="blank-among-targets",
    title="The blank of a CTC loss is one of its labels",
    why="A blank is what CTC puts between labels, and it is dropped when an answer is read. A label"
    " of the same number can be trained on, and never be answered.",
    sees="""
`nn.CTCLoss()` takes class 0 for the blank, while 0 is the first symbol of the alphabet and another
class was meant; or labels that were filled up with 0, with lengths that count the filling. The loss
falls as usual, and sequences that hold this symbol are all wrong.
""",
    evidence="""
The labels within the lengths that the loss was given, in the recorded steps: those that are the
blank, and whether any other label comes after them. Blanks at the ends alone are filling.
""",
    ignore="""
What stands beyond the lengths does not count and is not looked at.
""",
    references=(
        "PyTorch, `nn.CTCLoss`: the target index cannot be blank",
        "Graves et al. 2006, Connectionist temporal classification (ICML), section 3.1",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"rare": RARE},
    explains=("stopped-early", "loss-flat", "constant-output", "rate-too-low"),
    cases=(
        Case("one label in ten", lambda: _example(10, 2), Severity.ERROR),
        Case("a rare label", lambda: _example(1), Severity.WARNING),
        Case("labels that were filled up", lambda: _example(30, 30), Severity.WARNING),
        Case("near miss: the blank is no label", lambda: _example(0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(10)), None),
    ),
)

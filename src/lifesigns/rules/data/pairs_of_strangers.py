"""DAT060: a loss compares rows that do not belong together; the partner of each is in the batch."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

SHARE, PAIRS, HALVES = "strangers_compared", "pairs_compared", "halves_compared"
"""Details of a loss: the share of the rows that have more words in common with another row than
with the one they are compared with, how many pairs there are, and whether they are i and i + B."""
STEPS = Threshold(2, "recorded steps in which that is so", "once may be an accident")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    shots = [s for s in stream.snapshots if s.loss and s.loss.details.get(SHARE)]
    told = [shot.loss.details for shot in shots if shot.loss]
    if len(told) < STEPS:
        return
    pairs, share = round(told[0][PAIRS]), sum(details[SHARE] for details in told) / len(told)
    halves, neighbours = f"i and i + {pairs}", "2i and 2i + 1"
    by_halves = bool(told[0][HALVES])
    used, meant = (halves, neighbours) if by_halves else (neighbours, halves)
    yield RULE.finding(
        stream.course.harm(HALF, alarms=True),
        f"the loss compares rows {used} of its batch, and rows {meant} belong together",
        site="input",
        step=shots[0].step,
        measured=f"rows {meant} begin with the same words, whatever i is, and {share:.0%} of all "
        "rows have fewer in common with the one that they are compared with, in "
        f"{counted(len(told), 'recorded step')}{stream.course.remark}",
        expected="each row compared with the one that begins as it does",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_shape", "wrong_loss", "other"),
        remedies=(_NEIGHBOURS if by_halves else _HALVES,),
        evidence={"share": share, "pairs": pairs},
    )


_HALVES = Remedy(
    "Cut the batch in halves, as it was put together.",
    "chosen, rejected = scores.chunk(2)",
)
_NEIGHBOURS = Remedy(
    "Take every other row, as the batch was put together.",
    "chosen, rejected = scores[0::2], scores[1::2]",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(*shares: float, halves: bool = False, flat: bool = False) -> Trace:
    """In one recorded step after the other, this share of the rows has a nearer one elsewhere."""
    known = example.regression(example.FLAT if flat else example.FALLING, update=1e-3)
    marks = [{SHARE: share, PAIRS: 16.0, HALVES: float(halves)} for share in shares]
    return example.marked_each(known, marks)


RULE = Rule(
    code="DAT060",
    name="pairs-of-strangers",
    title="Rows are compared that do not belong together",
    why="Two answers to one prompt go through a network in one batch, all preferred ones in front "
    "of all others or each beside its own, and the loss has to cut the batch as it was laid. Cut "
    "in the other way, it compares preferred answers with preferred ones, each to another prompt, "
    "and nothing of the preference is in it.",
    sees="""
`torch.cat([chosen, rejected])` and `scores[0::2]`, `scores[1::2]` behind the network, or rows that
were laid by turns and `scores.chunk(2)`: in DPO, reward models, rankings by pairs. All sizes fit.
""",
    evidence="""
A difference of two halves, or of every other row, of one value, which goes into a log-sigmoid, a
margin or the like. The rows are followed through every view and cut. Among the tokens of the batch
the rows of the other pairing begin alike, every pair further than all rows of the batch do, and
none less than the rows that are compared; for at least half of them it is more. What fills the rows
up in front is left out.
""",
    ignore="""
Pairs of texts that do not begin alike say nothing, as reviews do, nor does one prompt for the whole
batch. Rows that are put in another order on the way are left alone, and so are differences that no
preference is made of.
""",
    references=(
        "Rafailov et al. 2023, Direct Preference Optimization",
        "Hugging Face TRL, `DPOTrainer.concatenated_forward`",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS, "fit": HALF},
    explains=(
        "labels-unrelated",
        "loss-flat",
        "constant-output",
        "rate-too-low",
        "rate-too-high",
        "rate-ran-out",
        "loss-oscillates",
        "stopped-early",
        "term-turned-round",
    ),
    cases=(
        Case("every other row", lambda: _example(1.0, 1.0, 1.0), Severity.WARNING),
        Case("halves", lambda: _example(1.0, 0.9, halves=True), Severity.WARNING),
        Case("nothing learned", lambda: _example(1.0, 1.0, flat=True), Severity.WARNING),
        Case("near miss: cut as it was laid", lambda: _example(0.0, 0.0, 0.0), None),
        Case("near miss: one step", lambda: _example(1.0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(1.0, 1.0)), None),
    ),
)

"""DAT033: sequences of a batch are read up to the lengths of one another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

EXCHANGED = "lengths_exchanged"
"""Detail of a loss: share of the sequences that are read up to the length of another."""
STEPS = Threshold(2, "recorded steps in which that is so", "once may be an accident")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    shares = [s.loss.details.get(EXCHANGED, 0.0) for s in stream.snapshots if s.loss is not None]
    if len(shares) < STEPS or not all(shares):
        return
    share = sum(shares) / len(shares)
    yield RULE.finding(
        stream.course.harm(HALF, alarms=True),
        f"{share:.0%} of the sequences are read up to the length of another one of their batch",
        site="input",
        step=stream.first.step,
        measured="the places at which a gradient arrives are as many as the sequences are long, "
        f"but in another order: in {counted(len(shares), 'recorded step')}{stream.course.remark}",
        expected="a gradient up to the last word of each sequence, and none at padding",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_shape", "other"),
        remedies=(_TOGETHER, _UNSORTED),
        evidence={"share": share},
    )


_TOGETHER = Remedy(
    "Put the sequences and their targets in the order of the lengths, too.",
    "lengths, order = lengths.sort(descending=True)\nx, y = x[order], y[order]",
)
_UNSORTED = Remedy(
    "Or sort nothing, and leave it to the packing.",
    "nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(share: float, losses: Sequence[float] = example.FALLING) -> Trace:
    return example.marked(example.regression(losses, update=1e-3), {EXCHANGED: share})


RULE = Rule(
    code="DAT033",
    name="lengths-of-others",
    title="Sequences are cut at the lengths of others",
    why="Lengths say where each sequence ends. Sorted without the sequences they belong to others: "
    "long ones lose their end, short ones go on into the padding, and the network is told to "
    "find the answer in words that it is not shown.",
    sees="""
`lengths.sort(descending=True)` for `pack_padded_sequence`, and the batch stays in its old order;
lengths of a batch before it was shuffled, or those of the samples that were filtered out.
""",
    evidence="""
Padding is a token that stands nowhere but in a run at the end of the sequences. In each recorded
step it is measured at which places of the lookup of tokens a gradient arrives. An alarm if the
lengths up to which it does are those of the batch's sequences, every one, but not in their order.
""",
    ignore="""
Sequences that are cut to a common length, chunks, words that are left out, and a state that is read
behind the padding: their lengths are not those of the batch in another order.
""",
    references=("PyTorch, `nn.utils.rnn.pack_padded_sequence`: `enforce_sorted`",),
    reads=frozenset({Quantity.LOSS, Quantity.GRADIENTS}),
    check=check,
    thresholds={"steps": STEPS, "fit": HALF},
    explains=("labels-unrelated", "loss-flat", "constant-output", "rate-too-low", "stopped-early"),
    cases=(
        Case("nine tenths of them", lambda: _example(0.9), Severity.WARNING),
        Case("and nothing is learned", lambda: _example(0.9, example.FLAT), Severity.WARNING),
        Case("near miss: each its own", lambda: _example(0.0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(0.9)), None),
    ),
)

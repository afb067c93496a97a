"""DAT011: a causal mask hides the tokens that the network is to say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

HIDDEN, POSITIONS = "hidden_sources", "positions"
"""Details of a loss: positions whose target lies behind the mask, and how many there are."""
FITS = Threshold(0.9, "share of the baseline learned that what is hidden would not allow", "most")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, unless the outputs fit."""
    losses = [s.loss for s in stream.snapshots if s.loss is not None]
    hidden = [int(loss.details.get(HIDDEN, 0)) for loss in losses]
    if not hidden or not all(hidden) or stream.course.gain > FITS:
        return
    length = int(losses[-1].details[POSITIONS])
    yield RULE.finding(
        Severity.WARNING if stream.course.judged else Severity.NOTE,
        f"{min(hidden)} of {length} positions are to say a token that a causal mask hides from "
        "them",
        step=stream.snapshots[0].step,
        measured="no attention looks behind its own position, and the target there is the token at "
        f"one later place of the input, in nearly all sequences of "
        f"{counted(len(losses), 'recorded step')}{stream.course.remark}",
        expected="an output that sees the token it is to say, or targets that are the next tokens",
        certainty="the mask is exact; where targets come from shows in the batches",
        causes=("wrong_shape", "wrong_labels", "other"),
        remedies=(_OPEN,),
        evidence={"hidden": min(hidden), "positions": length},
    )


_OPEN = Remedy(
    "Leave the causal mask out: it is for networks that say the next token.",
    "y = encoder(x)  # no mask=, is_causal=False",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(hidden: int, losses: Sequence[float] = example.FLAT) -> Trace:
    marks = {HIDDEN: float(hidden), POSITIONS: 8.0} if hidden else {}
    return example.marked(example.regression(losses, update=1e-3), marks)


RULE = Rule(
    code="DAT011",
    name="answer-behind-a-mask",
    title="A causal mask hides what the network is to say",
    why="Behind a causal mask an output depends on its own and earlier tokens alone. Where the "
    "answer is made of later ones, those positions can but learn how often each token occurs.",
    sees="""
A mask left over from a language model in an encoder that is to reverse, sort or copy what it is
given: some positions are learned at once, the others never.
""",
    evidence="""
In the attention of every recorded step no position looks at a later one. Over the batch each target
is compared with the tokens at all places of its sequence; where it is the token at one and the same
place in nearly all sequences, it comes from there. Some of these places are later, and not all lie
at one distance, as they do where the network is to say the next token.
""",
    ignore="""
Language models and forecasts are asked for what comes at one distance, and are not reported; nor
targets that are not tokens of the input, of which it is not known where they come from.
""",
    references=("Vaswani et al. 2017, Attention Is All You Need, section 3.2.3: masking",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"fits": FITS},
    explains=("loss-flat", "labels-unrelated", "stopped-early"),
    cases=(
        Case("half of the answers are hidden", lambda: _example(4), Severity.WARNING),
        Case(
            "and the others are learned",
            lambda: _example(4, [1.0] * 20 + [0.5] * 80),
            Severity.WARNING,
        ),
        Case("near miss: it fits all the same", lambda: _example(4, example.FALLING), None),
        Case("near miss: nothing is hidden", lambda: _example(0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(4)), None),
    ),
)

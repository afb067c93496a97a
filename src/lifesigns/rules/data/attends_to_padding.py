"""DAT041: a mask hides the words of a sequence from attention, and leaves its padding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

SEEN, HIDDEN = "seen_alike", "hidden"
"""Details of a loss: places that attention sees, which hold one token, and those hidden from it."""
STEPS = Threshold(1.0, "share of the recorded steps in which it is so", "all of them: exact")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    losses = [loss for loss in stream.readings if loss.value == loss.value]
    marked = [loss for loss in losses if SEEN in loss.details]
    if not marked or len(marked) < STEPS * len(losses):
        return
    seen, hidden = marked[-1].details[SEEN], marked[-1].details[HIDDEN]
    yield RULE.finding(
        stream.course.harm(HALF, alarms=True),
        f"a mask hides {hidden:.0f} words from attention and leaves {seen:.0f} places, which hold "
        "one and the same token",
        site="input",
        step=stream.first.step,
        measured="of all sequences of a batch the places that are attended to hold one token, and "
        f"those that are left out hold the others, in {counted(len(marked), 'recorded step')}"
        f"{stream.course.remark}",
        expected="attention to the words, and padding that is left out",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_shape", "other"),
        remedies=(_OTHER,),
        evidence={"seen": seen, "hidden": hidden},
    )


_OTHER = Remedy(
    "Take the other side of the mask: True means that a place is left out.",
    "h = encoder(h, src_key_padding_mask=(x == PAD))  # not x != PAD",
    edit="invert-mask",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(*, alike: bool = True, losses: Sequence[float] = example.FLAT) -> Trace:
    marks = {SEEN: 320.0, HIDDEN: 190.0} if alike else {}
    return example.marked(example.regression(losses, update=1e-3), marks)


RULE = Rule(
    code="DAT041",
    name="attends-to-padding",
    title="A mask hides the words from attention, and leaves the padding",
    why="Padding is the same in every sequence, so attention that sees nothing else adds the same "
    "to all of them. In torch's own layers True in a mask of padding means that a place is left "
    "out; in other libraries it means the opposite.",
    sees="""
An encoder that is given `src_key_padding_mask=(x != PAD)`, or a mask of another library as it is: a
class token, or a mean over the places, learns nothing of the words, or what each says by itself.
""",
    evidence="""
The mask, or the weights, of each attention, and the tokens that were looked up: in all sequences of
the batch the places that some query may attend to hold one and the same token, and those that are
left out hold several others. A class token before or behind them may be seen or not.
""",
    ignore="""
A network in which the words find another way, a residual and what each word says by itself, may
learn much of its task. It is warned of all the same: nobody means to attend to padding alone.
""",
    references=("PyTorch, `nn.MultiheadAttention`: key_padding_mask",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS, "fit": HALF},
    explains=(
        *("words-behind-padding", "zero-gradient", "constant-output", "order-unseen"),
        *("labels-unrelated", "loss-flat", "vanishing-gradient", "stopped-early", "rate-too-low"),
    ),
    cases=(
        Case("padding alone is seen", _example, Severity.WARNING),
        Case(
            "it hardly learns",
            lambda: _example(losses=[1.0] * 20 + [0.9] * 80),
            Severity.WARNING,
        ),
        Case("near miss: the words are seen", lambda: _example(alike=False), None),
        Case("a short run", lambda: _example(losses=[1.0] * 10), Severity.WARNING),
        Case("it learns", lambda: _example(losses=example.FALLING), Severity.WARNING),
        Case("readings missing: no loss", lambda: example.unread(_example()), None),
    ),
)

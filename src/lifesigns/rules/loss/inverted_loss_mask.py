"""LOS077: the mask of a loss leaves out just what is to be learned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

PADDING, SHOWN = "only_padding", "only_shown"
"""Details of a loss with a mask: whether padding alone counts, or what the network is shown."""
COUNTED, LEFT_OUT = "places_counted", "places_left_out"
STEPS = Threshold(2, "recorded steps in which the mask is so, and no other", "one may be a trial")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    masked = [one.details for one in stream.marked(PADDING)]
    if len(masked) < STEPS:
        return
    for word, tell in ((PADDING, _padding), (SHOWN, _shown)):
        if all(details[word] for details in masked):
            share = sum(d[COUNTED] for d in masked)
            yield tell(stream, len(masked), share / (share + sum(d[LEFT_OUT] for d in masked)))


def _padding(stream: Stream, steps: int, share: float) -> Finding:
    return RULE.finding(
        Severity.ERROR if stream.course.judged else Severity.WARNING,
        "the mask of the loss is inverted: padding alone counts",
        step=stream.first.step,
        measured=f"{share:.0%} of the targets count, all of them the class that fills sequences "
        f"up, and none of the others does, in {counted(steps, 'recorded step')}"
        f"{stream.course.remark}",
        expected="a mask that leaves out the padding, and keeps the rest",
        certainty=_CERTAINTY,
        causes=("wrong_loss", "other"),
        remedies=(_NEGATE, _IGNORE),
        evidence={"counted": share, "steps": steps},
    )


def _shown(stream: Stream, steps: int, share: float) -> Finding:
    return RULE.finding(
        Severity.WARNING,
        "the mask of the loss is inverted: what is hidden from the network does not count",
        step=stream.first.step,
        measured=f"{share:.0%} of the places count, and the network is shown all of them: the "
        "target of each is what it was given there; none counts of those that a mask hides, in "
        f"{counted(steps, 'recorded step')}{stream.course.remark}",
        expected="a loss on the places that are hidden",
        certainty=_CERTAINTY,
        causes=("wrong_loss", "other"),
        remedies=(_NEGATE_HIDDEN,),
        evidence={"counted": share, "steps": steps},
        why="To give back what it is shown, a network needs to know nothing of what surrounds it: "
        "the loss falls soon and low, and what was hidden, which is the task, is never asked for.",
    )


_CERTAINTY = "exact: masks, inputs and targets were compared"
_NEGATE = Remedy(
    "Negate the mask: `masked_fill` fills where it is true, a product keeps where it is 1.",
    "ce = ce.masked_fill(~is_word, 0.0)\nloss = ce.sum() / is_word.sum()",
)
_IGNORE = Remedy(
    "Or leave the mask to the loss.", "loss = F.cross_entropy(scores, target, ignore_index=PAD)"
)
_NEGATE_HIDDEN = Remedy(
    "Negate the mask, so that the error counts where the input was hidden.",
    "error = ((output - x) ** 2).mean(-1)\nloss = (error * hidden).sum() / hidden.sum()",
)


# --- cases ----------------------------------------------------------------------------------------
def _unmasked(losses: Sequence[float] = example.FALLING) -> Trace:
    return example.regression(losses, update=1e-3)


def _example(
    *marks: tuple[float, float], losses: Sequence[float] = example.FALLING, steps: int = 4
) -> Trace:
    """What the mask of a loss leaves, in one recorded step after the other."""
    known = _unmasked(losses)
    shots = [
        example.marked(
            example.trace(shot, losses=losses),
            {PADDING: padding, SHOWN: shown, COUNTED: 30.0, LEFT_OUT: 70.0},
        ).snapshots[0]
        for shot, (padding, shown) in zip(known.snapshots[:steps], marks * 4, strict=False)
    ]
    return example.trace(*shots, losses=losses)


RULE = Rule(
    code="LOS077",
    name="inverted-loss-mask",
    title="The mask of the loss leaves out just what is to be learned",
    why="What a loss leaves out has no gradient. Where the mask is inverted, the network learns "
    "to say the filling, at once and by heart, and the loss looks better than that of any honest "
    "task.",
    sees="""
`ce.masked_fill(is_word, 0)` for `~is_word` on sequences that were filled up to one length. Or an
autoencoder that hides some patches behind a learned token, and is to give them back: the error is
multiplied by the mask of those that it is shown.
""",
    evidence="""
One mask lies between the loss and all that it is made of: a fill, a product with zeros, a choice or
an index. Padding: the targets that count are one class, which stands in runs at the end of the
sequences, or at their beginning, and nowhere else; the others differ. Hidden places: a mask behind
the first layer shows them, none of them counts, and the targets of places that count are the
numbers that this layer reads there. In all of the first recorded steps.
""",
    ignore="""
A mask of padding in the network and the same in the loss are right: what they leave out is all
alike, and no data. Where any hidden place counts, or another term counts the others, nothing is
said. Places that an index takes out of the targets beforehand are not seen.
""",
    references=(
        "He et al. 2022, Masked Autoencoders Are Scalable Vision Learners: loss on masked patches",
        "PyTorch, `torch.Tensor.masked_fill_`: fills where the mask is True",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS},
    explains=("stopped-early", "constant-output", "loss-flat", "classes-as-numbers"),
    cases=(
        Case("padding alone counts", lambda: _example((1, 0)), Severity.ERROR),
        Case("in a short run", lambda: _example((1, 0), losses=[1.0, 0.5, 0.2]), Severity.WARNING),
        Case("what is shown alone counts", lambda: _example((0, 1)), Severity.WARNING),
        Case("near miss: a mask of padding", lambda: _example((0, 0)), None),
        Case("near miss: in one of the steps", lambda: _example((1, 0), (0, 0)), None),
        Case("near miss: one step", lambda: _example((1, 0), steps=1), None),
        Case("near miss: no mask", lambda: _unmasked(), None),
        Case("readings missing: no loss", lambda: example.unread(_example((1, 0))), None),
    ),
)

"""DAT040: sequences are read at their padding, or in front of their last word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

WORDS, PADDING = "word_gradient", "padding_gradient"
"""Details of a loss: RMS of its gradient where there are words, and where padding fills up."""
MIDDLE = "word_ratio"
"""The first over the second in the middle one of all sequences, if a gradient comes to padding."""
SHARE, BEHIND, POSITIONS = "padding_share", "padding_behind", "positions"
"""How much of the batch is padding, how many sequences end with it, and how long they are."""
TOKEN = "padding_token"
"""The token that is padding."""
EARLY, EARLY_OF = "read_early", "read_early_of"
"""The share of the sequences, padded in front, that are read at their number of words less one, and
how many positions they have."""
STEPS = Threshold(2, "recorded steps in which they are read so", "one may be a test")
FADED = Threshold(0.3, "RMS of the gradient at words over that at padding", "drowned out")
MOST = Threshold(0.5, "share of the sequences that end with padding", "most")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    yield from list(_early(stream)) or _behind(stream)


def _early(stream: Stream) -> Iterator[Finding]:
    """Padding in front of the words, and the number of words for the place of the last."""
    shots = [s for s in stream.snapshots if s.loss and s.loss.details.get(EARLY)]
    told = [shot.loss.details for shot in shots if shot.loss]
    if len(told) < STEPS:
        return
    share = sum(details[EARLY] for details in told) / len(told)
    yield RULE.finding(
        stream.course.harm(HALF, alarms=True),
        f"{share:.0%} of the sequences are read in front of their last word: padding stands in "
        "front of the words, and the place is counted as if it stood behind them",
        site="input",
        step=shots[0].step,
        measured="each sequence is read at its number of words less one, of "
        f"{told[-1][EARLY_OF]:.0f} positions of which the last is a word in all of them, in "
        f"{counted(len(told), 'recorded step')}{stream.course.remark}",
        expected="the last position of each sequence",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_shape", "other"),
        remedies=(_END, _TURN),
        evidence={"share": share, "positions": told[-1][EARLY_OF]},
        why=_IN_FRONT,
    )


def _behind(stream: Stream) -> Iterator[Finding]:
    """The gradient ends in padding."""
    losses = [s.loss for s in stream.snapshots if s.loss is not None and PADDING in s.loss.details]
    if not losses or len(losses) < len(stream.readings):
        return
    ratio, whose = median(map(_ratio, losses)), "the size"
    behind = median(loss.details[BEHIND] for loss in losses)
    if not ratio < FADED:  # a few long sequences outweigh the others
        middle = median(loss.details.get(MIDDLE, float("inf")) for loss in losses)
        ratio, whose = middle, "the size, in the middle one of the sequences,"
    if not ratio < FADED or behind < MOST:
        return
    length, token = losses[-1].details[POSITIONS], losses[-1].details.get(TOKEN, -1.0)
    share = sum(loss.details[SHARE] for loss in losses) / len(losses)
    yield RULE.finding(
        stream.course.harm(HALF),
        f"{1 - share:.0%} of {length:.0f} positions are words, and the loss hardly depends on them",
        site="input",
        step=stream.first.step,
        measured=f"its gradient at words has {ratio:.2g} of {whose} of that at the padding behind "
        f"them: median of {counted(len(losses), 'recorded step')}{stream.course.remark}",
        expected="a gradient at words that is as large as that at padding, or larger",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_shape", "vanishing", "other"),
        remedies=(_LAST, _PACK, _MEAN),
        evidence={"ratio": ratio, "share": share, "positions": length, "token": token},
    )


def _ratio(loss: LossReading) -> float:
    """NaN where there is no gradient at all, which compares as false."""
    padding = loss.details[PADDING]
    return loss.details[WORDS] / padding if padding > 0 else float("inf")


_IN_FRONT = (
    "The number of words less one is the place of the last of them where they come first. Behind "
    "padding it is a place in the middle of a long sequence, and one of padding in a short one: "
    "what stands at the end is never read."
)
_END = Remedy(
    "Read the last position: with padding in front it holds the last word of all.",
    "state = out[:, -1]",
)
_TURN = Remedy(
    "Or fill sequences up behind their words.",
    'tokenizer.padding_side = "right"',
)
_LAST = Remedy(
    "Read the state of a recurrence at the last word of each sequence, not at the last position.",
    "state = out[torch.arange(len(out)), lengths - 1]  # not out[:, -1]",
    edit="read-last-word",
)
_PACK = Remedy(
    "Or leave the padding out of it altogether.",
    "packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, "
    "enforce_sorted=False)\n_, h = rnn(packed)",
)
_MEAN = Remedy(
    "Or take the mean over the words.",
    "state = (out * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    words: float,
    *,
    behind: float = 1.0,
    middle: float = 1.0,
    losses: Sequence[float] = example.FLAT,
) -> Trace:
    """Sequences of which nine tenths are padding, with a gradient of 1 there."""
    marks = {WORDS: words, PADDING: 1.0, SHARE: 0.9, BEHIND: behind, POSITIONS: 80.0, TOKEN: 0.0}
    marks[MIDDLE] = middle
    return example.marked(example.regression(losses, update=1e-3), marks)


def _in_front(*shares: float) -> Trace:
    """Sequences that are read early in one recorded step after the other."""
    known = example.regression(example.FALLING, update=1e-3)
    return example.marked_each(known, [{EARLY: share, EARLY_OF: 30.0} for share in shares])


RULE = Rule(
    code="DAT040",
    name="words-behind-padding",
    title="What is read of a sequence is not where its words end",
    why="A recurrence forgets: what it was told many steps ago is next to nothing in its state. "
    "Where a short sequence is filled up and the state is read at the very end, that state is a "
    "function of the padding, and the gradient does not find its way back to the words.",
    sees="""
A classifier of sentences that were filled up to the longest one, and reads `out[:, -1]` or the last
hidden state of a GRU or LSTM: the outputs are the same for all sentences, and the loss is that of a
constant, although everything moves. Or sentences filled up in front, as for a model that goes on
writing, and `out[torch.arange(len(out)), mask.sum(1) - 1]`, as in a reward model.
""",
    evidence="""
Padding is a token that stands nowhere but in a run at the end of the sequences, or at their
beginning. In each recorded step the gradient of the loss is measured where tokens are looked up, at
words and at padding apart. An alarm if that at words is far smaller, in all of a batch or in half
of its sequences, most sequences end with padding, and the fit is not good. A few sequences that are
as long as the padded ones have nothing behind them, and a gradient that outweighs all others.

Where padding stands in front, an alarm if one place of each sequence is read by an index, and it is
its number of words less one in all of them, although all end with a word.
""",
    ignore="""
A packed sequence has no gradient at padding; a mean over all places, or the state at the last word,
has one at words that is as large. A network that learns all the same is a note.
""",
    references=(
        "Hochreiter & Schmidhuber 1997, Long Short-Term Memory, section 3: what is long ago",
        "PyTorch, `nn.utils.rnn.pack_padded_sequence`",
    ),
    reads=frozenset({Quantity.LOSS, Quantity.GRADIENTS}),
    check=check,
    thresholds={"faded": FADED, "most": MOST, "steps": STEPS, "fit": HALF},
    explains=(
        *("constant-output", "labels-unrelated", "loss-flat", "vanishing-gradient"),
        *("zero-gradient", "rate-too-low", "stopped-early", "one-sided-inputs"),
    ),
    cases=(
        Case("nothing comes to the words", lambda: _example(1e-12), Severity.WARNING),
        Case("a sixth does", lambda: _example(0.16), Severity.WARNING),
        Case("in half of them", lambda: _example(0.4, middle=1e-7), Severity.WARNING),
        Case("in front of the last word", lambda: _in_front(0.9, 0.9), Severity.WARNING),
        Case("near miss: in one step", lambda: _in_front(0.9), None),
        Case("near miss: as much as at padding", lambda: _example(0.8), None),
        Case("near miss: padding in front of the words", lambda: _example(1e-12, behind=0.0), None),
        Case("near miss: it learns", lambda: _example(0.05, losses=example.FALLING), None),
        Case("readings missing: no loss", lambda: example.unread(_example(1e-12)), None),
    ),
)

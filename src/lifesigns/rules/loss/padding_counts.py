"""LOS050: most of what a loss of tags counts is padding, and the words are not learned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.thresholds import ENOUGH_STEPS, WEAK
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

PADDING, WORDS = "padding_targets", "word_targets"
"""Details of a loss: how many targets are at padding, and how many at words."""
LOSS, CONSTANT = "word_loss", "word_constant"
"""Details of a loss: its mean at words, and that of the best constant prediction there."""
CLASS, ALIKE = "padding_class", "words_alike"
"""Details of a loss: the class of the targets at padding, and how many words have it as well."""
MOST = Threshold(0.5, "share of the targets that are padding", "most")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    losses = [s.loss for s in stream.latest if s.loss is not None and PADDING in s.loss.details]
    course = stream.course
    if not losses or len(losses) < len(stream.latest) or course.steps < ENOUGH_STEPS:
        return
    padding, words = (sum(loss.details[name] for loss in losses) for name in (PADDING, WORDS))
    share = padding / (padding + words)
    constant = _mean(losses, CONSTANT)
    level = min(_mean(losses, LOSS), course.end / (1 - share)) if course.scaled else 0.0
    if share < MOST or not constant > 0 or not level > (1 - WEAK) * constant:
        return
    yield RULE.finding(
        Severity.WARNING,
        f"{share:.0%} of the targets that the loss counts are padding, and the words are not "
        "learned",
        step=stream.first.step,
        measured=f"the loss of words is {level:.3g} at the end if that of padding is nothing, and "
        f"that of the best constant prediction {constant:.3g}; the mean over all places hides it"
        f"{course.remark}",
        expected=f"padding that does not count, and at words a loss below {(1 - WEAK):.0%} of a "
        "constant's",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_loss", "wrong_labels", "other"),
        remedies=(_IGNORE, _MARK),
        evidence={"share": share, "loss": level, "constant": constant, **_own_class(losses)},
    )


def _own_class(losses: Sequence[LossReading]) -> dict[str, float]:
    """The class that all padding has and no word."""
    classes = {loss.details[CLASS] for loss in losses}
    is_own = len(classes) == 1 and not any(loss.details[ALIKE] for loss in losses)
    return {"class": classes.pop()} if is_own else {}


def _mean(losses: Sequence[LossReading], name: str) -> float:
    """A mean of the loss at words over all of them."""
    words = sum(loss.details[WORDS] for loss in losses)
    return sum(loss.details[name] * loss.details[WORDS] for loss in losses) / words


_IGNORE = Remedy(
    "Leave the padding out of the loss.",
    "criterion = nn.CrossEntropyLoss(ignore_index=PAD_TAG)",
    edit="ignore-padding",
)
_MARK = Remedy(
    "Or fill the targets up with -100, which cross-entropy ignores by itself.",
    "y = pad_sequence(tags, batch_first=True, padding_value=-100)",
)


# --- cases ----------------------------------------------------------------------------------------
_FALLS = [1.0] * 20 + [0.3] * 80


def _example(
    padding: float, level: float, losses: Sequence[float] = _FALLS, *, marked: bool = True
) -> Trace:
    """A thousand targets, of which the words have a constant's loss of 2."""
    marks = {PADDING: padding, WORDS: 1000 - padding, LOSS: level, CONSTANT: 2.0}
    marks |= {CLASS: 0.0, ALIKE: 0.0}
    return example.marked(example.regression(losses, update=1e-3), marks if marked else {})


RULE = Rule(
    code="LOS050",
    name="padding-counts",
    title="Most of what the loss counts is padding, and the words are not learned",
    why="The mean of a loss over all places is mostly that of padding, which is learned at once. "
    "It falls and looks good, while what words add to it, and to the gradient, is a small part.",
    sees="""
A tagger of sequences that were filled up to one length, words and tags alike, with a loss that has
no `ignore_index`: loss and accuracy look fine from the first steps on, and the tags of words are
those of a constant prediction.
""",
    evidence="""
Padding is a token that stands nowhere but in a run at the end of the sequences, or at their
beginning; the targets at these places are one class, and count. The loss at the other places is
averaged apart in recorded steps, and compared with the entropy of the classes there; at the end of
the run it is the whole loss over the share of words at most. An alarm if most of the targets are
padding, and the words are hardly better than a constant prediction.
""",
    ignore="""
Padding that counts does no harm where the words are learned as well, and nothing is said.
""",
    references=("PyTorch, `nn.CrossEntropyLoss`: ignore_index",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"most": MOST, "enough_steps": ENOUGH_STEPS, "weak": WEAK},
    explains=("classes-as-numbers", "stopped-early", "constant-output", "rate-too-low"),
    cases=(
        Case("the words are those of a constant", lambda: _example(900, 2.1), Severity.WARNING),
        Case(
            "hardly better", lambda: _example(800, 1.7, [1.0] * 20 + [0.4] * 80), Severity.WARNING
        ),
        Case("near miss: the words are learned as well", lambda: _example(900, 1.0), None),
        Case(
            "near miss: learned after the recorded steps",
            lambda: _example(900, 2.1, [1.0] * 20 + [0.1] * 80),
            None,
        ),
        Case("near miss: little padding", lambda: _example(300, 2.1), None),
        Case("near miss: it does not count", lambda: _example(900, 2.1, marked=False), None),
        Case("few steps", lambda: _example(900, 2.1, _FALLS[:30]), None),
        Case("readings missing: no loss", lambda: example.unread(_example(900, 2.1)), None),
    ),
)

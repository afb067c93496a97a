"""DAT030: a network is given the tokens that it is to say, or the value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.course import REGRESSIONS
from lifesigns.records import (
    Finding,
    LossReading,
    Mixing,
    Quantity,
    Remedy,
    Severity,
    Snapshot,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

TOLD = Threshold(0, "steps behind an output that it does not depend on", "exact: no gradient")
HIDDEN = Threshold(8, "hidden words of a step that no target asks for", "few may be an accident")

UNCOUNTED = "hidden_uncounted"
"""Detail of a loss: how many words are hidden and do not count, where it asks for those shown."""
APART, ALONG, SPREAD = "last_input_apart", "last_input_dim", "targets_apart"
"""Details of a loss: how far targets are from what is last in the input along a dimension, and from
one another."""
FED, LOOKED_UP = "fed_answers", "fed_lookups"
"""Details of a loss: lookups of a decoder that are the answer of the step they lead to first, and
all that are the answer of some step."""
FEW = Threshold(2, "steps of a decoder that are fed their answer", "a single one may be a repeat")
SAME = Threshold(
    1e-5,
    "distance of targets to the last inputs over the range of the targets",
    "arithmetic: rounding of a target that is the output less a residual",
)
STEPS = Threshold(3, "recorded steps, at least", "a definition: more than an accident")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    hidden = [one.details[UNCOUNTED] for one in stream.marked(UNCOUNTED)]
    if len(hidden) >= STEPS and min(hidden) >= HIDDEN:
        yield _asks_for_what_is_shown(stream, hidden)
        return
    fed = stream.marked(LOOKED_UP)
    if len(fed) >= STEPS and all(_is_fed(one.details) for one in fed):
        yield _feeds_the_answer(stream, len(fed), fed[0].details[FED])
        return
    for snapshot in stream.snapshots:
        mixing = snapshot.mixing
        if mixing is not None and mixing.told > TOLD:
            yield RULE.finding(
                Severity.WARNING,
                "the network is given the very tokens that it is to say",
                site=_first_site(snapshot),
                step=snapshot.step,
                measured="each target is the token at its own position; the gradient of one "
                "position's output is not 0 at that position and at earlier ones, and 0 at the "
                f"{mixing.told} behind it" + stream.course.remark,
                expected="targets that are the tokens moved by one",
                certainty="proved by a gradient sent back at one recorded step",
                causes=("wrong_labels", "other"),
                remedies=(_SHIFT, _START),
                evidence={"told": mixing.told},
            )
            return
    yield from _is_last(stream)


def _is_last(stream: Stream) -> Iterable[Finding]:
    """The targets of a regression are the last values of the input."""
    losses = stream.readings
    along = {loss.details.get(ALONG) for loss in losses}
    if len(losses) < STEPS or len(along) > 1 or not all(map(_is_told, losses)):
        return
    dim = int(losses[0].details[ALONG])
    yield RULE.finding(
        Severity.WARNING,
        "the target is the last value of the input, not the next one",
        site=_first_site(stream.first),
        step=stream.first.step,
        measured=f"in {len(losses)} recorded steps every target is the same as what the input has "
        f"last along dimension {dim}{stream.course.remark}",
        expected="a target that comes after what the network is given",
        certainty="exact: all targets of the recorded steps were compared",
        causes=("wrong_labels",),
        remedies=(_NEXT, _LEAVE_OUT),
        evidence={"steps": len(losses)},
    )


def _is_told(loss: LossReading) -> bool:
    details, alone = loss.details, not loss.penalised and not loss.others
    spread = details.get(SPREAD, 0.0)
    told = spread > 0 and details[APART] <= SAME * spread
    return told and alone and loss.kind in REGRESSIONS


def _asks_for_what_is_shown(stream: Stream, hidden: Sequence[float]) -> Finding:
    return RULE.finding(
        Severity.WARNING,
        "the loss asks for the tokens that are shown, and for none of those that are hidden",
        site=_first_site(stream.first),
        step=stream.first.step,
        measured=f"{sum(hidden):.0f} tokens are left out in {len(hidden)} recorded steps, most of "
        "them one and the same, which stands nowhere else; each target that counts is the token at "
        f"its own position{stream.course.remark}",
        expected="targets where tokens are hidden",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_labels", "other"),
        remedies=(_HIDE,),
        evidence={"hidden": sum(hidden)},
    )


def _is_fed(details: Mapping[str, float]) -> bool:
    return details[LOOKED_UP] == details[FED] >= FEW


def _feeds_the_answer(stream: Stream, recorded: int, fed: float) -> Finding:
    steps = round(fed)
    return RULE.finding(
        Severity.WARNING,
        "each step of the decoder is fed the very answer that it is to give",
        site=_first_site(stream.first),
        step=stream.first.step,
        measured=f"{steps} of {steps} class numbers that are looked up for a step are what the "
        f"loss compares with that step, for all samples, in {recorded} recorded steps"
        f"{stream.course.remark}",
        expected="the answer of the step before, behind a token that starts it",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_labels", "other"),
        remedies=(_BEFORE,),
        evidence={"steps": steps},
    )


def _first_site(snapshot: Snapshot) -> str:
    return snapshot.graph.sites[0].name if snapshot.graph.sites else ""


_HIDE = Remedy(
    "Ignore the targets of what is shown: the mask of the labels is the wrong way round.",
    "labels[~hidden] = -100",
    edit="ignore-shown",
)
_SHIFT = Remedy(
    "A language model: the target is the next token.",
    "logits = model(tokens[:, :-1])\n"
    "loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())",
    edit="shift-input",
)
_START = Remedy(
    "A decoder: give it the target moved by one, behind a token that starts it.",
    "told = F.pad(target, (1, 0), value=start)[:, :-1]\nlogits = model(source, told)",
)
_BEFORE = Remedy(
    "Feed each step the answer of the step before.",
    "for t in range(steps):\n"
    "    out, state = cell(embed(word), state)\n"
    "    word = target[:, t]  # for step t + 1; not before the cell is asked",
)
_NEXT = Remedy(
    "Take the value behind the window: a slice ends before the index it is given.",
    "return series[i : i + width], series[i + width]",
)
_LEAVE_OUT = Remedy(
    "Or, of a table, leave the column of the targets out of the input.",
    "x, y = table[:, :-1], table[:, -1:]",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(mixing: Mixing) -> Trace:
    return example.asked(example.regression(example.FALLING, update=1e-3), mixing)


def _masked(*hidden: float) -> Trace:
    """So many words that are hidden and do not count, in one recorded step after the other."""
    known = example.regression(example.FALLING, update=1e-3)
    return example.marked_each(known, [{UNCOUNTED: number} for number in hidden])


def _fed(*answers: float) -> Trace:
    """So many of seven lookups are the answer of their own step, in one recorded step each."""
    known = example.regression(example.FALLING, update=1e-3)
    return example.marked_each(known, [{FED: number, LOOKED_UP: 7.0} for number in answers])


def _forecast(apart: float, *, spread: float = 2.0, penalised: bool = False) -> Trace:
    """Targets that are so far from the last inputs, and from one another."""
    known = example.regression(example.FALLING, update=1e-3)
    marked = example.marked(known, {APART: apart, ALONG: 1.0, SPREAD: spread})
    shots = [
        replace(shot, loss=replace(shot.loss, penalised=penalised))
        for shot in marked.snapshots
        if shot.loss
    ]
    return replace(marked, snapshots=tuple(shots))


RULE = Rule(
    code="DAT030",
    name="told-the-answer",
    title="A network is given what it is to say",
    why="Copying what is given at the same place is the first thing such a network learns, and the "
    "loss falls to almost nothing. On its own it has nothing to copy, and says nothing sensible.",
    sees="""
The input of a decoder that is its target, not moved by one; or a language model whose labels were
not moved. The network reads from left to right, as one does that is to go on by itself. Or a loop
that feeds `target[:, t]` before it asks for step t. Or a masked
language model whose loss ignores the tokens that are hidden, and counts those that are shown. Or a
forecast whose target is the last value of its window: one index too few.
""",
    evidence="""
In one recorded step each target is compared with the token at its position; if all agree, the
output at one position is sent back as a gradient. It is not 0 at that token and at earlier ones,
and exactly 0 at all later ones: a proof. The loss is not asked, for it looks better than it is.
Words are hidden where the loss leaves some out between others, most of them are one token that
stands at no place that counts, and each target that counts is the token at its own place, in all of
the first recorded steps. Of a decoder that is called step by step, whatever is looked up by one
class number for each sample is compared with the targets of the step that it leads to first; all
that agree with some step do so with that one. Of a regression all targets are compared with what is
last in the input along each dimension; they are the same in all recorded steps.
""",
    ignore="""
Autoencoders say again what they are given, and read all of it: their output depends on later
tokens, too. Padding is ignored at the ends of a text, not within it; a token that separates two
sentences is left out once in each. Masked language models hide
what they ask for, and a network that moves its input by one itself does not depend on its own
token. A decoder that is fed the answer of the step before agrees with that one. A loss with other
terms may well compare with an input at a boundary; a target that is all of
the input is that of an autoencoder.
""",
    references=("Williams & Zipser 1989, A Learning Algorithm: teacher forcing",),
    reads=frozenset({Quantity.MIXING, Quantity.LOSS}),
    check=check,
    thresholds={"told": TOLD, "hidden": HIDDEN, "same": SAME, "steps": STEPS, "few": FEW},
    cases=(
        Case("told", lambda: _example(Mixing(told=3)), Severity.WARNING),
        Case("told, and nothing mixed", lambda: _example(Mixing(31, told=8)), Severity.WARNING),
        Case("hidden, and not asked for", lambda: _masked(90, 80, 90), Severity.WARNING),
        Case("near miss: hidden words count in a step", lambda: _masked(90, 0, 90), None),
        Case("near miss: few are hidden", lambda: _masked(3, 3, 3), None),
        Case("a decoder that is fed its answers", lambda: _fed(7, 7, 7), Severity.WARNING),
        Case("near miss: fed the step before", lambda: _fed(0, 0, 0), None),
        Case("near miss: fed in two recorded steps", lambda: _fed(7, 7), None),
        Case("the last value of a window", lambda: _forecast(0.0), Severity.WARNING),
        Case("near miss: the next value", lambda: _forecast(0.01), None),
        Case("near miss: targets that are all the same", lambda: _forecast(0.0, spread=0.0), None),
        Case("near miss: other terms", lambda: _forecast(0.0, penalised=True), None),
        Case("near miss: an autoencoder", lambda: _example(Mixing(31)), None),
        Case("a masked language model that predicts", lambda: _example(Mixing(later=4)), None),
        Case("readings missing: not asked", lambda: example.unread(_example(Mixing(told=3))), None),
    ),
)

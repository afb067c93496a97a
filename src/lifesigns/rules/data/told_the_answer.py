"""DAT030: a network is given the tokens that it is to say."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, Mixing, Quantity, Remedy, Severity, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

TOLD = Threshold(0, "steps behind an output that it does not depend on", "exact: no gradient")
HIDDEN = Threshold(0, "samples of the hidden token that no target asks for", "exact: compared")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    for snapshot in stream.snapshots:
        mixing = snapshot.mixing
        if mixing is not None and mixing.hidden > HIDDEN:
            yield _asks_for_what_is_shown(stream, snapshot, mixing)
            return
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


def _asks_for_what_is_shown(stream: Stream, snapshot: Snapshot, mixing: Mixing) -> Finding:
    return RULE.finding(
        Severity.WARNING,
        "the loss asks for the tokens that are shown, and for none of those that are hidden",
        site=_first_site(snapshot),
        step=snapshot.step,
        measured=f"{mixing.hidden} tokens are hidden behind one and the same, and none of their "
        "targets counts; each target that counts is the token at its own position"
        + stream.course.remark,
        expected="targets where tokens are hidden",
        certainty="exact: every token of one recorded step was compared with its target",
        causes=("wrong_labels", "other"),
        remedies=(_HIDE,),
        evidence={"hidden": mixing.hidden},
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


# --- cases ----------------------------------------------------------------------------------------
def _example(mixing: Mixing) -> Trace:
    return example.asked(example.regression(example.FALLING, update=1e-3), mixing)


RULE = Rule(
    code="DAT030",
    name="told-the-answer",
    title="A network is given the tokens that it is to say",
    why="Copying what is given at the same place is the first thing such a network learns, and the "
    "loss falls to almost nothing. On its own it has nothing to copy, and says nothing sensible.",
    sees="""
The input of a decoder that is its target, not moved by one; or a language model whose labels were
not moved. The network reads from left to right, as one does that is to go on by itself. Or a masked
language model whose loss ignores the tokens that are hidden, and counts those that are shown.
""",
    evidence="""
In one recorded step each target is compared with the token at its position; if all agree, the
output at one position is sent back as a gradient. It is not 0 at that token and at earlier ones,
and exactly 0 at all later ones: a proof. The loss is not asked, for it looks better than it is.
Tokens count as hidden where none of their targets counts, all are one token that occurs nowhere
else, and others that count lie on both sides of them.
""",
    ignore="""
Autoencoders say again what they are given, and read all of it: their output depends on later
tokens, too. Padding is ignored at the ends of a text, not within it. Masked language models hide
what they ask for, and a network that moves its input by one itself does not depend on its own
token.
""",
    references=("Williams & Zipser 1989, A Learning Algorithm: teacher forcing",),
    reads=frozenset({Quantity.MIXING, Quantity.LOSS}),
    check=check,
    thresholds={"told": TOLD, "hidden": HIDDEN},
    cases=(
        Case("told", lambda: _example(Mixing(told=3)), Severity.WARNING),
        Case("told, and nothing mixed", lambda: _example(Mixing(31, told=8)), Severity.WARNING),
        Case("hidden, and not asked for", lambda: _example(Mixing(hidden=90)), Severity.WARNING),
        Case("near miss: an autoencoder", lambda: _example(Mixing(31)), None),
        Case("a masked language model that predicts", lambda: _example(Mixing(later=4)), None),
        Case("readings missing: not asked", lambda: example.unread(_example(Mixing(told=3))), None),
    ),
)

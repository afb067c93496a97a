"""DAT030: a network that reads from left to right is given the token it is to say."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, Mixing, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

TOLD = Threshold(0, "steps behind an output that it does not depend on", "exact: no gradient")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    for snapshot in stream.snapshots:
        mixing = snapshot.mixing
        if mixing is not None and mixing.told > TOLD:
            yield RULE.finding(
                Severity.WARNING,
                "the network is given the very tokens that it is to say",
                site=snapshot.graph.sites[0].name if snapshot.graph.sites else "",
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
not moved. The network reads from left to right, as one does that is to go on by itself.
""",
    evidence="""
In one recorded step each target is compared with the token at its position; if all agree, the
output at one position is sent back as a gradient. It is not 0 at that token and at earlier ones,
and exactly 0 at all later ones: a proof. The loss is not asked, for it looks better than it is.
""",
    ignore="""
Autoencoders say again what they are given, and read all of it: their output depends on later
tokens, too. Masked language models hide what they ask for, and a network that moves its input by
one itself does not depend on its own token.
""",
    references=("Williams & Zipser 1989, A Learning Algorithm: teacher forcing",),
    reads=frozenset({Quantity.MIXING, Quantity.LOSS}),
    check=check,
    thresholds={"told": TOLD},
    cases=(
        Case("told", lambda: _example(Mixing(told=3)), Severity.WARNING),
        Case("told, and nothing mixed", lambda: _example(Mixing(31, told=8)), Severity.WARNING),
        Case("near miss: an autoencoder", lambda: _example(Mixing(31)), None),
        Case("a masked language model that predicts", lambda: _example(Mixing(later=4)), None),
        Case("readings missing: not asked", lambda: example.unread(_example(Mixing(told=3))), None),
    ),
)

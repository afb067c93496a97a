"""DAT007: a network that is to predict the next token is given it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, Mixing, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

AHEAD = Threshold(0, "steps ahead that an output may depend on", "exact: no gradient")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    for snapshot in stream.snapshots:
        mixing = snapshot.mixing
        if mixing is not None and mixing.ahead > AHEAD:
            yield RULE.finding(
                Severity.WARNING,
                "the prediction of the next token depends on that token",
                site=snapshot.graph.sites[0].name if snapshot.graph.sites else "",
                step=snapshot.step,
                measured=f"the gradient of the first half's outputs is not 0 at {mixing.ahead} of "
                f"the {mixing.later} positions behind, and the targets are the inputs moved by one"
                + stream.course.remark,
                expected="an output computed from its own and earlier positions",
                certainty="proved by a gradient sent back at one recorded step",
                causes=("wrong_shape", "other"),
                remedies=(_MASK, _SHIFT, _LAYOUT),
                evidence={"ahead": mixing.ahead, "later": mixing.later},
            )
            return


_MASK = Remedy(
    "Mask what comes later.",
    "y = F.scaled_dot_product_attention(q, k, v, is_causal=True)\n"
    "# nn.Transformer: mask=nn.Transformer.generate_square_subsequent_mask(length)",
    edit="mask-later",
)
_LAYOUT = Remedy(
    "Undo the transpose before heads and units become one dimension.",
    "y = y.transpose(1, 2).reshape(batch, length, units)  # from [batch, heads, length, …]",
)
_SHIFT = Remedy(
    "Pad convolutions on the left only, and read sequences in one direction.",
    "x = F.pad(x, (kernel_size - 1, 0))  # nn.LSTM(…, bidirectional=False)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(ahead: int, later: int = 8, losses: Sequence[float] = example.FALLING) -> Trace:
    known = example.regression(losses, update=1e-3)
    return example.asked(known, Mixing(31, later=later, ahead=ahead))


RULE = Rule(
    code="DAT007",
    name="looks-ahead",
    title="A network that predicts the next token is given that token",
    why="The answer stands one position further on in the input, and copying it is easy to learn. "
    "The loss falls beautifully, and the network can generate nothing, for then the answer is not "
    "there.",
    sees="""
Attention without a causal mask, or with a mask that is turned around; a bidirectional recurrence;
a convolution that is padded on both sides; heads put together by `reshape` without the `transpose`
back, so that positions are dealt out anew: in a network whose targets are its own inputs, moved by
one position.
""",
    evidence="""
In one recorded step each target is compared with the token behind its position; if all agree, the
outputs of the first half of one sequence are sent back together as a gradient. Where it is not
exactly 0 in the second half, an output depends on a token behind it: a proof. The loss is not
asked, for it looks better than it is.
""",
    ignore="""
Nothing trained for use predicts what it is given. Masked language models hide what they predict,
and encoders that read a whole source are not asked; positions whose target is ignored (a prefix)
may see one another.
""",
    references=("Vaswani et al. 2017, Attention Is All You Need, section 3.2.3: masking",),
    reads=frozenset({Quantity.MIXING, Quantity.LOSS}),
    check=check,
    thresholds={"ahead": AHEAD},
    cases=(
        Case("no mask", lambda: _example(8), Severity.WARNING),
        Case("one position too far", lambda: _example(1, losses=example.FLAT), Severity.WARNING),
        Case("near miss: masked", lambda: _example(0), None),
        Case("no sequence", lambda: _example(0, 0), None),
        Case("readings missing: not asked", lambda: example.unread(_example(8)), None),
    ),
)

"""DAT010: attention that sees the same vector for a token wherever it stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import WEAK
from lifesigns.records import Finding, Kind, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MARK = "order_unseen"
"""The detail of a loss that holds the length of the sequences whose order makes no difference."""
BY_SEQUENCE = "by_sequence"
"""The detail that says that a token's vectors are the same within each sequence alone."""
EXACT = Threshold(
    1e-5, "difference of one token's vectors over the largest value", "the rounding of float32"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, where the fit is weak."""
    losses = [s.loss for s in stream.snapshots if s.loss is not None]
    lengths = [loss.details.get(MARK, 0.0) for loss in losses]
    harmed = stream.course.harm(WEAK) is not Severity.NOTE
    if not lengths or not all(lengths) or not harmed:
        return
    shifted = all(BY_SEQUENCE in loss.details for loss in losses)
    yield RULE.finding(
        Severity.WARNING,
        f"the order of the {int(lengths[-1])} tokens of a sequence makes no difference: what is "
        "added to them differs from sequence to sequence, not from position to position"
        if shifted
        else f"the order of the {int(lengths[-1])} tokens of a sequence makes no difference",
        step=stream.snapshots[0].step,
        measured="attention is given the same query and key for a token wherever it stands, in "
        f"{counted(len(lengths), 'recorded step')}, and no mask, recurrence or convolution tells "
        f"positions apart{stream.course.remark}",
        expected="something that tells one position from another, where their order matters",
        certainty="proved on the queries and keys; that order matters is likely",
        causes=("wrong_shape", "other"),
        remedies=(_AXIS, _POSITIONS) if shifted else (_POSITIONS,),
        evidence={"length": int(lengths[-1])},
    )


_AXIS = Remedy(
    "Take the positions along the dimension of the tokens, not along that of the batch.",
    "x = x + pe[: x.shape[1]]  # x: batch, tokens, width; pe: positions, width",
)
_POSITIONS = Remedy(
    "Add a vector for each position to the tokens, before the first attention.",
    "positions = nn.Embedding(longest, width)\n"
    "x = tokens(ids) + positions(torch.arange(ids.shape[1]))",
    edit="add-positions",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    *lengths: int,
    losses: Sequence[float] = example.FLAT,
    correlation: float = 0.0,
    by_sequence: bool = False,
) -> Trace:
    known = example.regression(losses, update=1e-3, correlation=correlation)
    embedding, mixing, *others = known.snapshots[0].graph.sites
    embedding = replace(embedding, kind=Kind.EMBEDDING, module="embed", shape=(16, 6, 8))
    mixing = replace(mixing, kind=Kind.ATTENTION)
    graph = replace(known.snapshots[0].graph, sites=(embedding, mixing, *others))
    more = {BY_SEQUENCE: 1.0} if by_sequence else {}
    shots = tuple(
        replace(
            shot,
            graph=graph,
            loss=replace(shot.loss, details={MARK: float(length), **more} if length else {}),
        )
        for shot, length in zip(known.snapshots, lengths, strict=True)
        if shot.loss
    )
    return replace(known, snapshots=shots)


RULE = Rule(
    code="DAT010",
    name="order-unseen",
    title="The order of the tokens makes no difference to the network",
    why="Attention is a weighted mean over a set, which has no first and no last. Without a vector "
    "for each position, every order of the same tokens gives the same output.",
    sees="""
An encoder without positional encoding: forgotten, made and not added, or added behind the last
attention. Or one that is added along the wrong dimension: `pe[: x.size(0)]`, made for inputs with
the positions first, gives each sequence of a batch its own vector. What depends on order (a
negation, which of two comes first, a sum of digits by place) cannot be learned.
""",
    evidence="""
Queries and keys of the first attention, over all tokens of a recorded batch: wherever a token
stands, its vectors are the same but for rounding, and most tokens stand at several positions. Or
what their maps are given is the same, but for what a dropout made 0, for tokens that stand at
several positions of a sequence. No mask is different for different queries, and no layer of the
network is recurrent, a convolution or one over all positions at once. An alarm only if the fit is
weak.
""",
    ignore="""
Sets have no order: point clouds, bags of words, columns of a table; there the network learns, and
nothing is said. A causal mask tells positions apart by itself.
""",
    references=("Vaswani et al. 2017, Attention Is All You Need, section 3.5",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"exact": EXACT, "weak": WEAK},
    explains=("loss-flat", "labels-unrelated", "stopped-early", "constant-output", "zero-gradient"),
    cases=(
        Case("no positions", lambda: _example(6, 6, 6, 6, 6), Severity.WARNING),
        Case(
            "it creeps",
            lambda: _example(6, 6, 6, 6, 6, losses=[1.0] * 50 + [0.9] * 50),
            Severity.WARNING,
        ),
        Case(
            "positions along the batch",
            lambda: _example(6, 6, 6, 6, 6, by_sequence=True),
            Severity.WARNING,
        ),
        Case(
            "near miss: a set, and it learns",
            lambda: _example(6, 6, 6, 6, 6, losses=example.FALLING),
            None,
        ),
        Case("near miss: positions are seen", lambda: _example(0, 0, 0, 0, 0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(6, 6, 6, 6, 6)), None),
    ),
)

"""DAT037: each sequence gets a vector by its place in the batch, and all its tokens the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

APART, TOKENS, SLICED = "codes_apart_", "codes_tokens", "codes_by_slice"
"""Details of a loss: how far what is added to two sequences differs, by their places in the batch;
a number of their tokens; whether weights were sliced by the place in the batch."""
NUMBERS = "codes_of_numbers"
"""Whether these are sequences of numbers, which a linear map takes, and no tokens."""
SAME = Threshold(
    1e-3,
    "difference of what two places get in several steps, over its size",
    "the rounding of float32, of tokens that are a thousand times as large",
)
STEPS = Threshold(3, "recorded steps with other tokens, at least", "a definition: no accident")
PAIRS = Threshold(3, "pairs of samples, at least", "a definition: more than two kinds of samples")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    losses = [loss.details for loss in stream.readings if loss.value == loss.value]
    batches = {details.get(TOKENS) for details in losses}
    if None in batches or len(batches) < STEPS:
        return
    pairs = {name for details in losses for name in details if name.startswith(APART)}
    known = [values for name in pairs if len(values := _values(losses, name)) >= STEPS]
    by_slice = all(SLICED in details for details in losses)
    if len(known) < PAIRS or not all(_belongs_to_place(v, by_slice=by_slice) for v in known):
        return
    yield RULE.finding(
        Severity.WARNING,
        "what is added to a sequence depends on its place in the batch, and all its tokens get "
        "the same vector",
        site="input",
        step=stream.first.step,
        measured=f"{_SEEN[NUMBERS in losses[-1]]} between sequences by what belongs to their "
        f"places in the batch, in {counted(len(losses), 'recorded step')}{stream.course.remark}",
        expected="a vector for each position, the same for all sequences",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_shape", "other"),
        remedies=(_AXIS, _LAYOUT),
        evidence={"pairs": len(known), "steps": len(losses)},
    )


_SEEN = (
    "what attention is given of a token is the same wherever it stands in its sequence, and "
    "differs",
    "what is added to the values of a linear map is the same along each sequence, and differs",
)


def _values(losses: Sequence[Mapping[str, float]], name: str) -> list[float]:
    return [details[name] for details in losses if name in details]


def _belongs_to_place(values: Sequence[float], *, by_slice: bool) -> bool:
    """Whether two places always get something else, and the same whatever the tokens are."""
    same = max(values) - min(values) <= SAME * max(values)
    return min(values) > 0 and (by_slice or same)


_AXIS = Remedy(
    "Take the positions along the dimension of the tokens, not along that of the batch.",
    "x = x + pe[:, : x.size(1)]  # x: batch, tokens, width; pe: 1, positions, width",
)
_LAYOUT = Remedy(
    "Or give the network sequences with the positions first, and say so in each layer.",
    "h = encoder(x.transpose(0, 1))  # nn.TransformerEncoderLayer(…, batch_first=False)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    *apart: float, batches: int = 5, pairs: int = 6, by_slice: bool = False, numbers: bool = False
) -> Trace:
    """What the first sequences are given differs by so much, in each recorded step."""
    known = example.regression([1.0] * 50 + [0.7] * 50, update=1e-3)
    more = {word: 1.0 for word, is_so in ((SLICED, by_slice), (NUMBERS, numbers)) if is_so}
    shots = []
    for i, (shot, value) in enumerate(zip(known.snapshots, apart, strict=True)):
        marks = {f"{APART}{pair}": value * (pair + 1) for pair in range(pairs)}
        marked = {**marks, TOKENS: float(i % batches), **more}
        details = marked if value == value else {}
        shots.append(replace(shot, loss=replace(shot.loss, details=details) if shot.loss else None))
    return replace(known, snapshots=tuple(shots))


_ALWAYS = (0.2, 0.2, 0.2, 0.2, 0.2)

RULE = Rule(
    code="DAT037",
    name="positions-along-batch",
    title="What is added to a sequence depends on its place in the batch",
    why="A table of positions that was laid out for inputs with the positions first is sliced by "
    "the size of the batch: the first sequence gets the first vector at all its tokens, the second "
    "the second. Nothing tells the positions apart, and the same sequence gives another output at "
    "another place of a batch.",
    sees="""
`pe` of shape `[longest, 1, width]`, as in PyTorch's tutorial, and `x + pe[: x.size(0)]` with inputs
of shape `[batch, tokens, width]`. It broadcasts without an error. A network learns what can be
learned without order, and stops there.
""",
    evidence="""
What the first attention, or the layer norm in front of it, is given of the tokens of a batch: a
token has one vector wherever it stands in its sequence, and another in other sequences. The
difference between two of the first four sequences is that of what was added to them. It is the same
in all recorded steps, whatever the tokens are; or what is added are weights of which as many rows
were taken, from the first on, as the batch has samples. What a dropout made 0 is left out. Of
numbers, no two of which are alike, what was added is what is left when the values of their linear
map are taken off.
""",
    ignore="""
A class, a time or another condition may be added to all tokens of a sample: it belongs to the
sample, so that it differs from step to step at a place of the batch. Batches that are the same in
every step prove nothing.
""",
    references=("PyTorch, tutorial on language modelling with nn.Transformer: PositionalEncoding",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"same": SAME, "steps": STEPS, "pairs": PAIRS},
    explains=("order-unseen", "loss-flat", "labels-unrelated", "stopped-early"),
    cases=(
        Case("the same in all steps", lambda: _example(*_ALWAYS), Severity.WARNING),
        Case(
            "numbers behind a linear map",
            lambda: _example(*_ALWAYS, numbers=True),
            Severity.WARNING,
        ),
        Case(
            "weights that are learned, and sliced by the batch",
            lambda: _example(0.2, 0.21, 0.22, 0.24, 0.26, by_slice=True),
            Severity.WARNING,
        ),
        Case("near miss: what is added changes", lambda: _example(0.2, 0.2, 0.2, 0.2, 0.3), None),
        Case("near miss: all get the same", lambda: _example(*[0.0] * 5, by_slice=True), None),
        Case("near miss: positions in a step", lambda: _example(*_ALWAYS[1:], float("nan")), None),
        Case("near miss: one batch, again and again", lambda: _example(*_ALWAYS, batches=1), None),
        Case("near miss: two sequences are compared", lambda: _example(*_ALWAYS, pairs=1), None),
        Case("readings missing: no loss", lambda: example.unread(_example(*_ALWAYS)), None),
    ),
)

"""LOS008: prediction and target broadcast against each other in the loss."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import (
    Crossing,
    Finding,
    LossReading,
    Quantity,
    Remedy,
    Severity,
    Shape,
    Snapshot,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

COMPARISONS = Threshold(1, "comparisons per prediction", "exact")
PICKING = frozenset({"index", "index_select"})
"""How a crossing picks values by labels; others compute with them."""


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream, at the first step it happened."""
    for snapshot in stream.snapshots:
        finding = _first_crossed(snapshot)
        if finding is not None:
            yield finding
            return


def _first_crossed(snapshot: Snapshot) -> Finding | None:
    """Of the data terms of a sum, each by its own shapes; or of what was met on the way to them.

    A further term by hand is left to what was met: it may be a penalty over all pairs, on purpose.
    """
    loss = snapshot.loss
    if loss is None:
        return None
    further = [term for term in loss.others if not term.handwritten]
    for term in (loss, *further):
        if _is_crossed(term):
            return _finding(snapshot, term)
    return _met_in_the_loss(snapshot, loss.crossing) if loss.crossing else None


def _is_crossed(loss: LossReading) -> bool:
    """As many targets as predictions, and yet each is compared with all.

    A target of another size (pairwise distances) is meant to be compared like that, and so is a
    prediction that an `unsqueeze` has made a column.
    """
    same = math.prod(loss.target_shape) == math.prod(loss.input_shape)
    return loss.cross_broadcast and not loss.paired and (same or not loss.target_shape)


def _finding(snapshot: Snapshot, loss: LossReading) -> Finding:
    n, compared = loss.input_shape[0], math.prod(loss.compared_shape)
    site = snapshot.graph.sites[loss.site].name if loss.site >= 0 else ""
    target = _own(loss.target_shape or _needed(loss))
    return RULE.finding(
        Severity.ERROR,
        f"prediction of shape {loss.input_shape} and target of shape {target} "
        f"broadcast to {loss.compared_shape} in the loss",
        site=site,
        step=snapshot.step,
        measured=f"{compared} comparisons for {n} samples: every prediction with every target",
        expected=f"{math.prod(loss.input_shape)} comparisons, each prediction with its own target",
        certainty="exact, by the shapes",
        causes=("wrong_shape", "wrong_loss"),
        remedies=(
            Remedy(
                "Give both the same shape before the loss.",
                "loss = loss_fn(output.squeeze(1), target)  # both [batch]",
                edit="match-shapes",
            ),
            Remedy(
                "Or shape the target like the output.",
                "target = target.view_as(output)",
                edit="match-shapes",
            ),
        ),
        evidence={"samples": n, "comparisons": compared},
    )


def _own(shape: Shape) -> str:
    """A target's shape as it was given: ones in front are what broadcasting has put there."""
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return str(shape)


def _needed(loss: LossReading) -> Shape:
    """The least that makes the prediction as large as what is compared."""
    given = (1,) * (len(loss.compared_shape) - len(loss.input_shape)) + loss.input_shape
    pairs = zip(given, loss.compared_shape, strict=True)
    return tuple(compared if own == 1 else 1 for own, compared in pairs)


def _picked_for_all(snapshot: Snapshot, crossing: Crossing) -> Finding:
    """`logp[:, y]`: the probability that each row gives to the classes of all samples."""
    samples, pairs = crossing.other[0], math.prod(crossing.result)
    return RULE.finding(
        Severity.ERROR,
        f"labels of shape {crossing.other} pick {crossing.result} from {crossing.given}: all of "
        "them in every row",
        step=snapshot.step,
        measured=f"{pairs} values picked for {samples} samples, by `{crossing.operation}`: from "
        "each row the classes of the whole batch",
        expected=f"{samples} values, from each row that of its own class",
        certainty="exact, by the shapes and the labels",
        why="Where every row is asked for the classes of all samples, each is asked for the same. "
        "The best answer is how often each class occurs, whatever the input.",
        causes=("wrong_loss", "wrong_shape"),
        remedies=(
            Remedy(
                "Pick from each row the column of its own class.",
                "loss = -logp[torch.arange(len(y)), y].mean()  # or F.nll_loss(logp, y)",
                edit="pick-own-class",
            ),
        ),
        evidence={"samples": samples, "comparisons": pairs},
    )


def _met_in_the_loss(snapshot: Snapshot, crossing: Crossing) -> Finding:
    if crossing.operation in PICKING:
        return _picked_for_all(snapshot, crossing)
    samples, pairs = math.prod(crossing.given), math.prod(crossing.result)
    return RULE.finding(
        Severity.ERROR,
        f"{_own(crossing.given)} and {_own(crossing.other)} broadcast to {crossing.result} on the "
        "way to the loss",
        step=snapshot.step,
        measured=f"{pairs} pairs of {samples} values, by `{crossing.operation}`: every value of "
        "one side with every one of the other",
        expected=f"{samples} pairs, each value with its own",
        certainty="exact, by the shapes",
        causes=("wrong_shape", "wrong_loss"),
        remedies=(
            Remedy(
                "Give both sides the same shape before they meet.",
                "values = values.squeeze(-1)  # [batch], like what they are compared with",
                edit="match-shapes",
            ),
        ),
        evidence={"samples": samples, "comparisons": pairs},
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(given: tuple[int, ...], wanted: tuple[int, ...], both: tuple[int, ...]) -> Trace:
    graph = example.chain("linear/1", "mse_loss", batch=8)
    return example.steady(graph, (), loss=_reading(given, wanted, both))


def _reading(given: tuple[int, ...], wanted: tuple[int, ...], both: tuple[int, ...]) -> LossReading:
    sizes: dict[str, Any] = {"input_shape": given, "target_shape": wanted, "compared_shape": both}
    return LossReading(1.0, "squared_error", "mse_loss", site=1, **sizes)


def _unsqueezed() -> Trace:
    reading = replace(_reading(*_COLUMN_AND_ROW), paired=True)
    return example.steady(example.chain("linear/1", "mse_loss", batch=8), (), loss=reading)


def _second(given: tuple[int, ...], both: tuple[int, ...], *, by_hand: bool = False) -> Trace:
    graph = example.chain("linear/10", "cross_entropy", batch=8)
    further = replace(_reading(given, (8,), both), handwritten=by_hand)
    first = LossReading(
        1.0,
        "cross_entropy",
        "nll_loss",
        input_shape=(8, 10),
        target_shape=(8,),
        compared_shape=(8, 10),
        others=(further,),
    )
    return example.steady(graph, (), loss=first)


def _crossed(other: tuple[int, ...], operation: str = "mul") -> Trace:
    graph = example.chain("linear/1", "exp", batch=8)
    crossing = Crossing(operation, (8,), other, (8, 8)) if len(other) > 1 else None
    return example.steady(graph, (), loss=LossReading(1.0, crossing=crossing))


def _picked() -> Trace:
    graph = example.chain("linear/3", "log_softmax", batch=8)
    crossing = Crossing("index", (8, 3), (8,), (8, 8))
    return example.steady(graph, (), loss=LossReading(1.0, crossing=crossing))


_COLUMN_AND_ROW = ((8, 1), (8,), (8, 8))

RULE = Rule(
    code="LOS008",
    name="broadcast-loss",
    title="Prediction and target broadcast against each other",
    why="With shapes (N, 1) and (N) the loss compares every prediction with every target, N² pairs "
    "instead of N. The best answer to that is the mean target for every input, so the network "
    "learns to ignore its input.",
    sees="""
A linear layer with one unit gives shape `(N, 1)`; targets read from a table often have shape
`(N,)`. Broadcasting turns the two into `(N, N)` without an error (`F.mse_loss` only warns), and
the loss looks reasonable all along. Its minimum is the mean of the targets, whatever the input.
In a sum of losses the other terms keep falling and hide it.
""",
    evidence="""
Exactly, by the shapes before and after broadcasting: of what the loss, or each data term of a sum,
compares, and in a loss written by hand wherever N values meet N others and all N² pairs go on,
element by element, in two pieces (a Huber loss) or one, into a sum, mean or norm, or into the root
of one. So do the values that an
index picks where it takes, from each of N rows, the columns that N labels name (`logp[:, y]`).
""",
    ignore="""
A loss over all pairs on purpose (contrastive, pairwise distances) has targets of the size of the
pairs and is not reported. Nor are pairs that are masked, normalised, joined with a matrix product
or made by `unsqueeze`, as by a penalty. Nor is a prediction that becomes a column by `unsqueeze`
outside the network.
""",
    references=(
        "PyTorch, Broadcasting semantics",
        "PyTorch, `torch.nn.functional.mse_loss`: the warning on differing sizes",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"comparisons": COMPARISONS},
    explains=(
        "loss-flat",
        "constant-output",
        "penalty-outweighs-data",
        "loss-diverges",
    ),
    cases=(
        Case("(N, 1) against (N)", lambda: _example(*_COLUMN_AND_ROW), Severity.ERROR),
        Case("(N) against (N, 1)", lambda: _example((8,), (8, 1), (8, 8)), Severity.ERROR),
        Case("advantages (N, 1) times (N)", lambda: _crossed((8, 1)), Severity.ERROR),
        Case(
            "the root of a mean of (N, 1) less (N)",
            lambda: _crossed((1, 8), "sub"),
            Severity.ERROR,
        ),
        Case("labels of the batch in every row", _picked, Severity.ERROR),
        Case("near miss: advantages of the same shape", lambda: _crossed((8,)), None),
        Case("near miss: all pairs, by unsqueeze", _unsqueezed, None),
        Case("second term of a sum", lambda: _second((8, 1), (8, 8)), Severity.ERROR),
        Case(
            "near miss: second term by hand, over all pairs",
            lambda: _second((8, 1), (8, 8), by_hand=True),
            None,
        ),
        Case("near miss: second term, equal shapes", lambda: _second((8,), (8,)), None),
        Case("equal shapes", lambda: _example((8, 1), (8, 1), (8, 1)), None),
        Case("a batch of one", lambda: _example((1, 1), (1,), (1, 1)), None),
        Case("near miss: all pairs on purpose", lambda: _example((8, 1), (8, 8), (8, 8)), None),
        Case(
            "readings missing: no shapes", lambda: example.unread(_example(*_COLUMN_AND_ROW)), None
        ),
    ),
)

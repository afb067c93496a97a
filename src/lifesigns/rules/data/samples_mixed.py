"""DAT006: the output of one sample depends on other samples of the batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream
from lifesigns.evidence.mixed import MATRIX, RUN_OVER, UNITS, How, explained
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import (
    BatchReading,
    Finding,
    Graph,
    Mixing,
    Quantity,
    Severity,
    Shape,
    Snapshot,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FLAT


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    for snapshot in stream.snapshots:
        mixing = snapshot.mixing
        if mixing is not None and mixing.mixed:
            yield _finding(stream, snapshot, mixing)
            return


def _finding(stream: Stream, snapshot: Snapshot, mixing: Mixing) -> Finding:
    how, least = explained(snapshot, mixing), "" if _counted(mixing) else "at least "
    return RULE.finding(
        _severity(stream, how, mixing),
        f"the output of one sample depends on {least}{mixing.mixed} "
        "other samples of the batch" + (f": {how.mistake}" if how.mistake else ""),
        site=mixing.above,
        step=snapshot.step,
        measured=_measured(mixing) + stream.course.remark,
        expected="each output computed from its own sample alone",
        certainty="proved by a gradient sent back at one recorded step"
        + ("" if mixing.above else ", and by comparing numbers"),
        causes=("wrong_shape", "other"),
        remedies=how.remedies,
        evidence={"mixed": mixing.mixed, "samples": mixing.samples},
    )


def _counted(mixing: Mixing) -> bool:
    """Whether each sample it depends on was seen, rather than some of them."""
    return bool(mixing.above) and RUN_OVER not in mixing.between


def _measured(mixing: Mixing) -> str:
    if not mixing.above:
        return (
            "the first layer is given the numbers of the batch in another order: among those that "
            f"lead to one sample's output are those of at least {mixing.mixed} other samples"
        )
    if RUN_OVER in mixing.between:
        return (
            f"{mixing.above} takes the axis of the samples for time: of {mixing.samples} other "
            f"samples at least {mixing.mixed} come before the one whose output was sent back"
        )
    return (
        f"the gradient of one sample's output is not 0 at {mixing.mixed} of {mixing.samples} other "
        f"samples; they meet after {mixing.above}, in {', '.join(mixing.between[:6])}"
    )


def _severity(stream: Stream, how: How, mixing: Mixing) -> Severity:
    if not how.mistake:
        return Severity.NOTE
    certain = how.certain or mixing.later > 0  # its samples are known: lines of text to go on with
    return stream.course.harm(HALF, alarms=certain)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    *between: str,
    losses: Sequence[float] = FLAT,
    mixed: int = 2,
    flat: bool = False,
    above: str = "0:linear#0",
    later: int = 0,
    merged: bool = False,
) -> Trace:
    """A batch of 32, of which one sample was sent back."""
    mixing = Mixing(31, mixed, above, between, flat=flat, merged=merged, later=later)
    return example.asked(example.regression(losses, update=1e-3), mixing)


def _competing(losses: Sequence[float] = FLAT, shape: Shape = (32, 4)) -> Trace:
    known = example.chain("linear", "softmax", "linear", "mse_loss", batch=32)
    linear, softmax, *rest = known.sites
    softmax = replace(example.with_details(softmax, dim=0), shape=shape)
    graph = Graph((linear, softmax, *rest), known.edges)
    shots = [replace(shot, graph=graph) for shot in _example(losses=losses).snapshots]
    return example.asked(
        example.trace(*shots, losses=losses), Mixing(31, 31, "0:linear#0", ("softmax",))
    )


def _run_over(shape: Shape) -> Trace:
    """A fused recurrence along the first axis of a batch of this shape; the loss falls."""
    known = _example(RUN_OVER, mixed=15, above="cell:lstm#0", losses=example.FALLING)
    batch = BatchReading(shape, example.sums(np.ones((32, 4))))
    shots = tuple(replace(shot, batch=batch) for shot in known.snapshots)
    return replace(known, snapshots=shots)


def _told() -> Trace:
    """A recurrence that takes the batch first, and is given the time first."""
    known = _example("lstm", mixed=31, above="0:lstm#0")
    shots = []
    for shot in known.snapshots:
        first, *rest = shot.graph.sites
        told = example.with_details(replace(first, operation="lstm"), batch_first=1.0)
        shots.append(replace(shot, graph=Graph((told, *rest), shot.graph.edges)))
    return replace(known, snapshots=tuple(shots))


RULE = Rule(
    code="DAT006",
    name="samples-mixed",
    title="The output of one sample depends on the others of its batch",
    why="The samples of a batch were drawn at random, so what an output takes from its neighbours "
    "is noise that no weight can undo. And alone, or in another batch, the same sample gets "
    "another answer.",
    sees="""
Rows of a batch that were dealt out anew: `view` where the axes should have been moved first (the
last states of a bidirectional layer are laid out as directions × batch × units), attention or a
recurrence that takes the batch for the sequence, a softmax with `dim=0`. All shapes fit, nothing
fails, and the network gets its labels from strangers.
""",
    evidence="""
In one recorded step, before the run's own backward pass, the output of one sample alone is sent
back as a gradient. Where it is not exactly 0 at another sample, the output depends on that sample:
a proof, not an estimate. Batch normalisation is left out of it. Before the first layer there is no
gradient: there the numbers of the batch are looked for, and those of two others found, at least. Of
a fused LSTM that comes first, the gradient shows which axis it takes for time.

An alarm needs an operation that mixes by mistake (see above). Where none can be meant it needs no
harm: a softmax over the batch for each unit of a layer, a view that deals hidden rows out anew, a
fused recurrence over a batch of sequences. In training the samples of a batch help each other, so
the loss may fall all the same. Another recurrence over the batch, or attention, may be meant, and
alarms if the fit stays poor; so does an input that was
dealt out anew. Where the targets are the next tokens of the input it is known which axis is the
sequence, and no such operation over the other one can be meant. Everything else is a note.
""",
    ignore="""
Samples may belong together: pairs, mixed samples, neighbours in a graph, the rows of a set, the
frames of a clip. Then rows are chosen by an index, weighed against each other by one number each,
or compared with a mean, and that is a note; only where several rows of each sample lie on one axis
with those of the others, and an index adds them up, a poor fit alarms. It is not asked where the
user's own functions, checkpointing or compiled code stand in the way (the coverage says so).
""",
    references=(
        "Karpathy 2019, A Recipe for Training Neural Networks: use backprop to chart dependencies",
        "PyTorch documentation, torch.nn.GRU: layout of h_n, and batch_first",
    ),
    reads=frozenset({Quantity.MIXING, Quantity.BATCH, Quantity.LOSS}),
    check=check,
    thresholds={"fit": HALF, "units": UNITS, "matrix": MATRIX},
    explains=(
        "labels-unrelated",
        "loss-flat",
        "constant-output",
        "squashed-hidden-softmax",
        "rate-too-low",
        "loss-oscillates",
    ),
    cases=(
        Case("a view of states", lambda: _example("stack", "view"), Severity.WARNING),
        Case("a recurrence over it", lambda: _example("gru", "select", mixed=16), Severity.WARNING),
        Case(
            "a fused recurrence over it",
            lambda: _example(RUN_OVER, mixed=15, above="cell:lstm#0"),
            Severity.WARNING,
        ),
        Case(
            "a fused recurrence over a batch of sequences, and the loss falls",
            lambda: _run_over((32, 12, 4)),
            Severity.WARNING,
        ),
        Case("near miss: one sequence, with a batch of 1", lambda: _run_over((32, 1, 4)), None),
        Case("a recurrence over it, told where the batch is", _told, Severity.WARNING),
        Case("attention over it", lambda: _example("view", "matmul", mixed=31), Severity.WARNING),
        Case("a softmax over it", _competing, Severity.WARNING),
        Case(
            "a softmax over it, and the loss falls",
            lambda: _competing(example.FALLING),
            Severity.WARNING,
        ),
        Case(
            "a softmax over it of a number for each place, and the loss falls",
            lambda: _competing(example.FALLING, (32, 30, 1)),
            Severity.WARNING,
        ),
        Case(
            "a view, and the loss falls",
            lambda: _example("permute", "view", losses=example.FALLING),
            Severity.WARNING,
        ),
        Case(
            "a view of states, and the loss falls",
            lambda: _example("gru", "view", "slice", losses=example.FALLING),
            Severity.WARNING,
        ),
        Case(
            "near miss: a softmax that chooses one of the rows",
            lambda: _competing(example.FALLING, (32, 1)),
            None,
        ),
        Case(
            "near miss: a softmax over one number of each row",
            lambda: _competing(example.FALLING, (32,)),
            None,
        ),
        Case(
            "near miss: a softmax over rows against rows",
            lambda: _competing(example.FALLING, (32, 32)),
            None,
        ),
        Case(
            "near miss: frames of a clip, and it learns",
            lambda: _example("view", "slice", "view", losses=example.FALLING),
            None,
        ),
        Case(
            "near miss: steps of an episode, and it learns",
            lambda: _example("view", "lstm", "view", losses=example.FALLING),
            None,
        ),
        Case(
            "near miss: attention over rows, and it learns",
            lambda: _example("view", "matmul", mixed=31, losses=example.FALLING),
            None,
        ),
        Case(
            "a recurrence over lines of text to go on with, and the loss falls",
            lambda: _example("lstm", losses=example.FALLING, later=5),
            Severity.WARNING,
        ),
        Case("the input itself", lambda: _example("view", above=""), Severity.WARNING),
        Case(
            "near miss: the input itself, and it learns",
            lambda: _example("view", above="", losses=example.FALLING),
            None,
        ),
        Case("near miss: chosen by an index", lambda: _example("index", "view"), None),
        Case(
            "added up by an index into the rows of all",
            lambda: _example("view", "index_select", "index_add", "view", merged=True),
            Severity.WARNING,
        ),
        Case(
            "near miss: the same, and it learns",
            lambda: _example("view", "index_add", merged=True, losses=example.FALLING),
            None,
        ),
        Case("near miss: one sequence", lambda: _example("gru", mixed=16, flat=True), None),
        Case("apart", lambda: _example(mixed=0), None),
        Case("readings missing: not asked", lambda: example.unread(_example("view")), None),
    ),
)

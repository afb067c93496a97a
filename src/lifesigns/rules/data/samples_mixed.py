"""DAT006: the output of one sample depends on other samples of the batch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.output import normalised_dim
from lifesigns.evidence.thresholds import HALF
from lifesigns.functions import ACTIVATIONS
from lifesigns.records import (
    Finding,
    Graph,
    Kind,
    Mixing,
    Quantity,
    Remedy,
    Severity,
    Shape,
    Snapshot,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FLAT

UNITS = Threshold(2, "numbers of a row for which a softmax over rows is no choice", "definition")
MATRIX = Threshold(
    2,
    "axes, rows and columns, of scores that may be a matching; a sequence has more",
    "definition",
)
REGROUPING = frozenset({"view", "reshape", "unsafe_view", "reshape_alias", "as_strided"})
"""They deal the numbers of a tensor out anew, in the order in which they lie in memory."""
ROW_BY_ROW = frozenset(
    {
        "add", "alias", "bias", "cat", "chunk", "clone", "constant_pad_nd", "copy", "copy_slices",
        "div", "dropout", "expand", "layer_norm", "linear", "mul", "neg", "permute", "select",
        "slice", "split", "split_with_sizes", "squeeze", "stack", "sub", "swap_axes", "t",
        "to_copy", "transpose", "unbind", "unsafe_split", "unsqueeze", *REGROUPING, *ACTIVATIONS,
    }
)  # fmt: skip
"""They leave each row by itself, or only lay rows out: samples that meet there, met by mistake."""
WHOLE_ROWS = frozenset({"chunk", "select", "slice", "split", "split_with_sizes", "unbind"}) | {
    "constant_pad_nd", "copy_slices", "unsafe_split",
}  # fmt: skip
"""They take rows apart again after a view, as one over the frames of each clip is meant to be."""
SOFTMAX = frozenset({"softmax", "log_softmax"})
RUN_OVER = "recurrence_over_samples"
RECURRENT = frozenset({"lstm", "gru", "rnn", "rnn_tanh", "rnn_relu", RUN_OVER})
ATTENTION = frozenset({"scaled_dot_product_attention", "matmul"})
CHOOSING = frozenset(
    {
        "combination", "index", "index_select", "gather", "scatter", "scatter_add", "index_add",
        "index_put", "index_copy", "flip", "roll", "sort", "topk", "mean", "sum", "var", "std",
        "sparse_addmm",
    }
)  # fmt: skip
"""They pair samples, or compare them with their mean: hardly by mistake."""


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    for snapshot in stream.snapshots:
        mixing = snapshot.mixing
        if mixing is not None and mixing.mixed:
            yield _finding(stream, snapshot, mixing)
            return


@dataclass(frozen=True)
class _How:
    """By what operation samples were mixed."""

    mistake: str
    """Empty if it may well be intended."""
    remedies: tuple[Remedy, ...]
    certain: bool = False
    """Whether no network is meant to do this, so that a good fit acquits nothing: in training the
    samples of a batch help each other, and the loss falls for that."""


def _finding(stream: Stream, snapshot: Snapshot, mixing: Mixing) -> Finding:
    how, least = _explained(snapshot, mixing), "" if _counted(mixing) else "at least "
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


def _severity(stream: Stream, how: _How, mixing: Mixing) -> Severity:
    if not how.mistake:
        return Severity.NOTE
    harm = stream.course.harm(HALF)
    certain = how.certain or mixing.later > 0  # its samples are known: lines of text to go on with
    return Severity.WARNING if certain and harm is Severity.NOTE else harm


def _explained(snapshot: Snapshot, mixing: Mixing) -> _How:
    words = frozenset(mixing.between)
    over_batch = list(_over_batch(snapshot, mixing)) if words & SOFTMAX else []
    if mixing.merged and not mixing.flat and words & REGROUPING:
        return _How("an index into the rows of all samples leads to others", (_OFFSET, _CHECK))
    if words & CHOOSING:
        return _How("", (_CHECK,))
    if over_batch:
        certain = not any(_chooses(snapshot.graph, index) for index in over_batch)
        return _How("a softmax runs over the batch", (_OVER_CLASSES,), certain)
    if not mixing.flat and words & ATTENTION:
        mistake = "attention runs over the batch, not over the sequence"
        return _How(mistake, (_BATCH_FIRST, _LAST_AXES))
    regrouped = words & REGROUPING and words <= ROW_BY_ROW | RECURRENT
    if regrouped and not words & RECURRENT:
        cut = bool(mixing.above) and words.isdisjoint(WHOLE_ROWS)
        return _How("a view deals their numbers out anew", (_MOVE, _CHECK), cut)
    if not mixing.flat and words & RECURRENT:
        if regrouped and not _all(mixing):
            mistake = "a view deals their states out anew"
            return _How(mistake, (_MOVE, _CHECK), _ends_in_view(mixing))
        mistake = "the recurrence runs over the batch, not over the sequence"
        told = any(site.details.get("batch_first") for site in snapshot.graph.sites)
        return _How(mistake, (_TIME_FIRST,) if told else (_RECURRENT_FIRST,))
    return _How("", (_CHECK,))


def _all(mixing: Mixing) -> bool:
    """Whether it depends on all samples before its own, as a recurrence over the batch does."""
    return mixing.mixed > mixing.samples - mixing.mixed


def _ends_in_view(mixing: Mixing) -> bool:
    """Whether only what a recurrence gave was viewed anew, not its input.

    Steps of episodes that lie one after the other have to be parted before it.
    """
    words = mixing.between
    first = next(place for place, word in enumerate(words) if word in REGROUPING)
    return not RECURRENT.isdisjoint(words[:first])


def _chooses(graph: Graph, index: int) -> bool:
    """Whether a softmax over rows may be meant to choose among them, or to match them.

    One number for each row is a choice of a row; scores of rows against rows, or against other
    data, are a matching. Neither is one number for each unit of a layer.
    """
    site = graph.sites[index]
    rows = site.shape[0]
    layered = any(graph.sites[i].parameters for i in graph.predecessors(index))
    return (
        len(site.shape) < MATRIX
        or math.prod(site.shape[1:]) < UNITS
        or site.shape.count(rows) > 1
        or not (layered or len(site.shape) > MATRIX)
    )


def _over_batch(snapshot: Snapshot, mixing: Mixing) -> Iterator[int]:
    """The softmaxes of the graph that run over the batch."""
    for index in snapshot.graph.of_kind(Kind.SOFTMAX):
        site = snapshot.graph.sites[index]
        led = site.shape[:1] == (mixing.samples + 1,)
        if led and normalised_dim(site) == 0 and "dim" in site.details:
            yield index


_MOVE = Remedy(
    "Move the axis of the samples to the front before you merge others: a view only counts.",
    "x = torch.cat([h[-2], h[-1]], dim=1)  # or: x = h.transpose(0, 1).reshape(batch, -1)",
    edit="samples-first",
)
_CHECK = Remedy(
    "Check that one sample alone gives what it gives in the batch.",
    "model.eval()\nassert torch.allclose(model(x[:1]), model(x)[:1], atol=1e-4)",
)
_OFFSET = Remedy(
    "Count the rows of each sample: the first one of a sample is its number times those.",
    "row = sample * rows_of_each + place  # not: sample * batch_size + place",
)
_OVER_CLASSES = Remedy(
    "Normalise over the classes, the last dimension.",
    "probabilities = torch.softmax(z, dim=-1)",
    edit="softmax-dim",
)
_BATCH_FIRST = Remedy(
    "Say where the batch is.",
    "nn.TransformerEncoderLayer(d_model, heads, batch_first=True)",
    edit="batch-first",
)
_LAST_AXES = Remedy(
    "Bring the positions next to the features before queries meet keys.",
    "q, k, v = (t.transpose(1, 2) for t in (q, k, v))  # (batch, heads, positions, features)",
)
_RECURRENT_FIRST = Remedy(
    "Say where the batch is.",
    "nn.LSTM(features, units, batch_first=True)  # or nn.GRU",
    edit="batch-first",
)
_TIME_FIRST = Remedy(
    "The layer takes the batch first and is given the time first: exchange them, or leave "
    "`batch_first` out.",
    "out, state = rnn(x.transpose(0, 1))  # x: time, batch, features",
)


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
harm: a softmax over the batch for each unit of a layer, a view that deals hidden rows out anew. In
training the samples of a batch help each other, so the loss may fall all the same. Attention or a
recurrence over the batch may be meant, and alarms if the fit stays poor; so does an input that was
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
    reads=frozenset({Quantity.MIXING, Quantity.LOSS}),
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

"""By what operation the samples of a batch were mixed, and whether that may be meant."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from lifesigns.evidence.output import normalised_dim
from lifesigns.evidence.thresholds import Threshold
from lifesigns.functions import ACTIVATIONS
from lifesigns.records import BatchReading, Graph, Kind, Mixing, Remedy, Snapshot

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


@dataclass(frozen=True)
class How:
    """By what operation samples were mixed."""

    mistake: str
    """Empty if it may well be intended."""
    remedies: tuple[Remedy, ...]
    certain: bool = False
    """Whether no network is meant to do this, so that a good fit acquits nothing: in training the
    samples of a batch help each other, and the loss falls for that."""


def explained(snapshot: Snapshot, mixing: Mixing) -> How:
    """How samples were mixed.

    Args:
        snapshot: In which that was asked.
        mixing: What was found.
    """
    words = frozenset(mixing.between)
    over_batch = list(_over_batch(snapshot, mixing)) if words & SOFTMAX else []
    if mixing.merged and not mixing.flat and words & REGROUPING:
        return How("an index into the rows of all samples leads to others", (_OFFSET, _CHECK))
    if words & CHOOSING:
        return How("", (_CHECK,))
    if over_batch:
        certain = not any(_chooses(snapshot.graph, index) for index in over_batch)
        return How("a softmax runs over the batch", (_OVER_CLASSES,), certain)
    if not mixing.flat and words & ATTENTION:
        mistake = "attention runs over the batch, not over the sequence"
        return How(mistake, (_BATCH_FIRST, _LAST_AXES))
    regrouped = words & REGROUPING and words <= ROW_BY_ROW | RECURRENT
    if regrouped and not words & RECURRENT:
        cut = bool(mixing.above) and words.isdisjoint(WHOLE_ROWS)
        return How("a view deals their numbers out anew", (_MOVE, _CHECK), cut)
    if not mixing.flat and words & RECURRENT:
        if regrouped and not _all(mixing):
            mistake = "a view deals their states out anew"
            return How(mistake, (_MOVE, _CHECK), _ends_in_view(mixing))
        mistake = "the recurrence runs over the batch, not over the sequence"
        told = any(site.details.get("batch_first") for site in snapshot.graph.sites)
        remedy = _TIME_FIRST if told else _RECURRENT_FIRST
        return How(mistake, (remedy,), RUN_OVER in words and _are_sequences(snapshot.batch))
    return How("", (_CHECK,))


def _are_sequences(batch: BatchReading | None) -> bool:
    """Whether each sample is a sequence of its own: another axis than theirs is the time."""
    match () if batch is None else batch.shape:
        case (_samples, length, _features):
            return length > 1
    return False


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

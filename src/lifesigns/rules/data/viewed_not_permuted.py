"""DAT015: axes were to be exchanged, of a batch or of heads, and a view tore it instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import (
    BatchReading,
    Finding,
    LossReading,
    Quantity,
    Remedy,
    Severity,
    Site,
    Snapshot,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MARK = "dealt_out_at"
"""The detail of a loss: the site that is given the memory of the batch with its sizes exchanged."""
AT, DOWN, ALONG = "pictures_at", "smoother_down", "smoother_along"
"""Of pictures: the site that is given them, and by how much they get smoother in another order."""
BY_SAMPLES = "by_samples"
"""Whether samples and time are what changes places."""
RUN_OVER, ACROSS = "run_over_at", "smoother_across"
"""Of as many samples as steps: the recurrent layer that runs along axis 0, and how smooth 1 is."""
HEADS_AT, HEADS, POSITIONS = "torn_heads_at", "heads", "positions"
"""Of attention: the site whose values are viewed, and the sizes that change places."""
STATES_AT, STATES, SAMPLES = "torn_states_at", "states", "samples"
"""Of a recurrent layer: the site whose last states are viewed, and the sizes that change places."""
PAIRS, TOLD_BY = "torn_pairs", "torn_pairs_by"
"""Of two index vectors: how many pairs they hold, and what tells that they are halves of a list."""
TOLD = (
    ("both are one memory of rows of two numbers, one half each", "exact: memory and sizes"),
    (
        "read two by two, every edge has its counterpart, and as they are used, not every one has",
        "exact: an undirected graph",
    ),
    (
        "read two by two, the first numbers of the edges are sorted, and as they are used, none "
        "are",
        "by sight: no vector is sorted, and every other number of both is",
    ),
)
STEPS = Threshold(2, "recorded steps in which a layer is given such a view", "one may be a trial")
SMOOTHER = Threshold(
    0.7,
    "difference of neighbours over that before sizes are exchanged back",
    "measured: photographs 1.0 and more, torn ones 0.1 to 0.5",
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    looks = _by_memory, _by_sizes, _of_pairs, _by_sight, _run_over
    yield from next(filter(None, (look(stream) for look in looks)), [])


def _by_memory(stream: Stream) -> list[Finding]:
    """A layer is given the memory of the batch."""
    viewed = _viewed(stream, MARK)
    if not viewed:
        return []
    first, site, loss = viewed[0]
    by_samples = BY_SAMPLES in loss.details
    given = f"a batch of {_sizes(first.batch.shape)}" if first.batch else "the batch"
    return [
        RULE.finding(
            Severity.WARNING,
            f"a view exchanges the sizes of {given}, and not its axes: "
            + ("samples are mixed" if by_samples else "every sample is torn"),
            site=site.name,
            step=first.step,
            measured=f"{site.name} is given the memory of the batch as it lies there, with its "
            f"sizes in another order, in {counted(len(viewed), 'recorded step')}"
            f"{stream.course.remark}",
            expected=_EXPECTED,
            certainty="exact: memory and sizes",
            causes=("wrong_shape", "other"),
            remedies=(_TIME_FIRST if by_samples else _PERMUTE,),
            evidence={"steps": len(viewed)},
            why=_MIXED if by_samples else "",
        )
    ]


def _viewed(stream: Stream, mark: str) -> list[tuple[Snapshot, Site, LossReading]]:
    """The steps with a view, and the site that it is at; none if they are few, or it is gone."""
    read = [(s, s.loss) for s in stream.snapshots if s.loss is not None]
    marked = [(s, loss) for s, loss in read if mark in loss.details]
    if len(marked) < STEPS or mark not in read[-1][1].details:
        return []
    return [(s, s.graph.sites[int(loss.details[mark])], loss) for s, loss in marked]


class _Torn(NamedTuple):
    """A view inside the network that takes one axis for another, as the sizes tell."""

    mark: str
    sizes: tuple[str, str]
    """Details of a loss: those that change places."""
    symptom: str
    measured: str
    remedy: Remedy
    why: str


def _by_sizes(stream: Stream) -> list[Finding]:
    """Heads of attention, or last states of a recurrent layer, are split or joined by a view."""
    found = ((torn, _viewed(stream, torn.mark)) for torn in _TORN)
    return [_told(stream, torn, viewed) for torn, viewed in found if viewed][:1]


def _told(stream: Stream, torn: _Torn, viewed: list[tuple[Snapshot, Site, LossReading]]) -> Finding:
    first, site, loss = viewed[0]
    inner, outer = (int(loss.details[size]) for size in torn.sizes)
    return RULE.finding(
        Severity.WARNING,
        torn.symptom.format(site=site.name),
        site=site.name,
        step=first.step,
        measured=f"{torn.measured.format(inner=inner, outer=outer)}, in "
        f"{counted(len(viewed), 'recorded step')}{stream.course.remark}",
        expected=_EXPECTED,
        certainty="exact: the sizes before and behind the view",
        causes=("wrong_shape", "other"),
        remedies=(torn.remedy,),
        evidence={"steps": len(viewed), torn.sizes[0]: inner},
        why=torn.why,
    )


def _of_pairs(stream: Stream) -> list[Finding]:
    """The two columns of a list of edges are not taken apart."""
    seen = [one.details for one in stream.marked(PAIRS)]
    if len(seen) < STEPS:
        return []
    measured, certainty = TOLD[int(seen[-1][TOLD_BY])]
    pairs = int(seen[-1][PAIRS])
    return [
        RULE.finding(
            Severity.WARNING,
            "a list of pairs (E, 2) was viewed as (2, E) and not transposed: each index vector "
            "holds numbers of both columns",
            step=stream.first.step,
            measured=f"two index vectors of {pairs} numbers: {measured}, in "
            f"{counted(len(seen), 'recorded step')}{stream.course.remark}",
            expected=_EXPECTED,
            certainty=certainty,
            causes=("wrong_shape", "other"),
            remedies=(_PAIRS,),
            evidence={"steps": len(seen), "pairs": pairs},
            why="Memory holds the pairs one behind the other. Half of it is the first half of the "
            "pairs, not the first of each: what is linked then are strangers, as in a random "
            "graph, and what neighbours pass on says nothing.",
        )
    ]


def _by_sight(stream: Stream) -> list[Finding]:
    """The view was made before the loop: the pictures show it, in each recorded step."""
    seen = [one.details for one in stream.marked(DOWN)]
    down, along = (float(np.max([d[of] for d in seen], initial=0.0)) for of in (DOWN, ALONG))
    if len(seen) < STEPS or not (0 < down < SMOOTHER and 0 < along < SMOOTHER):
        return []
    site = stream.first.graph.sites[int(seen[0][AT])]
    return [
        RULE.finding(
            Severity.WARNING,
            f"the pictures that {site.name} is given were viewed as channels first and not "
            "permuted: every picture is torn",
            site=site.name,
            step=stream.first.step,
            measured=f"read as rows, columns and channels, neighbours in a column differ by "
            f"{down:.0%} of what they do now, and in a row by {along:.0%}, in "
            f"{counted(len(seen), 'recorded step')}{stream.course.remark}",
            expected=_EXPECTED,
            certainty="by sight: whole pictures are not smoother in that order",
            causes=("wrong_shape", "other"),
            remedies=(_PERMUTE,),
            evidence={"steps": len(seen), "down": down, "along": along},
        )
    ]


def _run_over(stream: Stream) -> list[Finding]:
    """A recurrent layer runs over samples: their number is that of the steps, so no size tells."""
    seen = [one.details for one in stream.marked(ACROSS)]
    across = float(np.max([d[ACROSS] for d in seen], initial=0.0))
    if len(seen) < STEPS or not across < SMOOTHER:
        return []
    site = stream.first.graph.sites[int(seen[0][RUN_OVER])]
    return [
        RULE.finding(
            Severity.WARNING,
            f"{site.name} takes the samples for time: their axes are not exchanged, and samples "
            "are mixed",
            site=site.name,
            step=stream.first.step,
            measured="there are as many samples as steps of time, so that a view exchanges "
            f"nothing; along the second axis neighbours differ by {across:.0%} of what they do "
            f"along the first, in {counted(len(seen), 'recorded step')}{stream.course.remark}",
            expected=_EXPECTED,
            certainty="by sight: neighbours in time are alike, neighbouring samples are not",
            causes=("wrong_shape", "other"),
            remedies=(_TIME_FIRST,),
            evidence={"steps": len(seen), "across": across},
            why=_MIXED,
        )
    ]


_MIXED = (
    "What a recurrent layer takes for a sequence are then pieces of several samples, and each "
    "output belongs to all of them. The labels are those of one sample each, which its output "
    "hardly knows."
)
_EXPECTED = "`permute` or `transpose`, which keep together what belongs together"


def _sizes(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))})"


_PERMUTE = Remedy(
    "Exchange the axes, in place of a view or a reshape.",
    "x = x.permute(0, 2, 1)  # (batch, time, channel) to (batch, channel, time); "
    "not x.view(b, c, t)",
    edit="exchange-axes",
)
_TIME_FIRST = Remedy(
    "Exchange the axes of samples and time, or let the layer take the samples first.",
    "x = x.permute(1, 0, 2)  # or nn.GRU(..., batch_first=True) and no view",
)
_STATES = Remedy(
    "Let the samples lead before the states are joined.",
    "h = h.transpose(0, 1).reshape(len(x), -1)  # or torch.cat((h[-2], h[-1]), dim=-1)",
)
_PAIRS = Remedy(
    "Transpose the list of pairs, in place of a view or a reshape.",
    "edge_index = edges.t().contiguous()  # not edges.reshape(2, -1)",
    edit="transpose-pairs",
)
_TRANSPOSE = Remedy(
    "Give each position its heads, then exchange the two axes; before they are joined, exchange "
    "them back.",
    "q = q.view(b, t, heads, d).transpose(1, 2)\n"
    "out = out.transpose(1, 2).reshape(b, t, heads * d)",
)
_TORN = (
    _Torn(
        HEADS_AT,
        (HEADS, POSITIONS),
        "a view of what {site} gives exchanges the sizes of heads and positions, and not their "
        "axes: tokens are torn",
        "{outer} positions of {inner} heads and {inner} heads of {outer} positions are one memory",
        _TRANSPOSE,
        "What lies side by side in memory are the heads of one position. A view that takes them "
        "for positions makes a head of a few neighbouring tokens, cut into pieces: those further "
        "apart never meet, and attention compares pieces that mean different things.",
    ),
    _Torn(
        STATES_AT,
        (STATES, SAMPLES),
        "a view of the last states of {site} exchanges the sizes of states and samples, and not "
        "their axes: samples are mixed",
        "{inner} states of {outer} samples were viewed as {outer} rows of {inner} states",
        _STATES,
        "Memory holds the forward states of all samples, and then the backward ones. A row of the "
        "view is made of states of neighbouring samples of one direction, and goes with the label "
        "of another.",
    ),
)


# --- cases ----------------------------------------------------------------------------------------
def _example(steps: int) -> Trace:
    known = example.fitting(
        example.chain("conv1d/4", "relu", "linear/1", "mse_loss"),
        example.FALLING,
        np.ones((8, 1)),
        example.target([1.0] * 8),
        batch=BatchReading((8, 64, 6), example.sums(np.ones((8, 6)))),
    )
    if not steps:
        return known
    marked = example.marked(known, {MARK: 0.0})
    return replace(known, snapshots=(*known.snapshots[: 4 - steps], *marked.snapshots[-steps:]))


def _pictures(down: float, along: float) -> Trace:
    return example.marked(_example(0), {AT: 0.0, DOWN: down, ALONG: along})


def _run(across: float) -> Trace:
    return example.marked(_example(0), {RUN_OVER: 0.0, ACROSS: across})


def _heads(steps: int) -> Trace:
    known = _example(0)
    marked = example.marked(known, {HEADS_AT: 0.0, HEADS: 4.0, POSITIONS: 16.0})
    return replace(known, snapshots=(*known.snapshots[: 4 - steps], *marked.snapshots[-steps:]))


def _states(steps: int) -> Trace:
    known = _example(0)
    marked = example.marked(known, {STATES_AT: 0.0, STATES: 2.0, SAMPLES: 64.0})
    return replace(known, snapshots=(*known.snapshots[: 4 - steps], *marked.snapshots[-steps:]))


def _edges(told_by: float, steps: int = 4) -> Trace:
    known = _example(0)
    marked = example.marked(known, {PAIRS: 90.0, TOLD_BY: told_by})
    return replace(known, snapshots=(*known.snapshots[: 4 - steps], *marked.snapshots[-steps:]))


RULE = Rule(
    code="DAT015",
    name="viewed-not-permuted",
    title="A view stands where axes were to be exchanged",
    why="A view deals numbers out in the order in which they lie in memory. With the sizes of two "
    "axes exchanged each row holds pieces of all channels: what stood side by side is torn apart, "
    "and what a filter finds there means nothing.",
    sees="""
Signals of (batch, time, channel), or images of (batch, row, column, channel), that are to go into a
convolution: `x.view(b, c, t)` or `x.reshape(b, c, h, w)` has the right sizes, raises no error, and
what is learned of it is little, or by heart. Or heads of attention, `q.view(b, heads, t, d)` or
`q.view(b * heads, t, d)` of a layer's (b, t, heads · d). Or the last states of a recurrent layer of
two directions or several levels, (states, batch, unit), joined by `h.view(batch, -1)`. Or the edges
of a graph, (E, 2), that are reshaped to `edge_index`, (2, E).
""",
    evidence="""
What the first convolution or linear layer keeps of its input is the very memory of the batch that
the network is given, in the same order, and its sizes are those of the batch in another order.
Where the memory is NumPy's, the numbers are compared. In two recorded steps, the last among them.
Of a view before the loop the pictures tell: in all recorded steps neighbours, both in a row and in
a column, differ by less than seven tenths if the memory is read with the channels last. Of heads,
the sizes before and behind the views of queries and keys, or of what attention gives; of last
states, those before and behind the view. Where there
are as many samples as steps, a recurrent layer that takes time first is given the batch as it is:
neighbours along its second axis are the more alike ones, by as much. Of edges, two index vectors
that are halves of one memory with rows of two numbers; where they are copies, that all edges have
their counterparts, or are sorted, if the halves are read two by two, and not as they are used.
""",
    ignore="""
Exchanged axes have other strides, or are a copy in another order. A view that flattens, cuts
patches out of whole rows, joins frames with the batch or adds an axis of 1 keeps the order of the
sizes, and two axes of one length, as of as many heads as positions or states as samples, cannot be
told apart: all of these are not reported. Grey pictures with three equal channels do not tell what
was done to them before the loop; stripes that repeat after as many pixels as there are channels may
look torn. Edges of a directed graph in no order, that were copied after the view, do not tell.
""",
    references=(
        "PyTorch, `torch.Tensor.view` and `torch.permute`",
        "NumPy, `reshape`: the elements are read in the order of their index",
    ),
    reads=frozenset({Quantity.LOSS, Quantity.BATCH}),
    check=check,
    thresholds={"steps": STEPS, "smoother": SMOOTHER},
    explains=("loss-flat", "labels-unrelated", "constant-output", "stopped-early"),
    cases=(
        Case("in every step", lambda: _example(4), Severity.WARNING),
        Case(
            "samples and time",
            lambda: example.marked(_example(4), {MARK: 0.0, BY_SAMPLES: 1.0}),
            Severity.WARNING,
        ),
        Case("from the third step on", lambda: _example(2), Severity.WARNING),
        Case("pictures that were torn before", lambda: _pictures(0.2, 0.3), Severity.WARNING),
        Case("a layer that runs over the samples", lambda: _run(0.4), Severity.WARNING),
        Case("near miss: neither axis is smooth", lambda: _run(1.0), None),
        Case("heads that are cut from memory", lambda: _heads(2), Severity.WARNING),
        Case("last states that are viewed", lambda: _states(2), Severity.WARNING),
        Case("near miss: states in one step", lambda: _states(1), None),
        Case("halves of a list of edges", lambda: _edges(0), Severity.WARNING),
        Case("an undirected graph, if read by twos", lambda: _edges(1), Severity.WARNING),
        Case("sorted edges, if read by twos", lambda: _edges(2), Severity.WARNING),
        Case("near miss: edges in one step", lambda: _edges(0, 1), None),
        Case("near miss: whole pictures", lambda: _pictures(2.0, 1.8), None),
        Case("near miss: stripes, smoother in one way", lambda: _pictures(0.2, 1.0), None),
        Case("near miss: of one colour", lambda: _pictures(np.nan, np.nan), None),
        Case("near miss: in one step", lambda: _example(1), None),
        Case("near miss: heads in one step", lambda: _heads(1), None),
        Case("near miss: exchanged", lambda: _example(0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(4)), None),
    ),
)

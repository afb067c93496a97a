"""ACT010: weights by which the network chooses add up to 1 over a dimension of length 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.output import is_output, normalised_dim
from lifesigns.evidence.softmax import products
from lifesigns.evidence.thresholds import FITTED, HALF
from lifesigns.records import (
    Finding,
    Graph,
    Kind,
    LossReading,
    Quantity,
    Remedy,
    Severity,
    Site,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

ONE = Threshold(1, "places that share a sum of 1", "definition: one has all")
PICKS = frozenset({"topk", "max", "amax", "sort", "gather"})
"""Operations by which one of several scores, or of their shares, is picked."""
LOGS = frozenset({"log", "log_softmax", "logsigmoid"})
"""Operations by which a choice is made likelier or rarer by what came of it, without its share."""


def check(stream: Stream) -> Iterator[Finding]:
    """One finding per normalisation that is over one place in all recorded steps."""
    graph = stream.first.graph
    for index, site in enumerate(graph.sites):
        if not _normalises(site) or not products(graph, index):
            continue
        picked = _is_of_picked(graph, index)
        if (picked or not is_output(graph, index)) and _is_always_one(stream, site, picked=picked):
            yield _finding(stream, site, picked=picked)


def _normalises(site: Site) -> bool:
    """Whether values are made to add up to 1: by a softmax, or divided by their own sum."""
    is_softmax = site.kind is Kind.SOFTMAX and site.operation == "softmax"
    return (is_softmax and "dim" in site.details) or "sum_dim" in site.details


def _dim(site: Site) -> int:
    """The dimension over which they add up, counted from 0."""
    along = site.details.get("sum_dim")
    return normalised_dim(site) if along is None else int(along) % len(site.shape)


def _is_always_one(stream: Stream, site: Site, *, picked: bool) -> bool:
    """Whether places lie along another dimension, of which it takes each by itself, or went before.

    Samples are no places. Behind a product of queries and keys the last dimension is that of the
    keys: where it is that one that has length 1, there is a single key.
    """
    all_steps = [each for s in stream.snapshots for each in s.graph.sites if each.name == site.name]
    if not all(_normalises(each) and _is_over_one(each) for each in all_steps):
        return False
    graph = stream.first.graph
    made_by = [graph.sites[i] for i in graph.predecessors(graph.find(site.name))]
    is_of_scores = bool(made_by) and all(each.parameters for each in made_by)
    return picked or all(_is_of_others(each, is_of_scores) for each in all_steps)


def _is_over_one(site: Site) -> bool:
    dim = _dim(site)
    return dim > 0 and site.shape[dim] <= ONE


def _is_of_others(site: Site, is_of_scores: bool) -> bool:
    """Whether places lie behind the dimension or, of a layer with one unit, before it."""
    dim = _dim(site)
    behind, before = site.shape[dim + 1 :], site.shape[1:dim]
    return any(n > ONE for n in (behind or before)) and bool(behind or is_of_scores)


def _is_of_picked(graph: Graph, index: int) -> bool:
    """Whether what it normalises is one of several, which were picked from along its dimension."""
    rank, dim = len(graph.sites[index].shape), _dim(graph.sites[index])
    picks = [i for i in graph.predecessors(index) if graph.sites[i].operation in PICKS]
    sites = [graph.sites[i] for pick in picks for i in (pick, *graph.predecessors(pick))]
    return any(len(site.shape) == rank and site.shape[dim] > ONE for site in sites)


def _is_blind(stream: Stream, index: int) -> bool:
    """Whether the layers that make its scores reach the comparison with targets through it alone.

    A term of their own that asks for a balance, as mixtures of experts have, knows no targets.
    """
    graph, loss = stream.first.graph, stream.first.loss
    ends = {term.site for term in (loss, *loss.others)} if loss else {-1}
    return ends <= graph.behind({index}) and not ends & _passing(graph, index)


def _passing(graph: Graph, index: int) -> set[int]:
    """What the layers that make its scores lead to without it; all, where it knows what came."""
    seen, ahead = set[int](), [index]
    while ahead:
        for before in graph.predecessors(ahead.pop()):
            if before not in seen:
                seen.add(before)
                ahead += [before] if not graph.sites[before].parameters else []
    makers = [i for i in seen if graph.sites[i].parameters]
    seen, ahead = {index}, [*makers]
    while ahead:
        after = set(graph.successors(ahead.pop())) - seen
        seen |= after
        ahead += after
    knows = not makers or any(graph.sites[i].operation in LOGS for i in seen)
    return set(range(len(graph.sites))) if knows else seen - {index}


def _finding(stream: Stream, site: Site, *, picked: bool) -> Finding:
    dim = _dim(site)
    is_last = dim == len(site.shape) - 1
    says = "normalises the one share that was picked, which then is always 1"
    says = says if picked else "is over a dimension of length 1: all its weights are 1"
    remedy = _PICKED if picked else _PLACES if is_last else _KEYS
    blind = picked and _is_blind(stream, stream.first.graph.find(site.name))
    poor = stream.course.gain <= (HALF if picked else FITTED)
    return RULE.finding(
        stream.course.harm(HALF, alarms=poor or blind),
        f"{site.name} {says}",
        site=site.name,
        step=stream.first.step,
        measured=f"values of shape {list(site.shape)} that add up to 1 over dimension {dim}, of "
        f"length 1, in all {len(stream.snapshots)} recorded steps: what makes the scores gets no "
        f"gradient{_OF_TARGETS if blind else ''}{stream.course.remark}",
        expected="weights that add up to 1 over the places to choose from",
        certainty="exact: from the shape; the harm by the course of the loss",
        causes=("wrong_shape", "other"),
        remedies=(remedy,),
        evidence={"dim": dim, "places": 1},
    )


_OF_TARGETS = " of the targets, and no other way leads it to them"
_KEYS = Remedy(
    "Normalise over the keys, the last dimension.",
    "weights = scores.softmax(dim=-1)",
    edit="softmax-dim",
)
_PLACES = Remedy(
    "Normalise over the places, not over the one score that each of them has.",
    "weights = score(x).softmax(dim=1)  # [batch, places, 1]",
    edit="softmax-dim",
)
_PICKED = Remedy(
    "Normalise over all, and leave the share of the one that is picked as it is.",
    "weights, chosen = scores.softmax(-1).topk(1)  # and no division by their sum",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    *shapes: tuple[int, ...],
    dim: int = 1,
    scores: str = "mul",
    losses: Sequence[float] = FLAT,
) -> Trace:
    """Softmaxes of such shapes, in so many recorded steps, whose shares weigh other values."""
    chain = example.chain("linear", scores, "softmax", "matmul", "linear/1", "mse_loss", batch=64)
    values = Site("6", "linear", 0, Kind.LINEAR, (64, 4), -1, ("6.weight",))
    product = Site("3", "matmul", 0, Kind.ATTENTION, (64, 4))
    shots = []
    for step, shape in enumerate(shapes):
        softmax = Site("2", "softmax", 0, Kind.SOFTMAX, shape, details={"dim": float(dim)})
        sites = (*chain.sites[:2], softmax, product, *chain.sites[4:], values)
        shots.append(example.snapshot(Graph(sites, (*chain.edges, (6, 3))), step=9 * step))
    return example.trace(*shots, losses=losses)


def _of_experts(picked: int, by: str = "div", experts: int = 4, **told: Any) -> Trace:
    """Shares of so many experts that are picked, which are made to add up to 1 again.

    Args:
        picked: How many are.
        by: How they are made to add up.
        experts: Of how many.
        told: The losses of the run, `losses`, and where else the scores lead to, `beside`.
    """
    chain = example.chain("linear", "softmax", "topk", by, "mul", "linear/1", "mse_loss", batch=64)
    values = Site("7", "linear", 0, Kind.LINEAR, (64, 4), -1, ("7.weight",))
    kind, along = (Kind.SOFTMAX, "dim") if by == "softmax" else (Kind.OTHER, "sum_dim")
    linear, softmax, pick, norm, product, *end = chain.sites
    sites = (
        *(replace(site, shape=(64, experts)) for site in (linear, softmax)),
        replace(pick, kind=Kind.OTHER, shape=(64, picked)),
        replace(norm, kind=kind, shape=(64, picked), details={along: -1.0}),
        replace(product, kind=Kind.OTHER),
        *end,
        values,
    )
    graph = Graph(sites, (*chain.edges, (7, 4), *told.get("beside", ())))
    shot = example.snapshot(graph, loss=LossReading(0.5, site=6))
    return example.trace(shot, losses=told.get("losses", FLAT))


_HEADS = (64, 1, 7, 7)

RULE = Rule(
    code="ACT010",
    name="softmax-always-one",
    title="A softmax, or a share, within the network is over one place, and always 1",
    why="Softmax divides each score by the sum over its dimension, and one score divided by itself "
    "is 1. So all places weigh the same whatever their scores, and the layers that make the scores "
    "have no gradient.",
    sees="""
Attention whose softmax is over the heads, of which there is one, and not over the keys; or the
weights of a pooling, one score for each of many places, normalised over that one score. All places
are added up with the same weight: the network learns what their sum tells, and the loss comes to
rest there. `nn.Softmax()` without a dimension takes dimension 1 of four. Or a mixture of experts
that picks one, and divides its share by the sum of the shares that were picked: a router that
learns nothing of the task.
""",
    evidence="""
Exactly: in every recorded step the dimension that a softmax normalises, or over which a value is
divided by its own sum, has length 1 while one that holds places is longer, or was before one of
them was picked; and the shares are multiplied with other values of the network. It alarms where the
fit leaves a tenth of the targets or more unexplained, of experts where it leaves half; of experts
also, whatever the fit, where what scores them reaches the comparison with targets by no other way.
""",
    ignore="""
A single key, as one token of context that all queries read, is legitimate: the last dimension of
length 1 behind a product is not reported, nor is a sequence that happens to have length 1.
""",
    references=("Vaswani et al. 2017, Attention Is All You Need, section 3.2.1",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"one": ONE, "half": HALF, "fitted": FITTED},
    explains=(
        "zero-gradient",
        "vanishing-gradient",
        "labels-unrelated",
        "loss-flat",
        "order-unseen",
        "rows-become-alike",
    ),
    cases=(
        Case("over one head", lambda: _example(_HEADS, _HEADS), Severity.WARNING),
        Case(
            "over the one score of each place",
            lambda: _example((64, 7, 1), dim=-1, scores="linear"),
            Severity.WARNING,
        ),
        Case(
            "over one head, and it fits",
            lambda: _example(_HEADS, losses=FALLING),
            Severity.NOTE,
        ),
        Case("the share of the one expert", lambda: _of_experts(1), Severity.WARNING),
        Case("a softmax of the one expert", lambda: _of_experts(1, "softmax"), Severity.WARNING),
        Case(
            "the one expert, and it fits without its router",
            lambda: _of_experts(1, losses=FALLING),
            Severity.WARNING,
        ),
        Case(
            "it fits, and the scores lead to the targets beside it",
            lambda: _of_experts(1, losses=FALLING, beside=[(0, 5)]),
            Severity.NOTE,
        ),
        Case("near miss: the shares of two experts", lambda: _of_experts(2), None),
        Case("near miss: one expert of one", lambda: _of_experts(1, experts=1), None),
        Case("near miss: over the keys", lambda: _example(_HEADS, dim=-1), None),
        Case("near miss: a single key", lambda: _example((64, 1, 7, 1), dim=-1), None),
        Case("near miss: sequences of length 1", lambda: _example((64, 1, 1, 1)), None),
        Case("near miss: two heads in another step", lambda: _example(_HEADS, (64, 2, 7, 7)), None),
        Case("near miss: a batch of one sample", lambda: _example((1, 7, 7), dim=0), None),
        Case(
            "readings missing: the graph proves it",
            lambda: example.unread(_example(_HEADS)),
            Severity.WARNING,
        ),
    ),
)

"""ACT010: a softmax that chooses within the network, over a dimension of length 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.output import is_output, normalised_dim
from lifesigns.evidence.softmax import products
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, Graph, Kind, Quantity, Remedy, Severity, Site, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

ONE = Threshold(1, "places that share a sum of 1", "definition: one has all")


def check(stream: Stream) -> Iterator[Finding]:
    """One finding per softmax that is over one place in all recorded steps."""
    graph = stream.first.graph
    for index in graph.of_kind(Kind.SOFTMAX):
        site = graph.sites[index]
        chooses = site.operation == "softmax" and products(graph, index)
        if chooses and not is_output(graph, index) and _is_always_one(stream, graph, index):
            yield _finding(stream, site)


def _is_always_one(stream: Stream, graph: Graph, index: int) -> bool:
    """Whether places lie along another dimension, of which it takes each by itself.

    Samples are no places. Behind a product of queries and keys the last dimension is that of the
    keys: where it is that one that has length 1, there is a single key.
    """
    name = graph.sites[index].name
    all_steps = [each for s in stream.snapshots for each in s.graph.sites if each.name == name]
    if not all(_is_over_one(site) for site in all_steps):
        return False
    made_by = [graph.sites[i] for i in graph.predecessors(index)]
    is_of_scores = bool(made_by) and all(site.parameters for site in made_by)
    return all(_is_of_others(site, is_of_scores) for site in all_steps)


def _is_over_one(site: Site) -> bool:
    dim = normalised_dim(site)
    return "dim" in site.details and dim > 0 and site.shape[dim] <= ONE


def _is_of_others(site: Site, is_of_scores: bool) -> bool:
    """Whether places lie behind the dimension or, of a layer with one unit, before it."""
    dim = normalised_dim(site)
    behind, before = site.shape[dim + 1 :], site.shape[1:dim]
    return any(n > ONE for n in (behind or before)) and bool(behind or is_of_scores)


def _finding(stream: Stream, site: Site) -> Finding:
    dim = normalised_dim(site)
    is_last = dim == len(site.shape) - 1
    return RULE.finding(
        stream.course.harm(HALF),
        f"{site.name} is over a dimension of length 1: all its weights are 1",
        site=site.name,
        step=stream.first.step,
        measured=f"values of shape {list(site.shape)} that add up to 1 over dimension {dim}, of "
        f"length 1, in all {len(stream.snapshots)} recorded steps: what makes the scores gets no "
        f"gradient{stream.course.remark}",
        expected="a softmax over the places to choose from",
        certainty="exact: from the shape; the harm by the course of the loss",
        causes=("wrong_shape", "other"),
        remedies=(_PLACES,) if is_last else (_KEYS,),
        evidence={"dim": dim, "places": 1},
    )


_KEYS = Remedy(
    "Normalise over the keys, the last dimension.",
    "weights = scores.softmax(dim=-1)",
    edit="softmax-dim",
)
_PLACES = Remedy(
    "Normalise over the places, not over the one score that each of them has.",
    "weights = score(x).softmax(dim=1)  # [batch, places, 1]",
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


_HEADS = (64, 1, 7, 7)

RULE = Rule(
    code="ACT010",
    name="softmax-always-one",
    title="A softmax within the network is over one place, and always 1",
    why="Softmax divides each score by the sum over its dimension, and one score divided by itself "
    "is 1. So all places weigh the same whatever their scores, and the layers that make the scores "
    "have no gradient.",
    sees="""
Attention whose softmax is over the heads, of which there is one, and not over the keys; or the
weights of a pooling, one score for each of many places, normalised over that one score. All places
are added up with the same weight: the network learns what their sum tells, and the loss comes to
rest there. `nn.Softmax()` without a dimension takes dimension 1 of four.
""",
    evidence="""
Exactly: in every recorded step the dimension that a softmax normalises has length 1 while one that
holds places is longer, and its shares are multiplied with other values of the network. It alarms
where the fit explains less than half of the targets.
""",
    ignore="""
A single key, as one token of context that all queries read, is legitimate: the last dimension of
length 1 behind a product is not reported, nor is a sequence that happens to have length 1.
""",
    references=("Vaswani et al. 2017, Attention Is All You Need, section 3.2.1",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"one": ONE, "half": HALF},
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

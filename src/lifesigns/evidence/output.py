"""Questions about the end of a network: what shapes the output before the loss reads it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lifesigns.evidence.thresholds import HALF_PRECISION
from lifesigns.functions import ACTIVATIONS
from lifesigns.records import WEIGHTED, Graph, Kind, LossReading, Site, Snapshot, UnitSums

BOUNDARY = WEIGHTED | {Kind.EMBEDDING, Kind.ATTENTION, Kind.NORM, Kind.OPAQUE}
"""Where the output's shaping begins: what lies before cannot be told from the range of the last
activation."""
SHAPING = frozenset({Kind.ACTIVATION, Kind.SOFTMAX})
DISTANCES = frozenset({"abs", "cdist", "euclidean_dist", "linalg_vector_norm", "norm", "pow"})
"""What makes a distance, or a square, of values: its range is not theirs."""


def output_sites(graph: Graph, loss: LossReading) -> list[int]:
    """Sites between the last weighted ones and the loss, nearest to the loss first.

    A hand-written loss has no site of its own: then the walk starts at what nothing else reads.
    """
    ends = [loss.site] if loss.site >= 0 else _sinks(graph)
    found: dict[int, None] = {}
    queue = list(ends)
    while queue:
        index = queue.pop(0)
        if index in found or graph.sites[index].kind in BOUNDARY:
            continue
        found[index] = None
        queue.extend(graph.predecessors(index))
    return [index for index in found if graph.sites[index].kind is not Kind.LOSS]


def output_activation(graph: Graph, loss: LossReading) -> int | None:
    """The one activation or softmax that shapes the output; None if there is none, or several."""
    shaping = [i for i in output_sites(graph, loss) if graph.sites[i].kind in SHAPING]
    return shaping[0] if len(shaping) == 1 else None


def is_output(graph: Graph, index: int) -> bool:
    """Whether no weight lies between this site and the loss, or else the end of the graph.

    A penalty on gradients takes them through all the weights again, behind the loss.
    """
    if not graph.leads_to(index, BOUNDARY):
        return True
    seen, queue = {index}, [index]
    while queue:
        following = [j for j in graph.successors(queue.pop()) if j not in seen]
        if any(graph.sites[j].kind is Kind.LOSS for j in following):
            return True
        seen.update(following)
        queue.extend(j for j in following if graph.sites[j].kind not in BOUNDARY)
    return False


def last_layers(graph: Graph) -> frozenset[str]:
    """Names of the parameters of the layers that make the output.

    The bias of a product of three dimensions is added behind it, and is not on its site.
    """
    ends = (i for i in graph.of_kind(*WEIGHTED) if is_output(graph, i))
    names = {name for i in ends for name in graph.sites[i].parameters}
    return frozenset(names | {name.removesuffix("weight") + "bias" for name in names})


def direct_pairs(graph: Graph) -> Iterator[tuple[Site, Site]]:
    """Pairs of sites where the second reads the value of the first and nothing else."""
    for a, b in graph.edges:
        if graph.predecessors(b) == (a,):
            yield graph.sites[a], graph.sites[b]


def normalised_dim(site: Site) -> int:
    """The dimension a softmax normalises, counted from 0; the last if it is not known."""
    rank = max(len(site.shape), 1)
    return int(site.details.get("dim", -1)) % rank


def compared_activation(snapshot: Snapshot, term: LossReading | None = None) -> Site | None:
    """The activation whose values are what the loss compares.

    A constant factor or an offset in between is not seen on the graph; it shows in the values.

    Args:
        snapshot: A step.
        term: One of the data terms of its loss; by default the first.
    """
    loss = term or snapshot.loss
    index = output_activation(snapshot.graph, loss) if loss else None
    reading = snapshot.reading(index) if index is not None else None
    if loss is None or index is None or reading is None:
        return None
    given, seen = loss.prediction, reading.value
    if given is None or seen is None or snapshot.graph.sites[index].operation not in ACTIVATIONS:
        return None
    same = np.allclose(_ends(given), _ends(seen), rtol=1e-4, atol=1e-6)
    return snapshot.graph.sites[index] if same else None


def compared_softmax(snapshot: Snapshot) -> Site | None:
    """The softmax whose values the loss compares with several targets."""
    loss = snapshot.loss
    index = output_activation(snapshot.graph, loss) if loss else None
    if loss is None or index is None or loss.prediction is None:
        return None
    site, total = snapshot.graph.sites[index], float(loss.prediction.mean.sum())
    return site if site.operation == "softmax" and abs(total - 1) < HALF_PRECISION else None


def activation_before_logits(snapshot: Snapshot) -> Site | None:
    """The one activation right before the loss's own softmax or sigmoid.

    Or before a hand-written normalisation, of outputs that a softmax should have made positive.
    Scores that are distances, as from prototypes, have another range than what they are between.
    """
    graph, loss = snapshot.graph, snapshot.loss
    if loss is None:
        return None
    sites = [graph.sites[i] for i in output_sites(graph, loss)]
    if any(site.operation in DISTANCES for site in sites):
        return None
    active = [site for site in sites if site.kind is Kind.ACTIVATION]
    if len(active) != 1 or active[0].operation not in ACTIVATIONS:
        return None
    logits = any(s.kind is Kind.SOFTMAX for s in sites) or loss.operation.endswith("with_logits")
    squashed = active[0].operation in ("sigmoid", "hardsigmoid", "exp", "softplus")
    doubled = squashed and loss.operation.endswith("with_logits")  # that is LOS002
    return active[0] if not doubled and (logits or not squashed) else None


def lacks_normalisation(snapshot: Snapshot) -> bool:
    """Whether a hand-written logarithm in the loss reads outputs no softmax or sigmoid made."""
    loss = snapshot.loss
    if loss is None or not loss.handwritten or "cross_entropy" not in loss.kind:
        return False
    words = {snapshot.graph.sites[i].operation for i in output_sites(snapshot.graph, loss)}
    return "log" in words and not words & _NORMALISERS


def is_normalised(snapshot: Snapshot) -> bool:
    """Whether a softmax or sigmoid makes the outputs probabilities before the loss reads them."""
    loss, graph = snapshot.loss, snapshot.graph
    if loss is None:
        return False
    return any(graph.sites[i].operation in _NORMALISERS for i in output_sites(graph, loss))


_NORMALISERS = frozenset(
    {"softmax", "log_softmax", "sigmoid", "log_sigmoid", "hardsigmoid", "exp", "softplus"}
)


def _ends(sums: UnitSums) -> tuple[float, float]:
    return float(sums.minimum.min(initial=np.inf)), float(sums.maximum.max(initial=-np.inf))


def _sinks(graph: Graph) -> list[int]:
    return [i for i in range(len(graph.sites)) if not graph.successors(i)]

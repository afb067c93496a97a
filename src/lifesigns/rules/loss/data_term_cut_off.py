"""LOS039: the data term does not reach the layers that make what it begins with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted, listed
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import WEIGHTED, Finding, Graph, Quantity, Remedy, Severity, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MARK = "cut_off"
"""The detail of a data term that begins at what other layers made."""
QUANTISED = "quantised"
"""The further detail of one that begins at rows of a codebook, which those layers chose."""
NO_SLOPE = frozenset({"normal", "bernoulli", "poisson", "round", "floor", "ceil", "trunc", "sign"})
"""Operations whose gradient is 0 by definition."""
MISSED = Threshold(1, "layers that the data term does not lead to", "exact")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    marked = [s for s in stream.snapshots if s.loss is not None and s.loss.details.get(MARK)]
    if not marked or marked[-1].step != stream.last.step:
        return
    first = marked[0]
    missed = [first.graph.sites[i].name for i in missed_by(first)]
    if len(missed) < MISSED:
        return
    chosen = first.loss is not None and first.loss.details.get(QUANTISED)
    yield RULE.finding(
        stream.course.harm(HALF),
        f"the data term of the loss does not reach {counted(len(missed), 'layer')}",
        site=missed[-1],
        step=first.step,
        measured=f"no gradient of it comes to {listed(missed)}: what these made enters the layers "
        "that it does reach without a graph, or drawn, rounded or looked up, and other terms alone "
        f"train them{stream.course.remark}",
        expected="a gradient from the data through the whole network",
        certainty=f"proved on the graph, in {counted(len(marked), 'recorded step')}",
        causes=("frozen", "other"),
        remedies=(_STRAIGHT,) if chosen else (_SAMPLE, _KEEP),
        evidence={"layers": len(missed)},
    )


def missed_by(snapshot: Snapshot) -> list[int]:
    """The layers with a weight that lead to other terms of the loss only."""
    loss = snapshot.loss
    if loss is None or loss.site < 0:
        return []
    reached, sites = _before(snapshot.graph, loss.site), snapshot.graph.sites
    trained = {sites[i].parameters for i in reached}
    return [
        i
        for i, site in enumerate(sites)
        if site.kind in WEIGHTED and site.parameters and site.parameters not in trained
    ]


def _before(graph: Graph, site: int) -> set[int]:
    """What leads to a site without an operation between that has no slope."""
    waiting, seen = [site], {site}
    while waiting:
        at = waiting.pop()
        if graph.sites[at].operation not in NO_SLOPE:
            found = set(graph.predecessors(at)) - seen
            seen |= found
            waiting += found
    return seen


_SAMPLE = Remedy(
    "Draw the noise alone and move it (reparametrise): sampling from a mean has no gradient.",
    "z = mean + std * torch.randn_like(std)  # or Normal(mean, std).rsample(), not sample()",
    edit="reparameterise",
)
_KEEP = Remedy(
    "Look for `detach()`, `.data`, NumPy, `argmax` or `torch.no_grad()` between the two parts.",
    edit="reattach",
)

_STRAIGHT = Remedy(
    "Hand the gradient of a quantised code on to the encoder (a straight-through estimator).",
    "z_q = z + (z_q - z).detach()",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    *,
    cut: bool = True,
    losses: Sequence[float] = example.FLAT,
    joined: bool = False,
    chosen: bool = False,
) -> Trace:
    """Two layers of an encoder, then two of a decoder and its loss; `joined` by an edge or not."""
    known = example.regression(losses, update=1e-3)
    chain = example.chain("linear", "relu", "linear/2", "linear", "mse_loss", batch=32)
    edges = chain.edges if joined else tuple(e for e in chain.edges if e != (2, 3))
    graph = Graph(chain.sites, edges)
    marks = {MARK: 1.0} if cut else {}
    marks |= {QUANTISED: 1.0} if chosen else {}
    shots = tuple(
        replace(shot, graph=graph, loss=replace(shot.loss, site=4, details=marks))
        for shot in known.snapshots
        if shot.loss
    )
    return replace(known, snapshots=shots)


RULE = Rule(
    code="LOS039",
    name="data-term-cut-off",
    title="The data term does not reach the layers before a cut",
    why="Layers in front of a cut learn nothing of the data, only what the other terms of the loss "
    "ask of them. What they hand on stays noise, and the layers behind can but learn the mean.",
    sees="""
A variational autoencoder that samples its code by `torch.normal(mean, std)` or `dist.sample()`: the
divergence trains the encoder, the reconstruction does not. Also a code that passes through NumPy or
`detach()` while a penalty keeps the encoder in the graph, so that nothing looks left out; and a
code that was replaced by the nearest one of a codebook, without a straight-through estimator.
""",
    evidence="""
The graph of a loss that is a sum. No way leads from its data term to some layers that another term
leads to; and the first layer the data term does reach reads values without a graph, of the shape of
what one of those layers made, and not what they themselves read; or it reads chosen rows of a
table, and two other terms hold the same difference of what was chosen and what those layers made,
each with a gradient for one side. An alarm unless the fit is good.
""",
    ignore="""
Two networks that read the same batch (a policy beside a value) are two, and no cut. A probe that
watches detached features, and learns, is a note.
""",
    references=(
        "Kingma & Welling 2014, Auto-Encoding Variational Bayes, section 2.4",
        "van den Oord et al. 2017, Neural Discrete Representation Learning, section 3.2",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"missed": MISSED, "fit": HALF},
    explains=(
        "penalty-outweighs-data",
        "vanishing-gradient",
        "loss-flat",
        "dead-units",
        "constant-output",
        "labels-unrelated",
        "zero-gradient",
    ),
    cases=(
        Case("sampled without a gradient", _example, Severity.WARNING),
        Case(
            "it hardly learns",
            lambda: _example(losses=[1.0] * 20 + [0.9] * 80),
            Severity.WARNING,
        ),
        Case("quantised without a gradient", lambda: _example(chosen=True), Severity.WARNING),
        Case("near miss: two networks with one input", lambda: _example(cut=False), None),
        Case("near miss: a probe that learns", lambda: _example(losses=example.FALLING), None),
        Case("one network", lambda: _example(joined=True), None),
        Case("readings missing: no loss", lambda: example.unread(_example()), None),
    ),
)

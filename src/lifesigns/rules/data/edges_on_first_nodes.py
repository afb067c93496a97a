"""DAT038: the edges of a batch of graphs all run between the first nodes of the batch."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.stream import Marked
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

TOUCHED, NODES, GRAPHS, LARGEST = "nodes_touched", "nodes", "graphs_of_nodes", "largest_graph"
"""Details of a loss: how many of the first nodes edges begin or end at, and of how many; where
what is computed of the nodes is summed by the graph that each belongs to, how many graphs these
are, and how many nodes the largest of them has."""
STEPS = Threshold(3, "recorded steps, at least", "a definition: more than an accident")
FIRST = Threshold(
    0.25,
    "share of the nodes that edges touch, all of them the first ones",
    "arithmetic: the largest of five graphs and more",
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    marked = stream.marked(NODES)
    if len(marked) < STEPS:
        return
    is_by_graph = all(_is_one_graph(one) for one in marked)
    if not is_by_graph and any(d[TOUCHED] >= FIRST * d[NODES] for _, d in marked):
        return
    most = max(marked, key=lambda one: one.details[TOUCHED] / one.details[NODES])
    touched, nodes = int(most.details[TOUCHED]), int(most.details[NODES])
    joined = f"{int(most.details[GRAPHS])} graphs" if is_by_graph else "a batch"
    largest = f", and the largest graph has {int(most.details[LARGEST])}" if is_by_graph else ""
    yield RULE.finding(
        _severity(stream, marked, is_by_graph),
        f"the edges of {joined} all run between the first {touched} of {nodes} nodes",
        step=most.step,
        measured=f"in {counted(len(marked), 'recorded step')} edges begin and end at no more "
        f"than the first {touched} of {nodes} nodes{largest}: the other {nodes - touched} get no "
        f"message and send none{stream.course.remark}",
        expected="edges between the nodes of each graph, numbered behind those before",
        certainty="exact: the numbers of the nodes at both ends of all edges",
        causes=("wrong_shape", "other"),
        remedies=(_SHIFT,),
        evidence={"touched": touched, "nodes": nodes, "steps": len(marked)},
    )


def _is_one_graph(one: Marked) -> bool:
    """Whether several graphs are known, and edges reach no further than the largest of them."""
    touched, graphs = one.details[TOUCHED], one.details.get(GRAPHS, 0)
    return graphs > 1 and touched <= one.details.get(LARGEST, 0) < one.details[NODES]


def _severity(stream: Stream, marked: list[Marked], is_by_graph: bool) -> Severity:
    """Of one table of nodes the last ones may be there to fill it up, or have no edges yet."""
    is_batch = is_by_graph or len({one.details[NODES] for one in marked}) > 1
    return Severity.WARNING if is_batch or stream.course.gain < HALF else Severity.NOTE


_SHIFT = Remedy(
    "Add to the edges of each graph the number of nodes before it.",
    "before = torch.cumsum(sizes, 0) - sizes\n"
    "edges = torch.cat([g.edges + n for g, n in zip(graphs, before)], dim=1)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    touched: Iterable[float], nodes: Iterable[float], *graphs: float, fits: bool = False
) -> Trace:
    """So many of the first nodes have edges in each recorded step."""
    known = example.regression(example.FALLING if fits else example.FLAT, update=1e-3)
    sizes = dict(zip((GRAPHS, LARGEST), graphs, strict=False))
    pairs = zip(touched, nodes, strict=True)
    return example.marked_each(known, ({TOUCHED: t, NODES: n, **sizes} for t, n in pairs))


RULE = Rule(
    code="DAT038",
    name="edges-on-first-nodes",
    title="All edges of a batch of graphs run between its first nodes",
    why="Each graph numbers its nodes from 0. Where several are joined to one table of nodes, "
    "numbers that are not moved on all mean nodes of the first graph: it gets the messages of all, "
    "and the others get none.",
    sees="""
A collate function of its own with `torch.cat([g.x for g in graphs])` and
`torch.cat([g.edges for g in graphs], dim=1)`. All sizes fit, no number is out of range, and the
network learns what the features of the nodes tell without any edge.
""",
    evidence="""
Rows of what was computed of the nodes are read by an index, and what is made of them is summed by
an index into as many rows. The largest number in all of these indexes is below a quarter of the
rows in each recorded step. Where what is computed of the nodes is then summed by graph, as for an
answer for each graph, the sizes of the graphs are known: edges reach no further than the largest.
""",
    ignore="""
Nodes without edges that stand among others are no matter: only the last node with an edge counts.
Where the number of nodes is the same in all steps and no sum tells graphs apart, the last nodes may
be there to fill up a table: it is an alarm only if little was learned. Adjacency matrices, dense or
sparse, are not looked at, nor is a single layer that reads the data as they are.
""",
    references=(
        "Fey & Lenssen 2019, Fast Graph Representation Learning with PyTorch Geometric",
        "PyTorch Geometric, Advanced Mini-Batching: `__inc__`",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS, "first": FIRST, "learned": HALF},
    explains=("loss-flat", "stopped-early", "labels-unrelated", "constant-output", "rate-too-low"),
    cases=(
        Case(
            "of thirty graphs",
            lambda: _example([11, 12, 12, 11], [270, 261, 280, 266], 30, 12),
            Severity.WARNING,
        ),
        Case(
            "of two graphs",
            lambda: _example([12, 12, 11, 12], [20, 21, 20, 22], 2, 12),
            Severity.WARNING,
        ),
        Case(
            "an answer for each node",
            lambda: _example([11, 12, 12, 11], [270, 261, 280, 266]),
            Severity.WARNING,
        ),
        Case("of equal graphs", lambda: _example([10] * 4, [320] * 4), Severity.WARNING),
        Case(
            "one table with room at its end",
            lambda: _example([10] * 4, [320] * 4, fits=True),
            Severity.NOTE,
        ),
        Case(
            "near miss: in all steps but one",
            lambda: _example([11, 12, 270, 11], [270, 261, 280, 266]),
            None,
        ),
        Case(
            "near miss: two graphs, both with edges",
            lambda: _example([20, 19, 20, 21], [20, 21, 20, 22], 2, 12),
            None,
        ),
        Case("near miss: a third of the nodes", lambda: _example([90] * 4, [270] * 4), None),
        Case(
            "readings missing: no loss",
            lambda: example.unread(_example([10] * 4, [320] * 4)),
            None,
        ),
    ),
)

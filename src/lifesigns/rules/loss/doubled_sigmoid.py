"""LOS002: a sigmoid feeds a loss that applies its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.output import direct_pairs
from lifesigns.records import Finding, Graph, Quantity, Remedy, Severity, Site, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

SIGMOIDS = Threshold(1, "sigmoids between last layer and loss", "by graph")

WITH_LOGITS = "binary_cross_entropy_with_logits"


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream, at the first snapshot whose graph shows it."""
    for snapshot in stream.snapshots:
        site = next(_doubled(snapshot.graph), None)
        if site:
            yield _finding(stream, snapshot.step, site)
            return


def _doubled(graph: Graph) -> Iterator[Site]:
    """A sigmoid whose value enters the loss with logits, or a second sigmoid before the loss."""
    for first, second in direct_pairs(graph):
        repeated = second.operation == "sigmoid" and _feeds_loss(graph, second)
        if first.operation == "sigmoid" and (second.operation == WITH_LOGITS or repeated):
            yield first


def _feeds_loss(graph: Graph, site: Site) -> bool:
    readers = graph.successors(graph.find(site.name))
    return any(graph.sites[i].operation == "binary_cross_entropy" for i in readers)


def _finding(stream: Stream, step: int, site: Site) -> Finding:
    course = stream.course
    return RULE.finding(
        Severity.WARNING,
        f"{site.name} feeds a loss that applies a sigmoid itself",
        site=site.name,
        step=step,
        measured="values between 0 and 1 enter a function that expects logits: the probability it "
        "computes stays between 0.5 and 0.73" + course.remark,
        expected="logits: the output of the last layer without an activation",
        certainty="proved on the graph",
        causes=("wrong_output_activation", "wrong_loss"),
        remedies=(
            Remedy(
                "Remove the sigmoid from the network; apply it to predict only.",
                "loss = F.binary_cross_entropy_with_logits(logits, target)",
                edit="drop-activation",
            ),
            Remedy(
                "Or keep it and use the loss for probabilities (less stable).",
                "loss = F.binary_cross_entropy(probabilities, target)",
                edit="swap-loss",
            ),
        ),
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(*operations: str) -> Trace:
    graph = example.chain("linear", *operations, units=1)
    return example.trace(*(example.snapshot(graph, step=s) for s in (0, 9)))


RULE = Rule(
    code="LOS002",
    name="doubled-sigmoid",
    title="A sigmoid in front of a loss that applies its own",
    why="The sigmoid of a number between 0 and 1 lies between 0.5 and 0.73, so no input can be "
    "called negative. The two derivatives multiply to at most 1/16, so the gradient is weak too.",
    sees="""
`F.binary_cross_entropy_with_logits` and `nn.BCEWithLogitsLoss` take *logits* and apply the
sigmoid themselves. A sigmoid at the end of the network hands them probabilities instead; the
second sigmoid squeezes these into 0.5 to 0.73. Class 0 is out of reach, and its loss cannot fall
below log 2.
""",
    evidence="""
On the graph: the value of a sigmoid, and nothing else, enters the loss with logits, or a second
sigmoid in front of `F.binary_cross_entropy`.
""",
    ignore="""
One sigmoid before `F.binary_cross_entropy` is correct, and so are the sigmoids of hidden layers
and gates.
""",
    references=(
        "PyTorch, `torch.nn.BCEWithLogitsLoss`",
        "Goodfellow, Bengio & Courville 2016, Deep Learning, section 6.2.2.2: sigmoid units",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"sigmoids": SIGMOIDS},
    explains=(
        "loss-flat",
        "vanishing-gradient",
        "saturated-units",
        "penalty-outweighs-data",
    ),
    cases=(
        Case(
            "sigmoid, then the loss with logits",
            lambda: _example("sigmoid", WITH_LOGITS),
            Severity.WARNING,
        ),
        Case(
            "two sigmoids before the loss for probabilities",
            lambda: _example("sigmoid", "sigmoid", "binary_cross_entropy"),
            Severity.WARNING,
        ),
        Case("logits", lambda: _example(WITH_LOGITS), None),
        Case("probabilities", lambda: _example("sigmoid", "binary_cross_entropy"), None),
        Case(
            "near miss: a hidden sigmoid", lambda: _example("sigmoid", "linear", WITH_LOGITS), None
        ),
        Case(
            "readings missing: the graph proves it",
            lambda: example.unread(_example("sigmoid", WITH_LOGITS)),
            Severity.WARNING,
        ),
    ),
)

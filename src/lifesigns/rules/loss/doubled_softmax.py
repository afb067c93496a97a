"""LOS001: a softmax feeds a loss that applies its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.output import direct_pairs, is_output, normalised_dim
from lifesigns.functions import lowest_cross_entropy
from lifesigns.records import Finding, Graph, Kind, Quantity, Remedy, Severity, Site, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

SOFTMAXES = Threshold(1, "softmaxes between last layer and loss", "by graph")


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream, at the first snapshot whose graph shows it."""
    for snapshot in stream.snapshots:
        pair = next(_doubled(snapshot.graph), None)
        if pair:
            yield _finding(stream, snapshot.step, *pair)
            return


def _doubled(graph: Graph) -> Iterator[tuple[Site, Site]]:
    """A softmax directly before another one over the same dimension, at the output.

    Taking the logarithm in between is correct, and a second log-softmax changes nothing.
    """
    return (
        (first, second)
        for first, second in direct_pairs(graph)
        if first.operation == "softmax"
        and second.kind is Kind.SOFTMAX
        and _over_the_same(first, second)
        and is_output(graph, graph.find(second.name))
    )


def _over_the_same(first: Site, second: Site) -> bool:
    """Whether both normalise the classes, also where a transpose in between moved them.

    Views are not on the graph: moved classes are known by their number, if no other dimension has
    it.
    """
    if sorted(first.shape) == sorted(second.shape) and first.shape != second.shape:
        lengths = [site.shape[normalised_dim(site)] for site in (first, second)]
        return lengths[0] == lengths[1] and first.shape.count(lengths[0]) == 1
    return _from_the_end(first) == _from_the_end(second)


def _from_the_end(site: Site) -> int:
    """The normalised dimension, told apart from the end: a batch of networks adds one in front."""
    return normalised_dim(site) - max(len(site.shape), 1)


def _finding(stream: Stream, step: int, first: Site, second: Site) -> Finding:
    classes = first.shape[normalised_dim(first)] if first.shape else 0
    course = stream.course
    floor = lowest_cross_entropy(classes, 1.0) if classes > 1 else float("nan")
    return RULE.finding(
        Severity.WARNING,
        f"{first.name} feeds {second.name}: softmax is applied twice",
        site=first.name,
        step=step,
        measured="probabilities enter a function that expects logits"
        + (f"; with {classes} classes the loss cannot fall below {floor:.3g}" if floor else "")
        + course.remark,
        expected="logits: the output of the last layer without an activation",
        certainty="proved on the graph",
        causes=("wrong_output_activation", "wrong_loss"),
        remedies=(
            Remedy(
                "Hand the last layer's output to the loss as it is; apply softmax to predict only.",
                "loss = F.cross_entropy(logits, target)  # no softmax",
            ),
            Remedy(
                "Or keep the softmax and take the loss of its logarithm (less stable).",
                "loss = F.nll_loss(probabilities.clamp_min(1e-7).log(), target)",
            ),
        ),
        evidence={"classes": classes, "lowest_loss": floor},
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(*operations: str) -> Trace:
    graph = example.chain("linear", *operations, units=10)
    return example.trace(*(example.snapshot(graph, step=s) for s in (0, 9)))


def _transposed(dim: int) -> Trace:
    """A softmax of `[sample, place, class]` before a cross-entropy over dimension 1."""
    graph = example.chain("linear", "softmax", "log_softmax", "nll_loss")
    linear, first, second, loss = graph.sites
    first = replace(first, shape=(8, 6, 4), details={"dim": dim})
    second = replace(second, shape=(8, 4, 6), details={"dim": 1})
    graph = Graph((linear, first, second, loss), graph.edges)
    return example.trace(example.snapshot(graph))


RULE = Rule(
    code="LOS001",
    name="doubled-softmax",
    title="A softmax in front of a loss that applies its own",
    why="A softmax of probabilities sees inputs between 0 and 1, so it can never become confident: "
    "with ten classes the loss stays above 1.46 even for perfect answers. The gradient passes "
    "through two saturating functions and shrinks, so learning is slow and ends too early.",
    sees="""
`F.cross_entropy` and `nn.CrossEntropyLoss` take *logits* and apply log-softmax themselves. A
softmax at the end of the network hands them probabilities instead. These differ by at most 1, so
the second softmax can give the right one of K classes a probability of at most e / (e + K - 1),
and the loss cannot fall below log(1 + (K - 1) / e).
""",
    evidence="""
On the graph: a softmax whose value, and nothing else, enters another softmax or log-softmax over
the same dimension, wherever a transpose moved it, with no weights after it. No statistics are
involved.
""",
    ignore="""
A logarithm in between makes it correct. The softmax of an attention layer does not reach another
one directly. A log-softmax followed by a log-softmax changes nothing and is not reported. Such a
network often learns in spite of it; it is still slower and less certain than it should be.
""",
    references=(
        "PyTorch, `torch.nn.CrossEntropyLoss`: the input holds unnormalized logits",
        "Humbatova et al. 2020, Taxonomy of Real Faults in Deep Learning Systems (ICSE)",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"softmaxes": SOFTMAXES},
    explains=("loss-flat", "vanishing-gradient", "saturated-units"),
    cases=(
        Case(
            "softmax, then cross-entropy on logits",
            lambda: _example("softmax", "log_softmax", "nll_loss"),
            Severity.WARNING,
        ),
        Case("a transpose in between", lambda: _transposed(2), Severity.WARNING),
        Case("near miss: a transposed softmax over places", lambda: _transposed(1), None),
        Case("cross-entropy on logits", lambda: _example("log_softmax", "nll_loss"), None),
        Case(
            "near miss: the logarithm in between",
            lambda: _example("softmax", "log", "log_softmax", "nll_loss"),
            None,
        ),
        Case(
            "log-softmax twice changes nothing",
            lambda: _example("log_softmax", "log_softmax", "nll_loss"),
            None,
        ),
        Case(
            "attention",
            lambda: _example("softmax", "matmul", "linear", "log_softmax", "nll_loss"),
            None,
        ),
        Case(
            "two softmaxes and a logarithm",
            lambda: _example("softmax", "softmax", "log", "nll_loss"),
            Severity.WARNING,
        ),
        Case(
            "readings missing: the graph proves it",
            lambda: example.unread(_example("softmax", "log_softmax", "nll_loss")),
            Severity.WARNING,
        ),
    ),
)

"""LOS001: a softmax feeds a loss that applies its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.output import normalised_dim
from lifesigns.evidence.softmax import doubled_softmaxes
from lifesigns.functions import lowest_cross_entropy
from lifesigns.records import Finding, Graph, Quantity, Remedy, Severity, Site, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

SOFTMAXES = Threshold(1, "softmaxes between last layer and loss", "by graph")


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream, at the first snapshot whose graph shows it."""
    for snapshot in stream.snapshots:
        pair = next(doubled_softmaxes(snapshot.graph), None)
        if pair:
            yield _finding(stream, snapshot.step, *pair)
            return


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
                edit="drop-activation",
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
    return example.steady(graph, ())


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
    explains=(
        "loss-flat",
        "vanishing-gradient",
        "saturated-units",
        "penalty-outweighs-data",
    ),
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

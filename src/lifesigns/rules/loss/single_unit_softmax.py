"""LOS004: a softmax over one unit, which is always 1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.output import is_output, normalised_dim
from lifesigns.records import Finding, Graph, Kind, Remedy, Severity, Site, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

UNITS = Threshold(1, "size of the normalised dimension", "exact")


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per site, at the first snapshot whose graph shows it."""
    seen: set[str] = set()
    for snapshot in stream.snapshots:
        for site in _single(snapshot.graph):
            if site.name not in seen:
                seen.add(site.name)
                yield _finding(site, snapshot.step)


def _single(graph: Graph) -> Iterator[Site]:
    """Softmaxes at the output over a dimension of size 1 that is not the batch.

    Inside the network a single key of an attention layer is legitimate.
    """
    for index in graph.of_kind(Kind.SOFTMAX):
        site, dim = graph.sites[index], normalised_dim(graph.sites[index])
        batch = dim == 0 and len(site.shape) > 1
        if site.shape and site.shape[dim] == 1 and not batch and is_output(graph, index):
            yield site


def _finding(site: Site, step: int) -> Finding:
    constant = "0" if site.operation == "log_softmax" else "1"
    return RULE.finding(
        Severity.ERROR,
        f"{site.name} is over a single unit: its output is always {constant}",
        site=site.name,
        step=step,
        measured=f"shape {site.shape}, normalised over a dimension of size 1: output {constant} "
        "and gradient 0 for every input",
        expected="two units or more, or a sigmoid on a single one",
        certainty="exact",
        causes=("wrong_output_activation", "wrong_shape"),
        remedies=(
            Remedy(
                "Two classes: hand the single logit to the loss that applies a sigmoid.",
                "loss = F.binary_cross_entropy_with_logits(logit.squeeze(1), target.float())",
            ),
            Remedy(
                "Regression: use the last layer's output as it is.",
                "loss = F.mse_loss(output.squeeze(1), target)",
                edit="drop-activation",
            ),
        ),
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(*operations: str) -> Trace:
    graph = example.chain("linear", *operations)
    return example.trace(*(example.snapshot(graph, step=s) for s in (0, 9)))


RULE = Rule(
    code="LOS004",
    name="single-unit-softmax",
    title="A softmax over one unit, which is always 1",
    why="Softmax divides each value by the sum over all, and one value divided by itself is 1. "
    "The output depends neither on the input nor on the weights, so every gradient is exactly 0.",
    sees="""
Softmax turns several scores into shares that sum to 1. With a single unit there is nothing to
share: the output is 1 for every input, its derivative is 0, and no weight before it ever moves.
The loss is flat from the first step on. Two classes need two units, or one unit with a sigmoid; a
regression needs no activation at its output.
""",
    evidence="""
Exactly: the dimension the softmax normalises has size 1, and no weights follow.
""",
    ignore="""
Inside the network (attention over a single key) it is harmless and not reported.
""",
    references=(
        "Goodfellow, Bengio & Courville 2016, Deep Learning, section 6.2.2.3: softmax units",
    ),
    reads=frozenset(),
    check=check,
    thresholds={"units": UNITS},
    explains=(
        "output-cannot-reach-target",
        "constant-output",
        "loss-flat",
        "zero-gradient",
        "vanishing-gradient",
    ),
    cases=(
        Case(
            "softmax over one unit",
            lambda: _example("linear/1", "softmax", "mse_loss"),
            Severity.ERROR,
        ),
        Case(
            "cross-entropy over one logit",
            lambda: _example("linear/1", "log_softmax", "nll_loss"),
            Severity.ERROR,
        ),
        Case("two units", lambda: _example("linear/2", "log_softmax", "nll_loss"), None),
        Case(
            "near miss: one key in an attention layer",
            lambda: _example("linear/1", "softmax", "linear/3", "mse_loss"),
            None,
        ),
        Case(
            "readings missing: the graph proves it",
            lambda: example.unread(_example("linear/1", "softmax", "mse_loss")),
            Severity.ERROR,
        ),
    ),
)

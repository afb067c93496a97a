"""LOS004: a softmax over one unit, which is always 1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.output import is_output, normalised_dim
from lifesigns.records import Finding, Graph, Kind, Remedy, Severity, Site, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

UNITS = Threshold(1, "size of the normalised dimension", "exact")
CALLS = Threshold(3, "calls with one sample each, in all recorded steps", "one may be the rest")


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per site, at the first snapshot whose graph shows it; one of single samples."""
    seen: set[str] = set()
    for snapshot in stream.snapshots:
        for site in _single(snapshot.graph):
            if site.name not in seen:
                seen.add(site.name)
                yield _finding(site, snapshot.step)
    if alone := _of_single_samples(stream.snapshots):
        yield _of_one_sample(alone, stream.first.step)


def _of_single_samples(snapshots: Sequence[Snapshot]) -> Site | None:
    """The first output over the samples, where every call of such a softmax was given one."""
    over = [
        shot.graph.sites[i]
        for shot in snapshots
        for i in shot.graph.of_kind(Kind.SOFTMAX)
        if len(shot.graph.sites[i].shape) > 1 and is_output(shot.graph, i)
        if normalised_dim(shot.graph.sites[i]) == 0
    ]
    several = all(site.shape[0] == 1 < max(site.shape) for site in over)
    return over[0] if len(over) >= CALLS and several else None


def _single(graph: Graph) -> Iterator[Site]:
    """Softmaxes at the output over a dimension of size 1 that is not the batch.

    Inside the network a single key of an attention layer is legitimate.
    """
    for index in graph.of_kind(Kind.SOFTMAX):
        site, dim = graph.sites[index], normalised_dim(graph.sites[index])
        batch = dim == 0 and len(site.shape) > 1
        if site.shape and site.shape[dim] == 1 and not batch and is_output(graph, index):
            yield site


def _of_one_sample(site: Site, step: int) -> Finding:
    constant = "0" if site.operation == "log_softmax" else "1"
    return RULE.finding(
        Severity.ERROR,
        f"{site.name} is over the samples, of which each call has one: its output is always "
        f"{constant}",
        site=site.name,
        step=step,
        measured=f"shape {site.shape}, normalised over a dimension of size 1: output {constant} "
        "and gradient 0 for every input",
        expected="a softmax over the last dimension, that of the classes or actions",
        certainty="exact",
        causes=("wrong_output_activation", "wrong_shape"),
        remedies=(
            Remedy(
                "Normalise over the last dimension.",
                "probabilities = scores.softmax(dim=-1)",
                edit="softmax-dim",
            ),
        ),
    )


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


def _acting(samples: int, steps: int = 4, dim: int = 0) -> Trace:
    """Four actions of a policy that is given so many states at a time."""
    graph = example.chain("linear", "softmax", "log", "mul", batch=samples)
    sites = [
        replace(site, details={"dim": dim}) if site.kind is Kind.SOFTMAX else site
        for site in graph.sites
    ]
    graph = replace(graph, sites=tuple(sites))
    return example.trace(*(example.snapshot(graph, step=step) for step in range(steps)))


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
Exactly: the dimension the softmax normalises has size 1, and no weights follow. If that is the one
of the samples, all such softmaxes of all recorded steps were given one sample, three at least: an
agent is asked about one state after the other, and `dim=0` was meant for a vector.
""",
    ignore="""
Inside the network (attention over a single key) it is harmless and not reported.
""",
    references=(
        "Goodfellow, Bengio & Courville 2016, Deep Learning, section 6.2.2.3: softmax units",
    ),
    reads=frozenset(),
    check=check,
    thresholds={"units": UNITS, "calls": CALLS},
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
        Case("over the samples, one at a time", lambda: _acting(1), Severity.ERROR),
        Case("near miss: over the actions", lambda: _acting(1, dim=-1), None),
        Case("near miss: one sample is what was left", lambda: _acting(1, steps=1), None),
        Case("over several samples: another rule", lambda: _acting(8), None),
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

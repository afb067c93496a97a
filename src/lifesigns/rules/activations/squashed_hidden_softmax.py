"""ACT005: a softmax as hidden activation, or over the samples of the batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold
from lifesigns.evidence.output import normalised_dim, output_sites
from lifesigns.evidence.softmax import feeds_weights, is_over_batch
from lifesigns.evidence.thresholds import HALF
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

MATRIX = Threshold(2, "dimensions of rows of classes", "definition")
UNITS = Threshold(2, "units that share the sum", "one unit: single-unit-softmax")


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream and softmax."""
    first = stream.first
    ends = output_sites(first.graph, first.loss) if first.loss else []
    for index in first.graph.of_kind(Kind.SOFTMAX):
        site = first.graph.sites[index]
        hidden = site.operation == "softmax" and feeds_weights(first.graph, index)
        if _misses_the_classes(first.graph, index, first.loss):
            yield _of_other_classes(stream, site)
        elif (hidden or index in ends) and is_over_batch(site):
            yield _finding(stream, site, hidden=hidden, over_batch=True)
        elif hidden and site.units >= UNITS:
            yield _finding(stream, site, hidden=True, over_batch=False)


def _misses_the_classes(graph: Graph, index: int, loss: LossReading | None) -> bool:
    """Whether it normalises a dimension that is not that of the classes the targets choose from.

    By its length: views may lie between it and the loss, and a square one has both.
    """
    if loss is None or not _chooses_classes(loss) or len(loss.input_shape) != int(MATRIX):
        return False
    if not _is_all_that_is_read(graph, index, loss.site):
        return False
    site = graph.sites[index]
    known = len(site.shape) >= MATRIX and "dim" in site.details
    rows, classes = loss.input_shape
    laid_out = site.shape[-1] == classes and int(np.prod(site.shape)) == rows * classes
    return known and laid_out and site.shape[normalised_dim(site)] not in (1, classes)


def _chooses_classes(loss: LossReading) -> bool:
    """Whether each target is one of the classes, as a number or as a row of zeros and a one."""
    by_hand = loss.kind == "cross_entropy" and loss.target is not None and loss.target.one_hot
    return loss.operation == "nll_loss" or by_hand


def _is_all_that_is_read(graph: Graph, index: int, end: int) -> bool:
    """Whether a site is read through nothing but softmaxes and logarithms by the one at the end.

    A loss written by hand has no site of its own, and ends with a logarithm.
    """
    after = graph.successors(index)
    if not after and end < 0:
        return graph.sites[index].operation == "log"
    if len(after) != 1 or graph.predecessors(after[0]) != (index,):
        return False
    site = graph.sites[after[0]]
    passing = site.kind is Kind.SOFTMAX or site.operation in ("log", "clamp")
    return after[0] == end or (passing and _is_all_that_is_read(graph, after[0], end))


def _of_other_classes(stream: Stream, site: Site) -> Finding:
    dim = normalised_dim(site)
    what = "the samples of the batch" if dim == 0 else f"dimension {dim}, not over the classes"
    return RULE.finding(
        Severity.WARNING,
        f"{site.name} is a softmax over {what}",
        site=site.name,
        step=stream.first.step,
        measured=f"values of shape {list(site.shape)} that add up to 1 over dimension {dim}, of "
        f"length {site.shape[dim]}; each target chooses one of {site.shape[-1]} classes"
        + stream.course.remark,
        expected="a softmax over the dimension from which the targets choose",
        certainty="proved on the graph",
        causes=("wrong_shape", "wrong_output_activation"),
        remedies=(_OVER_CLASSES,),
        evidence={"dim": dim},
    )


def _finding(stream: Stream, site: Site, *, hidden: bool, over_batch: bool) -> Finding:
    course = stream.course
    share = 1 / site.shape[0 if over_batch else site.unit_dim]
    wrong = "missing_activation" if hidden else "wrong_output_activation"
    return RULE.finding(
        Severity.WARNING if _does_harm(course, over_batch) else Severity.NOTE,
        f"{site.name} is a softmax over the samples of the batch"
        if over_batch
        else f"{site.name} is a softmax between two layers",
        site=site.name,
        step=stream.first.step,
        measured=f"values of shape {list(site.shape)} that add up to 1 over "
        + ("the batch" if over_batch else "the units")
        + f": {share:.2g} on average"
        + course.remark,
        expected="a softmax over the classes, at the end of the network or inside attention",
        certainty="proved on the graph; the harm by the course of the loss",
        causes=("wrong_shape", wrong) if over_batch else (wrong, "other"),
        remedies=(_OVER_CLASSES,) if over_batch else (_ELEMENTWISE,),
        evidence={"mean": share},
    )


def _does_harm(course: Course, over_batch: bool) -> bool:
    """Over the batch it is wrong beyond doubt: there a poor fit is enough."""
    return course.harmed or (over_batch and course.harm(HALF) is not Severity.NOTE)


_OVER_CLASSES = Remedy(
    "Normalise over the classes, the last dimension.",
    "probabilities = torch.softmax(z, dim=-1)",
    edit="softmax-dim",
)
_ELEMENTWISE = Remedy(
    "Use an activation that works on each unit by itself.", "nn.ReLU()", edit="swap-activation"
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    *operations: str, losses: Iterable[float] = FLAT, dim: int = -1, batch: int = 8
) -> Trace:
    graph = example.chain(*operations, "mse_loss", batch=batch)
    sites = [
        example.with_details(site, dim=dim) if site.kind is Kind.SOFTMAX else site
        for site in graph.sites
    ]
    loss = LossReading(1.0, site=len(sites) - 1)
    return example.steady(Graph(tuple(sites), graph.edges), list(losses), loss=loss)


def _classified(*shape: int, dim: int, losses: Iterable[float] = FALLING) -> Trace:
    """A log-softmax of this shape before the loss of class targets."""
    graph = example.chain("linear/5", "log_softmax", "nll_loss", batch=shape[0])
    first, softmax, loss = graph.sites
    softmax = replace(example.with_details(softmax, dim=dim), shape=shape)
    rows = int(np.prod(shape[:-1]))
    reading = LossReading(1.0, "cross_entropy", "nll_loss", site=2, input_shape=(rows, shape[-1]))
    return example.steady(Graph((first, softmax, loss), graph.edges), list(losses), loss=reading)


def _by_hand(dim: int) -> Trace:
    """A softmax and a logarithm, compared with rows of zeros and a one."""
    graph = example.chain("linear/5", "softmax", "log", batch=8)
    first, softmax, log = graph.sites
    sites = (first, example.with_details(softmax, dim=dim), log)
    rows = replace(example.target(np.eye(5)[np.arange(8) % 5]), class_counts=np.ones(5, int))
    reading = LossReading(1.0, "cross_entropy", "log", input_shape=(8, 5), target=rows)
    return example.steady(Graph(sites, graph.edges), list(FALLING), loss=reading)


_HIDDEN = ("linear", "softmax", "linear")

RULE = Rule(
    code="ACT005",
    name="squashed-hidden-softmax",
    title="A softmax as hidden activation, or over the batch",
    why="The units of a softmax share a sum of 1, so each gets about 1/n, and one can only grow if "
    "the others shrink. Between layers that leaves a faint signal and a fainter gradient, and over "
    "the batch it ties the samples to each other.",
    sees="""
A softmax turns scores into shares of one whole: at the end of a classifier or as the weights of
attention this is wanted. As a hidden activation it makes *n* units give 1/*n* each; with `dim=0`
the samples of a batch compete, and a prediction depends on who else is in the batch.
""",
    evidence="""
On the graph: the softmax's value is read by layers with weights of their own, and by nothing else;
or the dimension it normalises is that of the samples. It alarms if nothing was learned; over the
samples, if the fit is poor. Where each target chooses one of the classes and the softmax right
before that loss normalises another dimension, no harm is asked for: that is never meant.
""",
    ignore="""
The weights of attention, gates of a mixture of experts, soft look-ups in a code book that learns,
and losses that compare all samples with each other (contrast) are no hidden activations.
""",
    references=(
        "PyTorch documentation, torch.nn.Softmax (the argument dim)",
        "Bridle 1990, Probabilistic Interpretation of Feedforward Classification Network Outputs",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"units": UNITS, "fit": HALF},
    explains=(
        "stacked-squashing",
        "signal-fades",
        "one-sided-inputs",
        "saturated-units",
        "vanishing-gradient",
        "constant-output",
        "loss-flat",
    ),
    cases=(
        Case("between two layers, flat", lambda: _example(*_HIDDEN), Severity.WARNING),
        Case("over the batch", lambda: _example("linear", "softmax", dim=0), Severity.WARNING),
        Case(
            "near miss: between two layers, yet it learns",
            lambda: _example(*_HIDDEN, losses=FALLING),
            None,
        ),
        Case(
            "over the batch, before class targets, and the loss falls",
            lambda: _classified(8, 5, dim=0),
            Severity.WARNING,
        ),
        Case("over the batch, in a loss by hand", lambda: _by_hand(0), Severity.WARNING),
        Case("near miss: over the classes, in a loss by hand", lambda: _by_hand(1), None),
        Case("over the positions", lambda: _classified(8, 12, 5, dim=1), Severity.WARNING),
        Case(
            "near miss: over the classes of each position",
            lambda: _classified(8, 9, 5, dim=2),
            None,
        ),
        Case("near miss: as many classes as samples", lambda: _classified(5, 5, dim=0), None),
        Case("near miss: at the end", lambda: _example("linear", "softmax"), None),
        Case(
            "near miss: samples against samples",
            lambda: _example("linear", "softmax", dim=0, batch=4),
            None,
        ),
        Case("readings missing: no loss yet", lambda: _example(*_HIDDEN, losses=[]), None),
    ),
)

"""LOS037: a term of the loss that no weight can change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

TERMS = Threshold(1, "terms of the sum, over which a way leads to no parameter", "exact")
MARK = "no_weights"
"""The detail of a term that depends on no parameter."""


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, at the first step that shows it."""
    for snapshot in stream.snapshots:
        if snapshot.loss is None:
            continue
        cut = [term for term in _terms(snapshot.loss) if term.details.get(MARK)]
        if len(cut) >= TERMS:
            yield _finding(stream, snapshot.step, cut[0], snapshot.loss.value)
            return


def _terms(loss: LossReading) -> Iterator[LossReading]:
    yield loss
    yield from loss.others


def _finding(stream: Stream, step: int, term: LossReading, value: float) -> Finding:
    recorded = [snapshot for snapshot in stream.snapshots if snapshot.loss is not None]
    marked = sum(any(t.details.get(MARK) for t in _terms(s.loss)) for s in recorded if s.loss)
    return RULE.finding(
        stream.course.harm(HALF),
        f"a term of the loss, {term.operation}, has no way to the weights",
        step=step,
        measured=f"it is {term.fit:.3g} of {value:.3g}, and depends on no parameter in "
        f"{marked} of {counted(len(recorded), 'recorded step')}{stream.course.remark}",
        expected="each term of the loss computed from the weights",
        certainty="proved on the graph",
        causes=("frozen", "wrong_loss", "other"),
        remedies=(_CREATE, _KEEP),
        evidence={"fit": term.fit, "value": value, "steps": marked},
    )


_CREATE = Remedy(
    "A derivative in the loss needs a graph of its own.",
    "slope, = torch.autograd.grad(u, t, torch.ones_like(u), create_graph=True)",
    edit="create-graph",
)
_KEEP = Remedy(
    "Compute the term from the output itself, not from its values: no `detach()` or `.data`.",
    "print(term.requires_grad, term.grad_fn)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    *, first: bool = False, other: bool = False, losses: Sequence[float] = example.FLAT
) -> Trace:
    """A sum of two squared errors, of which these depend on no weight."""
    known = example.regression(losses, update=1e-3)

    def of(loss: LossReading) -> LossReading:
        marks = ({MARK: 1.0} if cut else {} for cut in (first, other))
        mine, others = marks
        further = replace(loss, fit=loss.value, details=others)
        return replace(loss, fit=loss.value, details=mine, others=(further,))

    shots = tuple(replace(s, loss=of(s.loss)) for s in known.snapshots if s.loss)
    return replace(known, snapshots=shots)


RULE = Rule(
    code="LOS037",
    name="term-without-weights",
    title="A term of the loss has no way to the weights",
    why="The gradient of a term that depends on no weight is 0 for each of them, so the term is "
    "shown in the loss and never trained on. What falls is the rest alone.",
    sees="""
The residual of a differential equation whose derivative was taken without `create_graph=True`; a
penalty computed from detached outputs that still depends on data with gradients. The loss has a
graph, `backward` does not complain, and the network learns the other terms, the boundary perhaps.
""",
    evidence="""
The graph of each term of the sum: no way leads from it to any parameter, while the loss has some.
An alarm unless the fit is good.
""",
    ignore="""
A term that is only shown, or that trains the input itself (an adversarial picture beside the
weights), is a note where the network learns all the same.
""",
    references=(
        "PyTorch, `torch.autograd.grad`: create_graph",
        "Raissi, Perdikaris & Karniadakis 2019, Physics-informed neural networks",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"terms": TERMS, "fit": HALF},
    explains=("loss-flat", "zero-gradient", "constant-output", "labels-unrelated"),
    cases=(
        Case("the first term", lambda: _example(first=True), Severity.WARNING),
        Case("the second term", lambda: _example(other=True), Severity.WARNING),
        Case("near miss: both depend on weights", _example, None),
        Case(
            "near miss: a term that is shown, and it learns",
            lambda: _example(other=True, losses=example.FALLING),
            None,
        ),
        Case("readings missing: no terms", lambda: example.unread(_example(first=True)), None),
    ),
)

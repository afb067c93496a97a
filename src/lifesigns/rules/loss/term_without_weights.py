"""LOS037: a term of the loss that no weight can change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from lifesigns.evidence import Run, Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import ENOUGH_STEPS, HALF
from lifesigns.records import (
    Finding,
    LossReading,
    Quantity,
    Remedy,
    Severity,
    Snapshot,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

TERMS = Threshold(1, "terms of the sum, over which a way leads to no parameter", "exact")
OFTEN = Threshold(3, "recorded steps in each of which a term ends in another tensor", "exact")
MARK = "no_weights"
"""The detail of a term that depends on no parameter."""
ENDS, ANEW = "loose_ends", "loose_anew"
"""Details of a loss: terms that end in tensors which nothing else of it depends on, and whether
these are others than in the recorded step before."""


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding per stream, at the first step that shows it.

    Of several losses one may send on what another gave to a tensor that was cut off.
    """
    for stream in run.streams:
        found = [s for s in stream.snapshots if s.loss and s.loss.details.get(ENDS, 0.0) >= TERMS]
        anew = [bool(s.loss.details[ANEW]) for s in found if s.loss]
        if len(run.losses) == 1 and len(anew) >= OFTEN and all(anew):
            yield _loose(stream, found)
        else:
            yield from _cut(stream)


def _loose(stream: Stream, found: Sequence[Snapshot]) -> Finding:
    count = int(found[0].loss.details[ENDS]) if found[0].loss else 0
    harm, long = stream.course.harm(HALF), stream.course.steps >= ENOUGH_STEPS
    return RULE.finding(
        Severity.WARNING if harm is Severity.NOTE and long else harm,
        f"{counted(count, 'term')} of the loss "
        + ("trains" if count == 1 else "train")
        + " nothing: what it depends on was cut from the network",
        step=found[0].step,
        measured="all that the term leads to is a tensor without a graph, another one in each of "
        f"{counted(len(found), 'recorded step')}{stream.course.remark}",
        expected="each term of the loss computed from the weights",
        certainty="proved on the graph",
        causes=("frozen", "wrong_loss", "other"),
        remedies=(_UNCUT, _CREATE),
        evidence={"terms": count, "steps": len(found)},
    )


def _cut(stream: Stream) -> Iterator[Finding]:
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
_UNCUT = Remedy(
    "Leave the term in the graph: `detach().requires_grad_()` cuts it off, and only looks trained.",
    "print(residual.is_leaf, residual.grad_fn)",
    edit="reattach",
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


def _ending(*, anew: bool, losses: Sequence[float] = example.FALLING) -> Trace:
    """A loss with a term that ends in tensors of its own, in each step in others or the same."""
    marks = {ENDS: 1.0, ANEW: float(anew)}
    return example.marked(example.regression(losses, update=1e-3), marks)


RULE = Rule(
    code="LOS037",
    name="term-without-weights",
    title="A term of the loss has no way to the weights",
    why="The gradient of a term that depends on no weight is 0 for each of them, so the term is "
    "shown in the loss and never trained on. What falls is the rest alone.",
    sees="""
The residual of a differential equation whose derivative was taken without `create_graph=True`; a
penalty computed from detached outputs that still depends on data with gradients, or that were made
leaves again by `detach().requires_grad_()`. The loss has a graph, `backward` does not complain, and
the network learns the other terms, the boundary perhaps.
""",
    evidence="""
The graph of each term of the sum: no way leads from it to any parameter, while the loss has some.
An alarm unless the fit is good; and an alarm in any case where the term ends in tensors that no
other term depends on, which are others in each recorded step: what nobody keeps nobody trains.
""",
    ignore="""
A term that is only shown, or that trains the input itself (an adversarial picture beside the
weights), is a note where the network learns all the same. A tensor that stays from step to step,
such as a learned scalar in an optimizer, is trained by its term. Where a run has several losses,
the gradient of what was cut off may be sent on by hand. A term without any graph is a number.
""",
    references=(
        "PyTorch, `torch.autograd.grad`: create_graph",
        "Raissi, Perdikaris & Karniadakis 2019, Physics-informed neural networks",
    ),
    reads=frozenset({Quantity.LOSS}),
    check_run=check_run,
    thresholds={"terms": TERMS, "often": OFTEN, "fit": HALF, "steps": ENOUGH_STEPS},
    explains=("loss-flat", "zero-gradient", "constant-output", "labels-unrelated"),
    cases=(
        Case("the first term", lambda: _example(first=True), Severity.WARNING),
        Case("the second term", lambda: _example(other=True), Severity.WARNING),
        Case("it ends in what each step made anew", lambda: _ending(anew=True), Severity.WARNING),
        Case("near miss: a scalar that is trained", lambda: _ending(anew=False), None),
        Case("near miss: both depend on weights", _example, None),
        Case(
            "near miss: a term that is shown, and it learns",
            lambda: _example(other=True, losses=example.FALLING),
            None,
        ),
        Case("readings missing: no terms", lambda: example.unread(_example(first=True)), None),
    ),
)

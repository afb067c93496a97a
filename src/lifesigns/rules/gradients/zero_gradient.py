"""GRD003: a gradient that is exactly zero, and what on the graph blocks it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Course, Run, Stream, Threshold
from lifesigns.evidence.blocked import (
    SAME,
    STOPPED,
    STUCK,
    block_at,
    block_behind,
    block_from_above,
    is_cut_off,
    opaque_behind,
    stopped_share,
    stuck_rest,
    unknown_block,
    with_origin,
)
from lifesigns.evidence.shares import seen
from lifesigns.evidence.sites import counted, is_hidden, listed
from lifesigns.evidence.thresholds import CALIBRATED, HALF
from lifesigns.records import (
    Finding,
    Graph,
    Kind,
    LossReading,
    ParameterReading,
    Quantity,
    Remedy,
    Severity,
    SiteReading,
    Snapshot,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

STEPS = Threshold(2, "recorded steps before 'never' is said", "definition")
SEVERED = Threshold(2, "passes from a loss without a graph", "one may be a test")
SHARE = Threshold(0.01, "share of the weights that alarms if the loss is harmed", CALIBRATED)
MAJORITY = Threshold(0.5, "share of the weights that makes it an error", "a majority")


def check_run(run: Run) -> Iterable[Finding]:
    """A loss that no operation led to, where there was no other."""
    enough = SEVERED if run.trace.steps > 1 else 1
    if run.trace.severed >= enough and not run.trace.snapshots:
        yield _leads_nowhere(run.trace)


def check(stream: Stream) -> Iterable[Finding]:
    """No gradient anywhere; or none from most samples; or none for some parameters, ever."""
    snapshots = [s for s in stream.snapshots if _counts(s)]
    everywhere = [s for s in snapshots if _stands_still(s)]
    if everywhere:
        yield _nothing_learns(stream, everywhere, snapshots)
    elif snapshots and (index := _clipped_site(snapshots[-1])) is not None:
        yield _most_samples_are_mute(stream, snapshots, index)
    elif len(snapshots) >= STEPS and (zero := _always_zero(snapshots)):
        yield _some_stand_still(stream, snapshots, zero)


def _counts(snapshot: Snapshot) -> bool:
    """A step whose loss said something: finite, not exactly 0, not every target ignored."""
    loss = snapshot.loss
    silent = loss is not None and (loss.ignored_all or loss.value == 0)
    return bool(_reached(snapshot)) and snapshot.nonfinite is None and not silent


def _reached(snapshot: Snapshot) -> list[ParameterReading]:
    return [
        p
        for p in snapshot.parameters
        if p.trainable and p.reached and 0 not in p.shape
        if p.gradient_is_zero or np.isfinite(p.gradient_rms)
    ]


def _stands_still(snapshot: Snapshot) -> bool:
    """No gradient anywhere; what a weight penalty adds does not count."""
    return all(p.gradient_is_zero for p in _reached(snapshot)) or is_cut_off(snapshot)


def _always_zero(snapshots: Sequence[Snapshot]) -> list[ParameterReading]:
    """Parameters whose gradient was exactly zero on every recorded step."""
    moving = {p.name for s in snapshots for p in _reached(s) if not p.gradient_is_zero}
    return [p for p in _reached(snapshots[0]) if p.name not in moving]


def _leads_nowhere(trace: Trace) -> Finding:
    passes = "1 backward pass" if trace.severed == 1 else f"{trace.severed} backward passes"
    return RULE.finding(
        Severity.ERROR,
        "no parameter gets a gradient: the loss is a tensor of its own",
        step=0,
        measured=f"{passes} began at a tensor that no operation led to, "
        "and none at a result of the network",
        expected="a loss computed from the network's output, with its graph",
        certainty=f"exact, as of {passes}",
        causes=("frozen", "other"),
        remedies=(
            Remedy(
                "Call backward on the loss as it was computed: torch.tensor(loss), .item(), "
                ".detach(), no_grad and NumPy cut it off, and so does freezing every parameter.",
                "loss = criterion(model(x), y)\nloss.backward()",
                edit="reattach",
            ),
        ),
        evidence={"severed": float(trace.severed)},
    )


def _nothing_learns(
    stream: Stream, everywhere: Sequence[Snapshot], counted: Sequence[Snapshot]
) -> Finding:
    first, course = everywhere[0], stream.course
    block = block_from_above(first) or opaque_behind(first, _reached(first))
    block = with_origin(block or unknown_block(first), stream, first.step)
    return RULE.finding(
        _severity(course, lasting=everywhere[-1] is counted[-1]),
        f"no parameter gets a gradient at step {first.step}: {block.reason}",
        site=block.site,
        step=first.step,
        measured=f"the gradient of the loss is exactly 0 for all {len(_reached(first))} parameters "
        f"in {len(everywhere)} of {len(counted)} recorded steps; {block.reason}" + course.remark,
        expected="a gradient different from 0",
        certainty=f"exact, in {stream.seen}",
        causes=block.causes,
        remedies=block.remedies,
        evidence={"steps": len(everywhere), "recorded_steps": len(counted)},
    )


def _severity(course: Course, *, lasting: bool) -> Severity:
    if course.learned:
        return Severity.NOTE
    if lasting:
        return Severity.ERROR
    return Severity.WARNING if course.stalled else Severity.NOTE


def _clipped_site(snapshot: Snapshot) -> int | None:
    """A site behind the last weights that stops the gradient of most outputs."""
    sites = [r for r in snapshot.sites if not is_hidden(snapshot.graph, r.site)]
    worst = max(sites, key=stopped_share, default=None)
    if worst is None or stopped_share(worst) <= STOPPED:
        return None
    return worst.site


def _most_samples_are_mute(stream: Stream, snapshots: Sequence[Snapshot], index: int) -> Finding:
    course, last = stream.course, snapshots[-1]
    reading = last.reading(index)
    share = stopped_share(reading) if reading else 0.0
    block = block_at(last, index)
    stuck = stuck_rest(snapshots, index)
    symptom = f"{share:.0%} of the loss's gradient stops at {block.site} in step {last.step}"
    level = ""
    if stuck:
        symptom = f"a part of the loss that stays at {stuck:.3g} has no gradient: {block.reason}"
        level = f"; the loss of this step is {last.loss.value:.3g}" if last.loss else ""
    return RULE.finding(
        Severity.WARNING if course.stalled or stuck else Severity.NOTE,
        symptom,
        site=block.site,
        step=last.step,
        measured=f"of the outputs that got a gradient, {share:.0%} lie where {block.site} is flat"
        + level
        + course.remark,
        expected=f"less than {STOPPED:.0%} of the outputs on a flat part",
        certainty=f"exact, in step {last.step}: the last of {len(stream.snapshots)} recorded ones",
        causes=block.causes,
        remedies=block.remedies,
        evidence={"stopped_share": share},
    )


def _some_stand_still(
    stream: Stream, snapshots: Sequence[Snapshot], zero: Sequence[ParameterReading]
) -> Finding:
    share = _size(zero) / max(_size(_reached(snapshots[0])), 1)
    course = stream.course
    found = block_behind(snapshots[0], zero) or block_behind(snapshots[-1], zero)
    found = found or opaque_behind(snapshots[0], zero) or unknown_block(snapshots[0])
    block = with_origin(found, stream, stream.first.step)
    severity = Severity.WARNING if course.harmed and share > SHARE else Severity.NOTE
    if share > MAJORITY:
        severity = course.harm(HALF) if course.learned else Severity.ERROR
    return RULE.finding(
        severity,
        f"no gradient for {counted(len(zero), 'parameter')} ({share:.0%} of the weights) in "
        f"{len(snapshots)} steps: {block.reason}",
        site=zero[0].name,
        step=snapshots[0].step,
        measured=f"gradient of {listed([p.name for p in zero])} exactly 0 in each of "
        f"{len(snapshots)} recorded steps; {block.reason}" + course.remark,
        expected="a gradient different from 0 on some step",
        certainty=f"exact, in {seen(stream.trace, snapshots)}",
        causes=block.causes,
        remedies=block.remedies,
        evidence={"share": share, "recorded_steps": len(snapshots)},
    )


def _size(parameters: Iterable[ParameterReading]) -> float:
    return float(sum(np.prod(p.shape) for p in parameters))


# --- cases ----------------------------------------------------------------------------------------


def _clipped(losses: Iterable[float], loss: float = 1.0, inside: int = 0) -> Trace:
    """Outputs outside the range of a clamp in front of the log, but for the first `inside`."""
    graph = example.chain("linear", "relu", "linear", "clamp", "log")
    passed = np.repeat(np.arange(8) < inside, 4).reshape(8, 4)
    blocked = SiteReading(3, None, example.sums(np.ones((8, 4))), example.sums(passed))
    shot = example.snapshot(
        graph,
        sites=[blocked],
        parameters=example.weights(graph, gradient_is_zero=not inside, gradient_rms=float(inside)),
        loss=LossReading(loss),
    )
    return example.trace(*(replace(shot, step=s) for s in (0, 50)), losses=list(losses))


def _stopped(*operations: str, at: int, weight_rms: float = 0.5) -> Trace:
    """No gradient passes the site `at`; where that is hidden, the weights behind it get theirs."""
    graph = example.chain(*operations, "mse_loss")
    arrived = np.ones((8, graph.sites[at].units))
    blocked = SiteReading(at, None, example.sums(arrived), example.sums(0 * arrived))
    parameters = [
        replace(p, gradient_is_zero=index < at, gradient_rms=float(index > at))
        for index, site in enumerate(graph.sites)
        for p in example.weights(graph, weight_rms=weight_rms)
        if p.name in site.parameters
    ]
    shot = example.snapshot(graph, sites=[blocked], parameters=parameters, loss=LossReading(1.0))
    return example.trace(*(replace(shot, step=s) for s in (0, 50)), losses=FLAT)


def _beside(rests: Sequence[float]) -> Trace:
    """Beside a data term that is fitted, a part of the loss ends in a product of zeros."""
    shot = _stopped("linear", "relu", "prod", at=2).snapshots[0]
    graph = replace(shot.graph, edges=(*shot.graph.edges, (1, 3)))
    moving = tuple(replace(p, gradient_is_zero=False, gradient_rms=1.0) for p in shot.parameters)
    shot = replace(shot, graph=graph, parameters=moving)
    losses = [LossReading(0.1 + rest, fit=0.1, penalised=True) for rest in rests]
    return example.trace(
        *(replace(shot, step=k, loss=loss) for k, loss in enumerate(losses)), losses=FALLING
    )


def _unread() -> Trace:
    """A softmax inside that gives weight to four values which are all alike."""
    known = _stopped("linear", "softmax", "linear", at=1)
    even = example.sums(np.full((8, 4), 0.25))
    shots = (replace(s, sites=(replace(s.sites[0], value=even),)) for s in known.snapshots)
    return example.trace(*shots, losses=FLAT)


def _dropped() -> Trace:
    known = _stopped("linear", "relu", "mul", "linear", at=2)
    first, relu, product, *rest = known.snapshots[0].graph.sites
    product = replace(product, kind=Kind.OTHER, details={"factor": 0.0})
    graph = Graph((first, relu, product, *rest), known.snapshots[0].graph.edges)
    still = [replace(p, gradient_is_zero=True) for p in known.snapshots[0].parameters]
    shots = (replace(s, graph=graph, parameters=tuple(still)) for s in known.snapshots)
    return example.trace(*shots, losses=FLAT)


def _straight(zero: Sequence[bool]) -> Trace:
    """A function of the user's own between two layers, the first without a gradient."""
    graph = example.chain("linear", "binarize", "linear", "mse_loss")
    sites = [replace(s, kind=Kind.OPAQUE) if s.operation == "binarize" else s for s in graph.sites]
    parameters = [
        replace(p, gradient_is_zero=z, gradient_rms=0.0 if z else 1.0)
        for p, z in zip(example.weights(graph), zero, strict=True)
    ]
    graph = replace(graph, sites=tuple(sites))
    shots = (example.snapshot(graph, step=s, parameters=parameters) for s in (0, 50))
    return example.trace(*shots, losses=FLAT)


def _penalised() -> Trace:
    """As `_clipped`, but the gradients hold what a weight penalty adds."""
    shots = _clipped(FLAT).snapshots
    pulled = [replace(p, gradient_is_zero=False, gradient_rms=1e-6) for p in shots[0].parameters]
    return example.trace(*(replace(s, parameters=tuple(pulled)) for s in shots), losses=FLAT)


def _partly(zero: Sequence[bool], losses: Iterable[float]) -> Trace:
    graph: Graph = example.chain("linear", "relu", "linear", "relu", "linear", "mse_loss")
    parameters = [
        replace(p, gradient_is_zero=z, gradient_rms=0.0 if z else 1.0)
        for p, z in zip(example.weights(graph), zero, strict=True)
    ]
    shots = (example.snapshot(graph, step=s, parameters=parameters) for s in (0, 50))
    return example.trace(*shots, losses=list(losses))


RULE = Rule(
    code="GRD003",
    name="zero-gradient",
    title="A gradient that is exactly zero",
    why="A parameter moves only along its gradient, so one whose gradient is exactly zero stays "
    "where it started, at any learning rate. Somewhere between it and the loss a function is flat "
    "for every sample, and waiting does not help.",
    sees="""
A small gradient is slow; a gradient of exactly 0 is a standstill. It arises where a function on
the way from the parameter to the loss is flat for the whole batch: a layer of dead rectifiers,
outputs outside the range of a clamp, a softmax over a single unit, a constant factor of zeros (a
dropout of 1, an empty mask), attention to values that are all alike (a mask of the wrong side
leaves only padding), weights that are all zero, a function of one's own whose backward returns 0.
""",
    evidence="""
Every element of the gradient is 0 (what a weight penalty adds does not count): for all reached
parameters on a recorded step, or for some parameters on every recorded step. Or more than half of
the outputs lie on a flat part behind the last weights; beside a part of the loss that is learned,
this alarms where the rest is half of the loss, stays what it is, and is cut to 0. The site that
blocks is found on the graph: a gradient different from 0 arrived there and none was passed on; or
it is a function of the program's own that is the only way to the loss, with no parameter of the
kind behind it.
""",
    ignore="""
Steps whose loss is exactly 0 or whose targets are all ignored are not counted. A part of the
network that is not in use, while the rest learns, is a note.
""",
    references=(
        "CS231n, Neural Networks Part 1: commonly used activation functions",
        "Lu et al. 2019, Dying ReLU and Initialization",
    ),
    reads=frozenset(
        {
            Quantity.ACTIVATIONS,
            Quantity.GRADIENTS,
            Quantity.PARAMETERS,
            Quantity.UPDATES,
            Quantity.BATCH,
            Quantity.LOSS,
        }
    ),
    check=check,
    check_run=check_run,
    thresholds={
        "steps": STEPS,
        "severed": SEVERED,
        "stuck": STUCK,
        "same": SAME,
        "share": SHARE,
        "stopped": STOPPED,
        "majority": MAJORITY,
        "fit": HALF,
    },
    explains=("constant-output", "loss-flat", "rate-too-low"),
    cases=(
        Case("the loss is a tensor of its own", lambda: Trace(steps=9, severed=9), Severity.ERROR),
        Case("the only pass is from a leaf", lambda: Trace(steps=1, severed=1), Severity.ERROR),
        Case("near miss: one pass of many is", lambda: Trace(steps=9, severed=1), None),
        Case("outputs outside a clamp, nothing moves", lambda: _clipped(FLAT), Severity.ERROR),
        Case(
            "a softmax over one unit",
            lambda: _stopped("linear", "relu", "linear/1", "softmax", at=3),
            Severity.ERROR,
        ),
        Case("a backward of nothing", lambda: _straight([True, False]), Severity.WARNING),
        Case("near miss: a backward that passes on", lambda: _straight([False, False]), None),
        Case("a dropout of everything", _dropped, Severity.ERROR),
        Case("a mask that leaves attention nothing but padding", _unread, Severity.WARNING),
        Case("a dead layer", lambda: _stopped("linear", "relu", "linear", at=1), Severity.WARNING),
        Case(
            "a saturated layer behind weights far too large",
            lambda: _stopped("linear", "tanh", "linear", at=1, weight_rms=10.0),
            Severity.WARNING,
        ),
        Case(
            "one of three layers stands still, loss flat",
            lambda: _partly([True, False, False], FLAT),
            Severity.WARNING,
        ),
        Case("most layers stand still", lambda: _partly([True, True, False], FLAT), Severity.ERROR),
        Case("most outputs outside a clamp", lambda: _clipped(FLAT, inside=2), Severity.WARNING),
        Case("few outputs outside a clamp", lambda: _clipped(FLAT, inside=6), None),
        Case("near miss: most outside, yet it learns", lambda: _clipped(FALLING, inside=2), None),
        Case("a part of the loss stays where it is", lambda: _beside([2, 2, 2]), Severity.WARNING),
        Case("near miss: it moves yet", lambda: _beside([2, 2, 1.9]), None),
        Case("only a weight penalty still pulls", _penalised, Severity.ERROR),
        Case("unused part, yet it learns", lambda: _partly([True, False, False], FALLING), None),
        Case("a loss of exactly 0", lambda: _clipped(FLAT, loss=0.0), None),
        Case("every layer moves", lambda: _partly([False] * 3, FLAT), None),
        Case("readings missing: no gradients", lambda: example.unread(_clipped(FLAT)), None),
    ),
)

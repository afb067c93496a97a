"""GRD003: a gradient that is exactly zero, and what on the graph blocks it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lifesigns.records import (
    WEIGHTED,
    Finding,
    Graph,
    Kind,
    LossReading,
    ParameterReading,
    Remedy,
    Severity,
    SiteReading,
    Snapshot,
    Trace,
)
from lifesigns.rules import _examples as example
from lifesigns.rules._evidence import Progress, is_hidden, listed, progress, streams
from lifesigns.rules._rule import Case, Rule, Threshold


@dataclass(frozen=True)
class _Block:
    """What stops the gradient, and the causes that points to."""

    site: str
    reason: str
    causes: tuple[str, ...]
    remedies: tuple[Remedy, ...]


def check(trace: Trace) -> Iterable[Finding]:
    """No gradient anywhere, or else none for some parameters on every recorded step."""
    for stream in streams(trace):
        snapshots = [s for s in trace.stream(stream) if _counts(s)]
        everywhere = [s for s in snapshots if _stands_still(s)]
        if everywhere:
            yield _nothing_learns(trace, stream, everywhere, snapshots)
        elif len(snapshots) >= _limit("steps"):
            zero = _always_zero(snapshots)
            if zero:
                yield _some_stand_still(trace, stream, snapshots, zero)


def _counts(snapshot: Snapshot) -> bool:
    """A step whose loss said something: finite, not exactly 0, not every target ignored."""
    loss = snapshot.loss
    silent = loss is not None and (loss.ignored_all or loss.value == 0)
    return bool(_reached(snapshot)) and snapshot.nonfinite is None and not silent


def _reached(snapshot: Snapshot) -> list[ParameterReading]:
    return [
        p
        for p in snapshot.parameters
        if p.trainable and p.reached and (p.gradient_is_zero or np.isfinite(p.gradient_rms))
    ]


def _stands_still(snapshot: Snapshot) -> bool:
    """No gradient anywhere; what a weight penalty adds does not count."""
    return all(p.gradient_is_zero for p in _reached(snapshot)) or _is_cut_off(snapshot)


def _is_cut_off(snapshot: Snapshot) -> bool:
    """Every way from a weight to the loss leads through a site that lets no gradient pass."""
    graph = snapshot.graph
    blocked = {r.site for r in snapshot.sites if _blocks(r)}
    open_ends = [i for i in range(len(graph.sites)) if not graph.successors(i)]
    seen: set[int] = set()
    while blocked and open_ends:
        index = open_ends.pop()
        if index not in seen and index not in blocked:
            seen.add(index)
            if graph.sites[index].kind in WEIGHTED:
                return False
            open_ends.extend(graph.predecessors(index))
    return bool(blocked)


def _always_zero(snapshots: Sequence[Snapshot]) -> list[ParameterReading]:
    """Parameters whose gradient was exactly zero on every recorded step."""
    moving = {p.name for s in snapshots for p in _reached(s) if not p.gradient_is_zero}
    return [p for p in _reached(snapshots[0]) if p.name not in moving]


def _nothing_learns(
    trace: Trace, stream: int, everywhere: Sequence[Snapshot], counted: Sequence[Snapshot]
) -> Finding:
    first, course = everywhere[0], progress(trace, stream)
    block = _from_above(first) or _unknown(first)
    return RULE.finding(
        _severity(course, lasting=everywhere[-1] is counted[-1]),
        f"no parameter gets a gradient at step {first.step}: {block.reason}",
        site=block.site,
        step=first.step,
        measured=f"the gradient of the loss is exactly 0 for all {len(_reached(first))} parameters "
        f"in {len(everywhere)} of {len(counted)} recorded steps; {block.reason}"
        + (f"; {course}" if course.judged else ""),
        expected="a gradient different from 0",
        causes=block.causes,
        remedies=block.remedies,
        evidence={"steps": len(everywhere), "recorded_steps": len(counted)},
    )


def _severity(course: Progress, *, lasting: bool) -> Severity:
    if course.learned:
        return Severity.NOTE
    if lasting:
        return Severity.ERROR
    return Severity.WARNING if course.stalled else Severity.NOTE


def _some_stand_still(
    trace: Trace, stream: int, snapshots: Sequence[Snapshot], zero: Sequence[ParameterReading]
) -> Finding:
    share = _size(zero) / max(_size(_reached(snapshots[0])), 1)
    course = progress(trace, stream)
    block = _in_front_of(snapshots[-1], zero) or _unknown(snapshots[0])
    severity = Severity.WARNING if course.harmed and share > _limit("share") else Severity.NOTE
    majority = share > _limit("majority") and not course.learned
    return RULE.finding(
        Severity.ERROR if majority else severity,
        f"{len(zero)} parameters ({share:.0%} of the weights) never get a gradient: {block.reason}",
        site=zero[0].name,
        step=snapshots[0].step,
        measured=f"gradient of {listed([p.name for p in zero])} exactly 0 in each of "
        f"{len(snapshots)} recorded steps; {block.reason}"
        + (f"; {course}" if course.judged else ""),
        expected="a gradient different from 0 on some step",
        causes=block.causes,
        remedies=block.remedies,
        evidence={"share": share, "recorded_steps": len(snapshots)},
    )


def _size(parameters: Iterable[ParameterReading]) -> float:
    return float(sum(np.prod(p.shape) for p in parameters))


def _from_above(snapshot: Snapshot) -> _Block | None:
    """The last site, in forward order, that let nothing of what arrived pass."""
    blocked = [r.site for r in snapshot.sites if _blocks(r)]
    return _block(snapshot, max(blocked)) if blocked else _one_unit_softmax(snapshot)


def _in_front_of(snapshot: Snapshot, zero: Sequence[ParameterReading]) -> _Block | None:
    """The first site behind the parameters, in forward order, that let nothing pass."""
    names, graph = {p.name for p in zero}, snapshot.graph
    blocked = {r.site for r in snapshot.sites if _blocks(r)}
    for index, site in enumerate(graph.sites):
        if names & set(site.parameters):
            for later in graph.downstream(index):
                if later in blocked:
                    return _block(snapshot, later)
    return None


def _blocks(reading: SiteReading) -> bool:
    arrived, passed = reading.output_gradient, reading.input_gradient
    if arrived is None or passed is None:
        return False
    return bool(arrived.active.any() and not passed.active.any() and not passed.nonfinite.any())


def _one_unit_softmax(snapshot: Snapshot) -> _Block | None:
    graph = snapshot.graph
    single = [i for i in graph.of_kind(Kind.SOFTMAX) if graph.sites[i].units == 1]
    return _block(snapshot, single[-1]) if single else None


def _block(snapshot: Snapshot, index: int) -> _Block:
    graph, site = snapshot.graph, snapshot.graph.sites[index]
    if site.kind is Kind.SOFTMAX and site.units == 1:
        reason = f"{site.name} is a softmax over one unit, which is 1 whatever comes in"
        return _Block(site.name, reason, ("wrong_output_activation",), (_SIGMOID,))
    if not is_hidden(graph, index):
        reason = f"every output lies where {site.name} is flat"
        causes = ("wrong_output_activation", "wrong_loss")
        if site.operation == "relu":
            causes = ("wrong_output_activation", "dead_relu")
        return _Block(site.name, reason, causes, (_LOGITS,))
    if site.operation in ("relu", "relu6", "threshold", "clamp", "maximum", "where"):
        reason = f"{site.name} is silent as a whole"
        return _Block(site.name, reason, ("dead_relu", _origin(snapshot)), (_INITIALISE, _LEAKY))
    reason = f"{site.name} is saturated as a whole"
    return _Block(site.name, reason, ("saturated", _origin(snapshot)), (_INITIALISE,))


def _origin(snapshot: Snapshot) -> str:
    return "bad_init" if snapshot.step == 0 else "lr_too_high"


def _unknown(snapshot: Snapshot) -> _Block:
    """No site was seen to block: zero weights on the way back do it, or the loss itself."""
    null = [p.name for p in snapshot.parameters if p.weight_rms == 0 and len(p.shape) > 1]
    if null:
        reason = f"the weights on the way back are all 0 ({listed(null, 2)})"
        return _Block(null[-1], reason, ("bad_init",), (_INITIALISE,))
    reason = "the loss does not depend on them on these batches"
    return _Block("", reason, ("wrong_loss", "wrong_output_activation", "other"), (_LOGITS,))


_SIGMOID = Remedy("Use a sigmoid for one output unit, inside the loss.", "nn.BCEWithLogitsLoss()")
_LOGITS = Remedy(
    "Give the loss raw outputs and let it apply its own output function; do not clip them.",
    "loss = F.cross_entropy(logits, target)  # numbers: F.mse_loss(output, target)",
)
_INITIALISE = Remedy(
    "Initialise the weights at random, scaled to the fan-in.",
    "nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')\nnn.init.zeros_(layer.bias)",
)
_LEAKY = Remedy("Use a rectifier that cannot die.", "nn.LeakyReLU(0.01)  # instead of nn.ReLU()")


def _limit(name: str) -> float:
    return RULE.thresholds[name].value


# --- cases ----------------------------------------------------------------------------------------
_FLAT, _FALLING = [1.0] * 100, list(np.geomspace(1, 0.01, 100))


def _clipped(losses: Iterable[float], loss: float = 1.0) -> Trace:
    """Outputs outside the range of a clamp in front of the log."""
    graph = example.chain("linear", "relu", "linear", "clamp", "log")
    blocked = SiteReading(3, None, example.sums(np.ones((8, 4))), example.sums(np.zeros((8, 4))))
    shot = example.snapshot(
        graph,
        sites=[blocked],
        parameters=example.weights(graph, gradient_is_zero=True, gradient_rms=0.0),
        loss=LossReading(loss),
    )
    return example.trace(*(replace(shot, step=s) for s in (0, 50)), losses=list(losses))


def _penalised() -> Trace:
    """As `_clipped`, but the gradients hold what a weight penalty adds."""
    shots = _clipped(_FLAT).snapshots
    pulled = [replace(p, gradient_is_zero=False, gradient_rms=1e-6) for p in shots[0].parameters]
    return example.trace(*(replace(s, parameters=tuple(pulled)) for s in shots), losses=_FLAT)


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
    manual="""
A small gradient is slow; a gradient of exactly 0 is a standstill. It arises where a function on
the way from the parameter to the loss is flat for the whole batch: a layer of dead rectifiers,
outputs outside the range of a clamp, a softmax over a single unit, weights that are all zero.

**How it is proved.** Every element of the gradient is 0 (what a weight penalty adds does not
count): for all reached parameters on a recorded step, or for some parameters on every recorded
step. The site that blocks is found on the graph: a gradient different from 0 arrived there and
none was passed on.

**When not to worry.** Steps whose loss is exactly 0 or whose targets are all ignored are not
counted. A part of the network that is not in use, while the rest learns, is a note.
""",
    check=check,
    thresholds={
        "steps": Threshold(2, "recorded steps before 'never' is said", "definition"),
        "share": Threshold(0.01, "share of the weights that alarms if the loss is harmed", "ours"),
        "majority": Threshold(0.5, "share of the weights that makes it an error", "ours"),
    },
    explains=("constant-output", "loss-flat"),
    cases=(
        Case("outputs outside a clamp, nothing moves", lambda: _clipped(_FLAT), Severity.ERROR),
        Case(
            "one of three layers stands still, loss flat",
            lambda: _partly([True, False, False], _FLAT),
            Severity.WARNING,
        ),
        Case(
            "most layers stand still",
            lambda: _partly([True, True, False], _FLAT),
            Severity.ERROR,
        ),
        Case("only a weight penalty still pulls", _penalised, Severity.ERROR),
        Case("unused part, yet it learns", lambda: _partly([True, False, False], _FALLING), None),
        Case("a loss of exactly 0", lambda: _clipped(_FLAT, loss=0.0), None),
        Case("every layer moves", lambda: _partly([False] * 3, _FLAT), None),
    ),
)

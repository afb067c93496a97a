"""GRD005: parameters that no step can change: not reached, in no optimizer, or frozen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lifesigns.evidence import Run, Threshold
from lifesigns.evidence.sites import listed
from lifesigns.evidence.thresholds import CALIBRATED
from lifesigns.records import Finding, ParameterReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

SHARE = Threshold(0.1, "share of all weights that alarms", CALIBRATED)


@dataclass(frozen=True)
class _Group:
    """Parameters that stand still for the same reason."""

    names: tuple[str, ...]
    share: float
    state: str
    """What is true of them, in words that follow 'hold x % of the weights and'."""
    remedy: Remedy


def check_run(run: Run) -> Iterable[Finding]:
    """One finding for each of the three reasons."""
    snapshots = run.trace.snapshots
    harmed = any(stream.course.harmed for stream in run.streams)
    for group in _groups(run.parameters.values()):
        alarming = harmed and group.share > SHARE
        yield RULE.finding(
            Severity.WARNING if alarming else Severity.NOTE,
            f"{len(group.names)} parameters hold {group.share:.0%} of the weights "
            f"and {group.state}",
            site=group.names[0],
            step=snapshots[0].step,
            measured=f"{listed(group.names)}: {group.state}, on {len(snapshots)} recordings",
            expected="every parameter reached by the loss, trainable, and in an optimizer",
            causes=("frozen", "other"),
            remedies=(group.remedy,),
            evidence={"share": group.share, "parameters": len(group.names)},
        )


def _groups(history: Collection[list[ParameterReading]]) -> Iterator[_Group]:
    everything = sum(_size(readings[0]) for readings in history)
    sorted_out: dict[str, list[ParameterReading]] = {}
    for readings in history:
        state = _state(readings)
        if state:
            sorted_out.setdefault(state, []).append(readings[0])
    for state, members in sorted_out.items():
        share = sum(map(_size, members)) / max(everything, 1)
        yield _Group(tuple(p.name for p in members), share, state, _REMEDIES[state])


def _state(readings: list[ParameterReading]) -> str:
    if not any(p.trainable for p in readings):
        return FROZEN
    if not any(p.reached for p in readings):
        return UNREACHED
    return "" if any(p.optimized for p in readings) else UNOPTIMIZED


def _size(reading: ParameterReading) -> float:
    return float(np.prod(reading.shape))


FROZEN = "are frozen (`requires_grad` is False)"
UNREACHED = "are never reached by the loss"
UNOPTIMIZED = "are in no optimizer"
_REMEDIES = {
    FROZEN: Remedy("Let them train, unless they come trained.", "layer.requires_grad_(True)"),
    UNREACHED: Remedy(
        "Look for a `detach()`, `.data`, `.item()` or NumPy call between the layer and the loss, "
        "or remove the part that is not used.",
        "print([n for n, p in model.named_parameters() if p.grad is None])",
    ),
    UNOPTIMIZED: Remedy(
        "Give the optimizer all parameters, after the model is complete.",
        "optimizer = torch.optim.Adam(model.parameters())",
    ),
}


# --- cases ----------------------------------------------------------------------------------------
def _example(losses: Iterable[float], layer: int = 0, **state: Any) -> Trace:
    graph = example.chain("linear/64", "relu", "linear/2", "mse_loss", units=64)
    parameters = example.weights(graph)
    parameters[layer] = replace(parameters[layer], **state)
    return example.trace(example.snapshot(graph, parameters=parameters), losses=list(losses))


RULE = Rule(
    code="GRD005",
    name="detached-parameters",
    title="Parameters that no step can change",
    why="Only parameters that the loss reaches and that an optimizer holds are trained; all others "
    "keep the random values they started with. Nothing complains: the rest of the network has "
    "to make do with a random layer.",
    sees="""
A parameter learns if three things hold: `requires_grad` is true, the autograd graph leads from
the loss to it, and an optimizer holds it. A `detach()` too many, a NumPy call in the forward
pass, a layer created after the optimizer or kept in a plain list breaks one of them silently.
""",
    evidence="""
On none of the recorded steps did the graph lead to the parameter; or no optimizer held it; or it
was frozen. Exact.
""",
    ignore="""
Unused heads and a pretrained frozen part are normal, and a network that learns with them is left
in peace (a note). It is a warning when more than a tenth of the weights stand still and nothing
is learned.
""",
    references=(
        "PyTorch, Autograd mechanics: locally disabling gradient computation",
        "PyTorch, `torch.optim`: constructing an optimizer",
    ),
    reads=frozenset({Quantity.LOSS}),
    check_run=check_run,
    thresholds={"share": SHARE},
    explains=("loss-flat", "constant-output"),
    cases=(
        Case("a big layer not reached", lambda: _example(FLAT, reached=False), Severity.WARNING),
        Case("in no optimizer", lambda: _example(FLAT, optimized=False), Severity.WARNING),
        Case("frozen at random", lambda: _example(FLAT, trainable=False), Severity.WARNING),
        Case(
            "near miss: frozen backbone that learns",
            lambda: _example(FALLING, trainable=False),
            None,
        ),
        Case("a small head not used", lambda: _example(FLAT, layer=1, reached=False), None),
        Case("all in order", lambda: _example(FLAT), None),
        Case(
            "readings missing: the graph proves it",
            lambda: example.unread(_example(FLAT, reached=False)),
            Severity.WARNING,
        ),
    ),
)

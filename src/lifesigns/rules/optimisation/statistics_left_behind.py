"""OPT013: the running statistics of a batch normalisation are mostly what they started as."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Run, Stream, Threshold
from lifesigns.evidence.normalisations import momenta
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import SURE_STEPS
from lifesigns.records import Finding, Quantity, Remedy, Severity, Site, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

HALF = Threshold(
    0.5, "share of the running statistics that may be what they started as", "the smaller part"
)


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding per stream, for the layer of the smallest momentum."""
    if run.trace.steps < SURE_STEPS or not len(run.trace.evaluated):
        return
    for stream in run.streams:
        trained = [(m, s.name) for s, m in momenta(stream.last) if _is_trained(run, s)]
        momentum, name = min(trained, default=(1.0, ""))
        left = (1 - momentum) ** run.trace.steps
        if left > HALF:
            yield _finding(stream, run.trace.steps, name, momentum, left)


def _is_trained(run: Run, site: Site) -> bool:
    """Whether the weights of a normalisation move: one that is kept as it came is kept whole."""
    return any(p.update_rms > 0 for name in site.parameters for p in run.parameters.get(name, ()))


def _finding(stream: Stream, steps: int, name: str, momentum: float, left: float) -> Finding:
    return RULE.finding(
        Severity.WARNING,
        f"evaluation mode uses statistics of which {left:.0%} is what they started as",
        site=name,
        step=stream.snapshots[0].step,
        measured=f"momentum {momentum:g}: each batch moves the running mean and variance by so "
        f"much of the way, so after {counted(steps, 'step')} {left:.0%} of them is what they "
        f"began with: mean 0 and variance 1, or what was loaded{stream.course.remark}",
        expected="statistics that are the data's when the network is evaluated",
        certainty="arithmetic, with one batch a step; statistics that were loaded may be right",
        causes=("other",),
        remedies=(_USUAL, _MEASURE),
        evidence={"momentum": momentum, "left": left},
    )


_USUAL = Remedy(
    "Take the usual momentum: in PyTorch it is the share of the new batch.",
    "nn.BatchNorm2d(channels, momentum=0.1)",
)
_MEASURE = Remedy(
    "Or gather the statistics anew before you evaluate.",
    "for norm in norms:\n    norm.reset_running_stats()\n    norm.momentum = None\n"
    "with torch.no_grad():\n    for x, _ in loader:\n        model(x)  # in training mode",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(momentum: float, *, update: float = 1e-3, evaluated: bool = True) -> Trace:
    """A network with a normalisation that learns for a hundred steps."""
    graph = example.normalised(momentum, batch=16)
    known = example.regression(example.FALLING, update=1e-3)
    weights = tuple(example.weights(graph, weight_rms=1.0, update_rms=update))
    shots = tuple(replace(shot, graph=graph, parameters=weights) for shot in known.snapshots)
    steps = np.array((50, 100) if evaluated else (), np.int64)
    return replace(known, snapshots=shots, evaluated=steps)


RULE = Rule(
    code="OPT013",
    name="statistics-left-behind",
    title="Batch normalisation is evaluated before its statistics have caught up",
    why="In evaluation mode a batch normalisation uses running statistics, which begin at mean 0 "
    "and variance 1, or as they were loaded, and move towards the data by the momentum in each "
    "step. Where that is small and the training short, the network is evaluated with numbers that "
    "are not its data's.",
    sees="""
`momentum=0.001` in a training of a few hundred steps: the loss falls, and the score in evaluation
mode is far below what the same network reaches in training mode.
""",
    evidence="""
The momentum of the modules that ran, the number of steps, and that the network was put in
evaluation mode: what is left of the beginning is (1 - momentum) to the power of the steps.
""",
    ignore="""
Where the weights of the normalisation stand still, it is kept as it came. A pretrained network
brings statistics that may fit the new data as they are.
""",
    references=(
        "PyTorch, `nn.BatchNorm2d`: momentum",
        "Ioffe & Szegedy 2015, Batch Normalization, section 3.1: inference",
    ),
    reads=frozenset({Quantity.PARAMETERS, Quantity.UPDATES, Quantity.LOSS}),
    check_run=check_run,
    thresholds={"half": HALF, "steps": SURE_STEPS},
    cases=(
        Case("a thousandth, for a hundred steps", lambda: _example(0.001), Severity.WARNING),
        Case("a ten-thousandth", lambda: _example(0.0001), Severity.WARNING),
        Case("near miss: a hundredth", lambda: _example(0.01), None),
        Case("near miss: PyTorch's own", lambda: _example(0.1), None),
        Case("kept as it came", lambda: _example(0.001, update=0.0), None),
        Case("never evaluated", lambda: _example(0.001, evaluated=False), None),
        Case("readings missing: no updates", lambda: example.unread(_example(0.001)), None),
    ),
)

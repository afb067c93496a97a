"""ACT001: units of a rectifier that are silent on everything they see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lifesigns.evidence import Course, Stream, Threshold
from lifesigns.evidence.shares import Seen, at_most, percent, seen
from lifesigns.evidence.sites import (
    is_given_one_value,
    is_hidden,
    is_rectifier,
    listed,
    merged,
    sample_count,
)
from lifesigns.evidence.suspects import Suspect, unscaled_input
from lifesigns.evidence.thresholds import (
    CALIBRATED,
    DEAD_SHARE,
    ENOUGH_STEPS,
    NOTHING,
    SURE_SAMPLES,
    SURE_STEPS,
)
from lifesigns.records import (
    Finding,
    Kind,
    Quantity,
    Remedy,
    Severity,
    Site,
    SiteReading,
    Snapshot,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

NOTED = Threshold(0.10, "share of a layer worth a note", CALIBRATED)
NEARLY = Threshold(
    0.9,
    "share of the dead units, or of the worst layer's share, that is nearly all",
    "convention: it chooses the step and the layer named, never whether there is an alarm",
)


@dataclass(frozen=True)
class _Layer:
    """The silent units of one layer in the last part of a run."""

    site: Site
    silent: NDArray[np.bool_]
    observations: int
    seen: Seen
    """The last part of the run, and how much of it was looked at."""
    since: int
    from_birth: bool

    @property
    def share(self) -> float:
        return float(self.silent.mean())

    @property
    def rest(self) -> float:
        """The share of the samples in which such a unit may be active all the same."""
        return at_most(self.observations, among=len(self.silent))

    def __str__(self) -> str:
        return f"{self.silent.sum()} of {len(self.silent)} units at {self.site.name}"


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream: the layer nearest the input leads, the others are named."""
    layers = [layer for layer in _layers(stream) if layer.share > NOTED]
    if layers:
        raw = unscaled_input(stream)
        yield _finding(layers, stream.course, raw)


def _layers(stream: Stream) -> Iterator[_Layer]:
    snapshots = stream.snapshots
    recent = stream.latest
    graph = recent[-1].graph
    for index in graph.of_kind(Kind.ACTIVATION):
        site = graph.sites[index]
        if is_rectifier(site) and is_hidden(graph, index):
            silent = _silent(recent, site.name)
            if is_given_one_value(recent, site.name):  # one observation, and constant-output's
                continue
            if silent is not None and silent.any():
                first = stream.since(partial(_stays_silent, name=site.name, dead=silent))
                born = first == snapshots[0].step
                number = sample_count(recent, site.name)
                looked = seen(stream.trace, recent, since=recent[0].step)
                yield _Layer(site, silent, number, looked, first, born)


def _silent(snapshots: Iterable[Snapshot], name: str) -> NDArray[np.bool_] | None:
    """Which units gave 0 for every observation and passed no gradient on; None if unseen.

    A unit without a single finite observation is not dead: it is not known.
    """
    value = merged(snapshots, name)
    if value is not None:
        return np.asarray((value.active == 0) & (value.count > 0) & (value.nonfinite == 0))
    arrived = merged(snapshots, name, lambda r: r.output_gradient)
    passed = merged(snapshots, name, lambda r: r.input_gradient)
    if arrived is None or passed is None or arrived.units != passed.units:
        return None
    return np.asarray((arrived.active > 0) & (passed.active == 0) & (passed.nonfinite == 0))


def _stays_silent(snapshot: Snapshot, name: str, dead: NDArray[np.bool_]) -> bool:
    """Whether at least nine in ten of the `dead` units were silent in this snapshot."""
    silent = _silent((snapshot,), name)
    return silent is not None and len(silent) == len(dead) and silent[dead].mean() >= NEARLY


def _gave_nothing(layer: _Layer) -> str:
    """What was seen of the silent units, and where."""
    recorded = "" if layer.seen.whole else "recorded "
    number = layer.seen.steps
    steps = f"{recorded}step" if number == 1 else f"{number} {recorded}steps"
    return f"{layer} gave 0 in all {layer.observations} samples of the last {steps}"


def _finding(layers: list[_Layer], course: Course, raw: Suspect | None) -> Finding:
    worst = max(layers, key=lambda layer: layer.share)
    origin = next(layer for layer in layers if layer.share > NEARLY * worst.share)
    rest = [layer for layer in layers if layer is not origin]
    own = ("dead_relu", "bad_init" if origin.from_birth else "lr_too_high")
    return RULE.finding(
        _severity(layers, course),
        f"{origin.share:.0%} of the units at {origin.site.name} "
        + ("are dead" if origin.seen.whole else "look dead")
        + (" from the first step on" if origin.from_birth else f" since about step {origin.since}"),
        site=origin.site.name,
        step=origin.since,
        measured=_gave_nothing(origin)
        + (f"; also {listed(rest)}" if rest else "")
        + (f"; {raw.evidence}" if raw else "")
        + course.remark,
        expected=f"fewer than {DEAD_SHARE:.0%} of a layer silent on all data",
        certainty="all samples of these steps were seen"
        if origin.seen.whole
        else f"such a unit is active in at most {percent(origin.rest)} of all samples, at 95 % "
        "confidence",
        causes=(raw.cause, *own) if raw else own,
        remedies=(*([raw.remedy] if raw else []), *_remedies(origin.from_birth)),
        evidence={
            "dead_share": origin.share,
            "observations": origin.observations,
            "recorded_steps": origin.seen.steps,
            "activity": 0,
        },
        intervals={} if origin.seen.whole else {"activity": (0, origin.rest)},
    )


def _severity(layers: list[_Layer], course: Course) -> Severity:
    sure = [x for x in layers if x.observations >= SURE_SAMPLES]
    if any(x.share == 1.0 for x in sure) and not course.learned:
        return Severity.ERROR
    early = [x for x in sure if not _learned_nothing_before(x, course)]
    if any(x.share > DEAD_SHARE for x in early) and course.stalled:
        return Severity.WARNING
    return Severity.NOTE


def _learned_nothing_before(layer: _Layer, course: Course) -> bool:
    """Whether its units lived for long, and the fit was no better: they were not in its way."""
    before = course.curve[int(ENOUGH_STEPS) : layer.since]
    lived = layer.since >= SURE_STEPS and course.baseline > 0
    return lived and float(before.mean()) > (1 - NOTHING) * course.baseline


def _remedies(from_birth: bool) -> tuple[Remedy, ...]:
    leak = Remedy(
        "Use a rectifier that keeps a slope on both sides; such a unit cannot die.",
        "nn.LeakyReLU(0.01)  # instead of nn.ReLU()",
        edit="swap-activation",
    )
    if not from_birth:
        rate = Remedy(
            "Lower the learning rate tenfold, or warm it up: one large step is what kills units.",
            "for group in optimizer.param_groups:\n    group['lr'] *= 0.1",
            edit="scale-rate",
        )
        return rate, leak
    return (
        Remedy(
            "Initialise for rectifiers (He), with zero bias.",
            "nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')\n"
            "nn.init.zeros_(layer.bias)",
            edit="initialise",
        ),
        leak,
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(
    dead: int, losses: Iterable[float], *, operation: str = "relu", since: int = 0
) -> Trace:
    graph = example.chain("linear", operation, "linear", "mse_loss", units=10, batch=32)
    values = np.full((32, 10), np.arange(1.0, 33).reshape(-1, 1))
    alive = SiteReading(1, value=example.sums(values))
    values[:, :dead] = 0
    silent = SiteReading(1, value=example.sums(values))
    shots = (
        example.snapshot(graph, step=s, sites=[silent if s >= since else alive])
        for s in range(0, 100, 10)
    )
    return example.trace(*shots, losses=list(losses))


def _after(since: int, losses: Sequence[float] = (1.0,) * 400) -> Trace:
    """Half a layer that is silent from this step on; a constant prediction reaches 1."""
    graph = example.chain("linear", "relu", "linear", "mse_loss", units=10, batch=32)
    levels = example.regression(losses, update=1e-3).snapshots[0].loss
    alive, dead = example.silent(1, 0), example.silent(1, 5)
    shots = (
        example.snapshot(graph, step=s, sites=[dead if s >= since else alive], loss=levels)
        for s in range(0, 400, 10)
    )
    return example.trace(*shots, losses=losses)


_RELAPSED = [*np.linspace(1.2, 0.6, 150), *np.linspace(0.6, 0.92, 50), *[0.92] * 200]
_RECOVERED = [*_RELAPSED[:300], *np.linspace(0.92, 0.5, 100)]


def _not_a_number() -> Trace:
    graph = example.chain("linear", "relu", "linear", "mse_loss", units=4, batch=64)
    reading = SiteReading(1, value=example.sums(np.full((64, 4), np.nan)))
    return example.trace(example.snapshot(graph, sites=[reading]), losses=[float("nan")])


RULE = Rule(
    code="ACT001",
    name="dead-units",
    title="Units of a rectifier that never fire",
    why="A rectifier that is silent on every input passes no gradient, so the weights in front of "
    "it stop changing and it stays silent unless its inputs move. The layer works with the units "
    "that are left, and with none left everything before it stops learning.",
    sees="""
A ReLU gives 0 for a negative preactivation, and its derivative there is 0 as well. A unit whose
preactivation is negative for *every* input is dead: no gradient reaches its weights, so no step
can revive it. One step at a large learning rate can push many units over that edge at once; a bad
initialisation can put them there before training starts.
""",
    evidence="""
Over the last quarter of the recorded steps every observation of the unit was exactly 0. Such a unit
looks dead: silent on *n* independent samples, it is active on fewer than about 3/n of all, at 95 %
confidence (a layer of 64 units together: 7/n). It is called dead if every sample of these steps was
seen. Samples are counted, not the positions of a feature map. NaN is not silence.
""",
    ignore="""
A network that learns well with silent units has units to spare: that is a note. It is a warning
when more than 40 % of a layer are dead and the loss is stalled, an error when a whole layer is
dead and nothing was learned. Sparse activity (units that fire rarely, but do fire) is healthy.
Units that die after a hundred steps without a better fit were not in its way, and a layer that is
given the same by all inputs tells nothing of its units.
""",
    references=(
        "CS231n, Neural Networks Part 1: commonly used activation functions",
        "Lu et al. 2019, Dying ReLU and Initialization",
        "Hanley & Lippman-Hand 1983, If Nothing Goes Wrong, Is Everything All Right?",
    ),
    reads=frozenset({Quantity.ACTIVATIONS, Quantity.GRADIENTS, Quantity.BATCH, Quantity.LOSS}),
    check=check,
    thresholds={
        "note": NOTED,
        "warning": DEAD_SHARE,
        "observations": SURE_SAMPLES,
        "nearly": NEARLY,
        "enough_steps": ENOUGH_STEPS,
        "sure_steps": SURE_STEPS,
        "nothing": NOTHING,
    },
    explains=("vanishing-gradient", "zero-gradient", "constant-output", "loss-flat"),
    cases=(
        Case("half a layer dead, loss flat", lambda: _example(5, FLAT), Severity.WARNING),
        Case("a whole layer dead", lambda: _example(10, FLAT), Severity.ERROR),
        Case("a layer that died", lambda: _example(10, FLAT, since=30), Severity.ERROR),
        Case("near miss: half a layer dead, yet it learns", lambda: _example(5, FALLING), None),
        Case(
            "near miss: half a layer died long after nothing was learned",
            lambda: _after(200),
            None,
        ),
        Case("half a layer died early", lambda: _after(30), Severity.WARNING),
        Case(
            "half a layer died, and what was gained is lost",
            lambda: _after(150, _RELAPSED),
            Severity.WARNING,
        ),
        Case("near miss: the same, but it is gained again", lambda: _after(150, _RECOVERED), None),
        Case(
            "near miss: all inputs give the layer the same",
            lambda: example.steady(
                example.chain("linear", "relu", "linear", "mse_loss", units=10),
                FLAT,
                sites=[SiteReading(1, example.sums(np.tile(np.arange(10) > 5, (64, 1))))],
            ),
            None,
        ),
        Case("one unit dead", lambda: _example(1, FLAT), None),
        Case("a leaky unit cannot die", lambda: _example(5, FLAT, operation="leaky_relu"), None),
        Case("NaN is not dead", _not_a_number, None),
        Case("readings missing: no activations", lambda: example.unread(_example(10, FLAT)), None),
    ),
)

"""INI005: rectifiers that are silent before the first update, and stay so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream
from lifesigns.evidence.shares import at_most, percent
from lifesigns.evidence.signal import is_extinct
from lifesigns.evidence.silence import SilentLayer, silent_layers
from lifesigns.evidence.sites import listed
from lifesigns.evidence.suspects import Suspect, unscaled_input
from lifesigns.evidence.thresholds import DEAD_SHARE, SURE_SAMPLES
from lifesigns.records import Finding, Quantity, Remedy, Severity, Site, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream: the first layer to be dead leads, the others are named."""
    if stream.first.step == 0:
        layers = [x for x in silent_layers(stream) if x.share > DEAD_SHARE]
        if layers:
            yield _finding(stream, layers, unscaled_input(stream))


def _finding(stream: Stream, layers: list[SilentLayer], raw: Suspect | None) -> Finding:
    origin, rest, course = layers[0], layers[1:], stream.course
    active = at_most(origin.observations, among=origin.units)
    return RULE.finding(
        _severity(stream, layers),
        f"{origin.share:.0%} of the units at {origin.site.name} look dead before the first update",
        site=origin.site.name,
        step=0,
        measured=f"{origin.share:.0%} of the units gave 0 in all {origin.observations} samples of "
        + (
            "step 0"
            if origin.steps == 1
            else f"step 0 and the last {origin.steps - 1} recorded ones"
        )
        + (f"; also {listed([x.site.name for x in rest])}" if rest else "")
        + (f"; {raw.evidence}" if raw else "")
        + course.remark,
        expected="about half of the values positive, as zero bias and centred weights give",
        certainty=f"such a unit is active in at most {percent(active)} of all samples, at 95 % "
        "confidence",
        causes=(*([raw.cause] if raw else []), "dead_relu", "bad_init"),
        remedies=(*([raw.remedy] if raw else []), *_REMEDIES),
        evidence={
            "dead_share": origin.share,
            "observations": origin.observations,
            "recorded_steps": origin.steps,
            "activity": 0,
        },
        intervals={"activity": (0, active)},
    )


def _severity(stream: Stream, layers: list[SilentLayer]) -> Severity:
    course = stream.course
    sure = [layer for layer in layers if layer.observations >= SURE_SAMPLES]
    first = stream.first
    if is_extinct(first):  # silent for want of a signal: the depth leads (signal-fades)
        return Severity.NOTE
    silent = [layer.site for layer in sure if layer.share == 1]
    if not course.learned and _are_cut_off(first, silent):
        return Severity.ERROR
    return Severity.WARNING if sure and course.stalled else Severity.NOTE


def _are_cut_off(snapshot: Snapshot, layers: Sequence[Site]) -> bool:
    """Whether no gradient gets past one of the layers, by a short cut or otherwise."""
    graph = snapshot.graph
    still = {p.name: p.gradient_is_zero for p in snapshot.parameters if p.trainable}
    read = [[still[p] for p in site.parameters if p in still] for site in graph.sites]
    known = graph.behind(i for i, zeros in enumerate(read) if zeros)
    cut = known - graph.behind(i for i, zeros in enumerate(read) if not all(zeros))
    return any(graph.find(site.name) in cut for site in layers)


_REMEDIES = (
    Remedy(
        "Initialise for rectifiers (He), centred at zero, with zero bias.",
        "nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')\nnn.init.zeros_(layer.bias)",
        edit="initialise",
    ),
    Remedy(
        "Use a rectifier that keeps a slope on both sides; such a unit cannot die.",
        "nn.LeakyReLU(0.01)  # instead of nn.ReLU()",
        edit="swap-activation",
    ),
)


# --- cases ----------------------------------------------------------------------------------------
def _example(dead: int, losses: Sequence[float], *, later: bool = False, cut: bool = True) -> Trace:
    graph = example.chain("linear", "relu", "linear", "mse_loss", units=10, batch=64)
    read = example.weights(graph, gradient_is_zero=cut and dead == 10)
    first, then = [example.silent(1, 0 if later else dead)], [example.silent(1, dead)]
    return example.steady(graph, losses, first=first, sites=then, parameters=read)


RULE = Rule(
    code="INI005",
    name="dead-from-birth",
    title="Rectifiers that are silent before the first update",
    why="A rectifier whose preactivation is negative for every input gives 0 and passes on no "
    "gradient. Born that way it keeps its initial weights, and no learning rate will revive it.",
    sees="""
Negative biases, weights that are not centred at zero, raw inputs of one sign, or many narrow layers
can put units on the silent side before anything is learned. In deep, narrow networks even the right
initialisation does so with a probability that grows to 1 with depth.
""",
    evidence="""
More than 40 % of a hidden layer's units gave exactly 0 for every input of step 0 and of the last
quarter of the recorded steps. It alarms if the loss has stalled; it is an error if the whole layer
is silent and the gradient of everything before it is exactly 0.
""",
    ignore="""
Units that wake up later, units that are merely rare, and networks that learn with the rest: notes
at most. Few samples prove little: an alarm takes 60 of them.
""",
    references=(
        "Lu et al. 2019, Dying ReLU and Initialization",
        "Hanley & Lippman-Hand 1983, If Nothing Goes Wrong, Is Everything All Right?",
    ),
    reads=frozenset({Quantity.ACTIVATIONS, Quantity.PARAMETERS, Quantity.BATCH, Quantity.LOSS}),
    check=check,
    thresholds={"share": DEAD_SHARE, "observations": SURE_SAMPLES},
    explains=(
        "dead-units",
        "zero-gradient",
        "signal-fades",
        "vanishing-gradient",
        "constant-output",
        "loss-flat",
    ),
    cases=(
        Case("a whole layer, before the first step", lambda: _example(10, [1.0]), Severity.ERROR),
        Case("half a layer, loss flat", lambda: _example(5, FLAT), Severity.WARNING),
        Case("near miss: half a layer, yet it learns", lambda: _example(5, FALLING), None),
        Case("near miss: silent only later", lambda: _example(5, FLAT, later=True), None),
        Case("a short cut, not judged yet", lambda: _example(10, [1.0], cut=False), None),
        Case("readings missing", lambda: example.unread(_example(10, FLAT)), None),
    ),
)

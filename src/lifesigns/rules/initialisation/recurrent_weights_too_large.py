"""INI012: weights from state to state that start so large that the state is saturated."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.beginning import has_flat_ends
from lifesigns.evidence.signal import mismatches
from lifesigns.evidence.sites import listed
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import (
    WEIGHTED,
    Finding,
    Graph,
    Kind,
    Quantity,
    Remedy,
    Severity,
    Site,
    Snapshot,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

FACTOR = Threshold(
    3,
    "gain of the weights from state to state",
    "arithmetic: in front of tanh a state of ±1 then passes on a quarter of the gradient",
)
CALLS = Threshold(3, "calls, at least, of weights that are given their own state", "definition")
FROM_STATE = "weight_hh"
"""How torch's recurrent layers and cells name what leads from state to state."""


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream: all layers at once."""
    first, course = stream.first, stream.course
    large = [(site, name, gain) for site, name, gain in _gains(first) if gain > FACTOR]
    if first.step or not large:
        return
    site, name, gain = max(large, key=lambda one: one[2])
    yield RULE.finding(
        course.harm(HALF),
        f"the weights from state to state start {gain:.2g} times too large: {name}",
        site=site.name,
        step=first.step,
        measured=f"gain (RMS times √fan-in) {gain:.2g} at {listed([n for _, n, _ in large])}"
        f"{course.remark}",
        expected=f"a gain of about 1, below {FACTOR:g}",
        certainty="exact for the weights, in the first recorded step",
        causes=("bad_init", "saturated", "exploding"),
        remedies=(_ORTHOGONAL,),
        evidence={"gain": gain, "layers": len(large)},
    )


def _gains(snapshot: Snapshot) -> Iterator[tuple[Site, str, float]]:
    """Trainable weights from state to state, each once, with RMS times √fan-in."""
    graph = snapshot.graph
    places = {name: site for site in reversed(graph.sites) for name in site.parameters}
    by_hand = set(_given_their_state(snapshot))
    for reading in snapshot.parameters:
        is_own = reading.name.rpartition(".")[2].startswith(FROM_STATE)
        is_known = (is_own and reading.name in places) or reading.name in by_hand
        if is_known and reading.trainable and len(reading.shape) == 2:
            gain = reading.weight_rms * math.sqrt(reading.shape[1])
            yield places[reading.name], reading.name, gain


def _given_their_state(snapshot: Snapshot) -> Iterator[str]:
    """Weights of recurrent layers that are written out.

    What they make is squashed, and is given to them again in their next call.
    """
    graph = snapshot.graph
    squashed = {site.name for site, then, _ in mismatches(snapshot) if has_flat_ends(then)}
    calls = defaultdict[str, list[int]](list)
    for index in graph.of_kind(Kind.LINEAR):
        site = graph.sites[index]
        for name in site.parameters if site.name in squashed else ():
            calls[name].append(index)
    for name, indices in calls.items():
        if len(indices) >= CALLS and all(_reads(graph, *two) for two in pairwise(indices)):
            yield name


def _reads(graph: Graph, earlier: int, later: int) -> bool:
    """Whether no weights stand between what a site makes and what a later one is given."""
    waiting, seen = [later], {later}
    while waiting:
        before = set(graph.predecessors(waiting.pop())) - seen
        if earlier in before:
            return True
        seen |= before
        waiting += [i for i in before if graph.sites[i].kind not in WEIGHTED]
    return False


_ORTHOGONAL = Remedy(
    "Leave the recurrent layer as torch starts it, or draw what leads from state to state "
    "orthogonal.",
    "for name, weight in layer.named_parameters():\n"
    '    if name.startswith("weight_hh"):\n'
    "        for gate in weight.chunk(len(weight) // layer.hidden_size):\n"
    "            nn.init.orthogonal_(gate)",
    edit="reset-start",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    gain: float, losses: Iterable[float] = example.FLAT, name: str = "cell.weight_hh_l0"
) -> Trace:
    """A recurrent layer of 16 units with this gain from state to state."""
    known = example.regression(tuple(losses), update=1e-3)
    shots = []
    for shot in known.snapshots:
        first, *others = shot.graph.sites
        cell = replace(
            first, module="cell", operation="rnn", kind=Kind.RECURRENT, parameters=(name,)
        )
        weight = replace(shot.parameters[0], name=name, shape=(16, 16), weight_rms=gain / 4)
        graph = replace(shot.graph, sites=(cell, *others))
        shots.append(replace(shot, graph=graph, parameters=(weight, *shot.parameters[1:])))
    return replace(known, snapshots=tuple(shots))


def _written_out(calls: int, gain: float = 8.0, losses: Iterable[float] = example.FLAT) -> Trace:
    """A layer of 64 units that is called as often on what it made before, squashed by a tanh."""
    known = example.regression(tuple(losses), update=1e-3)
    chain = example.chain(*["linear", "tanh"] * calls, "linear", "mse_loss", units=64)
    sites = [
        replace(site, parameters=("state",)) if site.kind is Kind.LINEAR and i < 2 * calls else site
        for i, site in enumerate(chain.sites)
    ]
    graph = replace(chain, sites=tuple(sites))
    read = example.weights(graph, weight_rms=gain / 8, distinct_weight_rows=64)
    shots = [replace(shot, graph=graph, parameters=tuple(read)) for shot in known.snapshots]
    return replace(known, snapshots=tuple(shots))


RULE = Rule(
    code="INI012",
    name="recurrent-weights-too-large",
    title="Weights from state to state start too large",
    why="A state goes through the same weights at every step. Where they are large, each step "
    "drives its tanh and its gates to their ends: the state jumps between ±1 whatever the input "
    "was, and what little of the gradient comes through a step is lost in a few.",
    sees="""
`nn.init.normal_(p)` or `nn.init.uniform_(p, -1, 1)` for all parameters of an `nn.RNN`, `nn.GRU` or
`nn.LSTM`, or `torch.randn(n, n)` in one that is written out: with 64 units that is a gain of 8, or
4.6, where torch's own start has 0.58 and an orthogonal one 1.
""",
    evidence="""
In the first recorded step, before an update: the RMS of a trainable `weight_hh` times the root of
the number of units is above 3. Where a recurrent layer is written out, these are weights whose
output is squashed by a tanh or sigmoid and given to them again, three times or more. It is a
warning where less than half of the baseline was learned.
""",
    ignore="""
Where the run learns, it is a note; so it is for most networks that go on from a checkpoint. A
reservoir that is not trained is meant to be what it is, and is not looked at.
""",
    references=(
        "Pascanu, Mikolov & Bengio 2013, On the difficulty of training recurrent neural networks",
        "Saxe, McClelland & Ganguli 2014, section 4: orthogonal initial conditions",
    ),
    reads=frozenset({Quantity.PARAMETERS, Quantity.LOSS}),
    check=check,
    thresholds={"factor": FACTOR, "calls": CALLS, "half": HALF},
    explains=(
        "loss-flat",
        "labels-unrelated",
        "rate-too-low",
        "exploding-gradient",
        "vanishing-gradient",
        "signal-blows-up",
        "learned-by-heart",
        "loss-oscillates",
        "gain-mismatch",
    ),
    cases=(
        Case("drawn with a deviation of 1", lambda: _example(4.0), Severity.ERROR),
        Case("one that learns", lambda: _example(4.0, example.FALLING), Severity.NOTE),
        Case("a cell", lambda: _example(8.0, name="cell.weight_hh"), Severity.ERROR),
        Case("one that is written out", lambda: _written_out(8), Severity.ERROR),
        Case("near miss: written out, of two calls", lambda: _written_out(2), None),
        Case("near miss: written out, orthogonal", lambda: _written_out(8, 1.0), None),
        Case("near miss: orthogonal", lambda: _example(1.0), None),
        Case(
            "near miss: what reads the input", lambda: _example(4.0, name="cell.weight_ih_l0"), None
        ),
        Case("readings missing: no weights", lambda: _example(np.nan), None),
    ),
)

"""INI014: two factors of a product begin at zero, and neither ever gets a gradient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import listed
from lifesigns.records import (
    Finding,
    Kind,
    ParameterReading,
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

STEPS = Threshold(2, "recorded steps in which both factors are 0", "one may be the first")
PRODUCTS = frozenset({Kind.LINEAR, Kind.CONVOLUTION, Kind.OTHER})
"""What multiplies its input by a parameter: a layer, or a plain product."""


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    shots = [s for s in stream.snapshots if s.parameters]
    if len(shots) < STEPS:
        return
    found = set(_stuck(shots[0])).intersection(*map(_stuck, shots[1:]))
    if found:
        graph = shots[0].graph
        yield _finding(stream, sorted(found, key=graph.find), [s.step for s in shots])


def _stuck(snapshot: Snapshot) -> Iterator[str]:
    """The products of which both factors are 0, and stay so."""
    graph, known = snapshot.graph, {p.name: p for p in snapshot.parameters}
    for index, site in enumerate(graph.sites):
        before = graph.predecessors(index)
        if site.kind not in PRODUCTS or not before or not _multiplies(site):
            continue
        held = [known[name] for name in site.parameters[:1] if name in known]
        given = (_is_zero(snapshot, graph.sites[i], i, known) for i in before)
        if held and all(map(_is_stuck, held)) and all(given):
            yield site.name


def _multiplies(site: Site) -> bool:
    return bool(site.parameters) and (site.kind is not Kind.OTHER or site.operation == "mul")


def _is_stuck(parameter: ParameterReading) -> bool:
    """Whether it is 0, and its gradient is as well, though it is to be trained."""
    is_trained = parameter.trainable and parameter.reached and parameter.optimized
    return is_trained and parameter.weight_rms == 0 and parameter.gradient_is_zero


def _is_zero(
    snapshot: Snapshot, site: Site, index: int, known: dict[str, ParameterReading]
) -> bool:
    """Whether what a site makes is 0 for all samples: as it was read, or for all its weights."""
    reading = snapshot.reading(index)
    if reading is not None and (value := reading.value) is not None:
        return bool((value.maximum == 0).all() and (value.minimum == 0).all())
    held = [known[name] for name in site.parameters if name in known]
    return bool(held) and all(p.weight_rms == 0 for p in held)


def _finding(stream: Stream, names: Sequence[str], steps: Sequence[int]) -> Finding:
    graph = stream.first.graph
    parameters = [graph.sites[graph.find(name)].parameters[0] for name in names]
    return RULE.finding(
        Severity.WARNING,
        f"{names[0]} multiplies 0 by 0, and neither factor will ever move",
        site=names[0],
        step=steps[0],
        measured=f"{listed(parameters)}: all numbers 0, and the gradient of each is exactly 0, as "
        f"what it is multiplied by is 0 as well, in all {len(steps)} recorded steps"
        f"{stream.course.remark}",
        expected="one factor of the two at 0 at the most",
        certainty="exact, in all recorded steps",
        causes=("bad_init", "frozen"),
        remedies=(_ONE,),
        evidence={"products": len(names), "steps": len(steps)},
    )


_ONE = Remedy(
    "Begin with one of the two factors at 0 and the other one not: their product is 0 all the "
    "same, and learns.",
    "self.scale = nn.Parameter(torch.ones(width))  # the layer before it starts at 0",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    *, scale: float = 0.0, given: float = 0.0, steps: int = 3, optimized: bool = True
) -> Trace:
    """A layer, tanh, and a product of that with a scale, in so many recorded steps."""
    chain = example.chain("linear", "relu", "linear", "tanh", "mul", "linear/1", "mse_loss")
    scaled = replace(chain.sites[4], kind=Kind.OTHER, parameters=("4.scale",))
    graph = replace(chain, sites=(*chain.sites[:4], scaled, *chain.sites[5:]))
    parameters = [
        replace(p, weight_rms=scale, gradient_rms=scale, gradient_is_zero=not scale)
        if p.name == "4.scale"
        else p
        for p in example.weights(graph, weight_rms=0.3, gradient_rms=0.1, optimized=optimized)
    ]
    tanh = SiteReading(3, example.sums(np.full((8, 4), given)))
    shots = [
        example.snapshot(graph, step=9 * i, sites=[tanh], parameters=parameters)
        for i in range(steps)
    ]
    return example.trace(*shots, losses=example.FALLING)


def _adapter(*, down: float = 0.0) -> Trace:
    """Two layers of an adapter, the second at 0."""
    graph = example.chain("linear", "linear", "linear/1", "mse_loss")
    first, second, last = example.weights(graph, weight_rms=0.3, gradient_rms=0.1)
    parameters = [
        replace(first, weight_rms=down, gradient_rms=down, gradient_is_zero=not down),
        replace(second, weight_rms=0.0, gradient_rms=down, gradient_is_zero=not down),
        last,
    ]
    shots = [example.snapshot(graph, step=9 * i, parameters=parameters) for i in range(3)]
    return example.trace(*shots, losses=example.FALLING)


RULE = Rule(
    code="INI014",
    name="zero-times-zero",
    title="Both factors of a product begin at zero, and stay there",
    why="The gradient of each factor is the other one times what comes from above. If both are 0, "
    "both gradients are, at the first step and at every later one.",
    sees="""
A branch that is to begin as nothing: the last layer of a coupling's network is set to 0, and so is
the scale it is multiplied by. Or both matrices of an adapter (LoRA). The rest of the network
trains, the branch never does, and no error is raised.
""",
    evidence="""
In every recorded step all numbers of a parameter are 0 and so is its gradient; and what it is
multiplied by is 0 in all samples, as it was read, or as all weights of the layer that makes it are.
""",
    ignore="""
One factor at 0 is how such branches are meant to begin: the other one gives it a gradient. A
parameter that no optimizer holds, or that the loss does not reach, is another matter.
""",
    references=(
        "Hu et al. 2021, LoRA: Low-Rank Adaptation of Large Language Models, section 4.1",
        "Bachlechner et al. 2020, ReZero is All You Need",
    ),
    reads=frozenset({Quantity.ACTIVATIONS, Quantity.PARAMETERS}),
    check=check,
    thresholds={"steps": STEPS},
    explains=("zero-gradient", "loss-flat", "vanishing-gradient"),
    cases=(
        Case("a scale and what it scales", lambda: _example(), Severity.WARNING),
        Case("in two steps", lambda: _example(steps=2), Severity.WARNING),
        Case("both layers of an adapter", lambda: _adapter(), Severity.WARNING),
        Case("near miss: the scale alone", lambda: _example(given=0.5), None),
        Case("near miss: what it scales alone", lambda: _example(scale=0.3), None),
        Case("near miss: one layer of an adapter", lambda: _adapter(down=0.3), None),
        Case("near miss: in one step", lambda: _example(steps=1), None),
        Case("near miss: not to be trained", lambda: _example(optimized=False), None),
        Case("readings missing: nothing measured", lambda: example.unread(_example()), None),
    ),
)

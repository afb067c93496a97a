"""OPT034: weights that are frozen change while adapters beside them are trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, takewhile

from lifesigns.evidence import Run, Threshold
from lifesigns.evidence.sites import listed
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, ParameterReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

CHANGE = Threshold(
    1e-4,
    "change of the size of a frozen weight, relative to it",
    "arithmetic: adding an adapter and taking it away again leaves a rounding of 1e-7",
)
STEPS = Threshold(2, "recorded steps in which it is frozen", "definition of a change")


def check_run(run: Run) -> Iterator[Finding]:
    """At most one finding."""
    modules = {site.module for s in run.trace.snapshots[-1:] for site in s.graph.sites}
    moved = [
        name
        for name, readings in run.parameters.items()
        if name.rpartition(".")[0] in modules
        and _moves(frozen := _frozen(readings))
        and _is_adapted(run, name, len(frozen))
    ]
    if moved:
        yield _finding(run, moved)


def _frozen(readings: Sequence[ParameterReading]) -> list[ParameterReading]:
    """The last readings of a weight, from where on it is frozen and in no optimizer."""
    last = [*takewhile(_is_frozen, reversed(readings))]
    return [p for p in reversed(last) if p.weight_rms > 0 and len(p.shape) > 1]


def _is_frozen(reading: ParameterReading) -> bool:
    return not (reading.trainable or reading.optimized or reading.replaced)


def _moves(readings: Sequence[ParameterReading]) -> bool:
    """Whether it has another size than before."""
    sizes = [p.weight_rms for p in readings]
    return len(sizes) >= STEPS and max(sizes) - min(sizes) > CHANGE * max(sizes)


def _is_adapted(run: Run, name: str, steps: int) -> bool:
    """Whether weights of the same module, or around it, are trained, and not begun anew.

    Where they are, what they had learned may have been put into the frozen weight on purpose.
    """
    module = name.rpartition(".")[0]
    around = module.rpartition(".")[0] or module
    beside = [
        readings[-steps:]
        for other, readings in run.parameters.items()
        if other.startswith(f"{around}.")
        and readings[-1].trainable
        and readings[-1].reached
        and readings[-1].optimized
        and len(readings[-1].shape) > 1
    ]
    return bool(beside) and not any(map(_begins_anew, beside))


def _begins_anew(readings: Sequence[ParameterReading]) -> bool:
    return any(b.weight_rms < HALF * a.weight_rms for a, b in pairwise(readings))


def _finding(run: Run, names: Sequence[str]) -> Finding:
    readings = _frozen(run.parameters[names[0]])
    steps = [s.step for s in run.trace.snapshots if any(p.name == names[0] for p in s.parameters)]
    sizes = f"{readings[0].weight_rms:.4g} to {readings[-1].weight_rms:.4g}"
    return RULE.finding(
        Severity.WARNING,
        f"{names[0]} is frozen and in no optimizer, and changes while adapters beside it train",
        site=names[0],
        step=steps[-len(readings)],
        measured=f"{listed(names)}: `requires_grad` is False, no optimizer holds them, and their "
        f"sizes change, of the first from {sizes} (RMS)",
        expected="weights that stay what they were, or adapters that begin anew after each merge",
        certainty=f"exact, in {len(readings)} recorded steps",
        causes=("other",),
        remedies=(_TAKE_OUT, _ONCE),
        evidence={"weights": len(names), "steps": len(readings)},
    )


_TAKE_OUT = Remedy(
    "Take the adapter out again before training goes on.",
    "def train(self, mode=True):\n"
    "    super().train(mode)\n"
    "    if mode and self.merged:\n"
    "        self.weight.data -= self.scaling * (self.B @ self.A).detach()\n"
    "        self.merged = False\n"
    "    return self",
)
_ONCE = Remedy(
    "Or merge once, into a copy, after training.",
    "merged = copy.deepcopy(model)  # and merge its adapters",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    sizes: Sequence[float],
    *,
    adapter: Sequence[float] = (0.01, 0.02, 0.03, 0.04),
    optimized: bool = False,
    beside: str = "0",
) -> Trace:
    """A frozen layer of such sizes, one a recorded step, and an adapter in the same module."""
    chain = example.chain("linear", "relu", "linear/1", "mse_loss")
    frozen, last = example.weights(chain, weight_rms=0.3, gradient_rms=0.1, update_rms=1e-3)
    shots = []
    for step, (size, own) in enumerate(zip(sizes, adapter, strict=False)):
        held = replace(frozen, weight_rms=size, trainable=False, reached=False, optimized=optimized)
        added = replace(last, name=f"{beside}.B", shape=(4, 2), weight_rms=own)
        shots.append(example.snapshot(chain, step=9 * step, parameters=[held, added, last]))
    return example.trace(*shots, losses=example.FALLING)


_MOVING, _STILL = (0.300, 0.301, 0.303, 0.306), (0.3, 0.3, 0.3, 0.3)

RULE = Rule(
    code="OPT034",
    name="frozen-weights-move",
    title="Frozen weights change while adapters beside them are trained",
    why="An adapter learns what is to be added to weights that stay what they are. If it is added "
    "to them time and again, at each evaluation as it may be, they run away from under it.",
    sees="""
LoRA whose `eval()` merges the adapter into the frozen weight, and whose `train()` forgets to take
it out again: each validation adds it once more. The loss rises a little after each of them, and the
network ends worse than it could.
""",
    evidence="""
A weight of a layer that the loss goes through has `requires_grad` False, no optimizer holds it, and
its size changes between recorded steps, while weights in the same module, or around it, are
trained.
""",
    ignore="""
Averages of a network that run beside it are in no loss. Where an adapter loses more than half of
its size between two recorded steps, it was merged and begun anew on purpose (ReLoRA).
""",
    references=("Hu et al. 2021, LoRA: Low-Rank Adaptation of Large Language Models, section 4.1",),
    reads=frozenset({Quantity.PARAMETERS}),
    check_run=check_run,
    thresholds={"change": CHANGE, "steps": STEPS, "anew": HALF},
    explains=("loss-diverges", "loss-oscillates", "stopped-early"),
    cases=(
        Case("merged time and again", lambda: _example(_MOVING), Severity.WARNING),
        Case("in two steps", lambda: _example(_MOVING[:2]), Severity.WARNING),
        Case("near miss: it stays what it was", lambda: _example(_STILL), None),
        Case("near miss: up to rounding", lambda: _example((0.3, 0.3 + 1e-8)), None),
        Case(
            "near miss: the adapter begins anew",
            lambda: _example(_MOVING, adapter=(0.04, 0.001, 0.04, 0.001)),
            None,
        ),
        Case("near miss: an optimizer holds it", lambda: _example(_MOVING, optimized=True), None),
        Case("near miss: no adapter beside it", lambda: _example(_MOVING, beside="5"), None),
        Case("readings missing: no sizes", lambda: example.unread(_example(_MOVING)), None),
    ),
)

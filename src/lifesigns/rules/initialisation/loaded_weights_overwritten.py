"""INI009: what was loaded into a network was written over before its training began."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from lifesigns.evidence import Run, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Load, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

LOST = Threshold(
    0.5, "share of the loaded weights that was written over", "a definition: most of them"
)


def check_run(run: Run) -> Iterator[Finding]:
    """One finding for each load."""
    for load in run.trace.loads:
        names = [name for name in load.overwritten if name in run.parameters]
        if names and load.lost > LOST:
            yield _finding(run, load, names)


def _finding(run: Run, load: Load, names: list[str]) -> Finding:
    frozen = [n for n in names if not any(p.trainable for p in run.parameters[n])]
    return RULE.finding(
        Severity.WARNING,
        f"weights were loaded and drawn anew before training: {load.lost:.0%} of {load.network}",
        site=names[0],
        step=next(s.step for s in run.trace.snapshots if s.parameter(names[0])),
        measured=f"load_state_dict of {load.network} filled {counted(load.taken, 'tensor')}; at "
        f"the next backward pass {counted(len(names), 'weight')} held other numbers, which have "
        "nothing in common with those that were loaded"
        + (f"; {len(frozen)} of them frozen" if frozen else ""),
        expected="the loaded weights, when training begins",
        causes=("bad_init", "frozen", "other") if frozen else ("bad_init", "other"),
        remedies=(_ORDER,),
        evidence={"taken": load.taken, "lost": load.lost, "weights": len(names)},
    )


_ORDER = Remedy(
    "Initialise first, then load: what is written last counts.",
    "model.apply(init_weights)\nmodel.load_state_dict(state)",
)


# --- cases ----------------------------------------------------------------------------------------
_LOST = Load("Net", 4, 4, 1.0, 1.0, overwritten=("0.weight",), lost=1.0)


def _example(losses: Iterable[float], load: Load = _LOST, *, trainable: bool = True) -> Trace:
    graph = example.chain("linear/64", "relu", "linear/2", "mse_loss", units=64)
    parameters = example.weights(graph, weight_rms=0.1, update_rms=1e-3)
    parameters[0] = replace(parameters[0], trainable=trainable)
    shot = example.snapshot(graph, parameters=parameters)
    return replace(example.trace(shot, losses=list(losses)), loads=(load,))


RULE = Rule(
    code="INI009",
    name="loaded-weights-overwritten",
    title="Loaded weights are written over before training begins",
    why="An initialisation that runs after the checkpoint was loaded wipes out what was learned "
    "before, and nothing complains. The network starts from random weights, and where they are "
    "frozen it keeps them.",
    sees="""
`model.apply(init_weights)`, or a method that draws the weights anew, behind `load_state_dict`: in
the constructor of a larger network, in a function that prepares a model for a new task.
""",
    evidence="""
Some numbers of each weight are noted when a checkpoint has been loaded, and compared at the next
backward pass. A weight counts as drawn anew if these numbers have a cosine below one half with what
was loaded; the finding needs more than half of the weights that were filled. Weights that were
trained or filled before are not looked at.
""",
    ignore="""
A new head alone is less than half of the network. Weights that are pruned, averaged with others,
shrunk, disturbed or rounded keep a likeness with what was loaded. A second checkpoint that is
loaded over the first is no loss. A network that was trained before is drawn anew for another run.
""",
    references=(
        "torch documentation, Module.apply: initialising the parameters of a model",
        "PyTorch tutorials, Saving and loading models: warmstarting",
    ),
    reads=frozenset({Quantity.PARAMETERS}),
    check_run=check_run,
    thresholds={"lost": LOST},
    explains=(
        "detached-parameters",
        "loss-flat",
        "constant-output",
        "rate-too-low",
        "stopped-early",
        "labels-unrelated",
        "dead-units",
    ),
    cases=(
        Case("frozen afterwards", lambda: _example(FLAT, trainable=False), Severity.WARNING),
        Case("trained all the same", lambda: _example(FALLING), Severity.WARNING),
        Case(
            "near miss: a new head",
            lambda: _example(FALLING, replace(_LOST, lost=0.1)),
            None,
        ),
        Case(
            "near miss: no network that is trained",
            lambda: _example(FALLING, replace(_LOST, overwritten=())),
            None,
        ),
        Case(
            "readings missing: no weights",
            lambda: replace(example.trace(losses=[1.0] * 50), loads=(_LOST,)),
            None,
        ),
    ),
)

"""INI007: a checkpoint was loaded, and the network took next to nothing of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lifesigns.evidence import Run, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import HALF, JUDGED
from lifesigns.records import Finding, Load, ParameterReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

TAKEN = Threshold(
    0.1,
    "share of a checkpoint, and of the network, below which nothing is transferred",
    "a definition: next to nothing",
)
LEFT = Threshold(
    0.5, "share of the network's weights that nothing has filled", "a definition: most"
)
STANDING = Threshold(
    0.1, "sum of update over weights that leaves them as they were drawn", "arithmetic: a tenth"
)


def check_run(run: Run) -> Iterator[Finding]:
    """One finding for each load."""
    for load in run.trace.loads:
        left = [run.parameters[name] for name in load.left if name in run.parameters]
        standing = [readings for readings in left if _stands(readings, run.trace.steps)]
        if max(load.used, load.filled) > TAKEN:
            continue
        if (share := _share(run, standing)) > LEFT:
            yield _finding(run, load, _Kept(len(standing), share, standing[0][0].name))
        elif load.given and load.frozen_share > LEFT:
            yield _finding(run, load, _Kept(load.frozen, load.frozen_share, load.missing))
        elif load.given and (share := _share(run, left)) > LEFT:
            yield _finding(run, load, _Kept(len(left), share, left[0][0].name, stands=False))


@dataclass(frozen=True)
class _Kept:
    """Parameters that hold the numbers they were drawn with: how many, and of all weights."""

    count: int
    share: float
    first: str
    stands: bool = True
    """Whether they go on to hold them."""


def _share(run: Run, of: Sequence[Sequence[ParameterReading]]) -> float:
    """How much of the weights these are that were read together with them."""
    shots = (s for s in reversed(run.trace.snapshots) if of and s.parameter(of[0][0].name))
    together = next(shots).parameters if of else ()
    return sum(_size(readings[0]) for readings in of) / max(sum(map(_size, together)), 1)


def _size(reading: ParameterReading) -> float:
    return float(np.prod(reading.shape))


def _stands(readings: Sequence[ParameterReading], steps: int) -> bool:
    """Whether a parameter is frozen, or all steps together would hardly change it."""
    if not any(p.trainable for p in readings):
        return True
    ratios = [p.update_ratio for p in readings if p.update_ratio == p.update_ratio]
    return bool(ratios) and steps >= JUDGED and max(ratios) * steps < STANDING


def _finding(run: Run, load: Load, kept: _Kept) -> Finding:
    missed = any(stream.course.harm(HALF) is not Severity.NOTE for stream in run.streams)
    return RULE.finding(
        Severity.WARNING
        if kept.stands or (missed and run.trace.steps >= JUDGED)
        else Severity.NOTE,
        f"a checkpoint was loaded, and the network took {load.taken} of its {load.given} tensors"
        if load.given
        else "a checkpoint was loaded that holds nothing for the network",
        site=kept.first,
        step=run.trace.snapshots[0].step,
        measured=f"load_state_dict of {load.network} took {load.taken} of {load.given} tensors"
        + _names(load)
        + f"; {counted(kept.count, 'parameter')} with {kept.share:.0%} of the weights "
        f"{'keep' if kept.stands else 'began with'} the numbers they were drawn with",
        expected="tensors by the names that the network gives them",
        causes=("bad_init", "frozen", "other"),
        remedies=tuple(_remedies(load)),
        evidence={"given": load.given, "taken": load.taken, "share": kept.share},
    )


def _names(load: Load) -> str:
    """One name of each side."""
    if not (load.unexpected and load.missing):
        return ""
    return f"; it holds {load.unexpected}, where the network has {load.missing}"


def _remedies(load: Load) -> Iterator[Remedy]:
    if load.fitting > load.taken:
        old, new = load.prefix, load.instead_of
        name = f"{new!r} + k.removeprefix({old!r})" if new else f"k.removeprefix({old!r})"
        yield Remedy(
            "Give the tensors the names of the network, and look at what is still missing.",
            f"state = {{{name}: v for k, v in state.items()}}\n"
            "print(model.load_state_dict(state, strict=False))",
            edit="match-names",
        )
    yield _LOOK


_LOOK = Remedy(
    "Look at what did not fit: `strict=False` passes over it in silence.",
    "print(model.load_state_dict(state, strict=False))",
)


# --- cases ----------------------------------------------------------------------------------------
_MISFIT = Load(
    "Net", 8, 0, 0.0, 0.0, ("0.weight", "0.bias"), "0.weight", "module.0.weight", "module.", "", 8
)


def _example(losses: Iterable[float], load: Load = _MISFIT, **state: Any) -> Trace:
    graph = example.chain("linear/64", "relu", "linear/2", "mse_loss", units=64)
    parameters = example.weights(graph, weight_rms=0.1, update_rms=1e-3)
    parameters[0] = replace(parameters[0], **state)
    shot = example.snapshot(graph, parameters=parameters)
    return replace(example.trace(shot, losses=list(losses)), loads=(load,))


RULE = Rule(
    code="INI007",
    name="checkpoint-passed-over",
    title="A checkpoint was loaded of which the network takes next to nothing",
    why="What a network learned before is carried over by the names of its tensors. Where none "
    "matches, strict=False loads nothing and does not complain: the network starts from "
    "random weights, and if they are frozen it keeps them.",
    sees="""
A call of `load_state_dict` with `strict=False`, or with what was left of a checkpoint after its
names were compared with the network's, whose names do not match: saved from a `DataParallel`
(`module.` in front of each), from a wrapper, from another class. Its result is not looked at, and
the part that was to come trained stays random.
""",
    evidence="""
The result of each load is noted, with the checkpoint's names and the network's. It counts if less
than a tenth of the checkpoint's numbers was taken, and less than a tenth of the network's given,
by this load; and if nothing has filled or written most of the weights until the next backward pass,
whether they are trained or frozen, or until the network is put in evaluation mode, never to be
trained: tested in the end, or asked without gradients all along, as a teacher is.
Tensors of the checkpoint that are the network's own say nothing. Loads before watching began are
not seen.
""",
    ignore="""
A checkpoint without a head, or of which a part alone is used, has all that it gives taken or fills
the network. A second load that fits, or weights that are copied by hand afterwards, excuse the
first. Where these weights are trained, and the fit is good, it is a note.
""",
    references=(
        "torch documentation, Module.load_state_dict: missing_keys and unexpected_keys",
        "PyTorch tutorials, Saving and loading models: warmstarting, DataParallel",
    ),
    reads=frozenset({Quantity.LOSS, Quantity.PARAMETERS, Quantity.UPDATES}),
    check_run=check_run,
    thresholds={
        "taken": TAKEN,
        "left": LEFT,
        "standing": STANDING,
        "half": HALF,
        "steps": JUDGED,
    },
    explains=(
        "detached-parameters",
        "loss-flat",
        "constant-output",
        "rate-too-low",
        "stopped-early",
        "labels-unrelated",
        "dead-units",
        "uniform-targets",
    ),
    cases=(
        Case("frozen at random", lambda: _example(FALLING, trainable=False), Severity.WARNING),
        Case("at a tiny rate", lambda: _example(FALLING, update_rms=1e-7), Severity.WARNING),
        Case("trained, to no avail", lambda: _example(FLAT), Severity.WARNING),
        Case(
            "nothing in it, and frozen",
            lambda: _example(FLAT, replace(_MISFIT, given=0), trainable=False),
            Severity.WARNING,
        ),
        Case("near miss: trained all the same, and it fits", lambda: _example(FALLING), None),
        Case(
            "near miss: nothing in it, and trained",
            lambda: _example(FLAT, replace(_MISFIT, given=0)),
            None,
        ),
        Case(
            "frozen, and in no graph",
            lambda: _example(FALLING, replace(_MISFIT, left=(), frozen=2, frozen_share=0.9)),
            Severity.WARNING,
        ),
        Case(
            "near miss: a head is missing",
            lambda: _example(FLAT, replace(_MISFIT, used=1.0, filled=0.9), trainable=False),
            None,
        ),
        Case(
            "near miss: filled by another load",
            lambda: _example(FLAT, replace(_MISFIT, left=()), trainable=False),
            None,
        ),
        Case(
            "readings missing: no weights",
            lambda: replace(example.trace(losses=[1.0] * 50), loads=(_MISFIT,)),
            None,
        ),
    ),
)

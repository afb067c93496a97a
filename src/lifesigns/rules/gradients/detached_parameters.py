"""GRD005: parameters that no step can change: not reached, in no optimizer, or frozen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lifesigns.evidence import Run, Threshold
from lifesigns.evidence.as_drawn import DRAWN, FEWEST
from lifesigns.evidence.output import last_layers
from lifesigns.evidence.shares import seen
from lifesigns.evidence.sites import counted, listed
from lifesigns.evidence.standing import (
    CHECKPOINTED,
    FROZEN,
    HELD,
    NOWHERE,
    OUTPUT,
    PASSED_OVER,
    REMADE,
    REPLACED,
    UNFROZEN,
    UNGRADED,
    UNLISTED,
    UNOPTIMIZED,
    UNREACHED,
    Still,
    groups,
)
from lifesigns.evidence.still import OFTEN, nothing_moves, trained
from lifesigns.evidence.thresholds import CALIBRATED, FITTED, HALF, JUDGED
from lifesigns.evidence.unfrozen import unfrozen
from lifesigns.records import Finding, ParameterReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

SHARE = Threshold(0.1, "share of all weights that alarms", CALIBRATED)
OF_WEIGHTS = {"often": OFTEN, "drawn": DRAWN, "fewest": FEWEST}


def check_run(run: Run) -> Iterable[Finding]:
    """One finding for each of the reasons."""
    snapshots, elsewhere = run.trace.snapshots, run.trace.unreached
    looked = seen(run.trace, snapshots)
    instead = elsewhere if _is_all(run) else ()  # the same mistake: held in place of the network
    others = () if instead else elsewhere
    history = [*run.parameters.values(), *([p] for p in others)]
    last = frozenset[str]().union(*(last_layers(s.first.graph) for s in run.streams))
    for group in groups(history, unfrozen(run), last):
        if group.state == NOWHERE and not run.trace.optimizers:
            continue  # by hand: what a module is lent for a call is made anew by each step
        yield RULE.finding(
            _severity(run, group),
            f"{_hold(len(group.names))} {group.share:.0%} of the weights and {group.state}"
            + (f" in {looked}" if group.state in (UNREACHED, HELD, NOWHERE) else ""),
            site=group.names[0],
            step=snapshots[0].step,
            measured=f"{listed(group.names)}: {group.state}, in "
            f"{counted(len(snapshots), 'recorded backward pass')}"
            + (_held_instead(run, instead) if group.is_untaken else ""),
            expected="every parameter reached by the loss, trainable, and in an optimizer",
            certainty=f"exact, in {looked}",
            causes=("frozen", "other"),
            remedies=_REMEDIES[group.state],
            evidence={"share": group.share, "parameters": len(group.names)},
        )


def _hold(number: int) -> str:
    return counted(number, "parameter") + (" holds" if number == 1 else " hold")


def _held_instead(run: Run, instead: Sequence[ParameterReading]) -> str:
    """What the optimizers hold while they hold nothing of the network."""
    if not instead:
        return ""
    shapes = Counter(p.shape for p in instead) - Counter(p[0].shape for p in trained(run))
    like = " of other shapes" if shapes else " of the same shapes: a copy?"
    return f"; the optimizer holds {counted(len(instead), 'other parameter')}{like}"


def _severity(run: Run, group: Still) -> Severity:
    """An error where nothing can learn at all; else a warning where it shows, or is proved.

    A part that somebody wanted to train and that stands still is a mistake, however far the rest
    of the network gets without it, unless that fits the targets: half of them; nearly all where
    nobody can have meant that no optimizer took it.
    """
    nothing = group.state == NOWHERE or (group.state == UNOPTIMIZED and _is_all(run))
    if nothing and run.trace.steps >= JUDGED:
        return Severity.ERROR
    harmed = any(s.course.harmed or s.course.harm() is not Severity.NOTE for s in run.streams)
    gone = group.state == REPLACED  # what it took the place of was to be trained, for certain
    enough = FITTED if group.as_drawn or group.state in (UNLISTED, PASSED_OVER) else HALF
    fits = _fits(run, enough) and not gone
    proved = group.is_meant_to_train and run.trace.steps >= JUDGED and not fits
    whole = gone or group.state == OUTPUT or group.in_vain
    least = HALF if group.as_drawn or group.state == UNLISTED else 0 if whole else SHARE
    alarming = (harmed and group.share > SHARE) or (proved and group.share > least)
    return Severity.WARNING if alarming else Severity.NOTE


def _is_all(run: Run) -> bool:
    """Whether no optimizer holds anything that a loss leads to, and nothing else moves it."""
    held = any(p.optimized for readings in trained(run) for p in readings)
    return not held and nothing_moves(run)


def _fits(run: Run, enough: float) -> bool:
    """Whether this share of what there is to learn was learned without these parameters."""
    courses = [stream.course for stream in run.streams]
    return any(
        c.gain > enough if np.isfinite(c.gain) else c.learned for c in courses if not c.opposed
    )


_LET_TRAIN = Remedy(
    "Let them train, unless they come trained.",
    "layer.requires_grad_(True)",
    edit="train-parameters",
)
_REGISTER = Remedy(
    "Register the layers: keep them in an `nn.ModuleList` or `nn.ModuleDict`.",
    "self.hidden = nn.ModuleList(layers)",
    edit="register-layers",
)
_UNCUT = Remedy(
    "Look for a `detach()`, `.data`, `.item()` or NumPy call between the layer and the loss, "
    "or remove the part that is not used.",
    "print([n for n, p in model.named_parameters() if p.grad is None])",
    edit="reattach",
)
_AS_COMPUTED = Remedy(
    "Add the losses up as they were computed: `torch.tensor([...])` of them is a new tensor "
    "without their graph, whatever its `requires_grad`.",
    "loss = torch.stack(losses).sum()  # or sum(losses)",
    edit="reattach",
)
_GRADED = Remedy(
    "Take `torch.no_grad()`, `inference_mode` or `set_grad_enabled(False)` away from what is to be "
    "trained.",
    "with torch.enable_grad():\n    features = encoder(x)",
    edit="reattach",
)
_NOT_REENTRANT = Remedy(
    "Use the checkpoint that is not reentrant, or let its inputs ask for a gradient.",
    "from torch.utils.checkpoint import checkpoint\nh = checkpoint(layer, h, use_reentrant=False)",
)
_GIVE_ALL = Remedy(
    "Give the optimizer all parameters, after the model is complete.",
    "optimizer = torch.optim.Adam(model.parameters())",
    edit="optimize-all",
)
_GIVE_NEW = Remedy(
    "Give what was unfrozen to the optimizer: it holds what it was given when it was made.",
    'optimizer.add_param_group({"params": backbone.parameters()})',
)
_GIVE_REPLACED = Remedy(
    "Make the optimizer when the network is complete: it holds the layer that is gone.",
    "model.fc = nn.Linear(512, classes)\noptimizer = torch.optim.Adam(model.parameters())",
    edit="optimize-all",
)
_GIVE_OWN = Remedy(
    "Give each optimizer the parameters of its own network: two hold the same ones.",
    "decoder_optimizer = torch.optim.Adam(decoder.parameters())",
)
_MAKE_ONCE = Remedy(
    "Make it once, in `__init__`, so that the optimizer can hold it.",
    "self.weight = nn.Parameter(torch.randn(width, width) / width**0.5)",
)
_REMEDIES = {
    FROZEN: (_LET_TRAIN,),
    **dict.fromkeys((UNREACHED, HELD), (_UNCUT,)),
    NOWHERE: (_AS_COMPUTED, _UNCUT),
    UNGRADED: (_GRADED,),
    CHECKPOINTED: (_NOT_REENTRANT,),
    **dict.fromkeys((UNOPTIMIZED, OUTPUT), (_GIVE_ALL,)),
    PASSED_OVER: (_GIVE_OWN,),
    UNFROZEN: (_GIVE_NEW,),
    REMADE: (_MAKE_ONCE,),
    REPLACED: (_GIVE_REPLACED,),
    UNLISTED: (_REGISTER,),
}


# --- cases ----------------------------------------------------------------------------------------
def _example(losses: Iterable[float], layer: int = 0, **state: Any) -> Trace:
    graph = example.chain("linear/64", "relu", "linear/2", "mse_loss", units=64)
    parameters = example.weights(graph)
    parameters[layer] = replace(parameters[layer], **state)
    return example.trace(example.snapshot(graph, parameters=parameters), losses=list(losses))


def _all_held_by_none(update_rms: float) -> Trace:
    graph = example.chain("linear/64", "relu", "linear/2", "mse_loss", units=64)
    parameters = example.weights(graph, optimized=False, update_rms=update_rms, weight_rms=0.1)
    shots = [example.snapshot(graph, step=step, parameters=parameters) for step in (0, 60)]
    return example.trace(*shots, losses=[1.0, 0.5] * 50)


def _held_is_a_copy() -> Trace:
    known = _all_held_by_none(update_rms=0.0)
    copies = (
        replace(p, name=f"parameter {i} of group 0 of Adam", reached=False, optimized=True)
        for i, p in enumerate(known.snapshots[0].parameters)
    )
    return replace(known, unreached=tuple(copies))


def _passed_over(losses: Iterable[float]) -> Trace:
    """A layer in no optimizer, beside one in two of them."""
    known = _example(losses, optimized=False)
    (shot,) = known.snapshots
    parameters = tuple(replace(p, held_twice=p.optimized) for p in shot.parameters)
    return replace(known, snapshots=(replace(shot, parameters=parameters),))


def _unfrozen(optimized: bool) -> Trace:
    """A layer that was frozen at first, and stands still."""
    first = _example(FLAT, trainable=False, reached=False, optimized=False)
    then = _example(FLAT, optimized=optimized, update_rms=0.0)
    return replace(first, snapshots=(*first.snapshots, replace(then.snapshots[0], step=60)))


def _made_anew(*sizes: float, losses: Sequence[float] = FLAT) -> Trace:
    """A layer of these sizes in turn, which no step has changed."""
    still: dict[str, Any] = {"optimized": False, "update_rms": 0.0}
    runs = [_example(losses, weight_rms=size, **still) for size in sizes]
    shots = (replace(run.snapshots[0], step=30 * i) for i, run in enumerate(runs))
    return replace(runs[0], snapshots=tuple(shots))


def _replaced(**new: Any) -> Trace:
    """A head that is another one from the second recorded step on; it fits well all the same."""
    first = _example(FALLING, layer=1, update_rms=1e-3)
    then = _example(FALLING, layer=1, **{"replaced": True, "update_rms": 0.0, **new})
    return replace(first, snapshots=(*first.snapshots, replace(then.snapshots[0], step=60)))


def _another() -> Trace:
    """A second network with the names of the first, of which the optimizer is given the head."""
    known = _replaced(optimized=False)
    first, then = known.snapshots
    parameters = tuple(replace(p, replaced=True) for p in then.parameters)
    return replace(known, snapshots=(first, replace(then, parameters=parameters)))


def _replaced_before() -> Trace:
    """A head that was replaced between the optimizer and the first step."""
    known = _example(FALLING, layer=1, optimized=False)
    old = ParameterReading(
        "parameter 2 of group 0 of SGD", (9, 64), reached=False, update_rms=0.0, optimized=True
    )
    return replace(known, unreached=(old,))


def _by_none(end: float, name: str = "hidden[0].weight", layer: int = 0) -> Trace:
    """A regression whose loss falls from 1, that of a constant, to this; a layer stands still."""
    graph = example.chain("linear/64", "relu", "linear/1", "mse_loss", units=64)
    parameters = example.weights(graph)
    name = parameters[layer].name if layer else name
    parameters[layer] = replace(parameters[layer], name=name, optimized=False, update_rms=0.0)
    sign = np.tile([[-1.0], [1.0]], (16, 1))
    losses = [1.0] * 20 + [end] * 80
    return example.fitting(graph, losses, sign, example.target(sign), parameters=parameters)


def _ungraded(losses: Iterable[float], *, checkpointed: bool = False) -> Trace:
    state: dict[str, Any] = {"reached": False, "update_rms": 0.0, "checkpointed": checkpointed}
    return _example(losses, ungraded=True, **state)


def _leads_nowhere(update_rms: float = 0.0, *, optimizers: bool = True) -> Trace:
    """Steps of an optimizer, and a loss that leads to nothing that it holds."""
    shots = [example.snapshot(example.chain("mse_loss"), step=step) for step in (0, 60)]
    held = ParameterReading("Net.0.weight", (64, 64), reached=False, update_rms=update_rms)
    known = example.trace(*shots, losses=FLAT, unreached=(held,))
    return replace(known, optimizers=("SGD",) if optimizers else ())


def _cut_off(losses: Iterable[float], units: int = 128, *, in_vain: bool = False) -> Trace:
    still: dict[str, Any] = {"reached": False, "update_rms": 0.0, "in_vain": in_vain}
    lost = ParameterReading("Encoder.0.weight", (units, 64), **still)
    return replace(_example(losses), unreached=(lost,))


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
pass, a layer created after the optimizer or kept in a plain list, or an optimizer that was built on
a copy of the network breaks one of them silently; so does a copy that is trained in its place.
""",
    evidence="""
On none of the recorded steps did the graph lead to the parameter; or no optimizer held it; or it
was frozen. Exact. One that was frozen and asks for gradients again is judged by the steps since; so
is one that took the place of another of its name, which an optimizer held while it holds the rest
still, or of one with the same inputs that an optimizer holds in vain.
What the optimizers hold is looked at as well, wherever its module is: what no
graph contained, got no gradient and stood still is named by its module if that ran, else by its
place in the optimizer. Of a layer that ran without gradients that is said, and whether a reentrant
checkpoint did it. Where it holds nothing of the network, what it holds instead is the same
mistake: it is named beside it, and no part of the network's weights.
""",
    ignore="""
Unused heads and a pretrained frozen part are normal, and a network that learns with them is left in
peace (a note). It is a warning when more than a tenth of the weights stand still and little is
learned, or when they were given to an optimizer, unfrozen, kept in a plain list, or passed over by
two optimizers that hold the same others, and the rest does not fit the targets without them: not to
nine tenths, where a plain list holds more than half of the weights, two optimizers hold the same,
or more than half are in no optimizer and of the size with which torch draws them; also where the
rest fits, when they took the place of a layer that an optimizer holds. However few they are, it is
one where they are the output layer alone, or all that an optimizer holds, and the rest explains
less than half: an output that is meant to stay as it is has `requires_grad` False. It is an error
when no optimizer holds any weight of the network, or the loss leads to none.
""",
    references=(
        "PyTorch, Autograd mechanics: locally disabling gradient computation",
        "PyTorch, `torch.optim`: constructing an optimizer",
    ),
    reads=frozenset({Quantity.LOSS, Quantity.PARAMETERS, Quantity.UPDATES}),
    check_run=check_run,
    thresholds={"share": SHARE, "half": HALF, "fitted": FITTED, "steps": JUDGED} | OF_WEIGHTS,
    explains=(
        *("loss-flat", "constant-output", "rate-too-low", "stopped-early", "labels-unrelated"),
        *("loss-diverges", "loss-oscillates"),
    ),
    cases=(
        Case("a big layer not reached", lambda: _example(FLAT, reached=False), Severity.WARNING),
        Case("in no optimizer", lambda: _example(FLAT, optimized=False), Severity.WARNING),
        Case("in none, 10 % learned", lambda: _by_none(0.9, "in.weight"), Severity.WARNING),
        Case("frozen at random", lambda: _example(FLAT, trainable=False), Severity.WARNING),
        Case(
            "all in no optimizer, though the loss swings",
            lambda: _all_held_by_none(update_rms=0.0),
            Severity.ERROR,
        ),
        Case("the optimizer holds a copy", _held_is_a_copy, Severity.ERROR),
        Case(
            "near miss: in no optimizer, but something moves them",
            lambda: _all_held_by_none(update_rms=1e-4),
            None,
        ),
        Case("two optimizers hold the same network", lambda: _passed_over(FLAT), Severity.WARNING),
        Case("near miss: held twice, and it fits", lambda: _passed_over(FALLING), None),
        Case("unfrozen too late", lambda: _unfrozen(optimized=False), Severity.WARNING),
        Case("near miss: unfrozen and taken", lambda: _unfrozen(optimized=True), None),
        Case("a new head", lambda: _replaced(optimized=False), Severity.WARNING),
        Case("a new head, from the start", _replaced_before, Severity.WARNING),
        Case("near miss: a new head that was taken", _replaced, None),
        Case("near miss: another network, of which a part is trained", _another, None),
        Case(
            "near miss: a new head that is to stay as it is",
            lambda: _replaced(optimized=False, trainable=False),
            None,
        ),
        Case("made anew in each step", lambda: _made_anew(0.1, 0.2, 0.3), Severity.WARNING),
        Case("near miss: it fits", lambda: _made_anew(0.1, 0.2, 0.3, losses=FALLING), None),
        Case("in a plain list", lambda: _by_none(1.0), Severity.WARNING),
        Case("in a plain list, and most is learned", lambda: _by_none(0.2), Severity.WARNING),
        Case("near miss: in a plain list, and all is learned", lambda: _by_none(0.02), None),
        Case("the output layer alone", lambda: _by_none(0.7, layer=1), Severity.WARNING),
        Case("near miss: it alone, and most is learned", lambda: _by_none(0.2, layer=1), None),
        Case("a network that is cut off", lambda: _cut_off(FLAT), Severity.WARNING),
        Case("a small one", lambda: _cut_off(FLAT, 4, in_vain=True), Severity.WARNING),
        Case("near miss: with others", lambda: _cut_off(FLAT, 4), None),
        Case("run without gradients", lambda: _ungraded(FLAT), Severity.WARNING),
        Case("checkpointed", lambda: _ungraded(FLAT, checkpointed=True), Severity.WARNING),
        Case("near miss: run without gradients, and it fits", lambda: _ungraded(FALLING), None),
        Case("the loss leads nowhere", _leads_nowhere, Severity.ERROR),
        Case("near miss: by hand", lambda: _leads_nowhere(optimizers=False), None),
        Case("near miss: cut off, and the rest fits", lambda: _cut_off(FALLING), None),
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

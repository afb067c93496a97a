"""GRD009: a gradient reversal lies between a network and every loss that it has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Run, Stream, Threshold
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, LossCurve, Quantity, Remedy, Severity, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

TOLD, BY, SILENT = "reversals", "reversed_by", "reversals_silent"
"""Details of a loss: functions that send a gradient back times a number below 0, this number, and
steps in which it was 0 or no gradient arrived."""
WEIGHTS, ALL, LOSSES = "reversed_weights", "weights_reached", "reversed_losses"
"""Weights that are reached through such a function alone, all that the pass reaches, and losses of
different forms that reach the former; 0 where none of these has targets that differ."""
STEPS = Threshold(3, "recorded steps that show it", "a definition: more than an accident")
FEWEST = Threshold(
    2, "losses per weight, of different forms, that are turned round", "one may be a game's"
)


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding per loss, or one of all that take turns."""
    turned = [stream for stream in run.streams if _is_turned(stream)]
    in_turn = [stream for stream in turned if not stream.is_alone]
    groups = [[stream] for stream in turned if stream.is_alone]
    if in_turn and len(in_turn) == len(run.losses):
        groups.append(in_turn)
    for streams in groups:
        if (losses := _losses(streams)) >= FEWEST:
            yield _finding(streams[0], losses)


def _is_turned(stream: Stream) -> bool:
    """Whether some weights are reached through reversals alone in all steps that tell."""
    told, silent = stream.marked(TOLD), stream.marked(SILENT)
    all_tell = len(told) + len(silent) == len(stream.readings)
    return len(told) >= STEPS and all_tell and all(one.details[WEIGHTS] for one in told)


def _losses(streams: Sequence[Stream]) -> int:
    """How many losses of different forms are turned round: in one pass, or for the same weights."""
    readings = [loss for stream in streams for loss in stream.readings]
    details = [loss.details for loss in readings if TOLD in loss.details]
    forms = {(loss.operation, loss.input_shape[1:2]) for loss in readings if TOLD in loss.details}
    alike = len({one[WEIGHTS] for one in details}) == 1
    together = int(max(one[LOSSES] for one in details))
    return max(together, len(forms) if alike and together else 0)


def _finding(stream: Stream, losses: int) -> Finding:
    told = stream.marked(TOLD)
    last, names = told[-1].details, dict.fromkeys(stream.last.coverage.opaque)
    return RULE.finding(
        stream.course.harm(HALF, alarms=True),
        "a gradient reversal turns every loss round for the network in front of it",
        site=next(iter(names)) if len(names) == 1 else "",
        step=told[0].step,
        measured=f"in {len(told)} recorded steps a function of your own handed its input on as it "
        "is, and sent the gradient back times a number below 0, "
        f"{last[BY]:.3g} at the last; {last[WEIGHTS]:,.0f} of {last[ALL]:,.0f} weights are reached "
        f"through it alone, by {losses} losses{stream.course.remark}",
        expected="a loss that these weights lower, beside the one that they are to raise",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_loss", "other"),
        remedies=(_BRANCH,),
        evidence={"weights": last[WEIGHTS], "losses": losses, "by": last[BY]},
    )


_BRANCH = Remedy(
    "Reverse the gradient in the branch of the adversary alone: the task's head reads the features "
    "themselves.",
    "h = self.features(x)\nreturn self.task(h), self.domain(GradReverse.apply(h, lam))",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    losses: int, *, weights: int = 400, told: int = 5, curve: Sequence[float] = example.FLAT
) -> Trace:
    """So many losses are turned round for these weights, in the first recorded steps."""
    known = example.regression(curve, update=1e-3)
    counts = {WEIGHTS: float(weights), ALL: 1000.0, LOSSES: float(losses)}
    marks = {TOLD: 1.0, BY: -0.3, **counts}
    shots = (
        replace(shot, loss=replace(shot.loss, details=marks if k < told else {}))
        for k, shot in enumerate(known.snapshots)
        if shot.loss
    )
    return replace(known, snapshots=tuple(shots))


def _in_turn(*weights: int) -> Trace:
    """Losses in turn, of different forms, each of which is turned round for so many weights."""
    known = _example(1)

    def of(stream: int, count: int, shot: Snapshot) -> Snapshot:
        assert shot.loss is not None, "each of them has one"
        marks = {**shot.loss.details, WEIGHTS: float(count)}
        loss = replace(shot.loss, details=marks, operation=f"loss_{stream}")
        return replace(shot, loss=loss, stream=stream)

    shots = [of(k, n, shot) for shot in known.snapshots for k, n in enumerate(weights)]
    curve, many = known.losses, len(weights)
    turns = np.tile(np.arange(many), len(curve.steps))
    whole = LossCurve(curve.steps.repeat(many), curve.values.repeat(many), turns)
    return replace(known, snapshots=tuple(shots), losses=whole)


RULE = Rule(
    code="GRD009",
    name="reversed-for-every-loss",
    title="A gradient reversal in front of every loss",
    why="A gradient reversal has the network in front of it work against the loss behind it, as an "
    "encoder against the one that tells domains apart. If the loss of the task goes through it as "
    "well, the encoder is trained to be of no use to the task either, and nothing holds it.",
    sees="""
`h = GradReverse.apply(self.features(x), lam)`, after which both the task's head and the domain's
read `h`. The encoder unlearns what the task needs, and the task's head can only follow. The units
behind it may die, and the loss of the task may rise above that of a constant.
""",
    evidence="""
At a `torch.autograd.Function` of your own the output lies in the memory of the input, or equals it,
and the gradient that is sent back is that which arrives times one number below 0: seen at the node,
for no code of the function is called. In the graph there are parameters to which every way from
every loss leads through such a function, once or three times, and losses of different forms reach
them, at least one of them with targets that differ.
""",
    ignore="""
A generator may be trained through its critic in one pass, reversed: it has the loss of the critic
alone. Where the task's loss reaches the encoder in another pass of the step, or in another step,
the encoder is trained. A number above 0 only scales a gradient, and two reversals undo each other.
""",
    references=("Ganin & Lempitsky 2015, Unsupervised Domain Adaptation by Backpropagation",),
    reads=frozenset({Quantity.LOSS, Quantity.GRADIENTS}),
    check_run=check_run,
    thresholds={"steps": STEPS, "fewest": FEWEST, "fit": HALF},
    explains=(
        *("constant-output", "dead-units", "loss-diverges", "loss-flat", "loss-oscillates"),
        *("exploding-gradient", "labels-unrelated", "one-loss-unlearned", "rate-too-high"),
        *("rate-too-low", "saturated-units", "stopped-early", "vanishing-gradient"),
        "wrong-direction",
    ),
    cases=(
        Case("of two losses", lambda: _example(2), Severity.ERROR),
        Case(
            "of three, and it learns all the same",
            lambda: _example(3, curve=example.FALLING),
            Severity.WARNING,
        ),
        Case("of two losses in turn", lambda: _in_turn(400, 400), Severity.WARNING),
        Case("near miss: of two in turn, for other weights", lambda: _in_turn(400, 90), None),
        Case("near miss: another in turn reaches them", lambda: _in_turn(400, 0), None),
        Case("near miss: of one loss", lambda: _example(1), None),
        Case("near miss: no weights have no other way", lambda: _example(0, weights=0), None),
        Case("near miss: not in the later steps", lambda: _example(2, told=3), None),
        Case("readings missing: no loss", lambda: example.unread(_example(2)), None),
    ),
)

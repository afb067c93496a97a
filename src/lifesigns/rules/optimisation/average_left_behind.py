"""OPT015: an average of the weights, kept for evaluation, has hardly left where they began."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lifesigns.evidence import Run, Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import JUDGED, SURE_STEPS
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

WAY, CHANGES, RUNS = "average_way", "average_changes", "average_runs"
"""Details of a loss beside which a copy is kept for evaluation: its distance from where the network
began over that of the network; whether it has changed since the recorded step before; and whether
it ran in the step itself."""
BEHIND = Threshold(
    0.1,
    "share of the way of the trained weights that the average has come",
    "a tenth: hardly begun",
)
OFTEN = Threshold(3, "recorded steps before which it has changed", "not a copy made now and then")
HELPS = Threshold(0.5, "share of the recorded steps in which it ran, as a teacher does", "most")


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding: that a copy is evaluated without statistics."""
    if run.trace.bare_averages and run.trace.steps >= JUDGED:
        yield _without_statistics(run.trace)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream: that a copy is far behind."""
    shots = [s for s in stream.snapshots if s.loss is not None]
    known = [(s, s.loss.details) for s in shots if s.loss is not None and WAY in s.loss.details]
    if len(known) <= OFTEN or known[-1][0] is not shots[-1]:
        return
    step, way = known[-1][0].step, known[-1][1][WAY]
    changed = sum(details[CHANGES] > 0 for _, details in known[1:])
    ran = sum(details[RUNS] for _, details in known) / len(known)
    if changed < len(known) - 1 or ran >= HELPS or step < SURE_STEPS or way >= BEHIND:
        return
    yield RULE.finding(
        Severity.WARNING,
        f"an average of the weights, kept for evaluation, is {1 - way:.0%} of the way behind them",
        step=step,
        measured=f"a copy of the network changed before each of {counted(changed, 'recorded step')}"
        f"; its distance from where the network began is {way:.1%} of that of the network at step "
        f"{step:,}{stream.course.remark}",
        expected="an average over the last part of the run",
        certainty="exact, on evenly spread weights; that the copy is what is evaluated is likely",
        causes=("other", "too_few_epochs"),
        remedies=(_DECAY, _BEGINNING),
        evidence={"way": way, "steps": step},
    )


def _without_statistics(trace: Trace) -> Finding:
    return RULE.finding(
        Severity.WARNING,
        "an average of the weights is evaluated with the running statistics of no data",
        step=trace.steps,
        measured=f"a copy of the network ({trace.bare_averages[0]}) was evaluated with weights "
        "that had moved, while its batch normalisations had mean 0 and variance 1, as they are "
        "made; those of the network had statistics of the data",
        expected="an average that has the running statistics, too",
        certainty="exact, as of the latest evaluation that was looked at",
        causes=("other",),
        remedies=(_BUFFERS, _GATHER),
        evidence={"averages": len(trace.bare_averages)},
    )


_BUFFERS = Remedy(
    "Copy the buffers to the average, too: parameters() does not list running statistics.",
    "for own, buffer in zip(ema.buffers(), model.buffers()):\n    own.copy_(buffer)\n"
    "# torch's AveragedModel copies them by itself",
)
_GATHER = Remedy(
    "Or gather the statistics anew before you evaluate.",
    "torch.optim.swa_utils.update_bn(loader, ema)",
)
_DECAY = Remedy(
    "Choose a decay whose memory, 1 / (1 - decay) steps, is a tenth of the run or less.",
    "decay = 1 - 10 / total_steps  # 0.98 for 500 steps, 0.9999 for 100,000",
)
_BEGINNING = Remedy(
    "Or let the decay grow with the steps, so that the beginning is soon forgotten.",
    "decay = min(decay, (1 + step) / (10 + step))",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(*ways: float, changes: bool = True, runs: bool = False, steps: int = 300) -> Trace:
    known = example.regression(example.FALLING[:1] * steps, update=1e-3)
    shots = []
    for shot, way in zip(known.snapshots, ways, strict=True):
        marks = {WAY: way, CHANGES: float(changes and shot.step > 0), RUNS: float(runs)}
        loss = shot.loss and replace(shot.loss, details=marks)
        shots.append(replace(shot, loss=loss))
    return replace(known, snapshots=tuple(shots))


def _bare(*names: str, losses: Sequence[float] = example.FALLING) -> Trace:
    return replace(example.regression(losses, update=1e-3), bare_averages=names)


_BEHIND: Sequence[float] = (0.001, 0.005, 0.01, 0.015, 0.02)

RULE = Rule(
    code="OPT015",
    name="average-left-behind",
    title="An average of the weights is still where they began",
    why="A moving average with decay d remembers about 1 / (1 - d) steps. In a run that is shorter "
    "than that it is made of the weights as they were drawn, and where the running statistics are "
    "left out it has those of no data: the loss falls, and what is evaluated gives the answers of "
    "a beginner.",
    sees="""
A copy of the network with `ema = decay * ema + (1 - decay) * weights` and a decay of 0.9999, taken
from a training of a million steps, in one of some hundred; the metrics are those of the copy. Or an
average of `parameters()` alone: the batch normalisations of the copy keep the statistics they were
made with.
""",
    evidence="""
A copy of the network's class, with weights of the same shapes, was put in evaluation mode or made
by torch's `AveragedModel`. It changes from each recorded step to the next, and is at the end still
next to where the trained network began, by the distances of evenly spread weights. Of a copy whose
weights have moved, the running statistics are looked at whenever it is put in evaluation mode, and
where it runs without gradients, in the first passes of each place in the program: they are all mean
0 and variance 1, and those of the network are not.
""",
    ignore="""
A teacher or a target network runs in each step of the training, and may be slow on purpose. A copy
of the best weights changes now and then; a reference never does. An average that is kept and never
evaluated does no harm. Statistics that are gathered anew (`update_bn`), copied, or those of a copy
that itself runs in training mode have left the beginning.
""",
    references=(
        "Izmailov et al. 2018, Averaging Weights Leads to Wider Optima and Better Generalization",
        "TensorFlow, ExponentialMovingAverage: decays of 0.999; num_updates for a short run",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    check_run=check_run,
    thresholds={
        "behind": BEHIND,
        "often": OFTEN,
        "helps": HELPS,
        "steps": SURE_STEPS,
        "judged": JUDGED,
    },
    cases=(
        Case("far behind", lambda: _example(*_BEHIND), Severity.WARNING),
        Case("in a longer run", lambda: _example(*_BEHIND, steps=3000), Severity.WARNING),
        Case("without statistics", lambda: _bare("Sequential"), Severity.WARNING),
        Case("near miss: with statistics", lambda: _bare(), None),
        Case(
            "near miss: without statistics, a few steps",
            lambda: _bare("Sequential", losses=example.FALLING[:10]),
            None,
        ),
        Case("near miss: it follows", lambda: _example(0.1, 0.3, 0.5, 0.8, 0.9), None),
        Case("near miss: a teacher", lambda: _example(*_BEHIND, runs=True), None),
        Case("near miss: it stands still", lambda: _example(*_BEHIND, changes=False), None),
        Case("near miss: a short run", lambda: _example(*_BEHIND, steps=60), None),
        Case("readings missing: no loss", lambda: example.unread(_example(*_BEHIND)), None),
    ),
)

"""OPT018: after the last step the weights from before the first one are loaded back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Run, Threshold
from lifesigns.evidence.still import trained
from lifesigns.evidence.thresholds import JUDGED
from lifesigns.records import Finding, Quantity, RateCurve, Remedy, Rewind, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING

RISE = Threshold(
    3.0,
    "last learning rate over the first: a search for a rate, after which the weights are put back",
    "Smith 2017, section 3.3: a test of the range of rates ends at the highest",
)


def check_run(run: Run) -> Iterator[Finding]:
    """At most one finding."""
    rewind = run.trace.rewind
    if rewind is None or rewind.step < run.trace.steps or run.trace.steps < JUDGED:
        return
    if rewind.was_tested:  # what training was worth is told beside what was there before it
        return
    if not any(p.update_rms > 0 for history in trained(run) for p in history):
        return
    if rewind.is_evaluated or not _rises(run.trace.rates):
        yield _finding(run, rewind)


def _rises(rates: RateCurve) -> bool:
    """Whether the rate was highest at the end, as where it is looked for."""
    values = rates.values
    return len(values) > 1 and values[-1] == values.max() and values[-1] > RISE * values[0]


def _finding(run: Run, rewind: Rewind) -> Finding:
    what = "evaluated" if rewind.is_evaluated else "left"
    return RULE.finding(
        Severity.ERROR if rewind.is_evaluated else Severity.WARNING,
        f"the network is {what} with the weights it had before its first step",
        step=rewind.step,
        measured=f"load_state_dict after step {rewind.step}, the last one, brought back the "
        "numbers that the weights had before the first step, to the bit",
        expected="weights that were trained",
        certainty=f"exact, as of step {rewind.step}",
        causes=("other",),
        remedies=(_BEST, _COPY),
        evidence={"step": rewind.step},
    )


_BEST = Remedy(
    "Look at how the best weights are chosen: begin with a score that any epoch beats.",
    "best = float('inf')  # of a loss; -float('inf') of a score that is to rise\n"
    "if loss < best:\n    best, state = loss, copy.deepcopy(model.state_dict())",
)
_COPY = Remedy("Make the copy when the score improves, not before the loop alone.")


# --- cases ----------------------------------------------------------------------------------------
_BACK = Rewind(100, is_evaluated=True)


def _example(rewind: Rewind | None = _BACK, *, rise: float = 1.0, update: float = 1e-3) -> Trace:
    known = example.regression(FALLING, update=update)
    rates = RateCurve(
        np.array([0, 99]), np.array([0, 0]), np.array([0.01, 0.01 * rise]), np.array([np.nan])
    )
    return replace(known, rewind=rewind, rates=rates)


RULE = Rule(
    code="OPT018",
    name="training-thrown-away",
    title="After training, the initial weights are loaded back",
    why="What is evaluated, saved or used in the end is the network as it was before its first "
    "step. The loss of its training says nothing about it.",
    sees="""
The best weights are to be restored at the end, and none was ever better: the best loss begins with
0, a score with infinity, the comparison is the wrong way round, or the copy in the loop is not
reached. What is restored is the copy that was made before the loop.
""",
    evidence="""
Some numbers of each weight are noted before the first step. `load_state_dict` brings back all of
them, to the bit, in more than half of the weights that are trained; no step follows, and it happens
once in the run. An error where the network is then put in evaluation mode, else a warning.
""",
    ignore="""
Whoever goes on training after the weights were put back is silent: lottery tickets, Reptile, the
folds of a cross-validation, tasks that begin anew, each with a load of its own. So is a search for
a learning rate, which ends with the highest, and whoever tests the trained weights first, and the
initial ones beside them, as a baseline. A network that got worse with its first epoch, and
whose best weights are the initial ones, is reported: its training was of no use.
""",
    references=("PyTorch tutorials, Transfer learning for computer vision: best_model_wts",),
    reads=frozenset({Quantity.PARAMETERS, Quantity.UPDATES}),
    check_run=check_run,
    thresholds={"rise": RISE, "steps": JUDGED},
    cases=(
        Case("put back, then evaluated", _example, Severity.ERROR),
        Case("put back, and that is the end", lambda: _example(Rewind(100)), Severity.WARNING),
        Case("near miss: training goes on", lambda: _example(Rewind(60, True)), None),
        Case("near miss: nothing was put back", lambda: _example(None), None),
        Case(
            "near miss: a search for a rate",
            lambda: _example(Rewind(100), rise=100),
            None,
        ),
        Case(
            "near miss: a baseline, after a test of the trained weights",
            lambda: _example(Rewind(100, True, was_tested=True)),
            None,
        ),
        Case("near miss: nothing was trained", lambda: _example(update=0), None),
        Case("readings missing: no updates", lambda: example.unread(_example()), None),
    ),
)

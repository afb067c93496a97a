"""SET001 loss-thrown-back: from one step to the next the loss is back where it was long before."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, Remedy, Severity, Trace
from lifesigns.rules import Case, Rule
from lifesigns.rules import testing as examples

WINDOW = Threshold(10, "steps whose median is a level of the loss", "a spike of four steps is none")
JUMP = Threshold(2.0, "times the level before it", "ours: batch noise moves a median by less")
SIZE = Threshold(0.1, "share of the first level", "ours: what is below is learned already")


def check(stream: Stream) -> Iterator[Finding]:
    """The first jump of the loss's level, a note if what was lost was learned again."""
    width = int(WINDOW)
    windows = len(stream.losses) // width
    levels = np.median(stream.losses[: windows * width].reshape(windows, width), axis=1)
    for number, (before, after) in enumerate(pairwise(levels), 1):
        if after > max(JUMP * before, SIZE * levels[0]):
            lost = stream.course.end > before
            yield RULE.finding(
                Severity.WARNING if lost else Severity.NOTE,
                "the loss was thrown back, and what had been learned was lost",
                step=int(stream.steps[number * width]),
                measured=f"a level of {after:.2g} after one of {before:.2g}; {stream.course}",
                expected=f"at most {JUMP:g} times the level before it",
                certainty=f"medians of {width} steps each",
                causes=("other", "lr_too_high"),
                remedies=(
                    Remedy(
                        "Load a checkpoint before the first step, with its optimizer's state.",
                        "model.load_state_dict(kept['model'])\n"
                        "optimizer.load_state_dict(kept['optimizer'])",
                    ),
                ),
            )
            return


# --- cases ----------------------------------------------------------------------------------------
def _run(*parts: tuple[float, float, int]) -> Trace:
    """Losses that fall from one number to another in so many steps, part after part."""
    losses = [loss for start, end, steps in parts for loss in np.geomspace(start, end, steps)]
    return examples.regression(losses, update=1e-3)


RULE = Rule(
    code="SET001",
    name="loss-thrown-back",
    title="From one step to the next the loss is back where it was long before",
    why="A loss falls because weights keep what was learned. Where it jumps back and stays there, "
    "something other than the gradient has changed them, or the data.",
    sees="A level of the loss that jumps up between two windows of steps: a checkpoint loaded too "
    "late, weights made anew, a second stage with other data.",
    evidence="Medians of ten losses each. A single spike moves no median.",
    ignore="Restarts of the learning rate throw a loss back on purpose and recover: a note.",
    references=("Loshchilov & Hutter 2017, SGDR: warm restarts, figure 1",),
    check=check,
    thresholds={"window": WINDOW, "jump": JUMP, "size": SIZE},
    cases=(
        Case("back at the start", lambda: _run((1, 0.01, 70), (1, 0.5, 30)), Severity.WARNING),
        Case("back half-way", lambda: _run((1, 0.01, 70), (0.2, 0.1, 30)), Severity.WARNING),
        Case("near miss: learned again", lambda: _run((1, 0.1, 50), (1, 0.01, 150)), None),
        Case("near miss: a spike", lambda: _run((1, 0.1, 50), (9, 9, 3), (0.1, 0.01, 47)), None),
        Case("falling", lambda: _run((1, 0.01, 100)), None),
        Case("readings missing: no losses", lambda: Trace(_run((1, 0.01, 9)).snapshots), None),
    ),
)

"""LOS036: a generator that is asked for what its critic says already."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from lifesigns.evidence import Run, Stream, Threshold
from lifesigns.evidence.behind import is_behind
from lifesigns.evidence.bottomless import DEPTH, FEWEST, end, falls_without_bottom
from lifesigns.records import (
    Finding,
    Graph,
    LossCurve,
    LossReading,
    Quantity,
    Remedy,
    Severity,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

PLAYERS = Threshold(2, "losses over which they take turns", "definition")
LEFT = Threshold(
    0.1, "share of chance's loss that is left to both", "chance is what a fair game ends at"
)
FAR = Threshold(0.5, "share of chance's loss that both started with", "a majority")
KINDS = frozenset({"binary_cross_entropy", "squared_error"})


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding, of two losses that are trained in turn."""
    if len(run.streams) != int(PLAYERS) or not all(
        s.course.opposed and s.readings for s in run.streams
    ):
        return
    for critic, maker in (run.streams, run.streams[::-1]):
        if not is_behind(critic, maker):
            continue
        if _are_opponents(critic, maker) and _both_win(critic, maker):
            yield _finding(critic, maker)
        elif all(falls_without_bottom(one.losses) for one in (critic, maker)):
            yield _bottomless(critic, maker)


def _are_opponents(critic: Stream, maker: Stream) -> bool:
    """Whether both losses are of one kind, and that of the maker wants one answer of its critic."""
    alike = critic.readings[-1].kind == maker.readings[-1].kind in KINDS
    return alike and _wants_one(maker) and not _wants_one(critic)


def _wants_one(stream: Stream) -> bool:
    """Whether all targets are one number."""
    targets = stream.targets
    return targets is not None and targets.minimum.min() == targets.maximum.max()


def _both_win(critic: Stream, maker: Stream) -> bool:
    """Whether both losses went from about chance to almost nothing."""
    chance, courses = critic.course.baseline, (critic.course, maker.course)
    return all(c.curve[0] > FAR * chance and 0 <= c.end < LEFT * chance for c in courses)


def _finding(critic: Stream, maker: Stream) -> Finding:
    ends = critic.course.end, maker.course.end
    wanted = float(maker.targets.mean[0]) if maker.targets else math.nan
    return RULE.finding(
        Severity.WARNING,
        "two losses that should oppose each other are both won",
        site=maker.last.graph.sites[0].name if maker.last.graph.sites else "",
        step=maker.first.step,
        measured=f"the critic's loss ends at {ends[0]:.2g}, the other's at {ends[1]:.2g}, "
        f"whose targets are all {wanted:g}: the answer that the critic gives already",
        expected="a loss that is large where the critic is sure",
        certainty=f"mean of the last fifth of {len(maker.losses)} steps",
        causes=("wrong_loss", "wrong_labels"),
        remedies=(_OTHER,),
        evidence={"critic": ends[0], "maker": ends[1], "wanted": wanted},
    )


def _bottomless(critic: Stream, maker: Stream) -> Finding:
    """Scores without targets, as of a Wasserstein critic: one score, lowered by both."""
    ends = end(critic.losses), end(maker.losses)
    return RULE.finding(
        Severity.WARNING,
        "two losses that should oppose each other fall below 0 together, faster and faster",
        site=maker.last.graph.sites[0].name if maker.last.graph.sites else "",
        step=maker.first.step,
        measured=f"the critic's loss ends at {ends[0]:.2g}, the other's, which is computed through "
        f"the critic, at {ends[1]:.2g}",
        expected="scores of made samples that one of them raises and the other lowers",
        certainty=f"mean of the last fifth of {len(maker.losses)} steps",
        causes=("wrong_loss", "exploding"),
        remedies=(_MINUS,),
        evidence={"critic": ends[0], "maker": ends[1]},
    )


_MINUS = Remedy(
    "Put a minus before the generator's loss: it is to raise the score that the critic lowers.",
    "loss = -critic(generator(noise)).mean()  # the critic's: made.mean() - real.mean()",
)
_OTHER = Remedy(
    "Give the generator the critic's label of real samples.",
    "loss = F.binary_cross_entropy_with_logits(critic(made), torch.ones(len(made), 1))",
)


# --- cases ----------------------------------------------------------------------------------------
_LOSS = "binary_cross_entropy_with_logits"
_CRITIC = example.chain("linear", "relu", "linear/1", _LOSS, batch=8)
_BEHIND = example.chain("linear", "relu", "linear", "relu", "linear/1", _LOSS, batch=8)


def _example(critic: float, maker: float, graph: Graph = _BEHIND) -> Trace:
    """Two losses in turn that fall from chance to these; the second is computed on `graph`."""
    both, none = np.tile([[0.0], [1.0]], (4, 1)), np.zeros((8, 1))
    shots = [
        replace(example.snapshot(known, step=step, loss=_reading(targets)), stream=stream)
        for step in (0, 50, 99)
        for stream, known, targets in ((0, _CRITIC, both), (1, graph, none))
    ]
    values = np.stack([np.geomspace(0.7, end, 100) for end in (critic, maker)], 1).ravel()
    steps, turns = np.arange(200) // 2, np.arange(200) % 2
    return replace(example.trace(*shots), losses=LossCurve(steps, values, turns))


def _reading(targets: ArrayLike) -> LossReading:
    kind, made = "binary_cross_entropy", example.sums(np.asarray(targets))
    return LossReading(
        0.7, kind, _LOSS, fit=0.7, scale=1.0, prediction=made, target=example.target(targets)
    )


def _scores(critic: float, maker: float) -> Trace:
    """Two losses in turn that have no targets and fall by powers of these."""
    known = _example(0.5, 0.5)
    shots = tuple(
        replace(shot, loss=LossReading(0.0, "other", "mean", scale=1.0)) for shot in known.snapshots
    )
    values = np.stack([1 - power ** np.arange(100.0) for power in (critic, maker)], 1).ravel()
    curve = known.losses
    return replace(known, snapshots=shots, losses=LossCurve(curve.steps, values, curve.streams))


RULE = Rule(
    code="LOS036",
    name="opponents-agree",
    title="Two losses that should oppose each other are both won",
    why="A generator learns from what its critic does not believe yet. If it is asked for the very "
    "answer that the critic gives already, it has nothing to learn, and both losses fall to 0.",
    sees="""
A generative network whose generator's loss has the label of made samples where it needs that of
real ones, or the wrong sign: it learns to be recognised. Of scores that have no targets, as those
of a Wasserstein critic, both then lower the same one without end.
""",
    evidence="""
Two losses trained in turn. The targets of the second are all one number, and it is computed through
all weights of the first and more: a generator behind its critic. Both began near the loss of
chance and end at less than a tenth of it. Or both fall below 0 faster and faster, a hundred times
as far as they were large at first.
""",
    ignore="""
In a game that is played one side wins at the other's cost, or both stay near chance. A critic
whose scores nothing holds may fall without end by itself: the other loss does not.
""",
    references=("Goodfellow et al. 2014, Generative Adversarial Nets, section 3",),
    reads=frozenset({Quantity.LOSS}),
    check_run=check_run,
    thresholds={
        "players": PLAYERS,
        "left": LEFT,
        "far": FAR,
        "fewest": FEWEST,
        "depth": DEPTH,
    },
    explains=("signal-fades", "loss-flat", "exploding-gradient", "loss-diverges"),
    cases=(
        Case("both are won", lambda: _example(0.002, 0.0003), Severity.WARNING),
        Case("both are nearly won", lambda: _example(0.02, 0.01), Severity.WARNING),
        Case("both scores fall without end", lambda: _scores(1.2, 1.3), Severity.WARNING),
        Case("near miss: the critic's alone does", lambda: _scores(1.2, 1.001), None),
        Case("near miss: one is won at the other's cost", lambda: _example(0.002, 3.0), None),
        Case("near miss: the same weights in turn", lambda: _example(0.01, 0.01, _CRITIC), None),
        Case("both stay near chance", lambda: _example(0.65, 0.7), None),
        Case("readings missing", lambda: example.unread(_example(0.002, 0.0003)), None),
    ),
)

"""Proves a remedy: chooses one on the script's own seed, and trains pairs on fresh ones.

A pair is two arms of one seed, with the remedy and without. It is won if the arm with the remedy is
cured. The pairs stop when the bet on them is settled (see `betting`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from statistics import median

import numpy as np

from lifesigns.prove.arm import Arm, Program
from lifesigns.prove.arms import Arms
from lifesigns.prove.betting import FUTILE, PROVED, is_settled, pairs_needed, wealth
from lifesigns.prove.candidates import Candidate, candidates
from lifesigns.prove.copies import CannotRun
from lifesigns.prove.identity import Identity, Verdict, identity
from lifesigns.prove.scores import RECORDED, Measure, Scored, shortcoming
from lifesigns.prove.treatment import Treatment
from lifesigns.records import Finding, Trace
from lifesigns.rules import judge

NOISE = 3.0
"""The margin is at least so many times the distance of two identical arms' scores."""


class Conclusion(str, Enum):
    """What came of it."""

    PROVED = "proved"
    NOT_PROVED = "not proved"
    UNDECIDED = "undecided"
    """The budget was spent before the bet was settled."""
    NOTHING = "nothing to prove"
    """Nothing alarming was found in the run."""


@dataclass(frozen=True)
class Limits:
    """What may be spent."""

    tries: int = 10
    """Remedies that are tried to choose one."""
    pairs: int = 12
    """Pairs that are trained to prove it."""


@dataclass(frozen=True)
class Try:
    """One remedy, tried on the script's own seed."""

    candidate: Candidate
    scored: Scored
    shortcoming: str
    """Why it does not cure; empty if it does."""


@dataclass(frozen=True)
class Pair:
    """Two arms of one seed."""

    seed: int
    """Its number; the seeds of the script are shifted by it."""
    faulty: Scored
    other: Scored
    shortcoming: str
    gain: float

    traces: tuple[Trace, Trace] = field(compare=False, repr=False)
    """What was recorded of both."""

    @property
    def is_won(self) -> bool:
        """Whether the arm with the remedy is cured."""
        return not self.shortcoming


@dataclass(frozen=True)
class Plan:
    """What is to be done, before anything but the diagnosis was trained."""

    program: Program
    measure: Measure
    trace: Trace
    findings: tuple[Finding, ...]
    candidates: tuple[Candidate, ...]
    seconds: float
    """Of one training, start included."""

    def trainings(self, limits: Limits) -> tuple[int, int]:
        """How many more trainings it takes if the first remedy cures on every seed, and at most.

        Args:
            limits: What may be spent.
        """
        if not self.candidates:
            return 0, 0
        tries = min(limits.tries, len(self.candidates))
        return 2 + 2 * min(pairs_needed(()), limits.pairs), 2 + tries + 2 * limits.pairs


@dataclass(frozen=True)
class Proof:
    """What was tried, and what came of it."""

    plan: Plan
    conclusion: Conclusion
    identity: Identity | None = None
    faulty: Scored | None = None
    """The arm without a remedy, on the script's own seed."""
    measure: Measure = field(default_factory=Measure)
    """With the margin that was used."""
    tries: tuple[Try, ...] = ()
    pairs: tuple[Pair, ...] = ()
    trainings: int = 0
    seconds: float = 0.0

    @property
    def chosen(self) -> Candidate | None:
        """The remedy that was put to the proof."""
        return self.tries[-1].candidate if self.tries and not self.tries[-1].shortcoming else None

    @property
    def wealth(self) -> float:
        """The e-value of the pairs."""
        return wealth(pair.is_won for pair in self.pairs)

    @property
    def gain(self) -> tuple[float, float, float]:
        """Median of the differences of the scores, the smallest, and the largest.

        The true median lies between the two with a confidence of `1 - 2**(1 - pairs)`.
        """
        gains = [pair.gain for pair in self.pairs if math.isfinite(pair.gain)]
        return (median(gains), min(gains), max(gains)) if gains else (math.nan,) * 3


def planned(arms: Arms, measure: Measure, recorded: Trace | None = None) -> Plan:
    """Diagnoses a program and looks for remedies.

    Args:
        arms: Trains it.
        measure: How a training is scored.
        recorded: A run of it; without one it is trained once.

    Raises:
        CannotRun: It does not train in a sandbox, or nothing tells how well.
    """
    if recorded is None:
        arm = arms.fair(Treatment())
        recorded, seconds = _trace(arm), arms.seconds
    else:
        seconds = recorded.cost.training + recorded.cost.watching
    findings = tuple(judge(recorded))
    found = tuple(candidates(arms.program, recorded, findings))
    return Plan(arms.program, measure, recorded, findings, found, seconds)


def prove(arms: Arms, plan: Plan, limits: Limits, say: Callable[[str], None]) -> Proof:
    """Carries out a plan.

    Args:
        arms: Trains the program.
        plan: Made for it.
        limits: What may be spent.
        say: Is told what goes on.

    Raises:
        CannotRun: The run does not repeat, or no other seed changes it, or it has no score.
    """
    if not plan.candidates:
        return Proof(plan, Conclusion.NOTHING, trainings=arms.trainings, seconds=arms.seconds)
    every = max(1, plan.trace.steps // RECORDED)
    say("Training without a remedy: does it repeat?")
    same, twins = _repeated(arms, plan, every)
    measure, faulty = _measured(plan.measure, twins)
    tries = tuple(_tried(arms, plan, measure, faulty, limits, every, say))
    if all(math.isnan(one.score) for one in (faulty, *(tried.scored for tried in tries))):
        raise _nothing_printed(measure)
    pairs = tuple(_paired(arms, measure, tries[-1], faulty, limits, every, say))
    conclusion = _concluded(pairs, tries)
    return Proof(
        plan, conclusion, same, faulty, measure, tries, pairs, arms.trainings, arms.seconds
    )


def _repeated(arms: Arms, plan: Plan, every: int) -> tuple[Identity, list[Arm]]:
    """Trains without a remedy; twice where once does not repeat the recorded run to the bit."""
    twins = arms.train([Treatment()], every=every)
    found = identity(plan.trace, _trace(twins[0]))
    if found.verdict is not Verdict.IDENTICAL:
        twins += arms.train([Treatment()], every=every)
        found = identity(plan.trace, *map(_trace, twins))
    if found.verdict is Verdict.DIFFERENT:
        raise CannotRun(
            f"{plan.program.target} does not repeat in a sandbox, so nothing can be proved; "
            "lifesigns rerun says where it parts from the recorded run."
        )
    return found, twins


def _measured(measure: Measure, twins: Sequence[Arm]) -> tuple[Measure, Scored]:
    """The measure with a margin that noise does not reach, and the score without a remedy."""
    one, *others = (Scored.of(arm, measure) for arm in twins)
    if measure.is_missing(twins[0]):
        raise _nothing_printed(measure)
    if not measure.metric and math.isnan(one.skill):
        raise CannotRun(
            "No prediction and target could be read at the loss, so nothing tells how well it "
            "learns. Say with --metric what the script prints of that."
        )
    noise = max((abs(one.score - other.score) for other in others), default=0.0)
    return measure.wider(NOISE * noise if math.isfinite(noise) else 0.0), one


def _nothing_printed(measure: Measure) -> CannotRun:
    return CannotRun(f"No number was printed for {measure.metric!r}, so nothing can be compared.")


def _tried(
    arms: Arms,
    plan: Plan,
    measure: Measure,
    faulty: Scored,
    limits: Limits,
    every: int,
    say: Callable[[str], None],
) -> Iterable[Try]:
    """One training for each remedy, until one cures."""
    for number, candidate in enumerate(plan.candidates[: limits.tries], start=1):
        say(f"Remedy {number}, {candidate.details}, for {candidate.finding.rule}.")
        (arm,) = arms.train([candidate.treatment(0)], every=every)
        scored = Scored.of(arm, measure)
        rule = candidate.finding.rule
        reason = arm.refusal or shortcoming(measure, rule, faulty, scored)
        yield Try(candidate, scored, reason)
        if not reason:
            return


def _paired(
    arms: Arms,
    measure: Measure,
    last: Try,
    own: Scored,
    limits: Limits,
    every: int,
    say: Callable[[str], None],
) -> Iterable[Pair]:
    """Pairs on fresh seeds, until the bet is settled."""
    if last.shortcoming:
        return
    wins: list[bool] = []
    rule = last.candidate.finding.rule
    for seed in range(1, limits.pairs + 1):
        without, treated = arms.train(
            [Treatment(seed), last.candidate.treatment(seed)], every=every
        )
        arms.check(without)
        faulty, other = Scored.of(without, measure), Scored.of(treated, measure)
        if _is_same(own, faulty) and _is_same(last.scored, other):
            raise CannotRun(
                "Another seed changes nothing: the script draws no random numbers, or only from "
                "generators of its own. One training proves nothing about another."
            )
        reason = shortcoming(measure, rule, faulty, other)
        gain, traces = measure.gain(faulty.score, other.score), (_trace(without), _trace(treated))
        yield Pair(seed, faulty, other, reason, gain, traces)
        wins.append(not reason)
        say(f"Pair {seed}: {reason or 'won'}; the e-value is {wealth(wins):.3g}.")
        if is_settled(wins):
            return


def _is_same(one: Scored, other: Scored) -> bool:
    """Whether two arms are one run; pairs that all are would be one pair counted often."""
    return np.array_equal(one.losses.values, other.losses.values, equal_nan=True)


def _concluded(pairs: Sequence[Pair], tries: Sequence[Try]) -> Conclusion:
    if not tries or tries[-1].shortcoming:
        return Conclusion.NOT_PROVED
    value = wealth(pair.is_won for pair in pairs)
    if value >= PROVED:
        return Conclusion.PROVED
    return Conclusion.NOT_PROVED if value <= FUTILE else Conclusion.UNDECIDED


def _trace(arm: Arm) -> Trace:
    return Trace() if arm.trace is None else arm.trace

"""Proves a remedy: chooses one on the script's own seed, and trains pairs on fresh ones.

A pair is two arms of one seed, with the remedy and without. It is won if the arm with the remedy is
cured. The pairs stop when the bet on them is settled (see `betting`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from statistics import median

import numpy as np

from lifesigns.evidence.sites import counted
from lifesigns.prove.arm import Arm, Program
from lifesigns.prove.arms import Arms, seconds_to_start
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

    traces: tuple[Trace, Trace] = field(
        default_factory=lambda: (Trace(), Trace()), compare=False, repr=False
    )
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
    """Of the remedy that was chosen last."""
    needed: float = PROVED
    """The e-value that proves; it doubles with each remedy that fresh seeds have refuted, so that
    all of them together have a chance of at most one in ten."""
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


def planned(
    arms: Arms, measure: Measure, recorded: Trace | None = None, *, auto: bool = False
) -> Plan:
    """Diagnoses a program and looks for remedies.

    Args:
        arms: Trains it.
        measure: How a training is scored.
        recorded: A run of it; without one it is trained once.
        auto: Whether edits are tried, too, that no finding asks for.

    Raises:
        CannotRun: It does not train in a sandbox, or nothing tells how well.
    """
    if recorded is None:
        arm = arms.fair(Treatment())
        recorded, seconds = _trace(arm), arms.seconds
    else:
        seconds = seconds_to_start() + recorded.cost.training + recorded.cost.watching
    findings = tuple(judge(recorded))
    found = tuple(candidates(arms.program, recorded, findings, auto=auto))
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
    return _Proving(arms, plan, limits, say).proof()


class _Proving:
    """A plan that is being carried out."""

    def __init__(self, arms: Arms, plan: Plan, limits: Limits, say: Callable[[str], None]) -> None:
        self._arms, self._plan, self._limits, self._say = arms, plan, limits, say
        self._every = max(1, plan.trace.steps // RECORDED)
        self._same, twins = self._repeated()
        self._measure, self._faulty = _measured(plan.measure, twins)
        self._without: dict[int, Arm] = {}

    def proof(self) -> Proof:
        """Tries remedies until one is proved; one that fresh seeds refute is passed over."""
        tries: list[Try] = []
        pairs: tuple[Pair, ...] = ()
        needed = PROVED
        for candidate in self._plan.candidates[: self._limits.tries]:
            tried = self._tried(len(tries) + 1, candidate)
            tries.append(tried)
            if not tried.shortcoming:
                pairs = tuple(self._paired(tried, needed))
                if wealth(pair.is_won for pair in pairs) > FUTILE:
                    break
                tries[-1] = replace(tried, shortcoming=_refuted(pairs))
                needed *= 2
        if all(math.isnan(one.score) for one in (self._faulty, *(t.scored for t in tries))):
            raise _nothing_printed(self._measure)
        return Proof(
            self._plan, _concluded(tries, pairs, needed), self._same, self._faulty, self._measure,
            tuple(tries), pairs, needed, self._arms.trainings, self._arms.seconds,
        )  # fmt: skip

    def _repeated(self) -> tuple[Identity, list[Arm]]:
        """Trains without a remedy; twice where once does not repeat the recorded run to the bit."""
        self._say("Training without a remedy: does it repeat?")
        twins = self._arms.train([Treatment()], every=self._every)
        found = identity(self._plan.trace, _trace(twins[0]))
        if found.verdict is not Verdict.IDENTICAL:
            twins += self._arms.train([Treatment()], every=self._every)
            found = identity(self._plan.trace, *map(_trace, twins))
        if found.verdict is Verdict.DIFFERENT:
            raise CannotRun(
                f"{self._plan.program.target} does not repeat in a sandbox, so nothing can be "
                "proved; lifesigns rerun says where it parts from the recorded run."
            )
        return found, twins

    def _tried(self, number: int, candidate: Candidate) -> Try:
        """One training with a remedy, on the script's own seed."""
        self._say(f"Remedy {number}, {candidate.details}, for {candidate.finding.rule}.")
        (arm,) = self._arms.train([candidate.treatment(0)], every=self._every)
        scored = Scored.of(arm, self._measure)
        reason = shortcoming(self._measure, candidate.finding.rule, self._faulty, scored)
        return Try(candidate, scored, arm.refusal or reason)

    def _paired(self, tried: Try, needed: float) -> Iterable[Pair]:
        """Pairs on fresh seeds, until the bet is settled."""
        wins: list[bool] = []
        for seed in range(1, self._limits.pairs + 1):
            pair = self._pair(seed, tried)
            yield pair
            wins.append(pair.is_won)
            so_far = f"{pair.shortcoming or 'won'}; the e-value is {wealth(wins):.3g}"
            if is_settled(wins, needed):
                self._say(f"Pair {seed}: {so_far}.")
                return
            self._say(f"Pair {seed}: {so_far}; {self._ahead(pairs_needed(wins, needed))}.")

    def _ahead(self, pairs: int) -> str:
        """How long it takes until it is proved, if the next pairs are won."""
        seconds = 2 * pairs * self._arms.seconds / self._arms.trainings / self._arms.jobs
        return f"proved after {counted(pairs, 'more win')}, in about {seconds:.0f} s"

    def _pair(self, seed: int, tried: Try) -> Pair:
        without, treated = self._both(seed, tried.candidate)
        faulty, other = (Scored.of(arm, self._measure) for arm in (without, treated))
        if _is_same(self._faulty, faulty) and _is_same(tried.scored, other):
            raise CannotRun(
                "Another seed changes nothing: the script draws no random numbers, or only from "
                "generators of its own. One training proves nothing about another."
            )
        reason = shortcoming(self._measure, tried.candidate.finding.rule, faulty, other)
        gain = self._measure.gain(faulty.score, other.score)
        return Pair(seed, faulty, other, reason, gain, (_trace(without), _trace(treated)))

    def _both(self, seed: int, candidate: Candidate) -> tuple[Arm, Arm]:
        """The arms of a pair; the one without a remedy is trained once for all remedies."""
        missing = [] if seed in self._without else [Treatment(seed)]
        treatments = [*missing, candidate.treatment(seed)]
        *known, treated = self._arms.train(treatments, every=self._every)
        for arm in known:
            self._arms.check(arm)
            self._without[seed] = arm
        return self._without[seed], treated


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


def _is_same(one: Scored, other: Scored) -> bool:
    """Whether two arms are one run; pairs that all are would be one pair counted often."""
    return np.array_equal(one.losses.values, other.losses.values, equal_nan=True)


def _refuted(pairs: Sequence[Pair]) -> str:
    return f"cures on {sum(pair.is_won for pair in pairs)} of {len(pairs)} fresh seeds only"


def _concluded(tries: Sequence[Try], pairs: Sequence[Pair], needed: float) -> Conclusion:
    if not tries or tries[-1].shortcoming:
        return Conclusion.NOT_PROVED
    is_proved = wealth(pair.is_won for pair in pairs) >= needed
    return Conclusion.PROVED if is_proved else Conclusion.UNDECIDED


def _trace(arm: Arm) -> Trace:
    return Trace() if arm.trace is None else arm.trace

"""Proves a remedy: chooses one on the script's own seed, and trains pairs on fresh ones.

A pair is two arms of one seed, with the remedy and without. It is won if the arm with the remedy is
cured. The pairs stop when the bet on them is settled (see `betting`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence.sites import counted, listed
from lifesigns.prove.arm import Arm
from lifesigns.prove.arms import Arms, seconds_to_start
from lifesigns.prove.betting import FUTILE, PROVED, is_settled, pairs_needed, wealth
from lifesigns.prove.candidates import SYMPTOMS, Candidate, candidates, combined
from lifesigns.prove.copies import CannotRun
from lifesigns.prove.identity import Identity, Verdict, identity
from lifesigns.prove.in_words import told
from lifesigns.prove.noted import Noted, noted
from lifesigns.prove.printed import printed_measure
from lifesigns.prove.proof import Conclusion, Limits, Pair, Plan, Proof, Try
from lifesigns.prove.scores import RECORDED, Measure, Scored, shortcoming
from lifesigns.prove.treatment import Treatment
from lifesigns.records import Trace
from lifesigns.report.verdict import alarms
from lifesigns.rules import judge

NOISE = 3.0
"""The margin is at least so many times the distance of two identical arms' scores."""
FORKED = 0.5
"""Seconds, about, of an arm that is forked, beside its training: a sandbox, data, a report."""
TOLD = 0.3
"""A correlation of prediction and target, from which on it says too little of what is wrong."""
STANDING = (Conclusion.PROVED, Conclusion.UNDECIDED)
"""What may be concluded of a remedy that fresh seeds do not refute."""


def planned(
    arms: Arms,
    measure: Measure,
    recorded: Trace | None = None,
    *,
    auto: bool = False,
    is_dry: bool = False,
) -> Plan:
    """Diagnoses a program and looks for remedies.

    Args:
        arms: Trains it.
        measure: How a training is scored.
        recorded: A run of it; without one it is trained once.
        auto: Whether edits are tried, too, that no finding asks for.
        is_dry: Whether it is only to be told: then nothing is prepared that a proof would need.

    Raises:
        CannotRun: It does not train in a sandbox, or nothing tells how well.
    """
    if recorded is None:
        arm = arms.fair(Treatment())
        recorded = _trace(arm)
    is_timed, seconds = arms.trainings > 0, arms.seconds
    findings = tuple(judge(recorded))
    found, seen = candidates(arms.program, recorded, findings, auto=auto), Noted()
    lead = next(iter(alarms(findings)), None)
    is_vague = lead is not None and lead.rule in SYMPTOMS
    if is_vague or any(candidate.is_open for candidate in found):
        seen = noted(arms.program, recorded, timeout=arms.timeout, has_network=arms.has_network)
        found = candidates(arms.program, recorded, findings, auto=auto, seen=seen)
    trained = recorded.cost.training + recorded.cost.watching
    if is_dry and arms.may_fork:
        return Plan(arms.program, measure, recorded, findings, tuple(found), trained + FORKED, seen)
    spared = arms.begin_to_fork(recorded) if found and not is_dry else 0.0
    if is_timed:
        seconds = max(seconds - spared, recorded.cost.training + FORKED)
    else:
        seconds = trained + (FORKED if spared else seconds_to_start())
    return Plan(arms.program, measure, recorded, findings, tuple(found), seconds, seen)


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
        self._measure, self._faulty = measured(plan.measure, twins)
        self._left = self._remedies(_trace(twins[0]))[: limits.tries]
        self._tries: list[Try] = []
        self._known: list[tuple[Treatment, Arm]] = []

    def proof(self) -> Proof:
        """Tries remedies until one is proved; one that loses too many pairs is passed over."""
        put: list[tuple[Try, tuple[Pair, ...], float]] = []
        needed, choice = PROVED, self._choice()
        while choice is not None:
            pairs = tuple(self._paired(choice, needed))
            put.append((choice, pairs, needed))
            if _wealth(pairs) >= needed or all(pair.is_won for pair in pairs):
                break  # proved, or as good as the pairs allow
            self._pass_over(choice, pairs)
            needed *= 2
            choice = self._choice()
        if all(math.isnan(one.score) for one in (self._faulty, *(t.scored for t in self._tries))):
            raise _nothing_printed(self._measure)
        best, pairs, needed = max(put, key=lambda one: _wealth(one[1]), default=(None, (), PROVED))
        conclusion = _concluded(pairs, needed)
        return Proof(
            self._plan, conclusion, self._same, self._faulty, self._measure, tuple(self._tries),
            best if conclusion in STANDING else None,
            pairs, needed, self._arms.trainings, self._arms.seconds,
        )  # fmt: skip

    def _pass_over(self, choice: Try, pairs: Sequence[Pair]) -> None:
        won = sum(pair.is_won for pair in pairs)
        reason = f"cures on {won} of {len(pairs)} fresh seeds only"
        self._tries[self._tries.index(choice)] = replace(choice, shortcoming=reason)

    def _choice(self) -> Try | None:
        """The first remedy that cures, or one after it that is clearly better.

        One more is tried: more of the same where that is possible, or another one with it where
        something is left wrong, and that as long as it pays.
        """
        best = self._best()
        while len(self._tries) < self._limits.tries:
            wanted = self._further(best) or next(iter(self._left), None)
            if wanted is None:
                break
            self._tries.append(self._tried(wanted))
            before, best = best, self._best()
            if before is not None and (best is before or not self._further(best)):
                break
        return best

    def _best(self) -> Try | None:
        cures = [known for known in self._tries if known.cures]
        return cures[self._measure.preferred([c.scored.score for c in cures])] if cures else None

    def _further(self, tried: Try | None) -> Candidate | None:
        """The next remedy that is more of one that cures, or is made with it."""
        if tried is None:
            return None
        more = (one for one in self._left if one.edit.exceeds(tried.candidate.edit))
        return next(more, None) or self._beside(tried.candidate)

    def _beside(self, cures: Candidate) -> Candidate | None:
        """A remedy that cures, and another one for what is left wrong with it."""
        (arm,) = self._trained([cures.treatment(0)], [])
        trace, known = _trace(arm), [one.candidate.edit for one in self._tries]
        pairs = combined(cures, self._plan.program, trace, judge(trace), self._plan.seen)
        return next((one for one in pairs if one.edit not in known), None)

    def _repeated(self) -> tuple[Identity, list[Arm]]:
        """Trains without a remedy; twice where once does not repeat the recorded run to the bit.

        That run was a process of its own. So what a fork did otherwise would show here, and then
        no arm is one.
        """
        self._say("Training without a remedy: does it repeat?")
        found, twins = self._once()
        if found.verdict is not Verdict.IDENTICAL and self._arms.forks:
            self._arms.end_to_fork()
            found, twins = self._once()
        if found.verdict is not Verdict.IDENTICAL:
            twins.append(self._arms.fair(Treatment(), every=self._every))
            found = identity(self._plan.trace, *map(_trace, twins))
        if found.verdict is Verdict.DIFFERENT:
            raise CannotRun(
                f"{self._plan.program.target} does not repeat in a sandbox, so nothing can be "
                "proved; lifesigns rerun says where it parts from the recorded run."
            )
        return found, twins

    def _once(self) -> tuple[Identity, list[Arm]]:
        arm = self._arms.fair(Treatment(), every=self._every)
        return identity(self._plan.trace, _trace(arm)), [arm]

    def _remedies(self, trace: Trace) -> list[Candidate]:
        """Those of the plan; what is found only where more steps are recorded comes before them."""
        plan = self._plan
        known = {finding.rule for finding in alarms(plan.findings)}
        findings = alarms(judge(trace))
        new = dict.fromkeys(each.rule for each in findings if each.rule not in known)
        if not new:
            return list(plan.candidates)
        self._say(f"Where more steps are recorded, it shows {listed(list(new))} as well.")
        found = candidates(plan.program, trace, findings, seen=plan.seen)
        edits = [candidate.edit for candidate in found]
        return [*found, *(one for one in plan.candidates if one.edit not in edits)]

    def _tried(self, candidate: Candidate) -> Try:
        """One training with a remedy, on the script's own seed."""
        if candidate in self._left:
            self._left.remove(candidate)
        number = len(self._tries) + 1
        pairs = min(pairs_needed(()), self._limits.pairs)
        seconds = self._takes(1 + min(1, len(self._left)) + 2 * pairs)
        asked = f"{candidate.details}, for {candidate.finding.rule}"
        self._say(f"Remedy {number}, {asked}; if it cures, proved in about {seconds:.0f} s.")
        later = [one.treatment(0) for one in self._left]
        (arm,) = self._trained([candidate.treatment(0)], later)
        scored = Scored.of(arm, self._measure)
        reason = shortcoming(self._measure, candidate.finding.rule, self._faulty, scored)
        tried = Try(candidate, scored, arm.refusal or reason)
        self._say(f"Remedy {number}: {told(tried.shortcoming or 'cures')}.")
        return tried

    def _paired(self, tried: Try, needed: float) -> Iterable[Pair]:
        """Pairs on fresh seeds, until the bet is settled or those left cannot win it."""
        wins: list[bool] = []
        for seed in range(1, self._limits.pairs + 1):
            last = min(self._limits.pairs, seed - 1 + pairs_needed(wins, needed))
            pair = self._pair(seed, last, tried)
            yield pair
            wins.append(pair.is_won)
            so_far = f"{told(pair.shortcoming or 'won')}; the e-value is {wealth(wins):.3g}"
            ahead = pairs_needed(wins, needed)
            is_lost = not all(wins) and ahead > self._limits.pairs - seed
            if is_lost or is_settled(wins, needed):
                self._say(f"Pair {seed}: {so_far}.")
                return
            self._say(f"Pair {seed}: {so_far}; {self._ahead(ahead)}.")

    def _ahead(self, pairs: int) -> str:
        """How long it takes until it is proved, if the next pairs are won."""
        seconds = self._takes(2 * pairs)
        return f"proved after {counted(pairs, 'more win')}, in about {seconds:.0f} s"

    def _takes(self, trainings: int) -> float:
        """About how many seconds further trainings take."""
        return trainings * self._arms.latest / self._arms.jobs

    def _pair(self, seed: int, last: int, tried: Try) -> Pair:
        """One pair; others up to the last seed are likely to follow."""

        def pair(number: int) -> list[Treatment]:
            return [Treatment(number), tried.candidate.treatment(number)]

        later = [one for following in range(seed + 1, last + 1) for one in pair(following)]
        without, treated = self._trained(pair(seed), later)
        self._arms.check(without)
        faulty, other = (Scored.of(arm, self._measure) for arm in (without, treated))
        if _is_same(self._faulty, faulty) and _is_same(tried.scored, other):
            raise CannotRun(
                "Another seed changes nothing: the script draws no random numbers, or only from "
                "generators of its own. One training proves nothing about another."
            )
        reason = shortcoming(self._measure, tried.candidate.finding.rule, faulty, other)
        gain = self._measure.gain(faulty.score, other.score)
        return Pair(seed, faulty, other, reason, gain, (_trace(without), _trace(treated)))

    def _trained(self, wanted: Sequence[Treatment], later: Sequence[Treatment]) -> list[Arm]:
        """Arms, each trained once; where there are jobs for more, those of later as well."""
        missing = [one for one in wanted if self._found(one) is None]
        if missing:
            new = [one for one in later if self._found(one) is None]
            missing += new[: max(0, self._arms.jobs - len(missing))]
            trained = self._arms.train(missing, every=self._every)
            self._known += zip(missing, trained, strict=True)
        return [arm for one in wanted if (arm := self._found(one)) is not None]

    def _found(self, wanted: Treatment) -> Arm | None:
        return next((arm for treatment, arm in self._known if treatment == wanted), None)


def measured(measure: Measure, twins: Sequence[Arm]) -> tuple[Measure, Scored]:
    """The measure with a margin that noise does not reach, and the score without a remedy.

    Args:
        measure: What was asked for.
        twins: Arms without a remedy, of the script's own seed; more than one where they differ.

    Raises:
        CannotRun: Nothing tells how well they learn.
    """
    one, *others = (Scored.of(arm, measure) for arm in twins)
    tells = one.skill < TOLD and not one.has_several_losses
    printed = None if measure.metric else printed_measure(twins[0].end.output, measure)
    if printed is not None and not printed.is_missing(twins[0]):
        measure = replace(measure, beside=printed) if tells else printed
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
    return CannotRun(
        f"No number was printed for {measure.metric!r}, so nothing can be compared. A name is that "
        "of a key in a line of JSON; for other text give a regular expression with one group, such "
        "as 'accuracy ([0-9.]+)'."
    )


def _is_same(one: Scored, other: Scored) -> bool:
    """Whether two arms are one run; pairs that all are would be one pair counted often."""
    values = one.losses.values
    is_known = bool(np.isfinite(values).any())  # losses that are all NaN tell nothing
    return is_known and np.array_equal(values, other.losses.values, equal_nan=True)


def _wealth(pairs: Sequence[Pair]) -> float:
    return wealth(pair.is_won for pair in pairs)


def _concluded(pairs: Sequence[Pair], needed: float) -> Conclusion:
    if pairs and _wealth(pairs) >= needed:
        return Conclusion.PROVED
    won = sum(pair.is_won for pair in pairs)
    has_hope = 2 * won > len(pairs) and _wealth(pairs) > FUTILE
    return Conclusion.UNDECIDED if has_hope else Conclusion.NOT_PROVED


def _trace(arm: Arm) -> Trace:
    return Trace() if arm.trace is None else arm.trace

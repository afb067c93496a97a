"""A plan and a proof as text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from lifesigns.locale.spoken import said
from lifesigns.prove.candidates import Candidate
from lifesigns.prove.identity import Verdict
from lifesigns.prove.places import project
from lifesigns.prove.proof import Conclusion, Limits, Plan, Proof, Try
from lifesigns.records import Finding
from lifesigns.report.sentences import spoken_findings
from lifesigns.report.verdict import alarms

MINUTE = 60.0


def of_plan(plan: Plan, limits: Limits) -> Iterator[str]:
    """What is to be done, and what it will cost; one line each.

    Args:
        plan: Not carried out yet.
        limits: What may be spent.
    """
    if not plan.candidates:
        yield nothing(plan)
        return
    finding = plan.candidates[0].finding
    yield from unmended(plan)
    yield f"{finding.rule}: {_symptom(finding)}"
    yield f"Remedies, in this order ({min(limits.tries, len(plan.candidates))} are tried at most):"
    for number, candidate in enumerate(plan.candidates[: limits.tries], start=1):
        yield f"  {number}. {_named(candidate)}"
    yield price(plan, limits)


def unmended(plan: Plan) -> Iterator[str]:
    """What was found before the first finding that has a remedy here: only the user can mend it.

    Args:
        plan: With candidates.
    """
    mended = {candidate.finding.rule for candidate in plan.candidates}
    for finding in alarms(plan.findings):
        if finding.rule in mended:
            return
        yield f"No edit is known for {finding.rule}, which may be the cause: {_symptom(finding)}."


def _symptom(finding: Finding) -> str:
    (spoken,) = spoken_findings([finding])
    return spoken.symptom


def price(plan: Plan, limits: Limits) -> str:
    """What it will cost, in one line.

    Args:
        plan: Not carried out yet.
        limits: What may be spent.
    """
    likely, most = plan.trainings(limits)
    return (
        f"{likely} trainings of {_seconds(plan.seconds)} if the first remedy cures on every seed, "
        f"together {_seconds(likely * plan.seconds)}; at most {most}."
    )


def nothing(plan: Plan) -> str:
    """Why there is nothing to prove.

    Args:
        plan: Without candidates.
    """
    found = alarms(plan.findings)
    if not found:
        return (
            "Nothing to prove: no error and no warning was found in the run. "
            "--auto tries the commonest edits all the same."
        )
    rules = ", ".join(dict.fromkeys(finding.rule for finding in found))
    return f"Nothing to prove: no edit is known for what was found ({rules})."


def of_proof(proof: Proof, target: str) -> Iterator[str]:
    """What came of it; one line each.

    Args:
        proof: Carried out.
        target: The script, as the user names it.
    """
    if proof.conclusion is Conclusion.NOTHING:
        yield nothing(proof.plan)
        return
    yield f"{target}: {_headline(proof)}"
    yield from unmended(proof.plan)
    if proof.identity is not None and proof.identity.verdict is Verdict.WITHIN_SPREAD:
        yield "It does not repeat to the bit, but within the spread of two identical arms."
    for number, tried in enumerate(proof.tries, start=1):
        came_to = f"{_outcome(tried, proof)} ({_change(proof, number)})"
        yield f"  {number}. {_named(tried.candidate)}: {came_to}"
    yield from _pairs(proof)
    yield f"{proof.trainings} trainings, together {_seconds(proof.seconds)}."


def told(outcome: str) -> str:
    """What an arm came to, in the language of this process.

    Args:
        outcome: As it is noted: a shortcoming, a refusal, or a word for none.
    """
    return said(said(outcome, "refusals"), "prove")


def _outcome(tried: Try, proof: Proof) -> str:
    return told(tried.shortcoming or ("cures" if tried is proof.choice else "cures as well"))


def _headline(proof: Proof) -> str:
    chosen, pairs = proof.chosen, len(proof.pairs)
    if chosen is None:
        return "not proved: none of the remedies that were tried cures it."
    won = sum(pair.is_won for pair in proof.pairs)
    steps = f"{proof.plan.trace.steps:,} steps"
    where = f"on {won} of {pairs} fresh seeds, on this machine, {steps} each"
    is_proved = proof.conclusion is Conclusion.PROVED
    word = "is proved" if is_proved else "is neither proved nor refuted yet"
    what = "" if chosen.sources else " (an intervention in the live run: no source was changed)"
    return f"{chosen.name} {word} for {chosen.finding.rule}{what}: it cured it {where}."


def _pairs(proof: Proof) -> Iterator[str]:
    if not proof.pairs:
        return
    beside = proof.measure.beside
    nor = f"; {beside.name}, which the script prints, is not to become worse" if beside else ""
    yield f"Judged by: {proof.measure.name}{nor}."
    yield f"  {'seed':>4}  {'without':>9}  {'with':>9}"
    for pair in proof.pairs:
        scores = f"{_score(pair.faulty.score)}  {_score(pair.other.score)}"
        yield f"  {pair.seed:>4}  {scores}  {told(pair.shortcoming or 'cured')}"
    yield from _difference(proof)
    chance = f"luck alone gets there once in {proof.needed:g} times"
    yield f"e-value {proof.wealth:.3g}; {proof.needed:g} proves: {chance}."


def _difference(proof: Proof) -> Iterator[str]:
    middle, low, high = proof.gain
    known = sum(math.isfinite(pair.gain) for pair in proof.pairs)
    if known > 1:
        sure = 1 - 2 ** (1 - known)
        between = f"from {low:+.3g} to {high:+.3g} with {sure:.0%} confidence"
        yield f"Median difference {middle:+.3g} ({between})."


def _score(score: float) -> str:
    return f"{score:>9.4g}" if math.isfinite(score) else f"{'none':>9}"


def _change(proof: Proof, number: int) -> str:
    before = proof.faulty.score if proof.faulty is not None else math.nan
    after = proof.tries[number - 1].scored.score
    return f"{_score(before).strip()} → {_score(after).strip()}"


def _named(candidate: Candidate) -> str:
    reason = said(candidate.refusal, "refusals")
    how = "" if candidate.sources else f"; not written into the source: {reason}"
    return f"{candidate.details} for {candidate.finding.rule}{how}"


def _seconds(seconds: float) -> str:
    is_short = seconds < MINUTE
    return said(f"{seconds:.0f} s" if is_short else f"{seconds / MINUTE:.1f} min", "prove")


def root_of(plan: Plan) -> Path:
    """The folder that paths in a patch are relative to.

    Args:
        plan: Of a script.
    """
    return project(plan.program.script, plan.program.folder)

"""A proof as JSON; docs/prove.md says what is where."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from lifesigns.prove.candidates import Candidate
from lifesigns.prove.proof import Limits, Pair, Plan, Proof, Try
from lifesigns.prove.scores import Scored
from lifesigns.records import to_json

SCHEMA = 1
"""The version grows when a reader of the old JSON would misread the new one."""


def plan_as_json(plan: Plan, limits: Limits) -> dict[str, Any]:
    """What would be tried, and what it would cost.

    Args:
        plan: Not carried out yet.
        limits: What may be spent.
    """
    fewest, most = plan.trainings(limits)
    noted: dict[str, Any] = to_json(
        {
            "schema": SCHEMA,
            "command": (plan.program.target, *plan.program.arguments),
            "conclusion": None,
            "remedies": tuple(map(_candidate, plan.candidates[: limits.tries])),
            "trainings": {"fewest": fewest, "most": most},
            "seconds": plan.seconds,
        }
    )
    return noted


def proof_as_json(proof: Proof) -> dict[str, Any]:
    """All that was found out, without the runs themselves.

    Args:
        proof: Carried out.
    """
    program, measure = proof.plan.program, proof.measure
    middle, low, high = proof.gain
    noted: dict[str, Any] = to_json(
        {
            "schema": SCHEMA,
            "command": (program.target, *program.arguments),
            "conclusion": proof.conclusion,
            "steps": proof.plan.trace.steps,
            "repeats": proof.identity and proof.identity.verdict,
            "measure": {
                "name": measure.name,
                **vars(measure),
                "beside": measure.beside and measure.beside.name,
            },
            "faulty": proof.faulty and _scored(proof.faulty),
            "remedy": proof.chosen and _candidate(proof.chosen),
            "tries": tuple(map(_tried, proof.tries)),
            "pairs": tuple(map(_pair, proof.pairs)),
            "e_value": proof.wealth,
            "needed": proof.needed,
            "gain": {"median": middle, "lowest": low, "highest": high},
            "trainings": proof.trainings,
            "seconds": proof.seconds,
        }
    )
    return noted


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "edit": candidate.name,
        "details": candidate.details,
        "rule": candidate.finding.rule,
        "site": candidate.finding.site,
        "kind": "patch" if candidate.sources else "intervention",
        "refusal": candidate.refusal,
        "files": {path: _digest(text) for path, text in candidate.sources.items()},
    }


def _tried(tried: Try) -> dict[str, Any]:
    return {
        **_candidate(tried.candidate),
        **_scored(tried.scored),
        "cures": not tried.shortcoming,
        "shortcoming": tried.shortcoming,
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "seed": pair.seed,
        "without": _scored(pair.faulty),
        "with": _scored(pair.other),
        "cured": pair.is_won,
        "shortcoming": pair.shortcoming,
        "gain": pair.gain,
    }


def _scored(scored: Scored) -> dict[str, Any]:
    return {name: value for name, value in vars(scored).items() if name != "losses"}


def _digest(text: str) -> str:
    return f"sha256:{sha256(text.encode()).hexdigest()}"

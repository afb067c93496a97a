"""What a proof is made of: what is planned, what was tried, the pairs, and what came of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from statistics import median

from lifesigns.prove.arm import Program
from lifesigns.prove.betting import PROVED, pairs_needed, wealth
from lifesigns.prove.candidates import Candidate
from lifesigns.prove.identity import Identity
from lifesigns.prove.noted import Noted
from lifesigns.prove.scores import Measure, Scored
from lifesigns.records import Finding, Trace


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

    @property
    def cures(self) -> bool:
        """Whether it cures, as far as it was trained."""
        return not self.shortcoming


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
    seen: Noted = field(default_factory=Noted)
    """What runs where in its files, looked at where their texts alone left it open."""

    def trainings(self, limits: Limits) -> tuple[int, int]:
        """How many more trainings it takes if the first remedy cures on every seed, and at most.

        A second one is tried all the same, as it may be better.

        Args:
            limits: What may be spent.
        """
        if not self.candidates:
            return 0, 0
        tries = min(limits.tries, len(self.candidates))
        fewest = 1 + min(tries, 2) + 2 * min(pairs_needed(()), limits.pairs)
        return fewest, 2 + tries + 2 * limits.pairs


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
    choice: Try | None = None
    """That of the remedy that was put to the proof and not refuted."""
    pairs: tuple[Pair, ...] = ()
    """Of the remedy that was chosen last."""
    needed: float = PROVED
    """The e-value that proves; it doubles with each remedy that fresh seeds have refuted, so that
    all of them together have a chance of at most one in ten."""
    trainings: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        from lifesigns.prove.in_words import of_proof  # it knows proofs itself

        return "\n".join(of_proof(self, self.plan.program.name))

    @property
    def chosen(self) -> Candidate | None:
        """The remedy that was put to the proof and not refuted."""
        return None if self.choice is None else self.choice.candidate

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

"""The advisor: which cell to take, how sure that is, and what was not tried."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from lifesigns.lab.results.effects import Effect, main_effects
from lifesigns.lab.results.statistics import Contrast, Interval, chance_of_being_best, holm
from lifesigns.lab.run import CellResult, Outcome
from lifesigns.lab.training.baseline import Baseline

SIGNIFICANT = 0.05
REACHED = 0.95
"""Share of the best cell's final score that counts as reached."""
_THEN = "Look at the data, try other rates, such as --rate 1e-5:1:log, or more --steps."
POSSIBLE = MappingProxyType({"accuracy": (0.0, 1.0), "r2": (-math.inf, 1.0)})
"""Lowest and highest value of each score."""


@dataclass(frozen=True)
class Place:
    """One cell in the ranking."""

    result: CellResult
    label: str
    """The factors in which the cells differ."""
    score: Interval
    chance_best: float
    """Of having the best mean score if the seeds were drawn anew."""
    against_best: Contrast | None
    """Paired differences from the leader; None for the leader itself."""
    adjusted_p: float
    """Holm's correction over all comparisons with the leader; 1 for the leader."""
    steps_to_level: float
    """Mean steps until the common level is reached; infinite if some seed never does."""

    @property
    def as_good_as_best(self) -> bool:
        """Not told apart from the leader by this many seeds."""
        return self.adjusted_p > SIGNIFICANT


@dataclass(frozen=True)
class Ranking:
    """All cells, best mean score first; those of which every network diverged last."""

    places: tuple[Place, ...]
    level: float
    """The score of `steps_to_level`: `REACHED` of the leader's."""
    score: str
    caveats: tuple[str, ...]
    """What was not tried, and what these numbers cannot say."""
    baseline: Baseline
    """What any answer has to exceed."""
    effects: tuple[Effect, ...] = ()
    """Main effects of the factors that vary, if more than one does."""

    @property
    def learned(self) -> bool:
        """Whether any cell has learned: more than chance would give, and not by what diverged."""
        leader = self.places[0]
        return not leader.result.all_diverged and leader.score.mean > self.baseline.chance

    @property
    def advice(self) -> str:
        """Two or three sentences: what to take, and how sure that is; nothing if none learned."""
        return self._recommendation() if self.learned else f"{self._nothing_learned()} {_THEN}"

    def _nothing_learned(self) -> str:
        leader, baseline = self.places[0], self.baseline
        networks = sum(len(place.result.scores) for place in self.places)
        diverged = sum(place.result.diverged for place in self.places)
        if diverged == networks:
            return f"No cell learned, so none is recommended: all {networks} networks diverged."
        broken = f" {diverged} of {networks} networks diverged." if diverged else ""
        return (
            f"No cell learned, so none is recommended. The best mean {self.score} is "
            f"{leader.score.mean:.3f} ({leader.label} at a learning rate of "
            f"{leader.result.rate:g}); on {baseline.samples} held-out samples {baseline.answer} as "
            f"the only answer has {baseline.score:.3f}, and chance reaches {baseline.chance:.3f}."
            f"{broken}"
        )

    def _recommendation(self) -> str:
        leader = self.places[0]
        text = (
            f"Take {leader.label} at a learning rate of {leader.result.rate:g}: {self.score} "
            f"{leader.score.mean:.3f} ({leader.score.low:.3f} to {leader.score.high:.3f}). "
        )
        others = [place for place in self.places[1:] if place.as_good_as_best]
        if not self.places[1:]:
            return text + "Nothing else was tried."
        if not others:
            return text + "Every other cell is worse beyond the noise of the seeds."
        names = ", ".join(place.label for place in others[:3])
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        return text + (
            f"{len(leader.result.scores)} seeds do not tell it apart from {names}{more}; "
            f"drawn anew it would lead in {leader.chance_best:.0%} of the cases."
        )


def rank(outcome: Outcome) -> Ranking:
    """Orders the cells of an outcome and says how sure the order is.

    Args:
        outcome: The results of all cells, on the same seeds.
    """
    results = sorted(outcome.results, key=_merit, reverse=True)
    leader = results[0]
    scores = np.nan_to_num(np.stack([result.scores for result in results]), nan=-1.0)
    contrasts = [Contrast.of(row, scores[0]) for row in scores[1:]]
    adjusted = holm([contrast.p for contrast in contrasts])
    level = REACHED * float(scores[0].mean())
    chances = chance_of_being_best(scores)
    places = [
        Place(
            result,
            outcome.design.label(result.cell),
            Interval.of(row).within(*POSSIBLE[outcome.score]),
            float(chance),
            contrast,
            p,
            steps_to_reach(result, outcome.score, level),
        )
        for result, row, chance, contrast, p in zip(
            results, scores, chances, [None, *contrasts], [1.0, *adjusted], strict=True
        )
    ]
    effects = main_effects(results)
    if len({effect.factor for effect in effects}) < 2:
        effects = ()
    caveats = (*_disagreements(effects, leader), *_caveats(outcome, leader))
    return Ranking(tuple(places), level, outcome.score, caveats, outcome.baseline, effects)


def _merit(result: CellResult) -> tuple[bool, float]:
    mean = float(result.scores.mean())
    return not result.all_diverged, mean if math.isfinite(mean) else -math.inf


def steps_to_reach(result: CellResult, score: str, level: float) -> float:
    """Mean over the seeds of the first step at which the score reaches `level`.

    Interpolated between measurements; infinite if a seed never gets there.

    Args:
        result: One cell, with a curve for each seed.
        score: Name of the measure; higher is better.
        level: The score to reach.
    """
    steps, curves = result.history.steps, result.history.measures[score]
    return float(np.mean([_first_reach(steps, curve, level) for curve in curves.T]))


def _first_reach(steps: np.ndarray, curve: np.ndarray, level: float) -> float:
    reached = np.flatnonzero(curve >= level)
    if not len(reached):
        return math.inf
    at = int(reached[0])
    if at == 0 or not np.isfinite(curve[at - 1]):
        return float(steps[at])
    share = (level - curve[at - 1]) / (curve[at] - curve[at - 1])
    return float(steps[at - 1] + share * (steps[at] - steps[at - 1]))


def _disagreements(effects: Sequence[Effect], leader: CellResult) -> Iterator[str]:
    """Where an average over all cells misleads."""
    for effect in effects:
        taken = leader.cell.factors[effect.factor]
        if effect.against_best is None and effect.level != taken:
            yield (
                f"Over all cells {effect.level} is the best {effect.factor}, the leader has "
                f"{taken}: what a factor does depends on the others here, so go by the ranking."
            )


def _caveats(outcome: Outcome, leader: CellResult) -> Iterator[str]:
    at_edge = [result for result in outcome.results if result.rate_at_edge]
    if leader.rate_at_edge:
        yield (
            f"The leader's best rate, {leader.rate:g}, is the last one tried: a better one may lie "
            "beyond. Widen --rate."
        )
    elif at_edge:
        yield f"{len(at_edge)} cells did best at the last rate tried: they may do better beyond."
    broken = sum(result.diverged for result in outcome.results)
    if broken:
        yield f"{broken} of the compared networks diverged; they count with what they then predict."
    yield from outcome.design.untried()

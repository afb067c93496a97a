"""Training members of the lab for claims, and rows for their charts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.lab import History, Member, train_population
from lifesigns.lab.results.statistics import Interval
from lifesigns.nets import Recipe
from lifesigns.nets.data import Split
from lifesigns.records import Floats

Row = dict[str, float | str]


def over_seeds(recipe: Recipe, data: Split, seeds: int, steps: int) -> History:
    """One member for each seed.

    Args:
        recipe: The same for all; its own number of epochs is not used.
        data: Targets are brought into the form of the loss.
        seeds: How many, from 0.
        steps: Training steps of each.

    Returns:
        Measures of shape `[times, seeds]`.
    """
    members = [Member(recipe, seed) for seed in range(seeds)]
    return train_population(members, data.for_loss(recipe.loss), steps)


def best_rate(
    recipe: Recipe, data: Split, rates: Sequence[float], seeds: int, steps: int
) -> tuple[float, Floats]:
    """The rate with the best mean accuracy on samples held out of the training set.

    Args:
        recipe: Its own learning rate is not used.
        data: Its test samples are not looked at.
        rates: Learning rates to try.
        seeds: How many for each rate; others than those of `over_seeds`.
        steps: Training steps of each.

    Returns:
        The rate, and the accuracies, shape `[rates, seeds]`; NaN where a member diverged.
    """
    members = [
        Member(replace(recipe, learning_rate=rate), 500 + seed)
        for rate in rates
        for seed in range(seeds)
    ]
    history = train_population(members, data.validation().for_loss(recipe.loss), steps)
    final = np.where(history.diverged >= 0, np.nan, history.measures["accuracy"][-1])
    curve = final.reshape(len(rates), seeds)
    mean = np.where(np.isfinite(curve.mean(1)), curve.mean(1), -1.0)
    return rates[int(np.argmax(mean))], curve


def curve_rows(histories: Mapping[str, History], measure: str, column: str) -> list[Row]:
    """Mean over the seeds with its interval, for each history and measured step.

    Args:
        histories: What was trained, by the name it has in the chart.
        measure: A key of `History.measures`, such as `accuracy`.
        column: What the mean is called, with its unit; the axis says so too.

    Returns:
        Nothing for a step at which fewer than two members are left.
    """
    rows: list[Row] = []
    for name, history in histories.items():
        for step, values in zip(history.steps, history.measures[measure], strict=True):
            known = values[np.isfinite(values)]
            if len(known) > 1:
                interval = Interval.of(known)
                rows.append(
                    {
                        "step": int(step),
                        column: interval.mean,
                        "low": interval.low,
                        "high": interval.high,
                        "network": name,
                    }
                )
    return rows


def interval_rows(named: Iterable[tuple[str, Floats]], column: str) -> list[Row]:
    """Mean over the seeds with its interval, for each name.

    Args:
        named: Names, each with one value for each seed, shape `[seeds]`.
        column: What the mean is called, with its unit; the axis says so too.
    """
    rows: list[Row] = []
    for name, values in named:
        interval = Interval.of(values)
        rows.append(
            {"what": name, column: interval.mean, "low": interval.low, "high": interval.high}
        )
    return rows

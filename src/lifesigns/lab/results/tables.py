"""The results of a design as rows, for CSV and Parquet files, tables and charts."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lifesigns._errors import UsageError
from lifesigns._outputs import regular_file, write
from lifesigns.lab.design.design import FIRST_SEED
from lifesigns.lab.results.ranking import Ranking
from lifesigns.lab.results.statistics import Interval
from lifesigns.lab.run import CellResult, Outcome

Row = dict[str, Any]


def run_rows(outcome: Outcome) -> Iterator[Row]:
    """One row for each compared network: its factors, rate, seed and all final measures.

    Args:
        outcome: The results of all cells.

    Yields:
        `diverged_at` is the step, or -1; `train_loss` is the last finite loss.
    """
    for result in outcome.results:
        history = result.history
        for position in range(history.members):
            yield {
                **factors(result),
                "rate": result.rate,
                "seed": FIRST_SEED + position,
                "diverged_at": int(history.diverged[position]),
                "train_loss": _last_finite(history.losses[:, position]),
                **{name: float(values[-1, position]) for name, values in history.measures.items()},
            }


def curve_rows(outcome: Outcome, measure: str) -> Iterator[Row]:
    """Mean and interval of one measure over the seeds, for each cell and measured step.

    Args:
        outcome: The results of all cells.
        measure: One of `MEASURES`.
    """
    for result in outcome.results:
        values = result.history.measures[measure]
        for step, row in zip(result.history.steps, values, strict=True):
            known = row[np.isfinite(row)]
            if len(known):
                yield {
                    "cell": outcome.design.label(result.cell),
                    "step": int(step),
                    **_interval(known),
                }


def tuning_rows(outcome: Outcome) -> Iterator[Row]:
    """Mean and range of the tuning score, for each cell and learning rate.

    Args:
        outcome: The results of all cells.

    Yields:
        Nothing for a rate at which any network diverged.
    """
    for result in outcome.results:
        for rate, row in zip(result.rates, result.tuning, strict=True):
            known = row[np.isfinite(row)]
            if len(known) == len(row):
                low, high = float(row.min()), float(row.max())
                mean = float(row.mean())
                yield {
                    "cell": outcome.design.label(result.cell),
                    "rate": rate,
                    "mean": mean,
                    "low": low,
                    "high": high,
                }


def ranking_rows(ranking: Ranking) -> Iterator[Row]:
    """One row for each cell, best first.

    Args:
        ranking: The judged cells.

    Yields:
        Differences and effects are against the best cell, which has 0 in both.
    """
    for place in ranking.places:
        contrast = place.against_best
        yield {
            "cell": place.label,
            **factors(place.result),
            "rate": place.result.rate,
            "score": place.score.mean,
            "low": place.score.low,
            "high": place.score.high,
            "difference": contrast.difference.mean if contrast else 0.0,
            "effect": contrast.effect if contrast else 0.0,
            "adjusted_p": place.adjusted_p,
            "chance_best": place.chance_best,
            "steps_to_level": place.steps_to_level,
            "dead_fraction": _final(place.result, "dead_fraction"),
            "diverged": place.result.diverged,
        }


def effect_rows(ranking: Ranking) -> Iterator[Row]:
    """One row for each level of each factor.

    Args:
        ranking: The judged cells.

    Yields:
        Differences are against the best level of the same factor, which has 0.
    """
    for effect in ranking.effects:
        contrast = effect.against_best
        yield {
            "factor": effect.factor,
            "level": effect.level,
            "score": effect.score.mean,
            "difference": contrast.difference.mean if contrast else 0.0,
            "low": contrast.difference.low if contrast else 0.0,
            "high": contrast.difference.high if contrast else 0.0,
            "adjusted_p": effect.adjusted_p,
        }


def factors(result: CellResult) -> Row:
    """The factors of a cell as columns.

    Args:
        result: Of any cell; factors without a level are left out.
    """
    return dict(result.cell.factors)


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Writes rows as CSV with a header line.

    Args:
        rows: At least one; none has a key that the first lacks.
        path: Replaced if it is there.

    Raises:
        UsageError: `path` is no place for a file.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write(path, text.getvalue())


def write_parquet(rows: Sequence[Row], path: Path) -> None:
    """Writes rows as Parquet.

    Args:
        rows: Values of one column have one type.
        path: Replaced if it is there.

    Raises:
        UsageError: The extra `parquet` is not installed.
    """
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise UsageError(
            "Parquet files need pyarrow: pip install 'lifesigns[parquet]'. CSV needs nothing."
        ) from error
    parquet.write_table(arrow.Table.from_pylist(list(rows)), regular_file(path))


def _interval(values: np.ndarray) -> Row:
    interval = Interval.of(values)
    low = interval.low if math.isfinite(interval.low) else interval.mean
    high = interval.high if math.isfinite(interval.high) else interval.mean
    return {"mean": interval.mean, "low": low, "high": high}


def _final(result: CellResult, measure: str) -> float:
    return (
        float(np.nanmean(result.history.measures[measure][-1]))
        if _known(result, measure)
        else math.nan
    )


def _known(result: CellResult, measure: str) -> bool:
    return bool(np.isfinite(result.history.measures[measure][-1]).any())


def _last_finite(losses: np.ndarray) -> float:
    finite = losses[np.isfinite(losses)]
    return float(finite[-1]) if len(finite) else math.nan

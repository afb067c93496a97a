"""The textbook's advice, as a ranking measured with tuned rates on real data."""

from dataclasses import replace

import numpy as np

from lifesigns.claims._claim import Claim, Effort, Kind, Measurement, Result
from lifesigns.claims._training import best_rate, interval_rows, over_seeds
from lifesigns.lab.results.statistics import Contrast, holm
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.data import load
from lifesigns.report.figures import intervals

NAMES = ("relu", "leaky_relu", "maxout", "tanh", "sigmoid")
RATES = (0.01, 0.03, 0.1, 0.3, 1.0)
DATA = ("digits", "breast_cancer", "spirals")


def experiment(effort: Effort) -> Result:
    """Accuracy of each activation at its own best rate, three hidden layers, three data sets."""
    seeds, steps = effort.of(8, 4), effort.of(600, 200)
    scores: dict[str, list[np.ndarray]] = {name: [] for name in NAMES}
    for source in DATA:
        data = load(source)
        for name in NAMES:
            network = MLP(data.features, (32,) * 3, data.outputs, name, initialiser="he_normal")
            recipe = Recipe(network, "cross_entropy")
            rate, _ = best_rate(recipe, data, RATES, 3, steps)
            history = over_seeds(replace(recipe, learning_rate=rate), data, seeds, steps)
            scores[name].append(history.measures["accuracy"][-1])
    pooled = {name: np.concatenate(parts) for name, parts in scores.items()}
    rivals = [name for name in NAMES if name != "relu"]
    contrasts = {name: Contrast.of(pooled[name], pooled["relu"]) for name in rivals}
    adjusted = dict(zip(rivals, holm([contrasts[name].p for name in rivals]), strict=True))
    best = max(pooled, key=lambda name: float(pooled[name].mean()))
    measurements = []
    for name in rivals:
        difference = contrasts[name].difference
        worse = difference.mean < 0 and adjusted[name] < 0.05
        holds = worse if name == "sigmoid" else not (difference.mean > 0 and adjusted[name] < 0.05)
        expected = "clearly below 0" if name == "sigmoid" else "not clearly above 0"
        measurements.append(
            Measurement(
                f"accuracy, {name} minus ReLU (Holm p = {adjusted[name]:.2g})",
                difference.mean,
                expected,
                holds,
                difference.low,
                difference.high,
            )
        )
    return Result(
        tuple(measurements),
        f"Over {len(DATA)} data sets {best} leads with {pooled[best].mean():.3f}, ReLU has "
        f"{pooled['relu'].mean():.3f} and the sigmoid {pooled['sigmoid'].mean():.3f}, each at its "
        "own best rate. The order of the first ones is a matter of the data; that of the last is "
        "not.",
        intervals(
            interval_rows(
                (
                    (f"{name}, {source}", part)
                    for name, parts in scores.items()
                    for source, part in zip(DATA, parts, strict=True)
                ),
                "accuracy",
            ),
            "accuracy",
            "low",
            "high",
            label="what",
            title="Three hidden layers, rates tuned separately",
        ),
        seeds=seeds,
    )


CLAIM = Claim(
    name="advice",
    sentences=("advice",),
    text="Use ReLU and mind the rate; else leaky ReLU or Maxout; not sigmoid; tanh may be tried.",
    source="textbook; CS231n",
    published="no numbers given",
    kind=Kind.STATISTICAL,
    experiment=experiment,
)

"""The sigmoid's output can be read as a probability: calibration on held-out patients."""

import numpy as np

from lifesigns.claims._boundary import fitted
from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import mean_above, mean_below
from lifesigns.nets import MLP
from lifesigns.nets.data import load
from lifesigns.records import Floats
from lifesigns.report.figures import lines

BINS = np.linspace(0, 1, 6)


def experiment(effort: Effort) -> Result:
    """Logistic regression (a softmax of two is a sigmoid of the difference) over several splits."""
    seeds, steps = effort.of(10, 5), effort.of(400, 200)
    errors, scores, outputs, truths = [], [], [], []
    for seed in range(seeds):
        data = load("breast_cancer", seed=seed)
        model = fitted(MLP(data.features, (), 2), data, 0.01, steps, seed)
        p = model(data.test_inputs).softmax(-1)[:, 1].detach().double().numpy()
        y = data.test_targets.numpy()
        outputs.append(p)
        truths.append(y)
        errors.append(_calibration_error(p, y))
        scores.append(float(((p > 0.5) == y).mean()))
    p, y = np.concatenate(outputs), np.concatenate(truths)
    return Result(
        (
            mean_above("accuracy", scores, 0.93),
            mean_below("expected calibration error", errors, 0.06),
        ),
        f"Of the held-out patients {np.mean(scores):.1%} are classified right, and where the "
        f"sigmoid says p, a share of p is benign to within {np.mean(errors):.3f} on average. That "
        "is what it buys: a threshold can be chosen by cost, and outputs can be multiplied.",
        lines(
            _rows(p, y),
            "output of the sigmoid",
            "share of class 1",
            by="what",
            title="What the output means",
            subtitle="breast cancer, all splits",
            points=True,
        ),
        seeds=seeds,
    )


def _calibration_error(p: Floats, y: np.ndarray) -> float:
    """Mean distance of output and frequency, over five bins weighted by their samples."""
    which = np.digitize(p, BINS[1:-1])
    parts = [(which == b) for b in range(len(BINS) - 1) if (which == b).any()]
    return float(sum(part.mean() * abs(p[part].mean() - y[part].mean()) for part in parts))


def _rows(p: Floats, y: np.ndarray) -> list[dict[str, object]]:
    which = np.digitize(p, BINS[1:-1])
    bins = [which == b for b in range(len(BINS) - 1) if (which == b).any()]
    measured = [
        {
            "output of the sigmoid": float(p[b].mean()),
            "share of class 1": float(y[b].mean()),
            "what": "measured",
        }
        for b in bins
    ]
    ideal = [
        {"output of the sigmoid": v, "share of class 1": v, "what": "ideal"} for v in (0.0, 1.0)
    ]
    return [*measured, *ideal]


CLAIM = Claim(
    name="sigmoid-probability",
    sentences=("sigmoid-meaning",),
    text="The output of a sigmoid can be read as a probability.",
    source="textbook; Guo et al. 2017 for the calibration error",
    published="no numbers given",
    kind=Kind.STATISTICAL,
    experiment=experiment,
)

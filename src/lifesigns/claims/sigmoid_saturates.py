"""The sigmoid saturates: its slope is at most 1/4, and a stack of them starves the first layer."""

import numpy as np

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import above, below, near, stated
from lifesigns.claims._watched import alarms, watched
from lifesigns.functions import ACTIVATIONS
from lifesigns.lab.results.statistics import Interval
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.data import load
from lifesigns.records import WEIGHTED
from lifesigns.report.figures import Spec, grid, lines

SHOWN = (
    "sigmoid", "tanh", "relu", "leaky_relu", "prelu", "maxout", "elu", "gelu", "silu",
)  # fmt: skip
DEPTHS = (1, 2, 4, 6, 8)


def experiment(effort: Effort) -> Result:
    """Gradient of the first layer over that of the last by depth, and rule ACT002 at work."""
    digits, seeds = load("digits"), effort.of(8, 3)
    ratios = {
        (name, depth): [_fading(name, depth, seed) for seed in range(seeds)]
        for name in ("sigmoid", "relu")
        for depth in DEPTHS
    }
    rows = []
    for (name, depth), values in ratios.items():
        logs = Interval.of(np.log10(values))
        rows.append(
            {
                "hidden layers": depth,
                "first over last gradient": 10**logs.mean,
                "low": 10**logs.low,
                "high": 10**logs.high,
                "activation": name,
            }
        )
    z = np.linspace(-10, 10, 100_001)
    slope = 1 / (2 + np.exp(z) + np.exp(-z))
    calm = MLP(64, (64, 64), 10, activation="tanh", initialiser="glorot_uniform")
    said = "saturated-units" in alarms(Recipe(calm, "cross_entropy", 0.1), digits, steps=60)
    deep, shallow = np.median(ratios["sigmoid", 8]), np.median(ratios["relu", 8])
    return Result(
        (
            near("largest slope of the sigmoid", slope.max(), 0.25, 1e-6),
            below("slope at z = 5", float(slope[np.argmin(np.abs(z - 5))]), 0.01),
            below("first over last gradient, 8 layers of sigmoids", deep, 1e-3),
            stated("the same with 2 layers", np.median(ratios["sigmoid", 2])),
            stated("the same with 4 layers", np.median(ratios["sigmoid", 4])),
            above("the same with ReLU", shallow, 0.05),
            near("alarms of ACT002 on tanh from Glorot's weights", float(said), 0, 0),
        ),
        f"The slope of the sigmoid is at most {slope.max():.2f} and {slope[75_000]:.4f} at z = 5, "
        f"and slopes multiply. Through 8 layers the first one gets {deep:.0e} of the last one's "
        f"gradient, with ReLU {shallow:.2f}.",
        lines(
            rows,
            "hidden layers",
            "first over last gradient",
            by="activation",
            low="low",
            high="high",
            title="What is left of the gradient, by depth",
            subtitle="digits, first step, He's weights for ReLU and Glorot's for the sigmoid",
            logarithmic_y=True,
            points=True,
        ),
        (_slopes(),),
        seeds=seeds,
    )


def _slopes() -> Spec:
    """Each of the subject's activations, and others in use, with its derivative."""
    z = np.linspace(-5, 5, 101)
    charts = []
    for name in SHOWN:
        curves = ACTIVATIONS[name].curve(z)
        assert curves is not None, name
        rows = [
            {"z": round(float(at), 3), "value": round(float(y), 5), "curve": curve}
            for curve, ys in zip(("f(z)", "f′(z)"), curves, strict=True)
            for at, y in zip(z, ys, strict=True)
        ]
        charts.append(lines(rows, "z", "value", by="curve", title=name))
    return grid(charts, columns=3, title="Activations and their derivatives")


def _fading(activation: str, depth: int, seed: int) -> float:
    initialiser = "he_normal" if activation == "relu" else "glorot_uniform"
    network = MLP(64, (64,) * depth, 10, activation, initialiser=initialiser)
    trace = watched(Recipe(network, "cross_entropy", 0.01), load("digits"), steps=1, seed=seed)
    snapshot = trace.snapshots[0]
    sites = [snapshot.graph.sites[i] for i in snapshot.graph.of_kind(*WEIGHTED)]
    readings = [snapshot.parameter(site.parameters[0]) for site in sites]
    scales = [reading.gradient_rms for reading in readings if reading]
    return scales[0] / scales[-1]


CLAIM = Claim(
    name="sigmoid-saturates",
    sentences=("sigmoid-saturates",),
    text="The sigmoid saturates near 0 and 1, where its gradient is almost 0.",
    source="textbook; Glorot & Bengio 2010; rule ACT002",
    published="no numbers given",
    kind=Kind.STATISTICAL,
    experiment=experiment,
)

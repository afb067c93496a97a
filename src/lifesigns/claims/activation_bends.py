"""An activation makes the network non-linear: rings that no stack of linear layers can separate."""

from lifesigns.claims._boundary import boundary_map, fitted
from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import mean_above, mean_below
from lifesigns.claims._training import over_seeds
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.data import load
from lifesigns.report.figures import grid


def experiment(effort: Effort) -> Result:
    """Five layers with and without ReLU on two rings, and one narrow hidden layer beside them."""
    rings, seeds, steps = load("rings"), effort.of(8, 4), effort.of(800, 300)
    networks = {
        "linear": MLP(2, (16,) * 4, 2, activation=None),
        "shallow": MLP(2, (2,), 2),
        "deep": MLP(2, (16,) * 4, 2, initialiser="he_normal"),
    }
    finals = {
        name: over_seeds(Recipe(network, "cross_entropy", 0.1), rings, seeds, steps).measures[
            "accuracy"
        ][-1]
        for name, network in networks.items()
    }
    gain = finals["deep"] - finals["shallow"]
    drawn = [
        boundary_map(fitted(MLP(2, widths, 2, initialiser="he_normal"), rings, 0.1, steps), rings,
                     f"{len(widths)} × {widths[0]} units")
        for widths in ((2,), (4,), (16,), (2, 2, 2), (4, 4, 4), (16, 16, 16, 16))
    ]  # fmt: skip
    return Result(
        (
            mean_below("accuracy of five linear layers", finals["linear"], 0.65),
            mean_above("accuracy of five layers with ReLU", finals["deep"], 0.97),
            mean_above("more than two hidden units reach, same seeds", gain, 0.02),
        ),
        f"Five linear layers classify {finals['linear'].mean():.3f} of the rings right, which is "
        f"chance; the same layers with ReLU {finals['deep'].mean():.3f}. Width and depth count as "
        f"well: one layer of two ReLU units gets {finals['shallow'].mean():.3f}.",
        grid(
            drawn,
            columns=3,
            title="ReLU networks of growing width and depth on two rings",
            subtitle="probability of class 1 after training; layers × units",
        ),
        seeds=seeds,
    )


CLAIM = Claim(
    name="activation-bends",
    sentences=("expressive",),
    text="An activation makes the network non-linear; more layers are more expressive.",
    source="textbook",
    published="five linear layers .500, with ReLU 1.000 on rings",
    kind=Kind.STATISTICAL,
    experiment=experiment,
)

"""Without a hidden layer weights may start at zero."""

from dataclasses import replace

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import mean_above, mean_within
from lifesigns.claims._training import curve_rows, over_seeds
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.data import load
from lifesigns.report.figures import lines


def experiment(effort: Effort) -> Result:
    """Softmax regression on digits from zero and from random weights, same seeds."""
    digits, seeds, steps = load("digits"), effort.of(8, 4), effort.of(600, 200)
    recipe = Recipe(MLP(64, (), 10), "cross_entropy", 0.02)
    zero = replace(recipe, network=MLP(64, (), 10, initialiser="zeros"))
    histories = {
        "from zero": over_seeds(zero, digits, seeds, steps),
        "from random weights": over_seeds(recipe, digits, seeds, steps),
    }
    finals = {name: history.measures["accuracy"][-1] for name, history in histories.items()}
    gap = finals["from zero"] - finals["from random weights"]
    return Result(
        (
            mean_above("accuracy from zero", finals["from zero"], 0.85),
            mean_within("zero minus random, same seeds", gap, 0, 0.02),
        ),
        f"From zero weights softmax regression reaches {finals['from zero'].mean():.3f}, from "
        f"random ones {finals['from random weights'].mean():.3f}. Each class has its own targets, "
        "so the rows of the only layer get different gradients from the first step on.",
        lines(
            curve_rows(histories, "accuracy", "accuracy"),
            "step",
            "accuracy",
            by="network",
            low="low",
            high="high",
            title="Softmax regression on digits",
        ),
        seeds=seeds,
    )


CLAIM = Claim(
    name="zero-start-softmax-regression",
    sentences=("zero-softmax-regression",),
    text="Without a hidden layer zero initialisation is fine.",
    source="textbook",
    published=".887 from zero, .883 from random weights",
    kind=Kind.STATISTICAL,
    experiment=experiment,
)

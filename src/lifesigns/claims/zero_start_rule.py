"""Zero weights are for networks of a single layer only: the rule INI001 says so, and only there."""

from dataclasses import replace

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import above, near
from lifesigns.claims._watched import alarms
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.data import load
from lifesigns.report.figures import outcomes

RULE = "symmetric-units"


def experiment(effort: Effort) -> Result:
    """INI001 on networks from zero: with one and two hidden layers, and with none."""
    digits = load("digits")
    networks = {
        "softmax regression from zero": MLP(64, (), 10, initialiser="zeros"),
        "one hidden layer of ReLU from zero": MLP(64, (32,), 10, initialiser="zeros"),
        "one hidden layer of sigmoids from zero": MLP(
            64, (32,), 10, activation="sigmoid", initialiser="zeros"
        ),
        "two hidden layers of tanh from zero": MLP(
            64, (32, 32), 10, activation="tanh", initialiser="zeros"
        ),
        "one hidden layer of ReLU from He's weights": MLP(64, (32,), 10, initialiser="he_normal"),
    }
    base = Recipe(MLP(64, (), 10), "cross_entropy", 0.05)
    said = {
        name: RULE in alarms(replace(base, network=network), digits, steps=5)
        for name, network in networks.items()
    }
    rows = [
        {"network": name, "rule": "symmetric-units", "said": "fires" if fires else "silent"}
        for name, fires in said.items()
    ]
    silent = [name for name, fires in said.items() if not fires]
    return Result(
        tuple(
            above(f"fires on {name}", float(fires), 1)
            if "hidden" in name and "He" not in name
            else near(f"alarms on {name}", float(fires), 0, 0)
            for name, fires in said.items()
        ),
        f"The rule fires on {sum(said.values())} of {len(said)} networks, all with a hidden layer "
        f"that starts at zero. It stays silent on {' and '.join(silent)}: without a hidden layer "
        "the units differ from the first step on.",
        outcomes(
            rows,
            row="network",
            column="rule",
            outcome="said",
            title="Where equal units can never become different",
        ),
    )


CLAIM = Claim(
    name="zero-start-rule",
    sentences=("zero-only-single-layer",),
    text="Zero initialisation is for networks of a single layer only.",
    source="textbook; rule INI001",
    published="no numbers given",
    kind=Kind.EXACT,
    experiment=experiment,
)

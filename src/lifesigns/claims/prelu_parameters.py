"""PReLU learns the slope; its price is one parameter per unit or layer, not twice the weights."""

from torch import nn

from lifesigns.claims._boundary import fitted
from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import below, near
from lifesigns.nets import MLP
from lifesigns.nets.data import load
from lifesigns.report.figures import intervals


def experiment(effort: Effort) -> Result:
    """Parameter counts of one network under ReLU, PReLU (shared and per unit) and Maxout."""
    counts = {
        "ReLU": _parameters(MLP(64, (64, 64), 10).build()),
        "PReLU, one slope per layer": _parameters(
            MLP(64, (64, 64), 10, activation="prelu").build()
        ),
        "PReLU, one slope per unit": _parameters(_per_unit()),
        "Maxout of two": _parameters(MLP(64, (64, 64), 10, activation="maxout").build()),
    }
    base = counts["ReLU"]
    shared = counts["PReLU, one slope per layer"] - base
    per_unit = counts["PReLU, one slope per unit"] - base
    slope = _learnt_slope(effort)
    rows = [
        {"network 64-64-64-10": name, "parameters": float(n), "low": 0.0, "high": float(n)}
        for name, n in counts.items()
    ]
    return Result(
        (
            near("extra parameters, one slope per layer", shared, 2, 0),
            near("extra parameters, one slope per unit", per_unit, 128, 0),
            near("extra parameters of 13 rectified layers", _extra(13), 13, 0),
            below("PReLU per unit over ReLU", 1 + per_unit / base, 1.02),
        ),
        f"Of {base} parameters PReLU adds {shared} with shared slopes and {per_unit} with one for "
        f"each unit, {per_unit / base:.1%}; it is Maxout that takes "
        f"{counts['Maxout of two'] / base:.2f} times as many. The slopes are learnt: the first "
        f"layer's went from 0.250 to {slope:.3f} on digits.",
        intervals(
            rows,
            "parameters",
            "low",
            "high",
            label="network 64-64-64-10",
            title="What learnable activations cost",
        ),
    )


def _parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _extra(layers: int) -> int:
    """What sharing one slope in each of so many rectified layers adds."""
    plain, learnt = (MLP(8, (8,) * layers, 2, activation=a).build() for a in ("relu", "prelu"))
    return _parameters(learnt) - _parameters(plain)


def _per_unit() -> nn.Module:
    return nn.Sequential(
        nn.Linear(64, 64), nn.PReLU(64), nn.Linear(64, 64), nn.PReLU(64), nn.Linear(64, 10)
    )


def _learnt_slope(effort: Effort) -> float:
    model = fitted(MLP(64, (64, 64), 10, "prelu"), load("digits"), 0.05, effort.of(600, 200))
    return float(next(m for m in model.modules() if isinstance(m, nn.PReLU)).weight.detach())


CLAIM = Claim(
    name="prelu-parameters",
    sentences=("prelu",),
    text="PReLU learns the slope of its negative side at next to no cost in parameters.",
    source="textbook; He et al. 2015, Delving Deep into Rectifiers",
    published="13 extra parameters with shared slopes (He et al.)",
    kind=Kind.EXACT,
    experiment=experiment,
    correction="The textbook says the parameters double: that is Maxout's price. PReLU adds one "
    "slope for each layer, or for each unit.",
)

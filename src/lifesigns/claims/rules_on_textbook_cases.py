"""Each rule fires on its textbook case and stays silent on the counter-example."""

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import near
from lifesigns.claims._watched import alarms, noted
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.data import load
from lifesigns.report.figures import outcomes


def experiment(effort: Effort) -> Result:
    """Pairs of programs on digits: the fault of the textbook, and a relative that is healthy."""
    digits, rings = load("digits"), load("rings")
    healthy = Recipe(MLP(64, (64, 64), 10, initialiser="he_normal"), "cross_entropy", 0.1)
    regression = Recipe(MLP(64, (), 10, initialiser="zeros"), "cross_entropy", 0.05)
    zero = Recipe(MLP(64, (32,), 10, initialiser="zeros"), "cross_entropy", 0.05)
    wild = Recipe(MLP(64, (64, 64), 10), "cross_entropy", 0.3, optimizer="adam")
    flat = Recipe(
        MLP(64, (64,) * 10, 10, "tanh", initialiser="standard_normal"), "cross_entropy", 0.1
    )
    calm = Recipe(
        MLP(64, (64,) * 3, 10, "tanh", initialiser="glorot_uniform"), "cross_entropy", 0.1
    )
    sigmoids = Recipe(MLP(64, (32, 32), 10, "sigmoid"), "cross_entropy", 0.1)
    sure = Recipe(
        MLP(64, (64, 64), 10, output_activation="sigmoid", initialiser="standard_normal"),
        "squared_error",
        0.1,
    )
    modest = Recipe(
        MLP(64, (64, 64), 10, output_activation="sigmoid", initialiser="he_normal"),
        "squared_error",
        1.0,
    )
    stack = Recipe(MLP(2, (16, 16), 2, activation=None), "cross_entropy", 0.1)
    bent = Recipe(MLP(2, (16, 16), 2, "tanh"), "cross_entropy", 0.3)
    steps = 200
    pairs = (
        ("symmetric-units", zero, regression, digits),
        ("dead-units", wild, healthy, digits),
        ("saturated-units", flat, calm, digits),
        ("one-sided-inputs", sigmoids, calm, digits),
        ("squared-error-on-saturated-output", sure, modest, digits),
        ("linear-collapse", stack, bent, rings),
    )
    fires, silent = {}, {}
    for rule, fault, relative, data in pairs:
        heard = noted if rule == "one-sided-inputs" else alarms
        fires[rule] = float(rule in heard(fault, data, steps=steps))
        silent[rule] = float(rule in heard(relative, data, steps=steps))
    rows = [
        {"rule": rule, "program": program, "said": "fires" if value else "silent"}
        for program, said in (("textbook case", fires), ("counter-example", silent))
        for rule, value in said.items()
    ]
    return Result(
        (
            *(near(f"{rule} on its textbook case", value, 1, 0) for rule, value in fires.items()),
            *(near(f"{rule} on the counter-example", v, 0, 0) for rule, v in silent.items()),
        ),
        f"{sum(fires.values()):.0f} of {len(fires)} rules fire on the fault they are named for. On "
        f"relatives of these programs that learn, {sum(silent.values()):.0f} do.",
        outcomes(rows, row="rule", column="program", outcome="said", title="Rules at work"),
    )


CLAIM = Claim(
    name="rules-on-textbook-cases",
    sentences=(),
    text="The rules see the textbook's faults, and only those.",
    source="rules INI001, ACT001, ACT002, ACT004, LOS006, ACT003",
    published="no numbers given",
    kind=Kind.DETERMINISTIC,
    experiment=experiment,
)

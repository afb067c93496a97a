"""From symptom to cure: a network learns when what its first finding advises is done."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from lifesigns.app.demo import FAULTS, run

RECIPES = {fault.name: fault.recipe for fault in FAULTS}


def with_network(fault, **changes):
    recipe = RECIPES[fault]
    return replace(recipe, network=replace(recipe.network, **changes))


@pytest.mark.parametrize(
    ("fault", "advice", "cured"),
    [
        ("zero-init", "random", with_network("zero-init", initialiser="he_normal")),
        ("dead-relu", "learning rate tenfold", replace(RECIPES["dead-relu"], learning_rate=0.5)),
        ("saturated", "Glorot", with_network("saturated", initialiser="glorot_uniform")),
        ("double-softmax", "as it is", with_network("double-softmax", output_activation=None)),
        ("linear", "activation between", with_network("linear", activation="relu")),
        (
            "mse-sigmoid",
            "cross-entropy",
            replace(
                with_network("mse-sigmoid", output_activation=None), loss="binary_cross_entropy"
            ),
        ),
    ],
)
def test_following_the_first_finding_cures_the_network(fault, advice, cured):
    spoilt = next(f for f in FAULTS if f.name == fault)

    console = Console(file=io.StringIO())
    before, after = run([spoilt, replace(spoilt, recipe=cured)], seed=0, console=console)

    assert advice in before.alarms[0].remedies[0].text
    assert after.report.ok, after.report
    assert after.accuracy > 0.8 > before.accuracy

import pytest

from lifesigns._errors import UsageError
from lifesigns.lab.design.design import FIRST_SEED, TUNING_SEEDS, Cell, Design, logarithmic
from lifesigns.nets.data import load


def test_a_design_holds_every_combination_once_in_the_order_given():
    design = Design("iris", activations=("tanh", "relu"), losses=("squared_error", "cross_entropy"))

    assert [(c.activation, c.loss) for c in design.cells()] == [
        ("tanh", "squared_error"),
        ("tanh", "cross_entropy"),
        ("relu", "squared_error"),
        ("relu", "cross_entropy"),
    ]


def test_tuning_and_comparison_share_no_seed():
    design, iris = Design("iris", rates=(0.1, 0.2), seeds=5), load("iris")
    cell = design.cells()[0]

    tuning = [member for _, member in design.tuning(iris)]
    comparison = [member for _, member in design.comparison({cell: 0.2}, iris)]

    assert len(tuning) == 2 * TUNING_SEEDS
    assert {m.recipe.learning_rate for m in tuning} == {0.1, 0.2}
    assert [m.seed for m in comparison] == [FIRST_SEED + i for i in range(5)]
    assert {m.recipe.learning_rate for m in comparison} == {0.2}


def test_the_network_fits_the_data():
    network = (
        Design("iris", hidden=(7,))
        .recipe(Cell("none", "zeros", "cross_entropy", "sgd"), 0.1, load("iris"))
        .network
    )

    assert (network.inputs, network.hidden, network.outputs) == (4, (7,), 3)
    assert network.activation is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"activations": ("rellu",)}, "no activation 'rellu'. Did you mean relu"),
        ({"initialisers": ("he",)}, "no initialiser 'he'"),
        ({"losses": ("mse",)}, "no loss 'mse'"),
        ({"optimizers": ("adam", "sdg")}, "Did you mean sgd"),
        ({"rates": (0.1, 0.0)}, "0 is no learning rate"),
        ({"rates": (-1.0,)}, "-1 is no learning rate"),
        ({"rates": (float("nan"),)}, "nan is no learning rate"),
        ({"rates": ()}, "names no rates"),
        ({"rates": (float("inf"),)}, "inf is no learning rate"),
        ({"rates": (0.1, 1, 0.1)}, "names 0.1 twice in rates"),
        ({"activations": ("relu", "tanh", "relu")}, "names relu twice in activations"),
        ({"seeds": 1}, "seeds is 1; 2 to 1,000,000,000 are possible"),
        ({"seeds": 10**5000}, "seeds is a value of type int; 2 to"),
        ({"steps": 0}, "steps is 0; 1 to"),
        ({"steps": -(10**30)}, "steps is -1000000"),
        ({"batch_size": 0}, "batch_size is 0; 1 to"),
        ({"chunk": -1}, "chunk is -1; 0 to"),
        ({"hidden": (8, 0)}, "0 wide; 1 to"),
        ({"hidden": (-3,)}, "-3 wide"),
        ({"hidden": (10**10,)}, "cannot be 10000000000 wide"),
        ({"hidden": (4,) * 1001}, "has 1,001 hidden layers; at most 1,000"),
        ({"momentum": float("nan")}, "momentum is nan; 0 or more, and below 1"),
        ({"momentum": float("inf")}, "momentum is inf"),
        ({"momentum": -1.0}, "momentum is -1"),
        ({"momentum": 1.0}, "momentum is 1;"),
        ({"weight_decay": -1.0}, "weight_decay is -1; 0 or more"),
        ({"weight_decay": float("nan")}, "weight_decay is nan"),
        ({"weight_decay": float("inf")}, "weight_decay is inf"),
        ({"target": "species"}, "iris has its own targets"),
    ],
)
def test_what_a_design_cannot_hold_is_named(settings, said):
    with pytest.raises(UsageError, match=said):
        Design("iris", **settings)


def test_a_design_survives_plain_values():
    design = Design("iris", hidden=(3, 4), rates=(0.1,), optimizers=("adam",))

    assert Design.from_dict({k: v for k, v in design.as_dict().items() if v is not None}) == design


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "names no data"),
        ({"data": "iris", "activation": ["relu"]}, "Did you mean activations"),
        ({"data": "iris", "activations": "relu"}, "activations = 'relu'"),
        ({"data": "iris", "rates": ["high"]}, "rates"),
        ({"data": "iris", "seeds": 2.5}, "seeds = 2.5"),
        ({"data": "iris", "seeds": True}, "seeds = True"),
        ({"data": 3}, "data = 3"),
        ({"data": {"name": "iris"}}, "data = {'name': 'iris'} is not what .* a text"),
        ({"data": "a\0.csv"}, "a text, such as 'digits'"),
        ({"data": "\udcff.csv"}, "a text, such as 'digits'"),
        ({"data": "iris", "hidden": [1.5]}, r"hidden = \[1.5\] .* such as \[64, 64\]"),
        ({"data": "iris", "hidden": [[64]]}, r"hidden = \[\[64\]\]"),
        ({"data": "iris", "hidden": [10**5000]}, "hidden = a value of type list is not what"),
        ({"data": "iris", "rates": [10**400]}, "rates = a list|rates = .1000"),
        ({"data": "iris", "rates": 0.1}, "a list, such as"),
        ({"data": "iris", "steps": 10**5000}, "steps = a value of type int is not"),
        ({"data": "iris", "momentum": "0.9"}, "momentum = '0.9' .* a number, such as 0.0"),
        ({"data": "iris", "activations": ["a" * 10**5]}, "aaa….*Known"),
        ({"k" * 10**5: 1}, "There is no setting 'kkk"),
    ],
)
def test_a_setting_of_the_wrong_kind_is_named(values, said):
    with pytest.raises(UsageError, match=said):
        Design.from_dict(values)


def test_logarithmic_rates_hold_both_ends():
    assert logarithmic(0.001, 10, 5) == (0.001, 0.01, 0.1, 1.0, 10.0)

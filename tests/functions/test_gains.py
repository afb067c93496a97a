import math

import pytest
from torch import nn

from lifesigns._errors import UsageError
from lifesigns.functions import ACTIVATIONS, INITIALISERS, LOSSES, find, gain


@pytest.mark.parametrize(
    ("name", "param"), [("relu", None), ("linear", None), ("leaky_relu", None), ("leaky_relu", 0.3)]
)
def test_the_gain_is_torchs_where_torch_derives_it(name, param):
    assert gain(name, slope=param) == pytest.approx(nn.init.calculate_gain(name, param), abs=1e-8)


@pytest.mark.parametrize("name", ["gelu", "silu", "elu", "mish", "softplus", "hardswish", "glu"])
def test_the_gain_is_there_where_torch_has_none(name):
    with pytest.raises(ValueError, match="nonlinearity"):
        nn.init.calculate_gain(name)

    assert 0.5 < gain(name) < 3
    assert 0.5 < gain(name, backward=True) < 3


def test_the_backward_gain_is_that_of_the_slope():
    assert gain("sigmoid", backward=True) == pytest.approx(4.7226, abs=1e-4)
    assert gain("leaky_relu", slope=1.0, backward=True) == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("softmax", "how many values"),
        ("max", "how many values"),
        ("gelo", "Did you mean gelu"),
        ("frobnicate", "lifesigns functions"),
        ("", "lifesigns functions"),
    ],
)
def test_what_has_no_gain_is_refused_with_the_next_step(name, says):
    with pytest.raises(UsageError, match=says):
        gain(name)


def test_a_slope_is_for_leaky_functions_only():
    with pytest.raises(UsageError, match="no slope"):
        gain("tanh", slope=0.1)
    assert gain("prelu", slope=0) == pytest.approx(math.sqrt(2))


@pytest.mark.parametrize(
    ("typed", "entries", "found"),
    [
        ("LeakyReLU", ACTIVATIONS, "leaky_relu"),
        ("leaky-relu", ACTIVATIONS, "leaky_relu"),
        ("Swish", ACTIVATIONS, "silu"),
        ("linear", ACTIVATIONS, "identity"),
        ("xavier", INITIALISERS, "glorot_uniform"),
        ("kaiming_normal", INITIALISERS, "he_normal"),
        ("MSELoss", LOSSES, "squared_error"),
        ("HuberLoss", LOSSES, "huber"),
        ("CrossEntropyLoss", LOSSES, "cross_entropy"),
        ("bce", LOSSES, "binary_cross_entropy"),
    ],
)
def test_common_names_are_understood(typed, entries, found):
    assert find(typed, entries, "entry").name == found


def test_every_activation_of_keras_and_jax_is_understood_by_its_name_there():
    keras = (
        "celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu "
        "linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax "
        "softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus tanh tanh_shrink "
        "threshold"
    )
    jax = "hard_swish swish soft_sign identity sparse_plus squareplus log_sigmoid hard_tanh"

    found = {name: find(name, ACTIVATIONS, "activation").name for name in f"{keras} {jax}".split()}

    assert found["exponential"] == "exp"
    assert found["hard_silu"] == found["hard_swish"] == "hardswish"


def test_initialisers_and_losses_say_what_they_are_under_a_name_of_their_own():
    entries = [*INITIALISERS.values(), *LOSSES.values()]
    names = [*ACTIVATIONS, *(entry.name for entry in entries)]

    assert len(set(names)) == len(names)
    assert [e.name for e in entries if not (e.formula and e.source and e.about.endswith("."))] == []
    assert {loss.output for loss in LOSSES.values()} <= set(ACTIVATIONS)

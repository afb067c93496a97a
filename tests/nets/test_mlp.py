import pytest
import torch
from torch import nn

from lifesigns import functions
from lifesigns.nets import MLP
from lifesigns.nets.mlp import ACTIVATION_MODULES, INITIALISERS


def test_layers_alternate_with_activations_and_end_in_a_linear_map():
    model = MLP(3, (5, 7), 2, activation="tanh").build()

    assert [type(layer) for layer in model] == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]
    assert [m.out_features for m in model if isinstance(m, nn.Linear)] == [5, 7, 2]


def test_without_activation_the_network_is_the_product_of_its_matrices():
    model = MLP(3, (5, 4), 2, activation=None, initialiser="standard_normal").build().double()
    x = torch.randn(6, 3, dtype=torch.float64)

    first, second, third = (layer.weight for layer in model)

    torch.testing.assert_close(model(x), x @ (third @ second @ first).T)


def test_the_output_activation_comes_last():
    output = MLP(3, (), 4, output_activation="softmax").build()(torch.randn(6, 3))

    torch.testing.assert_close(output.sum(dim=1), torch.ones(6))


@pytest.mark.parametrize("name", sorted(set(ACTIVATION_MODULES) - {"maxout"}))
def test_every_activation_computes_what_the_catalogue_says(name):
    x = torch.randn(5, 4, dtype=torch.float64)

    expected = functions.ACTIVATIONS[name].value(x.numpy())

    torch.testing.assert_close(ACTIVATION_MODULES[name]().double()(x), torch.from_numpy(expected))


def test_a_maxout_unit_takes_the_largest_of_its_own_linear_maps():
    model = MLP(3, (4,), 2, activation="maxout").build()
    x = torch.randn(5, 3)

    z = model[0](x)
    hidden = torch.stack([torch.maximum(z[:, 2 * i], z[:, 2 * i + 1]) for i in range(4)], 1)

    assert sum(p.numel() for p in model[0].parameters()) == 2 * (3 * 4 + 4)
    torch.testing.assert_close(model(x), model[2](hidden))


@pytest.mark.parametrize(
    ("name", "spread"), [("zeros", 0.0), ("standard_normal", 1.0), ("he_normal", (2 / 400) ** 0.5)]
)
def test_initialisers_have_their_spread_and_leave_biases_at_zero(name, spread):
    torch.manual_seed(0)

    layer = MLP(400, (), 300, initialiser=name).build()[0]

    assert layer.weight.std().item() == pytest.approx(spread, rel=0.02)
    assert layer.bias.count_nonzero() == 0


def test_glorot_keeps_to_its_bound():
    weight = MLP(40, (), 20, initialiser="glorot_uniform").build()[0].weight

    bound = (6 / (40 + 20)) ** 0.5
    assert 0.9 * bound < weight.abs().max().item() <= bound
    assert {"zeros", "standard_normal", "he_normal", "orthogonal", "lecun_normal"} <= set(
        INITIALISERS
    )

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from lifesigns.lab import Member, train_population
from lifesigns.nets import CNN, MLP, MaxoutMLP, Recipe, Recurrent
from lifesigns.nets.data import load
from lifesigns.nets.recurrent import CELLS

torch.set_num_threads(1)
NETWORKS = (
    CNN((1, 8, 8), (4, 8), 10, "tanh"),
    MaxoutMLP(64, (16,), 10, pieces=3),
    *(Recurrent(cell, 8, 16, 10) for cell in CELLS),
)


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_every_network_learns_the_digits_in_a_population(network):
    digits = load("digits")
    recipe = Recipe(network, "cross_entropy", 0.01, optimizer="adam")

    history = train_population([Member(recipe, 0), Member(recipe, 1)], digits, 120)

    assert (history.measures["accuracy"][-1] > 0.8).all()


@pytest.mark.parametrize("network", NETWORKS[:2], ids=str)
def test_initialisers_may_differ_within_a_population(network):
    zeros = Recipe(replace(network, initialiser="zeros"), "cross_entropy", 0.1)
    members = [
        Member(replace(zeros, network=replace(network, initialiser=name)), 0)
        for name in ("zeros", "he_normal", "glorot_uniform")
    ]

    history = train_population(members, load("digits"), 30)

    from_zeros, *others = history.losses[-1]
    assert from_zeros == pytest.approx(math.log(10), abs=0.02)  # only the output bias learns
    assert max(others) < from_zeros - 0.1


def test_a_convolutional_network_halves_the_image_with_each_block():
    model = CNN((3, 12, 8), (5, 7), 2, "leaky_relu").build()

    convolutions = [m for m in model if isinstance(m, nn.Conv2d)]

    assert [(c.in_channels, c.out_channels) for c in convolutions] == [(3, 5), (5, 7)]
    assert model[-1].in_features == 7 * 3 * 2
    assert model(torch.randn(4, 3, 12, 8)).shape == (4, 2)


def test_two_pieces_are_the_maxout_activation_of_an_mlp():
    ours, theirs = MaxoutMLP(5, (6, 4), 3).build(), MLP(5, (6, 4), 3, "maxout").build()
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(7, 5)

    assert torch.equal(ours(x), theirs(x))


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_the_output_is_a_linear_map_of_the_state_after_the_last_step(cell):
    model = Recurrent(cell, 3, 6, 2, layers=2).build()
    x = torch.randn(4, 5, 3)

    outputs, _ = model[2](x)

    torch.testing.assert_close(model(x), model[-1](outputs[:, -1]))
    torch.testing.assert_close(model(x.flatten(1)), model(x))

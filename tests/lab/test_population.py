"""A population gives every member the numbers it would get alone."""

import random
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import assume, given, seed, settings
from hypothesis import strategies as st
from torch import nn

from lifesigns._errors import UsageError
from lifesigns.lab import Member, train_population
from lifesigns.lab.engines.c import trainer
from lifesigns.lab.engines.c.building import compiler
from lifesigns.nets import MLP, Recipe, train
from lifesigns.nets.data import Split
from lifesigns.nets.mlp import ACTIVATION_MODULES, INITIALISERS
from lifesigns.nets.optimizers import OPTIMIZERS, USES_MOMENTUM
from lifesigns.nets.recipe import LOSSES

STEPS = 200
RUN = random.randrange(2**32)
"""Seed of the examples: both arithmetics get the same, so that what members do alone is kept."""
RATES = {"sgd": 0.05, "rmsprop": 0.003, "adam": 0.003, "adamw": 0.003}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, params=["compiled C", "torch's operations"])
def arithmetic(request, monkeypatch):
    if request.param == "torch's operations":
        monkeypatch.setattr(trainer, "library", lambda dtype: None)
    elif compiler() is None:
        pytest.skip("there is no C compiler")


@cache
def clouds():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(150, 5, generator=generator)
    labels = (x @ torch.randn(5, 3, generator=generator)).argmax(1)
    return x, labels


@cache
def one_hot(labels):
    return nn.functional.one_hot(labels).float()


def split(x, y):
    return Split(x, y, x[:50], y[:50])


@cache
def alone(member, x, y, steps, dtype, nudge=0.0):
    """Its losses without company; `nudge` moves each starting weight by ± `nudge`, zeros too."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(member.seed)
        model = member.recipe.network.build().to(dtype)
        with torch.no_grad():
            for weights in model.parameters():
                weights.add_(nudge * torch.randn_like(weights).sign())
    optimizer = member.recipe.make_optimizer(model.parameters())
    recipe = replace(member.recipe, epochs=steps)
    y = y.to(dtype) if y.is_floating_point() else y
    losses = train(recipe, model, optimizer, x.to(dtype), y, member.seed)
    return np.array([next(losses) for _ in range(steps)])


def members_of(
    activation,
    optimizer,
    loss="cross_entropy",
    output_activation=None,
    widths=(8, 6),
    weight_decay=0.01,
):
    network = MLP(5, widths, 3, activation, output_activation)
    rate = RATES[optimizer]
    momentum = 0.9 if optimizer in USES_MOMENTUM else 0.0
    base = Recipe(network, loss, rate, batch_size=32, optimizer=optimizer)
    return [
        Member(base, seed=0),
        Member(replace(base, learning_rate=rate / 5, momentum=momentum), seed=1),
        Member(replace(base, weight_decay=weight_decay), seed=1),
        Member(replace(base, network=replace(network, initialiser="he_normal")), seed=2),
    ]


@seed(RUN)
@settings(max_examples=25, deadline=None)
@given(
    activation=st.sampled_from([None, *sorted(ACTIVATION_MODULES)]),
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    loss=st.sampled_from(sorted(LOSSES)),
    output_activation=st.sampled_from([None, "sigmoid", "softmax"]),
    widths=st.sampled_from([(8, 6), (6, 6, 6)]),
    weight_decay=st.sampled_from([0.0, 0.01]),
)
def test_every_member_gets_the_losses_it_would_get_alone(
    activation, optimizer, loss, output_activation, widths, weight_decay
):
    x, labels = clouds()
    y = labels if loss == "cross_entropy" else one_hot(labels)
    members = members_of(activation, optimizer, loss, output_activation, widths, weight_decay)

    history = train_population(members, split(x, y), STEPS, dtype=torch.float64)

    for position, member in enumerate(members):
        expected = alone(member, x, y, STEPS, torch.float64)
        assume(np.isfinite(expected).all())
        difference = np.abs(history.losses[:, position] - expected).max()
        if not difference <= 1e-12:  # then as much as training makes of one rounding is allowed
            nudged = alone(member, x, y, STEPS, torch.float64, nudge=np.finfo(np.float64).eps)
            amplified = np.abs(nudged - expected).max()
            assume(amplified < 1e-3)
            assert difference <= 30 * amplified


COMBINATIONS = product([None, "identity", "relu", "tanh", "gelu"], sorted(OPTIMIZERS), [0.0, 0.01])


@pytest.mark.parametrize(
    ("activation", "optimizer", "weight_decay"),
    [pytest.param(*c, marks=pytest.mark.sampled(str(c), set(c))) for c in COMBINATIONS],
)
def test_where_training_is_stable_the_losses_agree_to_rounding(activation, optimizer, weight_decay):
    x, labels = clouds()
    members = members_of(activation, optimizer, widths=(6, 6), weight_decay=weight_decay)

    history = train_population(members, split(x, labels), STEPS, dtype=torch.float64)

    for position, member in enumerate(members):
        expected = alone(member, x, labels, STEPS, torch.float64)
        np.testing.assert_allclose(history.losses[:, position], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_in_single_precision_the_first_steps_agree(optimizer, weight_decay):
    x, labels = clouds()
    members = members_of("relu", optimizer, weight_decay=weight_decay)

    history = train_population(members, split(x, labels), 20)

    for position, member in enumerate(members):
        expected = alone(member, x, labels, 20, torch.float32)
        np.testing.assert_allclose(history.losses[:, position], expected, rtol=0, atol=1e-4)


def test_a_member_is_the_same_in_any_company():
    x, labels = clouds()
    members = members_of("tanh", "adam")

    together = train_population(members, split(x, labels), 100, dtype=torch.float64)
    apart = train_population(members[2:3], split(x, labels), 100, dtype=torch.float64)

    np.testing.assert_allclose(together.losses[:, 2], apart.losses[:, 0], rtol=0, atol=1e-12)
    for name, values in apart.measures.items():
        np.testing.assert_allclose(together.measures[name][:, 2], values[:, 0], rtol=1e-9)


@pytest.mark.parametrize("activation", ["sigmoid", "squared_relu"])
def test_how_saturated_a_member_is_does_not_depend_on_the_others(activation):
    x, labels = clouds()
    network = MLP(5, (8, 6), 3, activation)
    base = Recipe(network, "cross_entropy", 0.01, batch_size=32)
    small = Member(base, seed=0)
    large = Member(replace(base, network=replace(network, initialiser="standard_normal")), seed=1)

    together = train_population([small, large], split(x, labels), 5, dtype=torch.float64)
    apart = [
        train_population([m], split(x, labels), 5, dtype=torch.float64) for m in (small, large)
    ]

    for position, alone in enumerate(apart):
        np.testing.assert_allclose(
            together.measures["saturated_fraction"][:, position],
            alone.measures["saturated_fraction"][:, 0],
        )


def test_a_member_that_diverges_is_marked_and_harms_no_other():
    x, labels = clouds()
    y = one_hot(labels)
    calm = Member(Recipe(MLP(5, (8,), 3), "squared_error", 0.05), seed=0)
    wild = Member(replace(calm.recipe, learning_rate=1e6), seed=0)

    history = train_population([wild, calm], split(x, y), 60, dtype=torch.float64)

    assert 0 < history.diverged[0] < 20
    assert np.isnan(history.losses[history.diverged[0] :, 0]).all()
    assert history.diverged[1] == -1
    np.testing.assert_allclose(
        history.losses[:, 1], alone(calm, x, y, 60, torch.float64), rtol=0, atol=1e-12
    )


def test_what_is_measured_agrees_with_the_members_own_module():
    x, labels = clouds()
    member = Member(Recipe(MLP(5, (8, 6), 3), "cross_entropy", 0.0), seed=3)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(3)
        model = member.recipe.network.build()
    hidden = model[:2](x[:50]), model[:4](x[:50])
    dead = torch.cat([(h == 0).all(0) for h in hidden]).double().mean().item()
    model.zero_grad()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(3))[:32]
    nn.functional.cross_entropy(model(x[order]), labels[order]).backward()
    length = sum(p.grad.double().square().sum() for p in model.parameters()).sqrt().item()

    history = train_population([member], split(x, labels), 1, measured_at=[0, 1])

    right = (model(x[:50]).argmax(1) == labels[:50]).double().mean().item()
    measures = {name: values[-1, 0] for name, values in history.measures.items()}
    assert measures["accuracy"] == pytest.approx(right)
    assert measures["dead_fraction"] == pytest.approx(dead)
    assert measures["gradient_norm"] == pytest.approx(length, rel=1e-5)
    assert measures["update_norm"] == 0


class Convolution:
    """A network the perceptron's formulas do not cover."""

    def build(self):
        return nn.Sequential(
            nn.Unflatten(1, (1, 5)), nn.Conv1d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(12, 3)
        )


def test_other_modules_are_stacked_too():
    x, labels = clouds()
    base = Recipe(Convolution(), "cross_entropy", 0.1)
    members = [Member(base, 0), Member(replace(base, learning_rate=0.01), 1)]

    history = train_population(members, split(x, labels), 50, dtype=torch.float64)

    for position, member in enumerate(members):
        expected = alone(member, x, labels, 50, torch.float64)
        np.testing.assert_allclose(history.losses[:, position], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("activations", [(), ("relu", "tanh")])
def test_members_of_several_structures_or_none_are_refused(activations):
    x, labels = clouds()
    members = [Member(Recipe(MLP(5, (8,), 3, a), "cross_entropy"), 0) for a in activations]

    with pytest.raises(UsageError, match="one structure"):
        train_population(members, split(x, labels), 5)


def test_every_initialiser_can_differ_between_members():
    x, labels = clouds()
    networks = [MLP(5, (8,), 3, initialiser=name) for name in sorted(INITIALISERS)]
    members = [Member(Recipe(network, "cross_entropy"), 0) for network in networks]

    history = train_population(members, split(x, labels), 5)

    assert len({tuple(column) for column in history.losses.T}) == len(members)


class Normalised:
    """Batch normalisation and a recurrent kernel: neither can be batched over members."""

    def build(self):
        return nn.Sequential(
            nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Unflatten(1, (4, 2)), LastState(2, 6),
            nn.Linear(6, 3),
        )  # fmt: skip


class LastState(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.cell = nn.LSTM(inputs, width, batch_first=True)

    def forward(self, x):
        return self.cell(x)[0][:, -1]


def test_what_cannot_be_batched_is_trained_in_turn():
    x, labels = clouds()
    base = Recipe(Normalised(), "cross_entropy", 0.1, optimizer="adam")
    members = [Member(base, 0), Member(replace(base, learning_rate=0.01), 1)]

    history = train_population(members, split(x, labels), 30, dtype=torch.float64)

    for position, member in enumerate(members):
        expected = alone(member, x, labels, 30, torch.float64)
        np.testing.assert_allclose(history.losses[:, position], expected, rtol=0, atol=1e-12)
    assert history.measures["accuracy"][-1].max() > 0.5

"""The C program gives the numbers that torch's operations give."""

import platform
from dataclasses import replace

import pytest
import torch
from torch import nn

from lifesigns.lab.engines.c import CompiledTrainer, building, is_compiled
from lifesigns.lab.engines.torch.perceptrons import StackedPerceptrons
from lifesigns.lab.training.trainers import TorchTrainer, trainer_of
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.mlp import ACTIVATION_MODULES
from lifesigns.nets.optimizers import OPTIMIZERS, USES_MOMENTUM
from lifesigns.nets.recipe import LOSSES

SAMPLES, INPUTS, OUTPUTS, BATCH = 75, 5, 3, 32
TEXTBOOK = {"identity", "sigmoid", "tanh", "relu", "leaky_relu", "maxout", "elu", "gelu", "silu"}

pytestmark = pytest.mark.skipif(building.compiler() is None, reason="there is no C compiler")


def samples(loss, dtype=torch.float64):
    """Inputs wide enough to reach every piece of every activation, and their targets."""
    random = torch.Generator().manual_seed(0)
    x = 3 * torch.randn(SAMPLES, INPUTS, generator=random, dtype=torch.float64)
    labels = torch.arange(SAMPLES) % OUTPUTS
    targets = labels if loss == "cross_entropy" else nn.functional.one_hot(labels).to(dtype)
    return x.to(dtype), targets


def recipes_of(
    activation="tanh", loss="cross_entropy", optimizer="sgd", output=None, hidden=(9, 4)
):
    network = MLP(INPUTS, hidden, OUTPUTS, activation, output)
    recipe = Recipe(network, loss, 0.01, batch_size=BATCH, optimizer=optimizer)
    momentum = 0.9 if optimizer in USES_MOMENTUM else 0.0
    return [
        recipe,
        replace(recipe, learning_rate=0.001, weight_decay=0.1),
        replace(recipe, momentum=momentum, weight_decay=0.01),
    ]


def program_of(recipes, dtype):
    torch.manual_seed(0)
    return StackedPerceptrons(recipes[0], [recipe.network.build() for recipe in recipes], dtype)


def both(recipes, dtype=torch.float64):
    """A compiled trainer with its program, and torch's with its own; all samples are for both."""
    found = samples(recipes[0].loss, dtype)
    ours, theirs = program_of(recipes, dtype), program_of(recipes, dtype)
    return (
        (CompiledTrainer(recipes, ours, found, found), ours),
        (TorchTrainer(recipes, theirs, found, found), theirs),
    )


def assert_same_numbers(recipes, dtype=torch.float64, tolerance=1e-12):
    random = torch.Generator().manual_seed(1)
    orders = [
        torch.stack([torch.randperm(SAMPLES, generator=random) for _ in recipes]) for _ in range(3)
    ]
    (compiled, ours), (expected, theirs) = both(recipes, dtype)

    for order in orders:
        for batches in (range(2), range(2, 3)):  # the last one is a smaller batch
            found, wanted = (t.advance(order, batches) for t in (compiled, expected))
            torch.testing.assert_close(found, wanted, rtol=0, atol=tolerance)
            torch.testing.assert_close(
                compiled.gradient_norm, expected.gradient_norm, rtol=100 * tolerance, atol=0
            )

    for one, other in zip(ours.parameters, theirs.parameters, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=100 * tolerance)


def assert_same_examination(recipes):
    (compiled, _), (expected, _) = both(recipes)

    found, wanted = compiled.examine(), expected.examine()

    torch.testing.assert_close(vars(found), vars(wanted), rtol=0, atol=1e-10, equal_nan=True)


def is_known(**asked):
    recipe = recipes_of(**asked)[0]
    return is_compiled(recipe, samples(recipe.loss))


def known_activations():
    if building.compiler() is None:
        return []
    return [name for name in sorted(ACTIVATION_MODULES) if is_known(activation=name)]


def test_the_activations_people_ask_for_are_compiled():
    assert set(known_activations()) >= TEXTBOOK


def test_all_losses_and_optimizers_are_compiled():
    assert all(is_known(loss=name) for name in LOSSES)
    assert all(is_known(optimizer=name) for name in OPTIMIZERS)


@pytest.mark.parametrize("activation", [None, *known_activations()])
def test_every_activation_trains_as_with_torch(activation):
    assert_same_numbers(recipes_of(activation))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_and_optimizer_trains_as_with_torch(loss, optimizer):
    assert_same_numbers(recipes_of(loss=loss, optimizer=optimizer))


@pytest.mark.parametrize("hidden", [(), (1,), (16,), (17, 33, 8)])
@pytest.mark.parametrize("output", [None, "sigmoid"])
def test_any_depth_and_width_and_output_activation(hidden, output):
    assert_same_numbers(recipes_of(loss="squared_error", hidden=hidden, output=output))


@pytest.mark.parametrize("activation", [None, *known_activations()])
def test_every_activation_is_examined_as_with_torch(activation):
    assert_same_examination(recipes_of(activation, hidden=(40, 17)))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("hidden", [(), (1,), (17, 33, 8)])
def test_every_loss_and_depth_is_examined_as_with_torch(loss, hidden):
    assert_same_examination(recipes_of("relu", loss, hidden=hidden))


def test_dead_and_saturated_units_are_seen():
    recipes = recipes_of("relu", hidden=(8,))[:1]
    program = program_of(recipes, torch.float64)
    program.parameters[0][:, -1, :2] = -1e3  # the biases of two units
    found = samples("cross_entropy")

    examination = CompiledTrainer(recipes, program, found, found).examine()

    assert examination.dead == 2 / 8
    assert examination.saturated >= 2 / 8


def test_single_precision_agrees_to_its_rounding():
    assert_same_numbers(recipes_of(optimizer="adam"), torch.float32, tolerance=1e-5)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="flags of x86")
@pytest.mark.parametrize("flag", ["-mno-avx", "-mno-avx512f", "-D__AVX512F__"])
@pytest.mark.parametrize("activation", ["gelu", "maxout"])
def test_vectors_of_other_lengths_give_the_same_numbers(flag, activation, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(building, "FLAGS", (*building.FLAGS, flag))
    building.library.cache_clear()
    try:
        assert_same_numbers(recipes_of(activation, hidden=(17, 33)))
        assert_same_numbers(recipes_of(activation, loss="huber", hidden=(17, 33)))
    finally:
        building.library.cache_clear()


def test_a_member_that_diverges_leaves_nothing_to_the_next():
    found = samples("squared_error")
    calm = recipes_of(loss="squared_error")[0]
    wild = replace(calm, learning_rate=1e200)
    order = torch.arange(SAMPLES).expand(2, -1)
    program, alone = program_of([calm, wild], torch.float64), program_of([calm], torch.float64)
    program.parameters = [parameter.flip(0).contiguous() for parameter in program.parameters]

    together = CompiledTrainer([wild, calm], program, found, found).advance(order, range(3))
    expected = CompiledTrainer([calm], alone, found, found).advance(order[:1], range(3))

    assert not together[:, 0].isfinite().all()
    assert torch.equal(together[:, 1], expected[:, 0])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("activation", ["relu", "maxout", "hardtanh", "tanh"])
@pytest.mark.parametrize("loss", ["cross_entropy", "hinge", "huber"])
def test_a_loss_that_is_not_finite_is_not_hidden(value, activation, loss):
    found = samples(loss)
    found[0][0, 0] = value
    recipes = recipes_of(activation, loss)[:1]
    order = torch.arange(SAMPLES).unsqueeze(0)
    trainer = CompiledTrainer(recipes, program_of(recipes, torch.float64), found, found)

    losses = trainer.advance(order, range(2))

    assert not losses[1].isfinite().all()


@pytest.mark.parametrize(
    ("recipe", "change"),
    [
        ("cross_entropy", lambda x, y: (x, y + 1)),  # a class that no output stands for
        ("cross_entropy", lambda x, y: (x, y - 1)),
        ("cross_entropy", lambda x, y: (x[:, :-1], y)),
        ("squared_error", lambda x, y: (x, y[:, :1])),
        ("squared_error", lambda x, y: (x, y.float())),
    ],
)
def test_samples_that_do_not_fit_the_network_are_not_for_a_program_that_does_not_look(
    recipe, change
):
    fitting = samples(recipe)

    assert not is_compiled(recipes_of(loss=recipe)[0], change(*fitting), fitting)
    assert not is_compiled(recipes_of(loss=recipe)[0], fitting, change(*fitting))


@pytest.mark.parametrize(
    "asked", [{"activation": "prelu"}, {"activation": "sin"}, {"output": "softmax"}]
)
def test_what_the_program_does_not_know_is_not_compiled(asked):
    assert not is_known(**asked)


def test_torch_trains_what_is_not_compiled():
    recipes = recipes_of("sin")
    program, found = program_of(recipes, torch.float64), samples("cross_entropy")

    trainer = trainer_of(recipes, program, found, found)

    assert isinstance(trainer, TorchTrainer)

import dataclasses

import pytest
import torch

from lifesigns.nets import (
    MLP,
    Recipe,
    accuracy,
    linear_classifier,
    linear_regression,
    logistic_regression,
    softmax_regression,
    train,
)


@pytest.fixture(autouse=True)
def one_thread_and_a_fixed_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def fit(recipe, inputs, targets):
    model = recipe.network.build()
    sgd = torch.optim.SGD(model.parameters(), lr=recipe.learning_rate)
    return model, list(train(recipe, model, sgd, inputs, targets))


def test_linear_regression_finds_the_slopes_and_the_offset():
    x = torch.randn(200, 3)
    slopes = torch.tensor([[1.0], [-2.0], [0.5]])

    model, _ = fit(linear_regression(3), x, x @ slopes + 3)

    torch.testing.assert_close(model[0].weight.detach(), slopes.T, atol=1e-3, rtol=0)
    assert model[0].bias.item() == pytest.approx(3, abs=1e-3)


def test_a_linear_classifier_separates_three_clouds():
    labels = torch.arange(300) % 3
    x = torch.randn(300, 2) + 8 * torch.tensor([[1.0, 0.0], [-0.5, 0.9], [-0.5, -0.9]])[labels]

    model, _ = fit(linear_classifier(2, 3), x, torch.eye(3)[labels])

    assert accuracy(model, x, labels) > 0.97


def test_logistic_regression_separates_two_clouds():
    y = (torch.arange(200) % 2).float().unsqueeze(1)
    x = torch.randn(200, 2) + 4 * y

    model, losses = fit(logistic_regression(2), x, y)

    assert ((model(x) > 0) == (y > 0.5)).float().mean() > 0.97
    assert losses[-1] < losses[0]


def test_softmax_regression_learns_from_zero_weights():
    labels = torch.arange(300) % 3
    x = torch.randn(300, 2) + 6 * torch.eye(3)[labels, :2]
    recipe = softmax_regression(2, 3)
    from_zero = dataclasses.replace(
        recipe, network=dataclasses.replace(recipe.network, initialiser="zeros")
    )

    model, losses = fit(from_zero, x, labels)

    assert losses[0] == pytest.approx(torch.tensor(3.0).log().item(), rel=1e-6)
    assert accuracy(model, x, labels) > 0.95


def test_a_hidden_layer_learns_what_a_line_cannot():
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    xor = torch.tensor([0, 1, 1, 0])
    straight = Recipe(MLP(2, (), 2), "cross_entropy", 0.5, epochs=500, batch_size=4)
    bent = dataclasses.replace(straight, network=MLP(2, (8,), 2, activation="tanh"))

    by_line, by_network = (accuracy(fit(r, x, xor)[0], x, xor) for r in (straight, bent))

    assert by_line <= 0.75
    assert by_network == 1.0


def test_the_number_of_steps_is_known_in_advance():
    recipe = dataclasses.replace(linear_regression(1), epochs=3, batch_size=8)
    x = torch.randn(20, 1)

    _, losses = fit(recipe, x, x)

    assert len(losses) == recipe.steps(20) == 9


def test_the_same_seed_gives_the_same_run():
    x = torch.randn(50, 2)
    recipe = linear_regression(2)

    runs = []
    for _ in range(2):
        torch.manual_seed(7)
        runs.append(fit(recipe, x, x.sum(1, keepdim=True))[1])

    assert runs[0] == runs[1]

"""Positives and negatives of a preference, and how far each reach into a table."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

ROWS, SAMPLES = 90, 200


class Scores(nn.Module):
    def __init__(self):
        super().__init__()
        self.user, self.item = nn.Embedding(30, 4), nn.Embedding(ROWS, 4)
        self.bias = nn.Embedding(ROWS, 1)

    def forward(self, u, i):
        return (self.user(u) * self.item(i)).sum(-1) + self.bias(i).squeeze(-1)


def squared(model, *numbers):
    return sum(model.item(n).pow(2).sum(-1).mean() for n in numbers)


def marks(loss, bound=30, many=1):
    torch.manual_seed(0)
    model = Scores()
    u, i = torch.randint(30, (SAMPLES,)), torch.randint(ROWS, (SAMPLES,))
    i[0] = ROWS - 1
    j = torch.randint(bound, (SAMPLES, many) if many > 1 else (SAMPLES,))
    j.view(-1)[0] = bound - 1
    return snapshot(lambda: loss(model, u, i, j).backward(), model).loss.details


@pytest.mark.parametrize(
    "loss",
    [
        lambda m, u, i, j: -F.logsigmoid(m(u, i) - m(u, j)).mean(),
        lambda m, u, i, j: F.softplus(m(u, j) - m(u, i)).mean() + 1e-3 * squared(m, i, j),
        lambda m, u, i, j: -torch.log(torch.sigmoid(m(u, i) - m(u, j))).mean(),
        lambda m, u, i, j: F.relu(1 - m(u, i) + m(u, j)).mean(),
        lambda m, u, i, j: (m(u, j) - m(u, i) + 0.5).clamp(min=0).mean(),
    ],
)
def test_negatives_that_end_early(loss):
    found = marks(loss)

    assert (found["preference_rows"], found["positives_highest"]) == (ROWS, ROWS - 1)
    assert (found["positives"], found["negatives"]) == (SAMPLES, SAMPLES)
    assert found["negatives_highest"] == 29
    assert SAMPLES / 2 < found["positives_beyond"] < 0.8 * SAMPLES


def test_several_negatives_for_each_positive():
    def loss(model, u, i, j):
        return -F.logsigmoid(model(u, i)[:, None] - model(u[:, None], j)).mean()

    found = marks(loss, many=3)
    assert (found["negatives"], found["negatives_highest"]) == (3 * SAMPLES, 29)


def test_negatives_of_the_whole_table():
    found = marks(lambda m, u, i, j: -F.logsigmoid(m(u, i) - m(u, j)).mean(), ROWS)

    assert found["positives_beyond"] == 0


@pytest.mark.parametrize(
    "loss",
    [
        lambda m, u, i, j: F.mse_loss(m(u, i) - m(u, j), torch.ones(SAMPLES)),
        lambda m, u, i, j: -F.logsigmoid(m(u, i) + m(u, j)).mean(),
        lambda m, u, i, j: -F.logsigmoid(m(u, i)).mean(),
        lambda m, u, i, j: -F.logsigmoid(m(u, i) - m(u, i)).mean(),
        lambda m, u, i, j: -F.logsigmoid((m(u, i) - m(u, j)).view(-1, 5).sum(1)).mean(),
    ],
)
def test_no_preference(loss):
    assert "preference_rows" not in marks(loss)

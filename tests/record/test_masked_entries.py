"""What a minimum or a maximum takes behind a mask is told, whichever way the mask was given."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import nn

X = torch.randn(12, 5, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(12) // 3
SAME = LABELS[:, None] == LABELS
OTHER = (~SAME).float()


def distances(z):
    return ((z[:, None] - z).square().sum(2) + 1e-6).sqrt()


def told(pick):
    torch.manual_seed(0)
    model = nn.Linear(5, 4)

    def loss():
        pick(model(X)).sum().backward()

    details = snapshot(loss, model).loss.details
    if "masked_rows" not in details:
        return None
    return details["set_wins"], details["masked_rows"]


WINS = {
    "a minimum": lambda z: (distances(z) * OTHER).min(1).values,
    "the mask first": lambda z: (OTHER * distances(z)).min(dim=1)[0],
    "along the first": lambda z: (distances(z) * OTHER).min(0, keepdim=True)[0],
    "booleans": lambda z: (distances(z) * ~SAME).min(1).values,
    "amin": lambda z: (distances(z) * OTHER).amin(1),
    "amin, kept": lambda z: (distances(z) * OTHER).amin(dim=-1, keepdim=True),
    "the smallest three": lambda z: (distances(z) * OTHER).topk(3, largest=False).values,
    "a root behind it": lambda z: (distances(z).square() * OTHER).clamp_min(1e-9).sqrt().amin(1),
    "filled": lambda z: distances(z).masked_fill(SAME, 0).min(1).values,
    "where": lambda z: torch.where(SAME, 0.0, distances(z)).min(1).values,
    "where, the other way": lambda z: torch.where(~SAME, distances(z), 0.0).amin(1),
    "a maximum of what is negative": lambda z: (-distances(z) * OTHER).max(1).values,
    "amax of what is negative": lambda z: (-distances(z) * OTHER).amax(1),
}


@pytest.mark.parametrize("name", WINS)
def test_what_is_set_wins(name):
    assert told(WINS[name]) == (12, 12)


def test_entries_that_are_set_in_place():
    def pick(z):
        far = distances(z) + 0
        far[SAME] = 0
        return far.min(1).values

    assert told(pick) == (12, 12)


def test_each_row_of_a_loop_is_one_row():
    assert told(lambda z: torch.stack([(row * OTHER[0]).min() for row in distances(z)])) == (12, 12)


def test_the_minimum_of_all_is_one_row():
    assert told(lambda z: (distances(z) * OTHER).min()) == (1, 1)
    assert told(lambda z: (distances(z) * OTHER).amin((0, 1))) == (1, 1)


def test_a_mask_of_fewer_dimensions():
    mask = torch.tensor([1.0, 1, 1, 0])
    assert told(lambda z: (z.exp() * mask).min(1).values) == (12, 12)


LEFT = {
    "the farthest of the same": lambda z: (distances(z) * SAME.float()).max(1).values,
    "a large number": lambda z: distances(z).masked_fill(SAME, 1e9).min(1).values,
    "infinity": lambda z: torch.where(SAME, torch.inf, distances(z)).amin(1),
    "a large number is added": lambda z: (distances(z) * OTHER + 1e6 * SAME).min(1).values,
}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_left_wins(name):
    assert told(LEFT[name]) == (0, 12)


SILENT = {
    "no mask": lambda z: distances(z).min(1).values,
    "added alone": lambda z: (distances(z) + 1e6 * SAME).min(1).values,
    "weights": lambda z: (distances(z) * torch.linspace(0, 2, 12)).min(1).values,
    "a number": lambda z: (distances(z) * 0.5).min(1).values,
    "ones": lambda z: (distances(z) * torch.ones(12, 12)).min(1).values,
    "one entry is left": lambda z: (z.exp() * torch.tensor([1.0, 0, 0, 0])).min(1).values,
    "a hinge": lambda z: (z * OTHER[:, :4]).clamp_min(0),
    "of two": lambda z: torch.minimum(z * OTHER[:, :4], z),
    "a part of the columns": lambda z: (distances(z) * OTHER)[:, :5].min(1).values,
}


@pytest.mark.parametrize("name", SILENT)
def test_anything_else_is_not_looked_at(name):
    assert told(SILENT[name]) is None


def test_a_maximum_that_is_subtracted_changes_nothing():
    def softmax(z):
        scores = -distances(z) * OTHER
        risen = (scores - scores.max(1, keepdim=True).values).exp()
        return risen / risen.sum(1, keepdim=True)

    assert told(softmax) is None


def test_rows_with_a_zero_of_their_own_are_not_counted():
    wins, rows = told(lambda z: (z.relu() * torch.tensor([1.0, 1, 1, 0])).min(1).values)
    assert wins == rows < 12


def test_the_form_that_loses_most_is_told():
    def triplet(z):
        far = distances(z)
        near = (far * SAME.float()).max(1).values
        return (near - (far * OTHER).min(1).values + 0.3).relu()

    assert told(triplet) == (12, 12)

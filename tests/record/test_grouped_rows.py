"""Rows that a view puts in groups, of which a mean is taken: how alike those of a group are."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)
WAYS, SHOTS = 4, 3
CLASSES = torch.eye(WAYS).repeat_interleave(SHOTS, 0) * 3  # class by class


def details(prototypes, last=nn.Linear):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(WAYS, 16), nn.ReLU(), last(16, 8))
    rows = CLASSES + 0.3 * torch.randn_like(CLASSES)

    def loss():
        scores = -torch.cdist(model(rows), prototypes(model(rows))).square()
        labels = torch.arange(scores.shape[1]).repeat_interleave(len(rows) // scores.shape[1])
        return F.cross_entropy(scores, labels)

    return snapshot(lambda: loss().backward(), model).loss.details


def by_hand(groups):
    """Of variances between and within `[groups, members, columns]`."""
    between = groups.shape[1] * groups.mean(1).var(0).sum()
    return (between / groups.var(1).mean(0).sum()).item()


def test_groups_as_the_rows_lie_are_alike():
    found = details(lambda z: z.view(WAYS, SHOTS, -1).mean(1))

    assert found["rows_grouped"] > 5
    assert found["rows_otherwise"] < 1


def test_groups_that_take_the_rows_in_turns_are_not():
    found = details(lambda z: z.view(SHOTS, WAYS, -1).mean(0))
    right = details(lambda z: z.view(WAYS, SHOTS, -1).mean(1))

    assert found["rows_grouped"] < 1 < 5 < found["rows_otherwise"]
    assert found["rows_otherwise"] == pytest.approx(right["rows_grouped"])


def test_the_ratios_are_those_of_variances():
    seen = []

    def prototypes(z):
        seen.append(z.detach())
        return z.reshape(SHOTS, WAYS, -1).mean(dim=0)

    found = details(prototypes)

    (rows,) = seen
    turns = torch.stack([rows[k::WAYS] for k in range(WAYS)])
    sequences = torch.stack([rows[k * SHOTS :][:SHOTS] for k in range(WAYS)])
    assert found["rows_grouped"] == pytest.approx(by_hand(turns), rel=1e-4)
    assert found["rows_otherwise"] == pytest.approx(by_hand(sequences), rel=1e-4)


@pytest.mark.parametrize(
    "prototypes",
    [
        lambda z: z[:WAYS],
        lambda z: z.view(WAYS, SHOTS, -1).sum(1),
        lambda z: z.view(WAYS, SHOTS, 2, -1).mean(1).flatten(1),
        lambda z: z - z.mean(0),
        lambda z: torch.stack([z[k::WAYS].mean(0) for k in range(WAYS)]),
    ],
)
def test_where_no_view_makes_groups_there_is_nothing_to_tell(prototypes):
    assert "rows_grouped" not in details(prototypes)


class Pictures(nn.Module):
    """Rows of support and query are embedded at once, as pictures of one row."""

    def __init__(self, last):
        super().__init__()
        self.layer, self.last = nn.Conv2d(1, 6, (1, 3)), last

    def forward(self, rows):
        return self.last(self.layer(rows[:, None, None]).relu())


LAST = {
    "a pool": nn.Sequential(nn.MaxPool2d((1, 2), 1), nn.Flatten()),
    "a mean": lambda maps: maps.mean((2, 3)),
    "a global pool": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "maps": lambda maps: maps,
    "a view": nn.Flatten(),
}
PARTED = {
    "cut": lambda z, n: (z[:n], z[n:]),
    "split": lambda z, n: z.split([n, len(z) - n]),
    "halves": lambda z, n: z.chunk(2),
}


@pytest.mark.parametrize("last", LAST)
@pytest.mark.parametrize("parted", PARTED)
def test_rows_that_nothing_keeps_are_made_again(last, parted):
    torch.manual_seed(0)
    model = Pictures(LAST[last])
    rows = torch.cat([CLASSES, CLASSES])
    rows = rows + 0.3 * torch.randn_like(rows)
    seen = []

    def loss():
        support, query = PARTED[parted](model(rows), len(CLASSES))
        seen.append(support.detach().flatten(1))
        prototypes = support.view(SHOTS, WAYS, *support.shape[1:]).mean(0).flatten(1)
        scores = -torch.cdist(query.flatten(1), prototypes)
        return F.cross_entropy(scores, torch.arange(WAYS).repeat_interleave(SHOTS))

    found = snapshot(lambda: loss().backward(), model).loss.details

    turns = torch.stack([seen[0][k::WAYS] for k in range(WAYS)])
    assert found["rows_grouped"] == pytest.approx(by_hand(turns), rel=1e-3)
    assert found["rows_grouped"] < 1 < found["rows_otherwise"]

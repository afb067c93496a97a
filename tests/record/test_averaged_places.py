"""Targets that say a place, and the mean over all places before what is compared with them."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

SIZE, SAMPLES = 24, 32


def pictures(samples=SAMPLES, channels=1):
    """A bright square each, and its centre as shares of the side."""
    torch.manual_seed(0)
    x = 0.1 * torch.randn(samples, channels, SIZE, SIZE)
    at = torch.randint(2, SIZE - 2, (samples, 2))
    for one, (row, column) in zip(x, at.tolist(), strict=True):
        one[:, row - 2 : row + 2, column - 2 : column + 2] += 1
    return x, at.float() / SIZE


def backbone(*, channels=1, kernel=3):
    return nn.Sequential(
        nn.Conv2d(channels, 8, kernel, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(),
    )  # fmt: skip


HEAD = (nn.Flatten(), nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2))


class Mean(nn.Module):
    def forward(self, x):
        return x.mean((-2, -1))


def marks(network, x, y, loss=F.smooth_l1_loss):
    return snapshot(lambda: loss(network(x), y).backward(), network).loss.details


@pytest.mark.parametrize("loss", [F.mse_loss, F.smooth_l1_loss, F.huber_loss])
@pytest.mark.parametrize("mean", [nn.AdaptiveAvgPool2d(1), Mean(), nn.AdaptiveAvgPool2d((1, 1))])
def test_a_mean_before_the_place(loss, mean):
    found = marks(nn.Sequential(backbone(), mean, *HEAD), *pictures(), loss)

    assert found["placed_targets"] == 2
    assert found["placed_and_told"] == 0
    assert found["window_before_mean"] == pytest.approx(8 / SIZE)


def test_an_output_that_knows_the_place_is_told():
    x, y = pictures()
    network = nn.Sequential(backbone(), nn.AdaptiveAvgPool2d(1), *HEAD)
    network.forward = lambda x: nn.Sequential.forward(network, x) * 1e-6 + y

    assert marks(network, x, y).get("placed_and_told", 2) == 2


def test_targets_of_something_else():
    x, _ = pictures()

    found = marks(nn.Sequential(backbone(), Mean(), *HEAD), x, torch.randn(SAMPLES, 2))

    assert found["placed_targets"] == 0


def test_two_terms_of_which_one_says_a_place():
    x, y = pictures()
    trunk = nn.Sequential(backbone(), Mean())
    kind, box = nn.Linear(8, 3), nn.Linear(8, 2)
    network = nn.ModuleList([trunk, kind, box])

    def backward():
        means = trunk(x)
        labels = torch.arange(SAMPLES) % 3
        (F.cross_entropy(kind(means), labels) + F.mse_loss(box(means), y)).backward()

    assert snapshot(backward, network).loss.details["placed_targets"] == 2


def coordinates(x):
    along = torch.linspace(-1, 1, SIZE)
    rows, columns = along[:, None].expand(SIZE, SIZE), along.expand(SIZE, SIZE)
    return torch.cat([x, torch.stack([rows, columns]).expand(len(x), 2, SIZE, SIZE)], 1)


def test_coordinates_among_the_channels_tell_the_place():
    x, y = pictures()
    network = nn.Sequential(backbone(channels=3), Mean(), *HEAD)

    assert not marks(network, coordinates(x), y).get("placed_targets")


class Embedded(nn.Module):
    def __init__(self):
        super().__init__()
        self.at = nn.Parameter(torch.randn(8, SIZE // 2, SIZE // 2))

    def forward(self, x):
        return F.relu(x + self.at)


class Attended(nn.Module):
    def forward(self, x):
        return x * x.flatten(2).softmax(2).view_as(x)


@pytest.mark.parametrize(
    "between",
    [
        (Attended(), Mean()),
        (nn.AdaptiveAvgPool2d(2),),
        (nn.Flatten(),),
        (nn.AdaptiveMaxPool2d(1),),
    ],
)
def test_what_is_not_looked_at(between):
    trunk = nn.Sequential(backbone(), *between, nn.Flatten(), nn.LazyLinear(2))
    x, y = pictures()
    trunk(x)

    assert "placed_targets" not in marks(trunk, x, y)


def test_places_that_were_added():
    x, y = pictures()

    network = nn.Sequential(backbone(), Embedded(), Mean(), *HEAD)

    assert "placed_targets" not in marks(network, x, y)


@pytest.mark.parametrize("samples", [2, 15])
def test_a_few_samples_say_nothing(samples):
    x, y = pictures(samples)

    assert "placed_targets" not in marks(nn.Sequential(backbone(), Mean(), *HEAD), x, y)


def test_pictures_without_anything_in_them():
    y = torch.rand(SAMPLES, 2)

    found = marks(nn.Sequential(backbone(), Mean(), *HEAD), torch.ones(SAMPLES, 1, SIZE, SIZE), y)

    assert found["placed_targets"] == 0

"""How the values of inputs are spread over orders of magnitude."""

import pytest
import torch
from torch import nn
from training_steps import sgd

from lifesigns.record.looks import DATA_LOOKS


def tails(recording, x, model):
    recorder, optimizer = recording(every=1), sgd(model)
    model(x).square().mean().backward()
    optimizer.step()
    recorder.stop()
    details = recorder.trace().snapshots[0].loss.details
    return details.get("tail_least"), details.get("tail_whole")


def powers(*shape):
    torch.manual_seed(0)
    return (3 * torch.randn(shape)).exp()


@pytest.mark.parametrize(
    ("shape", "layer"),
    [
        ((8, 1, 16, 16), nn.Conv2d(1, 4, 3)),
        ((8, 20, 256), nn.Conv1d(20, 4, 3)),
        ((8, 256, 20), nn.Linear(20, 4)),
        ((2000, 3), nn.Linear(3, 4)),
    ],
)
@pytest.mark.parametrize("scaled", [False, True])
def test_powers_are_spread_over_orders_of_magnitude(recording, shape, layer, scaled):
    x = powers(*shape)

    least, whole = tails(recording, (x - x.mean()) / x.std() if scaled else x, layer)

    assert least > 3
    assert whole == pytest.approx(torch.tensor(3 * 2.326).exp().item(), rel=0.7)


def ones_of_zeros(shape):
    return (torch.rand(shape) < 0.1).float()


def dark(shape):
    return ones_of_zeros(shape) + 0.01 * torch.rand(shape)


def energies(shape):
    return -torch.rand(shape).log()


@pytest.mark.parametrize("make", [torch.rand, torch.randn, ones_of_zeros, dark, energies])
def test_other_inputs_are_not(recording, make):
    least, _ = tails(recording, make((16, 1, 16, 16)), nn.Conv2d(1, 4, 3))

    assert least < 3


def test_values_that_are_not_finite_tell_nothing(recording):
    x = powers(8, 1, 16, 16)
    x[:, :, :4] = float("inf")

    assert tails(recording, x, nn.Conv2d(1, 4, 3)) == (0, 0)


@pytest.mark.parametrize(
    ("shape", "model"),
    [
        ((64, 3), nn.Linear(3, 4)),
        ((8, 1, 16, 16), nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 4, 3))),
    ],
)
def test_few_values_and_those_behind_a_normalisation_are_not_looked_at(recording, shape, model):
    assert tails(recording, powers(*shape), model) == (None, None)


def test_the_data_are_looked_at_in_the_first_passes_alone_at_each_place_of_a_cycle(recording):
    model = nn.Linear(3, 4)
    recorder, optimizer = recording(every=1), sgd(model)
    for _ in range(DATA_LOOKS + 3):
        for _ in range(2):
            model(powers(2000, 3)).square().mean().backward()
        optimizer.step()
    recorder.stop()

    looked = [s.step for s in recorder.trace().snapshots if "tail_whole" in s.loss.details]

    assert looked == [step for step in range(DATA_LOOKS) for _ in range(2)]

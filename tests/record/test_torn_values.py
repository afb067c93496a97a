"""Values that a view tears inside the network are told from those whose axes were exchanged."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import Tensor, nn

from lifesigns.record.measure.torn_values import are_exchanged

SAMPLES, LENGTH, WIDTH = 5, 7, 3


def reshaped(x: Tensor) -> Tensor:
    return x.reshape(x.shape[1], x.shape[0], -1)


def reshaped_twice(x: Tensor) -> Tensor:
    return x.reshape(-1, x.shape[-1]).view(x.shape[1], x.shape[0], -1)


def units_first(x: Tensor) -> Tensor:
    return x.view(x.shape[0], x.shape[2], x.shape[1])


def back_again(x: Tensor) -> Tensor:
    return x.transpose(0, 1).reshape(x.shape)


def exchanged(x: Tensor) -> Tensor:
    return x.transpose(0, 1).contiguous()


def flat_and_back(x: Tensor) -> Tensor:
    return x.reshape(-1, x.shape[-1]).view(x.shape)


def joined(x: Tensor) -> Tensor:
    return x.reshape(x.shape[0], -1)


def axis_added(x: Tensor) -> Tensor:
    return x.view(x.shape[0], 1, *x.shape[1:])


class Net(nn.Module):
    """A layer, something that is done to what it gives, and a loss of it."""

    def __init__(self, arrange):
        super().__init__()
        self.layer, self.arrange = nn.Linear(4, WIDTH), arrange

    def forward(self, x):
        return self.arrange(torch.tanh(self.layer(x)))


def found(arrange, samples: int = SAMPLES) -> tuple[str, list[float], list[float]]:
    model, x = Net(arrange), torch.randn(samples, LENGTH, 4)
    taken = snapshot(lambda: model(x).square().mean().backward(), model)
    details = taken.loss.details
    at = details.get("torn_values_at")
    before, after = (
        [size for name, size in details.items() if name.startswith(f"torn_{when}")]
        for when in ("before", "after")
    )
    return "" if at is None else taken.graph.sites[int(at)].name, before, after


@pytest.mark.parametrize("arrange", [reshaped, reshaped_twice])
def test_samples_and_positions_that_change_places_are_seen(arrange):
    expected = [SAMPLES, LENGTH, WIDTH], [LENGTH, SAMPLES, WIDTH]
    assert found(arrange) == (":tanh#0", *expected)


def test_positions_and_units_that_change_places_are_seen():
    expected = [SAMPLES, LENGTH, WIDTH], [SAMPLES, WIDTH, LENGTH]
    assert found(units_first) == (":tanh#0", *expected)


def test_axes_that_were_exchanged_before_are_torn_by_a_view_back():
    expected = [LENGTH, SAMPLES, WIDTH], [SAMPLES, LENGTH, WIDTH]
    assert found(back_again) == (":tanh#0", *expected)


@pytest.mark.parametrize("arrange", [exchanged, flat_and_back, joined, axis_added])
def test_values_that_stay_whole_say_nothing(arrange):
    assert found(arrange) == ("", [], [])


@pytest.mark.parametrize("samples", [1, LENGTH, 2 * LENGTH])
def test_sizes_that_cannot_be_told_apart_say_nothing(samples):
    assert found(reshaped, samples) == ("", [], [])


@pytest.mark.parametrize(
    ("before", "after"),
    [((128, 32), (32, 128)), ((6, 4), (12, 2)), ((0, 5, 7), (0, 7, 5)), ((), ())],
)
def test_rows_that_are_cut_or_joined_are_not_exchanged(before, after):
    assert not are_exchanged(before, after)

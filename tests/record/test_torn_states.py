"""Last states that are joined by a view are told from states whose axes were exchanged."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import Tensor, nn

SAMPLES, LENGTH = 5, 7


def viewed(h: Tensor) -> Tensor:
    return h.contiguous().view(h.shape[1], -1)


def reshaped(h: Tensor) -> Tensor:
    return h.reshape(h.shape[1], -1)


def exchanged(h: Tensor) -> Tensor:
    return h.transpose(0, 1).reshape(h.shape[1], -1)


def side_by_side(h: Tensor) -> Tensor:
    return torch.cat((h[-2], h[-1]), -1)


class Reader(nn.Module):
    """A recurrent layer whose last states are joined in one way or another."""

    def __init__(self, kind, levels, join):
        super().__init__()
        self.layer = kind(3, 4, levels, batch_first=True, bidirectional=True)
        self.join, self.head = join, nn.LazyLinear(2)

    def forward(self, x):
        last = self.layer(x)[1]
        return self.head(self.join(last[0] if isinstance(last, tuple) else last))


def found(model: nn.Module, samples: int = SAMPLES) -> tuple[dict[str, float], str]:
    x = torch.randn(samples, LENGTH, 3)
    model(x)
    taken = snapshot(lambda: model(x).square().mean().backward(), model)
    details = taken.loss.details
    at = details.get("torn_states_at")
    sizes = {name: details[name] for name in ("states", "samples") if name in details}
    return sizes, "" if at is None else taken.graph.sites[int(at)].module


@pytest.mark.parametrize("join", [viewed, reshaped])
@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_last_states_that_are_viewed_are_seen(kind, levels, join):
    expected = {"states": 2.0 * levels, "samples": float(SAMPLES)}
    assert found(Reader(kind, levels, join)) == (expected, "layer")


@pytest.mark.parametrize("join", [exchanged, side_by_side])
@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_last_states_whose_axes_are_exchanged_are_whole(kind, join):
    assert found(Reader(kind, 1, join)) == ({}, "")


@pytest.mark.parametrize("samples", [1, 2])
def test_sizes_that_cannot_be_told_apart_say_nothing(samples):
    assert found(Reader(nn.GRU, 1, viewed), samples) == ({}, "")

"""One number, far from all others, that returns in a column of the data."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import nn

from lifesigns.record.measure.missing_codes import COLUMNS, VALUES


def drawn(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def coded(*shape, code=-9999.0, share=0.3):
    gone = torch.rand(shape, generator=torch.Generator().manual_seed(1)) < share
    return (100 + 10 * drawn(*shape)).masked_fill(gone, code)


def scaled(x):
    return (x - x.mean(0)) / x.std(0)


def details(x, model):
    torch.manual_seed(0)

    def step():
        made = model(x)
        (made[0] if isinstance(made, tuple) else made).square().mean().backward()

    return snapshot(step, model).loss.details


def told(x, model):
    return details(x, model).get("code_columns")


def column(x):
    return torch.cat([drawn(64, 2), x.reshape(64, 1)], 1)


@pytest.mark.parametrize("code", [-9999.0, 9999.0, -2e6])
@pytest.mark.parametrize("scale", [scaled, lambda x: x])
def test_a_code_is_told_scaled_or_not(code, scale):
    x = scale(coded(64, 3, code=code))
    found = details(x, nn.Linear(3, 2))

    gone = coded(64, 3, code=code) == code
    assert (found["code_columns"], found["columns_seen"]) == (3, 3)
    for i in range(3):
        assert found[f"code_in_{i}"] == x[gone[:, i], i][0]
        assert found[f"code_share_{i}"] == pytest.approx(gone[:, i].float().mean().item())
        others = x[~gone[:, i], i].double()
        left = (others.std(correction=0) / (x[:, i].max() - x[:, i].min())).item()
        assert found[f"code_left_{i}"] == pytest.approx(left, rel=1e-4)


def test_a_code_of_0_is_told_where_fewer_have_it():
    assert told(column(2000 + coded(64, 1, code=-2000.0)), nn.Linear(3, 2)) == 1


THREE = nn.Linear(3, 2)
NORMALISED = nn.Sequential(nn.BatchNorm1d(3), nn.Conv1d(3, 2, 3))
WAYS = {
    "a normalisation first": (coded(64, 3), nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2)), 3),
    "norms of the rows": (coded(64, 3), nn.Sequential(nn.LayerNorm(3), nn.Linear(3, 2)), 3),
    "channels": (coded(8, 3, 16), nn.Conv1d(3, 2, 3), 3),
    "pictures of one channel": (coded(4, 1, 9, 9), nn.Conv2d(1, 2, 3), 1),
    "channels, normalised": (coded(8, 3, 16), NORMALISED, 3),
    "an LSTM": (coded(8, 16, 3), nn.LSTM(3, 2, batch_first=True), 3),
    "a GRU": (coded(8, 16, 3), nn.GRU(3, 2, batch_first=True), 3),
    "places": (coded(8, 16, 3), THREE, 3),
    "many rows": (coded(3 * VALUES, 3), THREE, 3),
    "many columns": (coded(64, 3 * COLUMNS), nn.Linear(3 * COLUMNS, 2), COLUMNS),
}


@pytest.mark.parametrize("name", WAYS)
def test_what_the_first_layer_is_given(name):
    x, model, number = WAYS[name]
    assert told(x, model) == number


class Joined(nn.Module):
    """Categories that are looked up beside columns of numbers."""

    def __init__(self):
        super().__init__()
        self.table, self.layer = nn.Embedding(4, 2), nn.Linear(5, 2)

    def forward(self, x):
        return self.layer(torch.cat([self.table(torch.arange(len(x)) % 4), x], 1))


def test_numbers_beside_categories():
    assert told(coded(64, 3), Joined()) == 3


OTHERS = {
    "normal": drawn(64),
    "0 and 1": (drawn(64) > 0).float(),
    "counts": drawn(64).abs().mul(2).floor(),
    "rain": drawn(64).relu(),
    "much rain": drawn(64).relu().mul(3).exp() - 1,
    "words": (0.05 + 0.001 * drawn(64)).masked_fill(drawn(64) < 0.5, 0.0),
    "at the mean": (100 + drawn(64)).masked_fill(drawn(64) > 1, 100.0),
    "a near code": drawn(64).masked_fill(drawn(64) > 1, -10.0),
    "once": torch.cat([torch.tensor([-9999.0]), drawn(63)]),
    "two values": torch.where(drawn(64) > 0, -9999.0, 1.0),
    "four values": torch.where(drawn(64) > 1, -9999.0, drawn(64).clamp(-1, 1).round()),
    "constant": torch.ones(64),
    "none known": torch.full((64,), float("nan")),
    "infinite": drawn(64).masked_fill(drawn(64) > 1, float("-inf")),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_columns_are_not(name):
    assert told(column(OTHERS[name]), nn.Linear(3, 2)) is None


def test_padding_is_none():
    x = drawn(8, 16, 3)
    x[::2, 9:] = -9999.0
    assert told(x, nn.Linear(3, 2)) is None
    assert told(x, nn.LSTM(3, 2, batch_first=True)) is None
    assert told(x.movedim(1, 2), nn.Conv1d(3, 2, 3)) is None
    assert told(x[..., :1], nn.Linear(1, 2)) is None


def test_few_rows_and_tokens_tell_nothing():
    assert told(coded(16, 3), nn.Linear(3, 2)) is None
    tokens = torch.arange(64).reshape(8, 8)
    model = nn.Sequential(nn.Embedding(64, 4), nn.Linear(4, 2))
    assert told(tokens, model) is None

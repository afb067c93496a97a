"""Which columns of the batch are read by layers that take some of them each."""

import numpy as np
import pytest
import torch
from oracles.recorded import snapshot
from torch import nn


class Groups(nn.Module):
    """A layer for each group of columns, which begins at one of them."""

    def __init__(self, *groups, cut=lambda x: x, layer=nn.Linear):
        super().__init__()
        self.groups, self.cut = groups, cut
        self.layers = nn.ModuleList(layer(width, 3) for _, width in groups)

    def forward(self, x):
        parts = [self.cut(x[:, start : start + width]) for start, width in self.groups]
        return sum(layer(part) for layer, part in zip(self.layers, parts, strict=True))


def details(model, x):
    """The details of the loss in one step."""
    return snapshot(lambda: model(x).square().mean().backward(), model).loss.details


def convolution(width, out):
    return nn.Conv1d(width, out, 3)


@pytest.mark.parametrize(
    ("groups", "read"),
    [
        ([(0, 2), (0, 4), (0, 3)], 4),
        ([(0, 2), (2, 4), (6, 3)], 9),
        ([(6, 3), (2, 4), (0, 2)], 9),
        ([(0, 3), (3, 3), (3, 3)], 6),
    ],
)
def test_the_columns_that_slices_have(groups, read):
    found = details(Groups(*groups), torch.randn(8, 9))

    assert (found["columns_read"], found["columns_given"]) == (read, 9)
    assert found["slice_widths"] == len({width for _, width in groups})


def test_a_table_that_is_itself_a_slice():
    found = details(Groups((0, 3), (0, 3), (0, 3)), torch.randn(8, 12)[:, 2:11])

    assert (found["columns_read"], found["slices"], found["last_slice_at"]) == (3, 3, 2)


def test_the_channels_that_convolutions_have():
    found = details(Groups((0, 2), (0, 3), layer=convolution), torch.randn(8, 5, 7))

    assert (found["columns_read"], found["columns_given"]) == (3, 5)


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (Groups((0, 4), (0, 4)), torch.randn(8, 9)),  # one is left out
        (Groups((0, 6), (3, 6)), torch.randn(8, 9)),  # windows that overlap
        (Groups((0, 3), (0, 6), cut=lambda x: x * 1), torch.randn(8, 9)),
        (Groups((0, 9)), torch.randn(8, 9)),
    ],
)
def test_slices_that_do_not_share_the_columns(model, x):
    assert "columns_read" not in details(model, x)


def test_memory_of_numpy_is_not_compared():
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(8, 9)).astype(np.float32))

    assert "columns_read" not in details(Groups((0, 3), (0, 6)), x)

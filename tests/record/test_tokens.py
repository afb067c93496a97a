"""What a network looks up in a table is read, as far as it tells how many tokens there are."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import nn


class Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(20, 4), nn.Embedding(30, 4)

    def forward(self, tokens, shift=0):
        places = torch.arange(tokens.shape[1])
        return (self.words(tokens + shift if shift else tokens) + self.places(places)).mean()


def read(tokens, **given):
    model = Text()
    return snapshot(lambda: model(tokens, **given).backward(), model, []).tokens


@pytest.mark.parametrize(
    ("tokens", "lowest", "highest", "two"),
    [
        ([[3, 3], [3, 3]], 3, 3, True),
        ([[3, 0], [3, 3]], 0, 3, True),
        ([[3, 0], [1, 3]], 0, 3, False),
    ],
)
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_how_many_tokens_there_are(tokens, lowest, highest, two, dtype):
    found = read(torch.tensor(tokens, dtype=dtype))

    assert (found.shape, found.table) == ((2, 2), 20)
    assert (found.lowest, found.highest, found.two) == (lowest, highest, two)


def test_what_is_looked_up_otherwise_is_not_read():
    assert read(torch.tensor([[3, 0]]), shift=1) is None


def test_tokens_of_several_steps_together():
    alike, other, third = (read(torch.full((2, 2), token)) for token in (0, 7, 3))

    assert alike.merge(other).two
    assert not alike.merge(other).merge(third).two
    assert alike.merge(other).highest == 7

"""Samples that stand in another order on the way: moved, not mixed."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from asked import BATCH, asked, step
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

LENGTHS = torch.arange(BATCH) * 5 % 7 + 2


class Packed(nn.Module):
    """Sequences that are sorted by their lengths, and back again."""

    def __init__(self, apart: bool) -> None:
        super().__init__()
        self.apart = apart
        self.memory = nn.LSTM(8, 5, batch_first=True, bidirectional=True)
        self.out = nn.Linear(10, 3)

    def forward(self, x: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
        hidden = self.memory(packed)[1][0]
        if self.apart:
            hidden = hidden.transpose(0, 1)
        answer: Tensor = self.out(hidden.reshape(len(x), -1))
        return answer


@pytest.mark.parametrize("apart", [True, False])
def test_sorting_by_length_moves_samples_and_a_view_mixes_them(apart: bool) -> None:
    torch.manual_seed(0)

    recorder = step(Packed(apart), torch.randn(BATCH, 8, 8), _classes)

    found = asked(recorder)
    assert found is not None
    assert (found.mixed == 0) == apart


def _classes(output: Tensor) -> Tensor:
    return F.cross_entropy(output, torch.arange(len(output)) % 3)

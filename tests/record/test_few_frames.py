"""Sequences that are too short for their labels are those whose CTC loss is infinite."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

N, FRAMES, MOST = 12, 9, 7
MODEL = nn.Linear(3, 4)
X = torch.randn(N, FRAMES, 3)


def aligned(targets, frames, letters, **how):
    """The details of the loss, and the loss of each sequence."""
    parts = targets, torch.tensor(frames), torch.tensor(letters)
    logs = MODEL(X[: len(frames)]).log_softmax(-1).transpose(0, 1)
    each = F.ctc_loss(logs.detach(), *parts, reduction="none")

    def loss():
        logs = MODEL(X[: len(frames)]).log_softmax(-1).transpose(0, 1)
        F.ctc_loss(logs, *parts, zero_infinity=True, **how).backward()

    return snapshot(loss, MODEL).loss.details, each


def drawn(seed):
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(1, 4, (N, MOST), generator=generator)
    frames, letters = (
        torch.randint(low, high + 1, (N,), generator=generator).tolist()
        for low, high in ((1, FRAMES), (0, MOST))
    )
    return targets, frames, letters


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_the_short_ones_are_those_of_an_infinite_loss(seed, padded):
    targets, frames, letters = drawn(seed)
    if not padded:
        targets = torch.cat([row[:n] for row, n in zip(targets, letters, strict=True)])

    found, each = aligned(targets, frames, letters)

    assert found["ctc_sequences"] == N
    assert found["short_sequences"] == each.isinf().sum()


def test_equal_neighbours_need_a_blank_between_them():
    targets = torch.tensor([[1, 1, 2], [1, 2, 1]])

    found, _ = aligned(targets, [3, 3], [3, 3])

    assert (found["short_sequences"], found["short_frames"], found["short_needs"]) == (1, 3, 4)
    assert found["frames_left_out"] == FRAMES - 3
    assert found["infinite_is_0"] == 1


def test_the_last_label_of_a_row_is_no_neighbour_of_the_next():
    found, _ = aligned(torch.tensor([1, 2, 2, 1]), [2, 2], [2, 2])

    assert found == {**found, "ctc_sequences": 2, "short_sequences": 0}
    assert "short_frames" not in found


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_loss_of_infinity_is_read_as_well(reduction):
    def loss():
        logs = MODEL(X[:2]).log_softmax(-1).transpose(0, 1)
        sizes = torch.tensor([2, 2]), torch.tensor([3, 3])
        F.ctc_loss(logs, torch.ones(2, 3).long(), *sizes, reduction=reduction).backward()

    found = snapshot(loss, MODEL).loss.details

    assert (found["short_sequences"], found["infinite_is_0"]) == (2, 0)

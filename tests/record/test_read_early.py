"""Sequences with padding in front that are read at their number of words, less one."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import nn

SIZES = torch.tensor([3, 5, 4, 9, 2, 6, 3, 7])
B, T = 8, 9


def texts(in_front=True):
    torch.manual_seed(0)
    ids = torch.randint(1, 10, (B, T)) * (torch.arange(T) < SIZES.unsqueeze(1))
    return ids.flip(1) if in_front else ids


READS = {
    "gather": lambda h, at: h.gather(1, at[:, None, None].expand(-1, 1, h.shape[2])).squeeze(1),
    "a score": lambda h, at: h.sum(2).gather(1, at[:, None]),
    "gather from the end": lambda h, at: h.sum(2).gather(-1, at[:, None]),
    "index": lambda h, at: h[torch.arange(len(h)), at],
    "time first": lambda h, at: h.transpose(0, 1)[at, torch.arange(len(h))],
}


class Reader(nn.Module):
    def __init__(self, read, at):
        super().__init__()
        self.words, self.body, self.read, self.at = nn.Embedding(10, 4), nn.Linear(4, 3), read, at

    def forward(self, ids):
        return self.read(self.body(self.words(ids)), self.at(ids))


def words(ids):
    return (ids != 0).sum(1) - 1


def end(ids):
    return torch.full((len(ids),), ids.shape[1] - 1)


def details(read, at=words, ids=None):
    torch.manual_seed(0)
    model, ids = Reader(READS[read], at), texts() if ids is None else ids
    return snapshot(lambda: model(ids).square().mean().backward(), model).loss.details


@pytest.mark.parametrize("read", READS)
def test_the_number_of_words_is_told_where_padding_stands_in_front(read):
    found = details(read)
    assert found["read_early"] == 7 / 8
    assert found["read_early_of"] == T
    assert "read_early" not in details(read, at=end)
    assert "read_early" not in details(read, ids=texts(in_front=False))


def test_one_other_place_is_enough_not_to_tell():
    assert "read_early" not in details("index", at=lambda ids: words(ids) + (SIZES == 2))


def test_samples_in_another_order_are_left_alone():
    READS["reversed"] = lambda h, at: h[torch.arange(len(h)).flip(0), at]
    assert "read_early" not in details("reversed")


def test_what_hooks_hold_is_left_alone():
    with torch.autograd.graph.save_on_cpu():
        assert "read_early" not in details("gather")
        assert "read_early" not in details("index")

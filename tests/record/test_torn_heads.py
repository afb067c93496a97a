"""Heads of attention that are viewed are told from heads whose axes were exchanged."""

import math

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import Tensor, nn

HEADS, WIDTH, LENGTH = 4, 24, 10
SIZES = {"heads": float(HEADS), "positions": float(LENGTH)}


def viewed(x: Tensor) -> Tensor:
    b, t, c = x.shape
    return x.reshape(b, HEADS, t, c // HEADS)


def viewed_flat(x: Tensor) -> Tensor:
    b, t, c = x.shape
    return x.reshape(b * HEADS, t, c // HEADS)


def transposed(x: Tensor) -> Tensor:
    b, t, c = x.shape
    return x.view(b, t, HEADS, c // HEADS).transpose(1, 2)


def transposed_flat(x: Tensor) -> Tensor:
    return transposed(x).reshape(len(x) * HEADS, x.shape[1], -1)


def chunked(x: Tensor) -> Tensor:
    return torch.cat(x.chunk(HEADS, -1))


def joined(x: Tensor, like: Tensor) -> Tensor:
    return x.reshape(like.shape)


def joined_back(x: Tensor, like: Tensor) -> Tensor:
    return x.reshape(len(like), HEADS, like.shape[1], -1).transpose(1, 2).reshape(like.shape)


def by_hand(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scores = q / math.sqrt(q.shape[-1]) @ k.transpose(-2, -1)
    return F.dropout(scores.softmax(-1), 0.1) @ v


def by_einsum(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    weights = torch.einsum("...qd,...kd->...qk", q, k).softmax(-1)
    return torch.einsum("...qk,...kd->...qd", weights, v)


class Attention(nn.Module):
    """Attention with its heads laid out in one way or another."""

    def __init__(self, split, attend, join, together=False):
        super().__init__()
        self.split, self.attend, self.join, self.together = split, attend, join, together
        self.qkv = nn.Linear(6, 3 * WIDTH)
        self.q, self.k, self.v = (nn.Linear(6, WIDTH, bias=False) for _ in range(3))

    def forward(self, x):
        qkv = self.qkv(x).chunk(3, -1) if self.together else (self.q(x), self.k(x), self.v(x))
        return self.join(self.attend(*map(self.split, qkv)), qkv[0])


def found(model: nn.Module, length: int = LENGTH) -> tuple[dict[str, float], str]:
    x = torch.randn(3, length, 6)
    taken = snapshot(lambda: model(x).square().mean().backward(), model)
    details = {k: v for k, v in taken.loss.details.items() if k in ("torn_heads_at", *SIZES)}
    at = details.pop("torn_heads_at", None)
    return details, "" if at is None else taken.graph.sites[int(at)].module


WAYS = [by_hand, by_einsum, F.scaled_dot_product_attention]


@pytest.mark.parametrize("attend", WAYS)
@pytest.mark.parametrize("split", [viewed, viewed_flat])
@pytest.mark.parametrize(("together", "named"), [(False, "q"), (True, "qkv")])
def test_heads_that_are_split_by_a_view_are_seen(split, attend, together, named):
    assert found(Attention(split, attend, joined, together)) == (SIZES, named)


@pytest.mark.parametrize("attend", WAYS)
@pytest.mark.parametrize("split", [transposed, transposed_flat])
def test_heads_that_are_joined_by_a_view_are_seen(split, attend):
    assert found(Attention(split, attend, joined))[0] == SIZES


@pytest.mark.parametrize("attend", WAYS)
@pytest.mark.parametrize("split", [transposed, transposed_flat])
@pytest.mark.parametrize("together", [False, True])
def test_heads_whose_axes_are_exchanged_are_whole(split, attend, together):
    assert found(Attention(split, attend, joined_back, together)) == ({}, "")


@pytest.mark.parametrize("length", [1, HEADS])
def test_sizes_that_cannot_be_told_apart_say_nothing(length):
    assert found(Attention(viewed, by_hand, joined), length) == ({}, "")


class TorchsOwn(nn.Module):
    def __init__(self, batch_first):
        super().__init__()
        self.embed = nn.Linear(6, WIDTH)
        self.layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 32, batch_first=batch_first)

    def forward(self, x):
        return self.layer(self.embed(x))


@pytest.mark.parametrize(
    "model",
    [
        TorchsOwn(batch_first=True),
        TorchsOwn(batch_first=False),
        Attention(chunked, by_hand, lambda x, like: torch.cat(x.chunk(HEADS), -1)),
        Attention(lambda x: x, by_hand, joined),
    ],
    ids=["torch's, batch first", "torch's", "chunks", "one head"],
)
def test_other_layouts_are_whole(model):
    assert found(model) == ({}, "")

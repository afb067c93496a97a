"""Whether targets are the tokens two places on."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)
TEXT = torch.randint(9, (6, 12), generator=torch.Generator().manual_seed(1))
X, Y = TEXT[:, :-1], TEXT[:, 1:]


def cross_entropy(logits, target):
    return F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=-100)


def padded(target):
    return target.masked_fill(torch.arange(target.shape[1]) > torch.arange(4, 10)[:, None], -100)


TWICE = {
    "by the data and the loss": (X, lambda logits: cross_entropy(logits[:, :-1], Y[:, 1:])),
    "by the data": (TEXT[:, :-2], lambda logits: cross_entropy(logits, TEXT[:, 2:])),
    "where they count": (X, lambda logits: cross_entropy(logits[:, :-1], padded(Y[:, 1:]))),
}
OTHERS = {
    "moved once": (X, lambda logits: cross_entropy(logits, Y)),
    "moved by the loss": (X, lambda logits: cross_entropy(logits[:, :-1], X[:, 1:])),
    "not moved": (X, lambda logits: cross_entropy(logits, X)),
    "several tokens at once": (
        X,
        lambda logits: cross_entropy(logits, Y) + cross_entropy(logits[:, :-1], Y[:, 1:]),
    ),
    "one token again and again": (
        torch.full_like(X, 3),
        lambda logits: cross_entropy(logits[:, :-1], torch.full_like(X[:, 1:], 3)),
    ),
}


def details(tokens, loss):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 9))
    return snapshot(lambda: loss(model(tokens)).backward(), model).loss.details


@pytest.mark.parametrize("name", TWICE)
def test_targets_two_tokens_on_are_counted(name):
    assert details(*TWICE[name])["two_ahead"] > 30


@pytest.mark.parametrize("name", OTHERS)
def test_other_targets_are_not(name):
    assert not details(*OTHERS[name]).get("two_ahead")

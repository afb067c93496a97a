"""Whether a loss counts the words that are shown, and none of those that are hidden."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)
HIDE, KINDS = 9, 10
random = torch.Generator().manual_seed(1)
TEXT = torch.randint(1, HIDE, (12, 11), generator=random)
CHOSEN = torch.rand(TEXT.shape, generator=random) < 0.3
DRAWN = torch.rand(TEXT.shape, generator=random)
OTHER = torch.randint(1, HIDE, TEXT.shape, generator=random)
LENGTHS = torch.randint(4, 12, (12, 1), generator=random)
PADDING = torch.arange(11) >= LENGTHS


def given(share=1.0):
    """The text with words hidden, of which so many are covered, and the others changed or kept."""
    covered, changed = CHOSEN & (share > DRAWN), CHOSEN & ((1 + share) / 2 < DRAWN)
    return torch.where(changed, OTHER, TEXT).masked_fill(covered, HIDE)


def ignoring(places, text=TEXT):
    wanted = text.masked_fill(places, -100)
    return lambda logits: F.cross_entropy(logits.flatten(0, 1), wanted.flatten())


def each(logits, text=TEXT):
    return F.cross_entropy(logits.flatten(0, 1), text.flatten(), reduction="none")


WRONG = {
    "ignored": (given(), ignoring(CHOSEN)),
    "of which some are changed or kept": (given(0.8), ignoring(CHOSEN)),
    "along dimension 1": (
        given(),
        lambda logits: F.cross_entropy(logits.transpose(1, 2), TEXT.masked_fill(CHOSEN, -100)),
    ),
    "multiplied": (given(), lambda logits: (each(logits) * ~CHOSEN.flatten()).sum() / 90),
    "picked": (given(), lambda logits: F.cross_entropy(logits[~CHOSEN], TEXT[~CHOSEN])),
    "beside padding": (
        given().masked_fill(PADDING, 0),
        ignoring(CHOSEN | PADDING),
    ),
    "places first": (given().t().contiguous(), ignoring(CHOSEN.t(), TEXT.t())),
}
SEPARATOR = torch.arange(11) == 1 + torch.arange(12)[:, None] % 9
RIGHT = {
    "hidden words are asked for": (given(0.8), ignoring(~CHOSEN)),
    "hidden words are picked": (
        given(),
        lambda logits: F.cross_entropy(logits[CHOSEN], TEXT[CHOSEN]),
    ),
    "all are asked for": (given(), ignoring(torch.zeros_like(CHOSEN))),
    "nothing is hidden": (TEXT, ignoring(torch.zeros_like(CHOSEN))),
    "padding is ignored": (TEXT.masked_fill(PADDING, 0), ignoring(PADDING)),
    "a separator is ignored": (TEXT.masked_fill(SEPARATOR, 0), ignoring(SEPARATOR)),
    "other words are ignored": (TEXT, ignoring(CHOSEN)),
    "next tokens": (given(), ignoring(CHOSEN, TEXT.roll(-1, 1))),
}


def details(tokens, loss):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(KINDS, 8), nn.Linear(8, KINDS))
    return snapshot(lambda: loss(model(tokens)).backward(), model).loss.details


@pytest.mark.parametrize("name", WRONG)
def test_hidden_words_that_do_not_count_are_seen(name):
    assert details(*WRONG[name])["hidden_uncounted"] > 10


@pytest.mark.parametrize("name", RIGHT)
def test_others_are_not(name):
    assert not details(*RIGHT[name])["hidden_uncounted"]


def test_numbers_that_are_no_words_are_not_compared():
    model = nn.Linear(4, 3)
    target = torch.zeros(8, dtype=torch.long)

    found = snapshot(lambda: F.cross_entropy(model(torch.randn(8, 4)), target).backward(), model)

    assert "hidden_uncounted" not in found.loss.details

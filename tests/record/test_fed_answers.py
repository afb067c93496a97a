"""A decoder that is fed the answer of its own step is told from one that is fed the step before."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

SAMPLES, STEPS, WORDS = 12, 5, 6
X = torch.randn(SAMPLES, 3)
Y = torch.randint(WORDS, (SAMPLES, STEPS), generator=torch.Generator().manual_seed(0))


class Decoder(nn.Module):
    """A cell that is called once for each word; `own` words are those of the step itself."""

    def __init__(self, own=True, lookup="embedding"):
        super().__init__()
        self.first, self.cell = nn.Linear(3, 8), nn.GRUCell(8, 8)
        self.words, self.out = nn.Embedding(WORDS, 8), nn.Linear(8, WORDS)
        self.own, self.lookup = own, lookup

    def embed(self, word):
        if self.lookup == "gather":
            table = self.words.weight.expand(len(word), -1, -1)
            return table.gather(1, word[:, None, None].expand(-1, 1, 8))[:, 0]
        if self.lookup == "index":
            return self.words.weight.expand(len(word), -1, -1)[torch.arange(len(word)), word]
        return self.words(word)

    def forward(self, x, target):
        state, said = torch.tanh(self.first(x)), []
        word = torch.zeros(len(x), dtype=torch.int64)
        for t in range(target.shape[1]):
            state = self.cell(self.embed(target[:, t] if self.own else word), state)
            said.append(self.out(state))
            word = target[:, t]
        return said


class Copier(Decoder):
    """It reads all words first, and says them again: what it is to do."""

    def forward(self, x, target):
        state = torch.tanh(self.first(x))
        for t in range(target.shape[1]):
            state = self.cell(self.embed(target[:, t]), state)
        said = []
        for _ in range(target.shape[1]):
            state = self.cell(state, state)
            said.append(self.out(state))
        return said


def summed(said, y):
    return sum(F.cross_entropy(one, y[:, t]) for t, one in enumerate(said))


def stacked(said, y):
    return F.cross_entropy(torch.stack(said, 1).flatten(0, 1), y.flatten())


def time_first(said, y):
    return F.cross_entropy(torch.stack(said).flatten(0, 1), y.t().flatten())


def classes_second(said, y):
    return F.cross_entropy(torch.stack(said, 1).transpose(1, 2), y)


LOSSES = [summed, stacked, time_first, classes_second]


def found(model, loss, y=Y):
    taken = snapshot(lambda: loss(model(X[: len(y)], y), y).backward(), model)
    details = taken.loss.details
    return details.get("fed_answers"), details.get("fed_lookups")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("lookup", ["embedding", "gather", "index"])
def test_a_decoder_that_is_fed_its_answers_is_seen(lookup, loss):
    assert found(Decoder(lookup=lookup), loss) == (STEPS - 1, STEPS - 1)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("lookup", ["embedding", "gather", "index"])
def test_a_decoder_that_is_fed_the_step_before_is_told_from_it(lookup, loss):
    assert found(Decoder(own=False, lookup=lookup), loss) == (0, STEPS - 1)


@pytest.mark.parametrize("loss", LOSSES)
def test_words_that_were_read_before_the_first_step_say_nothing(loss):
    assert found(Copier(), loss) == (None, None)


def test_one_word_for_all_says_nothing():
    assert found(Decoder(), stacked, torch.full_like(Y, 2)) == (None, None)


@pytest.mark.parametrize("samples", [1, 4])
def test_few_samples_say_nothing(samples):
    assert found(Decoder(), stacked, Y[:samples]) == (None, None)

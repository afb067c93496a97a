"""Sequences of different lengths, filled up with zeros to one."""

import torch
import torch.nn.functional as F
from data import accuracy, minibatches
from program import faulty
from torch import nn

WORDS, KINDS = 20, 4
"""Words of the vocabulary, where 0 fills up, and how many of them say of which kind a text is."""


def texts(n, length, shortest, longest):
    """Texts in which one word says of which kind they are, and that."""
    kinds = torch.randint(KINDS, (n,))
    sizes = torch.randint(shortest, longest + 1, (n, 1))
    words = torch.randint(KINDS + 1, WORDS, (n, length))
    words[torch.arange(n), (torch.rand(n) * sizes[:, 0]).long()] = kinds + 1
    return words * (torch.arange(length) < sizes), kinds


def trained(model, x, y, steps, rate=3e-3):
    """Trains a classifier, and returns its accuracy on the last quarter."""
    n = len(x) * 3 // 4
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for xb, yb in minibatches(x[:n], y[:n], 32, steps):
        loss = F.cross_entropy(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return accuracy(model, x[n:], y[n:])


class LastState(nn.Module):
    def __init__(self, at_the_last_word):
        super().__init__()
        self.at_the_last_word = at_the_last_word
        self.words = nn.Embedding(WORDS, 16, padding_idx=0)
        self.memory = nn.LSTM(16, 32, batch_first=True)
        self.kind = nn.Linear(32, KINDS)

    def forward(self, x):
        states, _ = self.memory(self.words(x))
        last = (x > 0).sum(1) - 1 if self.at_the_last_word else -1
        return self.kind(states[torch.arange(len(x)), last])


@faulty("accuracy", at_least=0.8, causes=("wrong_shape", "vanishing"))
def state_read_behind_the_padding(fixed=False):
    """A recurrent classifier of texts that are mostly padding reads its last state: it has seen
    fifty zeros since the last word, and has forgotten all."""
    return trained(LastState(fixed), *texts(1600, 60, 3, 9), 250, 0.01)


class LastWord(nn.Module):
    def __init__(self, sorts_sequences):
        super().__init__()
        self.sorts_sequences = sorts_sequences
        self.words = nn.Embedding(WORDS, 16, padding_idx=0)
        self.memory = nn.GRU(16, 32, batch_first=True)
        self.kind = nn.Linear(32, KINDS)

    def forward(self, x):
        lengths, order = (x != 0).sum(1).sort(descending=True)
        given = x[order] if self.sorts_sequences else x
        packed = nn.utils.rnn.pack_padded_sequence(self.words(given), lengths, batch_first=True)
        states = self.memory(packed)[1][-1]
        return self.kind(states[order.argsort()] if self.sorts_sequences else states)


@faulty("accuracy", at_least=0.9, causes=("wrong_shape",))
def lengths_of_other_sequences(fixed=False):
    """Lengths are sorted to pack the sequences, which stay in their order: long ones lose their
    end, where the word is that says what they are."""
    x, _ = texts(1600, 16, 2, 16)
    last = x[torch.arange(len(x)), (x != 0).sum(1) - 1]
    return trained(LastWord(fixed), x, last % KINDS, 300, 0.01)


class ByClassToken(nn.Module):
    def __init__(self, leaves_words_out, length, width=32):
        super().__init__()
        self.leaves_words_out = leaves_words_out
        self.words = nn.Embedding(WORDS, width, padding_idx=0)
        self.places = nn.Parameter(0.02 * torch.randn(1, length + 1, width))
        self.token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.kind = nn.Linear(width, KINDS)

    def forward(self, x):
        z = torch.cat([self.token.expand(len(x), -1, -1), self.words(x)], 1) + self.places
        left_out = F.pad(x != 0 if self.leaves_words_out else x == 0, (1, 0))
        return self.kind(self.encoder(z, src_key_padding_mask=left_out)[:, 0])


@faulty("accuracy", at_least=0.8, causes=("wrong_shape",))
def mask_of_the_words(fixed=False):
    """A transformer's mask of padding is the wrong way round: attention leaves the words out, and
    the class token learns nothing of them."""
    return trained(ByClassToken(not fixed, 16), *texts(1600, 16, 4, 12), 250, 2e-3)


class Tagger(nn.Module):
    def __init__(self, words, tags):
        super().__init__()
        self.words = nn.Embedding(words, 32, padding_idx=0)
        self.context = nn.LSTM(32, 32, batch_first=True, bidirectional=True)
        self.tags = nn.Linear(64, tags)

    def forward(self, x):
        return self.tags(self.context(self.words(x))[0])


@faulty("accuracy of words", at_least=0.6, causes=("wrong_loss", "wrong_labels"))
def tags_of_padding_count(fixed=False):
    """Nine tenths of a tagger's targets are padding, and the loss counts them: it falls to a tenth,
    and words are tagged by chance."""
    tag_of = torch.randint(1, 8, (100,)).index_fill(0, torch.tensor([0]), 0)
    sizes = torch.randint(3, 9, (1280, 1))
    x = torch.randint(1, 100, (1280, 60)) * (torch.arange(60) < sizes)
    model = Tagger(100, 8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.5)
    ignored = 0 if fixed else -100
    for xb, yb in minibatches(x, tag_of[x], 32, 200):
        loss = F.cross_entropy(model(xb).flatten(0, 1), yb.flatten(), ignore_index=ignored)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = model(x[:200]).argmax(2) == tag_of[x[:200]]
    return right[x[:200] > 0].float().mean()

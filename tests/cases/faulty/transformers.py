import math

import torch
import torch.nn.functional as F
from data import accuracy, minibatches
from program import faulty
from torch import nn


def fit(model, x, y, steps=200, lr=0.003, optimizer=None):
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=lr)
    for xb, yb in minibatches(x, y, 32, steps):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()


class Attention(nn.Module):
    """Self-attention of one head; `axis` and `scale` are where it can go wrong."""

    def __init__(self, width, axis=-1, scale=None):
        super().__init__()
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.axis, self.scale = axis, width**-0.5 if scale is None else scale

    def forward(self, x):
        query, key, value = self.qkv(x).chunk(3, dim=-1)
        weight = (self.scale * query @ key.transpose(1, 2)).softmax(self.axis)
        return x + self.out(weight @ value)


class Encoder(nn.Module):
    def __init__(self, tokens, length, places=True, width=32, **attention):
        super().__init__()
        self.tokens = nn.Embedding(tokens, width)
        self.places = nn.Parameter(0.5 * torch.randn(length, width)) if places else None
        self.attention = Attention(width, **attention)
        self.feed = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 2))

    def forward(self, ids):
        x = self.tokens(ids)
        x = x if self.places is None else x + self.places
        return self.feed(self.attention(x).mean(1))


@faulty("accuracy", at_least=0.9, causes=("wrong_shape",))
def no_positions(fixed=False):
    """The class depends on the order of two tokens; without positions every order looks the same
    to attention, and nothing about it can be learnt."""
    order = torch.rand(500, 6).argsort(1)
    y = (order == 0).float().argmax(1).gt((order == 1).float().argmax(1)).long()
    model = Encoder(6, 6, places=fixed)
    fit(model, order, y, steps=250, lr=0.005)
    return accuracy(model, order, y)


@faulty("accuracy", at_least=0.9, causes=("wrong_output_activation", "wrong_shape", "other"))
def softmax_over_the_batch(fixed=False):
    """The last softmax runs over the rows of the batch, not over the classes: probabilities of a
    row do not sum to one and depend on its neighbours."""
    ids = torch.randint(0, 20, (500, 6))
    y = (ids < 10).sum(1).gt(3).long()
    model = Encoder(20, 6)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for xb, yb in minibatches(ids, y, 32, 200):
        log_p = F.log_softmax(model(xb), dim=1 if fixed else 0)
        optimizer.zero_grad()
        F.nll_loss(log_p, yb).backward()
        optimizer.step()
    with torch.no_grad():
        out = torch.cat([F.log_softmax(model(b), dim=1 if fixed else 0) for b in ids.split(1)])
        return (out.argmax(1) == y).float().mean()


@faulty("accuracy", at_least=0.9, causes=("lr_too_high",))
def deep_post_norm_without_warm_up(fixed=False):
    """Eight post-norm layers at a full rate from the first step: they end at a constant output.
    The cure normalises before each layer and lowers the rate."""
    ids = torch.randint(0, 20, (400, 6))
    y = (ids < 10).sum(1).gt(3).long()
    layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True, norm_first=fixed)
    model = nn.Sequential(
        nn.Embedding(20, 16),
        nn.TransformerEncoder(layer, 6, enable_nested_tensor=False),
        nn.Flatten(),
        nn.Linear(96, 2),
    )
    fit(model, ids, y, steps=120, lr=0.003 if fixed else 0.1)
    return accuracy(model, ids, y)


@faulty("accuracy", at_least=0.9, causes=("saturated", "bad_init", "exploding"))
def unscaled_attention(fixed=False):
    """Scores of a width of 256 without the division by its root, from embeddings of spread 1 and
    large projections: the softmax puts everything on one place and passes no gradient on."""
    x = torch.randn(400, 8, 64)
    where = torch.randint(8, (400,))
    x[torch.arange(400), where, 0] += 4
    y = (x[torch.arange(400), where, 1] > 0).long()

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key = nn.Parameter(torch.randn(256)), nn.Linear(64, 256)
            self.head = nn.Linear(64, 2)
            nn.init.normal_(self.key.weight, 0, 1.0)

        def forward(self, x):
            score = self.key(x) @ self.query
            weight = (score / math.sqrt(256 * 64) if fixed else score).softmax(1)
            return self.head((weight.unsqueeze(2) * x).sum(1))

    model = Reader()
    fit(model, x, y, steps=250, lr=0.005)
    return accuracy(model, x, y)


@faulty("accuracy", at_least=0.9, causes=("nan",))
def row_without_anything_to_attend_to(fixed=False):
    """A mask of −∞ over whole rows: their softmax is 0/0. The cure leaves each row one place."""
    ids = torch.randint(1, 20, (400, 6))
    ids[:40] = 0
    y = (ids < 10).sum(1).gt(3).long()
    words, score, head = nn.Embedding(20, 16), nn.Linear(16, 1), nn.Linear(16, 2)
    parameters = [*words.parameters(), *score.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.01)

    def model(ids):
        x = words(ids)
        hidden = ids == 0
        if fixed:
            hidden = hidden & (torch.arange(6) > 0)
        weight = score(x).squeeze(2).masked_fill(hidden, -torch.inf).softmax(1)
        return head((weight.unsqueeze(2) * x).sum(1))

    for xb, yb in minibatches(ids, y, 32, 200):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    with torch.no_grad():
        return (model(ids).argmax(1) == y).float().mean()


@faulty("held-out accuracy", at_least=0.9, causes=("wrong_shape", "other"))
def mask_of_the_wrong_side(fixed=False):
    """The padding mask is True at the words, where torch wants it True at the padding: the first
    place, which is read for the answer, sees padding only."""
    length = torch.randint(3, 8, (900, 1))
    ids = torch.randint(2, 20, (900, 9)) * (torch.arange(9) < length)
    ids[:, 0] = 1
    y = (ids > 13).sum(1).gt(1).long()
    layer = nn.TransformerEncoderLayer(32, 2, 64, dropout=0.0, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
    words, head = nn.Embedding(20, 32, padding_idx=0), nn.Linear(32, 2)
    parts = nn.ModuleList([words, encoder, head])
    optimizer = torch.optim.AdamW(parts.parameters(), lr=0.002)

    def answer(ids):
        mask = (ids == 0) if fixed else (ids != 0)
        return head(encoder(words(ids), src_key_padding_mask=mask)[:, 0])

    for xb, yb in minibatches(ids[:700], y[:700], 32, 250):
        optimizer.zero_grad()
        F.cross_entropy(answer(xb), yb).backward()
        optimizer.step()
    with torch.no_grad():
        return (answer(ids[700:]).argmax(1) == y[700:]).float().mean()


@faulty("tokens right", at_least=0.9, causes=("wrong_shape",))
def mask_of_a_language_model(fixed=False):
    """An encoder is to say a sequence backwards, and a causal mask was left in it: the first half
    of the answers lies behind the mask."""
    length = 6
    x = torch.randint(8, (1500, length))
    embed, places = nn.Embedding(8, 32), nn.Parameter(0.5 * torch.randn(length, 32))
    layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
    head = nn.Linear(32, 8)
    mask = None if fixed else nn.Transformer.generate_square_subsequent_mask(length)

    def said(ids):
        return head(layer(embed(ids) + places, src_mask=mask))

    parts = [*embed.parameters(), *layer.parameters(), *head.parameters(), places]
    optimizer = torch.optim.Adam(parts, lr=0.005)
    for xb, yb in minibatches(x, x.flip(1), 32, 200):
        optimizer.zero_grad()
        F.cross_entropy(said(xb).reshape(-1, 8), yb.reshape(-1)).backward()
        optimizer.step()
    with torch.no_grad():
        return (said(x).argmax(2) == x.flip(1)).float().mean()


class Dropped(nn.Module):
    """Tokens, positions that are given, and a dropout on their sum, before an encoder's layer."""

    def __init__(self, tokens, places, width=32, spread=1.0):
        super().__init__()
        self.tokens = nn.Embedding(tokens, width)
        nn.init.normal_(self.tokens.weight, std=spread)
        self.places, self.dropped = places, nn.Dropout(0.1)
        self.layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True)
        self.head = nn.Linear(width, 2)

    def forward(self, ids):
        x = self.tokens(ids)
        return self.head(self.layer(self.dropped(x + self.places(x))).mean(1))


def waves(positions, width=32):
    angle = torch.arange(positions)[:, None] / 10000 ** (torch.arange(0, width, 2) / width)
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)


@faulty("accuracy", at_least=0.9, causes=("wrong_shape",))
def positions_along_the_batch(fixed=False):
    """Positions that were written for inputs with the positions first are added to a batch of
    sequences: each sequence gets a vector of its own, and all its tokens the same."""
    ids = torch.randint(2, 12, (600, 10))
    y, at = torch.randint(2, (600,)), torch.rand(600, 10).argsort(1)[:, :2].sort(1).values
    ids.scatter_(1, at, torch.stack([y, 1 - y], 1))
    table = waves(600)
    along = (lambda x: table[: x.shape[1]]) if fixed else (lambda x: table[: x.shape[0], None])
    model = Dropped(12, along)
    fit(model, ids, y, steps=400)
    return accuracy(model.eval(), ids, y)


@faulty("accuracy", at_least=0.9, causes=("bad_init",))
def tokens_lost_in_their_positions(fixed=False):
    """Sines and cosines are multiplied by the root of the width, and tokens of 0.02 are added: all
    sequences look alike."""
    ids = torch.randint(2, 20, (600, 10))
    y = torch.randint(2, (600,))
    ids.scatter_(1, torch.randint(10, (600, 1)), y[:, None])
    table = waves(10) * (0.1 if fixed else 32**0.5)
    model = Dropped(20, lambda x: table, spread=1.0 if fixed else 0.02)
    fit(model, ids, y, steps=300, optimizer=torch.optim.SGD(model.parameters(), 0.05, momentum=0.9))
    return accuracy(model.eval(), ids, y)

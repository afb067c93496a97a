import torch
import torch.nn.functional as F
from data import minibatches, split
from program import faulty
from torch import nn


def questions(n=1500, length=5, words=6):
    """Places of a key and a value, the last one of the key that is asked for; and the answers."""
    keys = torch.rand(n, words).argsort(1)[:, :length]
    values = torch.randint(2, (n, length))
    asked = torch.randint(length, (n, 1))
    last = torch.cat([keys.gather(1, asked), torch.full((n, 1), 2)], 1)
    return torch.cat([torch.stack([keys, values], 2), last.unsqueeze(1)], 1), values.gather(
        1, asked
    ).squeeze(1)


class Lookup(nn.Module):
    """The last place attends to the others and answers."""

    def __init__(self, batch_first, width=32):
        super().__init__()
        self.key, self.value = nn.Embedding(6, width), nn.Embedding(3, width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=batch_first)
        self.norm, self.head = (
            nn.LayerNorm(width),
            nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 2)),
        )

    def forward(self, x):
        h = self.key(x[..., 0]) + self.value(x[..., 1])
        found, _ = self.attention(h, h, h, need_weights=False)
        return self.head(self.norm(h + found)[:, -1])


@faulty("accuracy", at_least=0.85, causes=("wrong_shape",))
def attention_among_the_rows(fixed=False):
    """`batch_first` was left out: attention takes the rows of the batch for places and looks at
    other questions, never at the places of its own."""
    known, unknown = split(*questions())
    model = Lookup(batch_first=fixed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for x, y in minibatches(*known, 64, 400):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    x, y = unknown
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean()


class SmallDecoder(nn.Module):
    """Guesses each next token from those before it."""

    def __init__(self, words=12, length=12, width=32):
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(length, width)
        layer = nn.TransformerEncoderLayer(
            width, 2, 64, dropout=0.0, batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words)

    def forward(self, ids):
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
        h = self.words(ids) + self.places(torch.arange(ids.shape[1]))
        return self.head(self.norm(self.layers(h, mask=mask, is_causal=True)))


@faulty("cross-entropy", at_most=0.6, causes=("lr_too_high",))
def decoder_at_a_thousandfold_rate(fixed=False):
    """A rate of 3 instead of 0.003 for a small decoder: the loss leaps up and never comes back."""
    start, stride = torch.randint(12, (600, 1)), torch.randint(1, 4, (600, 1))
    text = (start + stride * torch.arange(13)) % 12
    known, unknown = text[:500], text[500:]
    model = SmallDecoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003 if fixed else 3.0)
    for ids, _ in minibatches(known, known, 32, 150):
        loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    with torch.no_grad():
        return F.cross_entropy(model(unknown[:, :-1]).flatten(0, 1), unknown[:, 1:].flatten())


class Asked(nn.Module):
    """Answers with the values that the asked key's scores choose, and knows nothing else."""

    def __init__(self, scale, keys=20, values=10, width=64):
        super().__init__()
        self.key, self.query = nn.Embedding(keys, width), nn.Embedding(keys, width)
        self.value, self.scale = nn.Embedding(values, width), scale
        self.head = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, values))

    def forward(self, keys, values, asked):
        scores = (self.key(keys) * self.query(asked).unsqueeze(1)).sum(-1) * self.scale
        return self.head((scores.softmax(-1).unsqueeze(-1) * self.value(values)).sum(1))


@faulty("accuracy", at_least=0.9, causes=("bad_init", "saturated"))
def scores_multiplied_by_the_root(fixed=False):
    """Scores are multiplied by the root of the width instead of divided: the softmax is one-hot
    before anything was learned, and where it is wrong no gradient says so."""
    keys = torch.rand(4000, 20).argsort(1)[:, :12]
    values, at = torch.randint(10, (4000, 12)), torch.randint(12, (4000, 1))
    known, unknown = split(
        torch.cat([keys, values, keys.gather(1, at)], 1), values.gather(1, at).squeeze(1)
    )
    model = Asked(64**-0.5 if fixed else 64**0.5)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for x, y in minibatches(*known, 64, 500):
        optimizer.zero_grad()
        F.cross_entropy(model(x[:, :12], x[:, 12:24], x[:, 24]), y).backward()
        optimizer.step()
    x, y = unknown
    with torch.no_grad():
        return (model(x[:, :12], x[:, 12:24], x[:, 24]).argmax(1) == y).float().mean()


class Turned(nn.Module):
    """Causal attention of four heads with rotary positions along axis 1."""

    def __init__(self, words, exchanged_first, width=32, heads=4):
        super().__init__()
        self.heads, self.exchanged_first = heads, exchanged_first
        self.words, self.maps = nn.Embedding(words, width), nn.Linear(width, 3 * width)
        self.head = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, words))
        angle = torch.arange(64)[:, None] / 10 ** (torch.arange(0, 8, 2) / 4)
        self.register_buffer("angle", torch.cat([angle, angle], 1)[:, None])

    def rotate(self, x):
        turn = self.angle[: x.shape[1]]
        a, b = x.chunk(2, -1)
        return x * turn.cos() + torch.cat([-b, a], -1) * turn.sin()

    def forward(self, ids):
        x = self.words(ids)
        q, k, v = self.maps(x).unflatten(2, (3, self.heads, -1)).unbind(2)
        if not self.exchanged_first:
            q, k = self.rotate(q), self.rotate(k)
        q, k, v = (each.transpose(1, 2) for each in (q, k, v))
        if self.exchanged_first:
            q, k = self.rotate(q), self.rotate(k)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.head(x + y.transpose(1, 2).flatten(2))


@faulty("accuracy on the last words", at_least=0.8, causes=("wrong_shape", "other"))
def heads_turned_for_positions(fixed=False):
    """Rotary positions are applied after heads and positions changed places: each head is turned by
    one angle, and nothing tells where a word stands. Four words are said again and again."""
    ids = torch.randint(12, (600, 4)).repeat(1, 3)
    model = Turned(12, exchanged_first=not fixed)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for xb, yb in minibatches(ids[:, :-1], ids[:, 1:], 32, 200):
        optimizer.zero_grad()
        F.cross_entropy(model(xb).flatten(0, 1), yb.flatten()).backward()
        optimizer.step()
    with torch.no_grad():
        told = model(ids[:, :-1]).argmax(2)[:, -4:] == ids[:, -4:]
    return told.float().mean()

import torch
import torch.nn.functional as F
from data import accuracy, minibatches
from program import healthy
from torch import nn

TEXT = (
    "the network learns what the gradient tells it and the gradient tells it what the loss wants "
    "a unit that is silent learns nothing and a unit that is loud learns nothing either "
)


def fit(model, x, y, steps=150, lr=0.01, size=32, loss_fn=F.cross_entropy):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for xb, yb in minibatches(x, y, size, steps):
        optimizer.zero_grad()
        loss_fn(model(xb), yb).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def sequences_with_a_marked_number(n=400, length=12):
    """Numbers of which one is marked; the class says whether the marked one is positive."""
    x = torch.zeros(n, length, 2)
    x[:, :, 0] = torch.randn(n, length)
    where = torch.randint(length, (n,))
    x[torch.arange(n), where, 1] = 1
    return x, (x[torch.arange(n), where, 0] > 0).long()


class Recurrent(nn.Module):
    def __init__(self, cell, width=24):
        super().__init__()
        self.cell, self.head = cell(2, width, batch_first=True), nn.Linear(width, 2)

    def forward(self, x):
        return self.head(self.cell(x)[0][:, -1])


@healthy("accuracy", at_least=0.9)
def small_lstm():
    """An LSTM on twelve steps: gates squash by design, and early steps get little gradient."""
    x, y = sequences_with_a_marked_number()
    model = Recurrent(nn.LSTM)
    fit(model, x, y, steps=150, lr=0.02)
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def small_gru():
    """A GRU on twelve steps, the same weights at each of them."""
    x, y = sequences_with_a_marked_number()
    model = Recurrent(nn.GRU)
    fit(model, x, y, steps=150, lr=0.02)
    return accuracy(model, x, y)


@healthy("unexplained variance of the sum", at_most=0.1)
def recurrence_by_hand():
    """A loop over `RNNCell`: one module called once for each time step."""
    x = torch.randn(300, 6, 1)
    y = x.sum(1) / 2
    cell, head = nn.RNNCell(1, 16), nn.Linear(16, 1)
    optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters()], lr=0.01)

    def model(x):
        state = torch.zeros(len(x), 16)
        for t in range(x.shape[1]):
            state = cell(x[:, t], state)
        return head(state)

    for xb, yb in minibatches(x, y, 32, 250):
        optimizer.zero_grad()
        F.mse_loss(model(xb), yb).backward()
        optimizer.step()
    with torch.no_grad():
        return ((model(x) - y) ** 2).mean() / y.var()


class Transformer(nn.Module):
    """A pre-norm transformer with weights of spread 0.02."""

    def __init__(self, tokens, length, width=32, layers=2):
        super().__init__()
        self.tokens, self.places = nn.Embedding(tokens, width), nn.Embedding(length, width)
        layer = nn.TransformerEncoderLayer(
            width, 4, 64, dropout=0.0, batch_first=True, norm_first=True, activation="gelu"
        )
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, tokens, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, 0, 0.02)

    def forward(self, ids):
        n = ids.shape[1]
        mask = torch.full((n, n), -torch.inf).triu(1)
        z = self.tokens(ids) + self.places(torch.arange(n))
        return self.head(self.norm(self.layers(z, mask=mask)))


def windows(length=16):
    letters = sorted(set(TEXT))
    ids = torch.tensor([letters.index(c) for c in TEXT * 2])
    return ids.unfold(0, length + 1, 1), len(letters)


def per_token(out, y):
    return F.cross_entropy(out.flatten(0, 1), y.flatten())


@healthy("accuracy of the next letter", at_least=0.7)
def transformer_of_small_weights():
    """Layer norm and weights of 0.02: activations and gradients are tiny between the norms."""
    ids, letters = windows()
    model = Transformer(letters, 16)
    fit(model, ids[:, :-1], ids[:, 1:], steps=110, lr=0.005, loss_fn=per_token)
    return accuracy(model, ids[:, :-1], ids[:, 1:])


@healthy("accuracy of the next letter", at_least=0.6)
def tied_embedding():
    """The output layer is the transposed embedding: one parameter, used at both ends."""
    ids, letters = windows(8)

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.cell = nn.Embedding(letters, 32), nn.GRU(32, 32, batch_first=True)

        def forward(self, ids):
            return F.linear(self.cell(self.tokens(ids))[0], self.tokens.weight)

    model = Tied()
    fit(model, ids[:, :-1], ids[:, 1:], steps=150, lr=0.01, loss_fn=per_token)
    return accuracy(model, ids[:, :-1], ids[:, 1:])


class Bag(nn.Module):
    """The mean of word vectors, then a linear layer."""

    def __init__(self, words, classes, padding=None):
        super().__init__()
        self.words = nn.Embedding(words, 16, padding_idx=padding)
        self.head = nn.Linear(16, classes)

    def forward(self, ids):
        return self.head(self.words(ids).mean(1))


@healthy("accuracy", at_least=0.85)
def rare_words():
    """An embedding of 2000 words of which most never occur: their rows have no gradient."""
    rank = torch.distributions.Geometric(0.02).sample((400, 12)).long().clamp(max=1999)
    y = (rank % 2 == 0).float().mean(1).gt(0.5).long()
    model = Bag(2000, 2)
    fit(model, rank, y, steps=250, lr=0.02)
    return accuracy(model, rank, y)


@healthy("accuracy", at_least=0.85)
def sparse_embedding_gradients():
    """`sparse=True`: the gradient of the embedding holds the rows of the batch only."""
    ids = torch.randint(0, 300, (400, 6))
    y = (ids % 2).float().mean(1).gt(0.5).long()
    words, head = nn.Embedding(300, 16, sparse=True), nn.Linear(16, 2)
    sparse = torch.optim.SparseAdam(words.parameters(), lr=0.02)
    dense = torch.optim.Adam(head.parameters(), lr=0.02)
    for xb, yb in minibatches(ids, y, 32, 200):
        sparse.zero_grad()
        dense.zero_grad()
        F.cross_entropy(head(words(xb).mean(1)), yb).backward()
        sparse.step()
        dense.step()
    with torch.no_grad():
        return (head(words(ids).mean(1)).argmax(1) == y).float().mean()


@healthy("accuracy on the tokens that count", at_least=0.9)
def padding_ignored_in_the_loss():
    """Two thirds of the targets are padding and ignored (`ignore_index`); the zero row stays."""
    ids = torch.randint(1, 50, (300, 15))
    ids[torch.arange(15) >= torch.randint(1, 10, (300, 1))] = 0
    target = torch.where(ids == 0, torch.tensor(-100), ids % 3)
    model = nn.Sequential(nn.Embedding(50, 16, padding_idx=0), nn.Linear(16, 3))
    fit(model, ids, target, steps=120, lr=0.02, loss_fn=per_token)
    with torch.no_grad():
        return (model(ids).argmax(-1) == target)[target >= 0].float().mean()


@healthy("unexplained variance on the steps that count", at_most=0.1)
def masked_steps():
    """Sequences of unequal length: the loss is a masked mean over the steps that exist."""
    x = torch.randn(300, 10, 1)
    y = x.cumsum(1) / 3
    exists = (torch.arange(10) < torch.randint(2, 10, (300, 1))).unsqueeze(2).float()
    cell, head = nn.GRU(1, 24, batch_first=True), nn.Linear(24, 1)
    optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters()], lr=0.02)
    for xb, row in minibatches(x * exists, torch.arange(300), 32, 150):
        error = (head(cell(xb)[0]) - y[row]) ** 2 * exists[row]
        optimizer.zero_grad()
        (error.sum() / exists[row].sum()).backward()
        optimizer.step()
    with torch.no_grad():
        keep = exists.bool()
        error = (head(cell(x * exists)[0]) - y)[keep] ** 2
        return error.mean() / y[keep].var()


class Attention(nn.Module):
    """Softmax attention by hand, one query for the whole sequence."""

    def __init__(self):
        super().__init__()
        self.key, self.value = nn.Linear(2, 16), nn.Linear(2, 16)
        self.query, self.head = nn.Parameter(0.1 * torch.randn(16)), nn.Linear(16, 2)

    def forward(self, x):
        weight = (self.key(x) @ self.query).softmax(1)
        return self.head((weight.unsqueeze(2) * self.value(x)).sum(1))


@healthy("accuracy", at_least=0.9)
def attention_that_becomes_sharp():
    """Attention learns to look at one of twelve places: its softmax ends nearly saturated."""
    x, y = sequences_with_a_marked_number()
    model = Attention()
    fit(model, x, y, steps=250, lr=0.03)
    return accuracy(model, x, y)


@healthy("accuracy of the hidden tokens", at_least=0.5)
def masked_language_model():
    """One token in five is hidden and only the hidden ones count."""
    ids, letters = windows(16)
    model = nn.Sequential(
        nn.Embedding(letters + 1, 48),
        nn.Flatten(),
        nn.Linear(17 * 48, 128),
        nn.GELU(),
        nn.Linear(128, 17 * letters),
        nn.Unflatten(1, (17, letters)),
    )

    def hide(ids):
        hidden = torch.rand(ids.shape) < 0.2
        return torch.where(hidden, letters, ids), torch.where(hidden, ids, -100)

    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for row, _ in minibatches(ids, ids, 64, 120):
        seen, target = hide(row)
        optimizer.zero_grad()
        per_token(model(seen), target).backward()
        optimizer.step()
    seen, target = hide(ids)
    with torch.no_grad():
        return (model(seen).argmax(-1) == target)[target >= 0].float().mean()

import torch
import torch.nn.functional as F
from data import accuracy, minibatches
from program import faulty
from torch import nn


class Recurrent(nn.Module):
    def __init__(self, cell, width_in, width, classes=2, **options):
        super().__init__()
        self.cell = cell(width_in, width, batch_first=True, **options)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(self.cell(x)[0][:, -1])


def fit(model, x, y, steps=150, lr=0.01, clip=None):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for xb, yb in minibatches(x, y, 32, steps):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()


def first_of(length, n=400):
    """Sequences of noise whose class is the sign of the first step."""
    x = 0.1 * torch.randn(n, length, 1)
    y = torch.randint(2, (n,))
    x[:, 0, 0] = 2.0 * y - 1
    return x, y


@faulty("accuracy", at_least=0.9, causes=("vanishing", "bad_init"))
def forgotten_start(fixed=False):
    """A tanh recurrence with small recurrent weights over 60 steps: the gradient that reaches the
    first step, which alone matters, is nothing. The cure starts from the identity with ReLU."""
    x, y = first_of(60)
    model = Recurrent(nn.RNN, 1, 32, nonlinearity="relu" if fixed else "tanh")
    if fixed:
        nn.init.eye_(model.cell.weight_hh_l0)
    else:
        nn.init.normal_(model.cell.weight_hh_l0, 0, 0.02)
    fit(model, x, y, steps=120, lr=0.001, clip=1.0)
    return accuracy(model, x, y)


@faulty("accuracy", at_least=0.9, causes=("saturated", "bad_init", "unnormalised_input"))
def saturated_recurrence(fixed=False):
    """Recurrent and input weights of spread 5: every tanh is at ±1 and passes no gradient on."""
    x = torch.randn(400, 10, 4)
    y = (x[:, :, 0].mean(1) > 0).long()
    model = Recurrent(nn.RNN, 4, 32)
    if not fixed:
        nn.init.normal_(model.cell.weight_hh_l0, 0, 5.0)
        nn.init.normal_(model.cell.weight_ih_l0, 0, 5.0)
    fit(model, x, y, steps=200)
    return accuracy(model, x, y)


@faulty("unexplained variance", at_most=0.2, causes=("saturated", "bad_init"))
def recurrence_by_hand(fixed=False):
    """An Elman network of plain tensors, drawn with a spread of 1: its state is saturated noise."""
    waves = torch.sin(torch.rand(400, 1) * 6 + torch.linspace(0, 5, 26))
    x, y = waves[:, :25, None], waves[:, 25:]
    into, state, out = torch.randn(1, 64), torch.randn(64, 64), torch.randn(64, 1) / 8
    if fixed:
        state /= 8
    shift, offset = torch.zeros(64), torch.zeros(1)
    optimizer = torch.optim.Adam([p.requires_grad_() for p in (into, state, shift, out, offset)])

    def predict(x):
        h = torch.zeros(len(x), 64)
        for t in range(x.shape[1]):
            h = torch.tanh(x[:, t] @ into + h @ state + shift)
        return h @ out + offset

    for xb, yb in minibatches(x, y, 32, 300):
        optimizer.zero_grad()
        ((predict(xb) - yb) ** 2).mean().backward()
        optimizer.step()
    with torch.no_grad():
        return ((predict(x) - y).square().mean() / y.var()).item()


@faulty("accuracy", at_least=0.9, causes=("exploding", "bad_init", "lr_too_high", "nan"))
def exploding_recurrence(fixed=False):
    """A ReLU recurrence whose weights grow the state twofold at each of 40 steps, not clipped."""
    x, y = first_of(40)
    model = Recurrent(nn.RNN, 1, 32, nonlinearity="relu")
    nn.init.eye_(model.cell.weight_hh_l0)
    if not fixed:
        with torch.no_grad():
            model.cell.weight_hh_l0.mul_(2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for xb, yb in minibatches(x, y, 32, 200):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        if fixed:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return accuracy(model, x, y)


@faulty("accuracy", at_least=0.9, causes=("wrong_shape",), leads=False)
def batch_taken_for_time(fixed=False):
    """Data of (batch, time, feature) in a cell that expects (time, batch, feature): the state runs
    from row to row of the batch, and each row's answer depends on the rows before it."""
    x = torch.randn(400, 8, 4)
    y = (x[:, 0, 0] > 0).long()
    cell, head = nn.GRU(4, 32, batch_first=fixed), nn.Linear(32, 2)
    optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters()], lr=0.01)

    def model(x):
        return head(cell(x)[0][:, -1])

    for xb, yb in minibatches(x, y, 32, 250):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean()


@faulty("accuracy", at_least=0.9, causes=("vanishing", "wrong_shape", "other"), leads=False)
def read_at_the_padding(fixed=False):
    """The state is read after 40 steps of padding, where it has forgotten the sequence; the cure
    reads it where the sequence ends."""
    length = torch.randint(3, 7, (400,))
    x = torch.zeros(400, 60, 4)
    for row, n in enumerate(length.tolist()):
        x[row, :n] = torch.randn(n, 4)
    y = (x[:, 0, 0] > 0).long()
    cell, head = nn.RNN(4, 16, batch_first=True), nn.Linear(16, 2)
    optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters()], lr=0.01)

    def model(rows):
        states = cell(x[rows])[0]
        last = length[rows] - 1 if fixed else torch.full((len(rows),), 59)
        return head(states[torch.arange(len(rows)), last])

    for rows, yb in minibatches(torch.arange(400), y, 32, 150):
        optimizer.zero_grad()
        F.cross_entropy(model(rows), yb).backward()
        optimizer.step()
    with torch.no_grad():
        return (model(torch.arange(400)).argmax(1) == y).float().mean()


@faulty("accuracy", at_least=0.9, causes=("frozen",))
def encoder_detached_from_its_head(fixed=False):
    """The encoder's last state is detached: only the head learns, on a state that has forgotten
    the start of the sequence."""
    x, y = first_of(16)
    encoder, head = nn.GRU(1, 16, batch_first=True), nn.Linear(16, 2)
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=0.02)

    def model(x):
        state = encoder(x)[0][:, -1]
        return head(state if fixed else state.detach())

    for xb, yb in minibatches(x, y, 32, 200):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean()


@faulty("accuracy", at_least=0.9, causes=("other", "frozen", "bad_init"), leads=False)
def constant_embedding_indices(fixed=False):
    """Word ids are cast from numbers below 1: every token is word 0 and every row looks alike."""
    share = torch.rand(400, 6)
    y = (share.mean(1) > 0.5).long()
    ids = (share * 100).long() if fixed else share.long()
    model = nn.Sequential(nn.Embedding(100, 16), nn.Flatten(), nn.Linear(96, 2))
    fit(model, ids, y, steps=200)
    return accuracy(model, ids, y)


@faulty("accuracy", at_least=0.9, causes=("wrong_shape", "other"), leads=False)
def normalised_over_one_feature(fixed=False):
    """Layer norm over an axis of one feature: (x − x) / spread is 0 for every step of every row.
    The cure normalises over time."""
    x, y = first_of(12)
    norm = nn.LayerNorm(12 if fixed else 1)

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.inner = norm, Recurrent(nn.GRU, 1, 16)

        def forward(self, x):
            x = self.norm(x.squeeze(2)).unsqueeze(2) if fixed else self.norm(x)
            return self.inner(x)

    model = Model()
    fit(model, x, y, steps=150, lr=0.01)
    return accuracy(model, x, y)


def travelling_waves(n, channels=12, steps=64):
    """(sample, channel, time): waves that travel up or down some channels, and a drift of all."""
    y = torch.randint(2, (n,))
    place = torch.randperm(channels).view(1, -1, 1)
    late = 0.6 * place * (2 * y - 1).view(-1, 1, 1)
    swing = (0.8 + 0.4 * torch.rand(n, 1, 1)) * torch.arange(steps) + 6.28 * torch.rand(n, 1, 1)
    drift = torch.randn(1, channels, 4) @ torch.randn(n, 4, steps).cumsum(2)
    wave = torch.sin(swing - late) * (place < 6)
    return 0.9 * wave + 0.06 * drift + 0.5 * torch.randn(n, channels, steps), y


@faulty("held-out accuracy", at_least=0.85, causes=("wrong_shape",))
def channels_reshaped_before_the_loop(fixed=False):
    """Recordings of (channel, time) are reshaped to (time, channel), and not transposed."""
    x, y = travelling_waves(700)
    x = x.transpose(1, 2).contiguous() if fixed else x.reshape(700, 64, 12)
    model = Recurrent(nn.GRU, 12, 24)
    fit(model, x[:500], y[:500], steps=200, lr=0.005)
    return accuracy(model, x[500:], y[500:])

import torch
import torch.nn.functional as F
from data import accuracy, curve, diabetes, digits, minibatches, tumours, unexplained
from program import faulty
from torch import nn


def network(width_in, out, *last, width=32):
    return nn.Sequential(nn.Linear(width_in, width), nn.ReLU(), nn.Linear(width, out), *last)


def fit(model, x, y, loss_fn=F.cross_entropy, steps=250, lr=0.01, size=32):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for xb, yb in minibatches(x, y, size, steps):
        optimizer.zero_grad()
        loss_fn(model(xb), yb).backward()
        optimizer.step()


@faulty("accuracy", at_least=0.9, causes=("wrong_labels",))
def shuffled_labels(fixed=False):
    """Pictures and labels are shuffled each by itself, anew in each epoch."""
    x, y = digits()
    model = network(64, 10)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for xb, yb in minibatches(x, y, 64, 400):
        yb = yb if fixed else y[torch.randint(len(y), (len(yb),))]
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, x, y)


@faulty("accuracy", at_least=0.9, causes=("wrong_loss", "wrong_labels", "other"))
def loss_of_the_wrong_sign(fixed=False):
    """The loss is negated: training climbs, to ever larger logits of the wrong class."""
    x, y = digits()
    model = network(64, 10)
    sign = 1 if fixed else -1
    fit(model, x, y, lambda out, y: sign * F.cross_entropy(out, y))
    return accuracy(model, x, y)


@faulty("accuracy", at_least=0.9, causes=("wrong_output_activation",))
def relu_on_the_logits(fixed=False):
    """A ReLU after the last layer: logits cannot be negative, and dead ones stay dead."""
    x, y = digits()
    model = network(64, 10) if fixed else network(64, 10, nn.ReLU())
    nn.init.constant_(model[2].bias, 0.0 if fixed else -0.5)
    fit(model, x, y)
    return accuracy(model, x, y)


@faulty("unexplained variance", at_most=0.1, causes=("wrong_output_activation",))
def sigmoid_below_standardised_targets(fixed=False):
    """Standardised targets, half of them negative, and an output that cannot leave 0…1."""
    x, y = curve()
    y = 1.5 * y
    model = network(1, 1) if fixed else network(1, 1, nn.Sigmoid())
    fit(model, x, y, F.mse_loss, steps=300)
    return unexplained(model, x, y)


@faulty("unexplained variance", at_most=0.2, causes=("wrong_output_activation",))
def tanh_below_large_targets(fixed=False):
    """Prices of 50 to 300 and a tanh at the end: the output saturates at 1."""
    x = torch.randn(400, 5)
    y = 170 + 40 * (x[:, :1] + 0.5 * x[:, 1:2] * x[:, 2:3])
    if fixed:
        y = (y - y.mean()) / y.std()
    model = network(5, 1) if fixed else network(5, 1, nn.Tanh())
    fit(model, x, y, F.mse_loss, steps=300)
    return unexplained(model, x, y)


@faulty("unexplained variance", at_most=0.3, causes=("wrong_output_activation", "dead_relu"))
def relu_below_negative_targets(fixed=False):
    """All targets are negative and the output layer ends in a ReLU: it dies, gradient and all."""
    x = torch.randn(400, 5)
    y = -3 - x[:, :1].abs()
    model = network(5, 1) if fixed else network(5, 1, nn.ReLU())
    fit(model, x, y, F.mse_loss, steps=300)
    return unexplained(model, x, y)


@faulty("accuracy", at_least=0.9, causes=("wrong_output_activation",))
def softmax_of_one_unit(fixed=False):
    """A softmax over a single output unit is always 1."""
    x, y = tumours()
    target = y.float().unsqueeze(1)
    model = network(30, 1, nn.Sigmoid() if fixed else nn.Softmax(1))
    fit(model, x, target, F.binary_cross_entropy, steps=150)
    with torch.no_grad():
        return ((model(x) > 0.5).float() == target).float().mean()


@faulty("share of right labels", at_least=0.9, causes=("wrong_loss", "wrong_output_activation"))
def softmax_for_none_or_several(fixed=False):
    """Three signs: none, one or two of them are true, most often none; and one softmax."""
    x, y = digits()
    target = torch.stack([y < 2, y == 0, y == 7], 1).float()
    model = network(64, 3)
    asked = F.binary_cross_entropy_with_logits if fixed else F.cross_entropy
    fit(model, x, target, asked, steps=200)
    with torch.no_grad():
        return ((model(x).sigmoid() > 0.5) == (target > 0.5)).all(1).float().mean()


@faulty("unexplained variance", at_most=0.6, causes=("wrong_shape",))
def predictions_and_targets_broadcast(fixed=False):
    """(N, 1) minus (N): every prediction is compared with every target."""
    x, y = diabetes()
    model = network(10, 1)

    def loss(out, y):
        return ((out - (y if fixed else y.squeeze(1))) ** 2).mean()

    fit(model, x, y, loss, steps=200, lr=0.003)
    return unexplained(model, x, y)


@faulty("accuracy", at_least=0.9, causes=("unnormalised_input", "other"), leads=False)
def input_scaled_twice(fixed=False):
    """Pixels in 0…1 are divided by 255 once more, and again: nearly nothing is left of them."""
    x, y = digits()
    x = x if fixed else x / 255 / 255
    model = network(64, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    for xb, yb in minibatches(x, y, 64, 250):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, x, y)


@faulty("unexplained variance", at_most=0.2, causes=("unnormalised_input",))
def raw_years_and_incomes(fixed=False):
    """Features of size 2000 and 50 000 as they are: the first layer's units die or saturate."""
    x = torch.stack([1950 + 70 * torch.rand(400), 5e4 * torch.rand(400)], 1)
    y = ((x[:, :1] - 1985) / 20).sin() + x[:, 1:] / 5e4
    if fixed:
        x = (x - x.mean(0)) / x.std(0)
    model = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))
    fit(model, x, y, F.mse_loss, steps=350, lr=0.02)
    return unexplained(model, x, y)


@faulty(
    "accuracy",
    at_least=0.85,
    causes=("wrong_loss", "wrong_labels", "wrong_output_activation"),
    leads=False,
)
def classes_as_numbers(fixed=False):
    """Ten classes without an order regressed as one number."""
    x, y = digits()
    if fixed:
        model = network(64, 10)
        fit(model, x, y, steps=200)
        return accuracy(model, x, y)
    model = network(64, 1)
    fit(model, x, y.float().unsqueeze(1), F.mse_loss, steps=200)
    with torch.no_grad():
        return (model(x).round().squeeze(1) == y).float().mean()


@faulty("accuracy", at_least=0.9, causes=("wrong_labels",))
def labels_off_by_one_row(fixed=False):
    """A header line was skipped in one file only: each label is that of the row before."""
    x, y = digits()
    order = torch.randperm(len(x))
    x, y = x[order], y[order]
    target = y if fixed else y.roll(1)
    model = nn.Linear(64, 10)
    fit(model, x, target, steps=300, size=64)
    return accuracy(model, x, y)


@faulty("accuracy", at_least=0.9, causes=("wrong_output_activation",))
def softmax_twice(fixed=False):
    """A softmax before a loss that applies its own, on a deep network with plain descent."""
    x, y = digits()
    model = nn.Sequential(
        nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10), *([] if fixed else [nn.Softmax(1)])
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    for xb, yb in minibatches(x, y, 64, 250):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, x, y)


@faulty("held-out share of the tags found", at_least=0.85, causes=("wrong_output_activation",))
def tags_that_share_a_softmax(fixed=False):
    """A text may carry several of six tags, but a softmax makes them compete under binary
    cross-entropy: two that both apply get a half each, and no threshold finds them."""
    words = torch.randint(60, (900, 24))
    tags = torch.stack([(words % 6 == tag).sum(1) > 4 for tag in range(6)], 1).float()
    bag, scores = nn.EmbeddingBag(60, 16, mode="sum"), nn.Linear(16, 6)
    model = nn.Sequential(bag, scores, nn.Sigmoid() if fixed else nn.Softmax(1))
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1)
    for xb, yb in minibatches(words[:700], tags[:700], 50, 300):
        optimizer.zero_grad()
        F.binary_cross_entropy(model(xb), yb).backward()
        optimizer.step()
    with torch.no_grad():
        found = model(words[700:]) > 0.5
    return found[tags[700:] == 1].float().mean()


class Questions(nn.Module):
    """One body, and a head for each question."""

    def __init__(self, heads):
        super().__init__()
        self.body, self.heads = nn.Sequential(nn.Linear(6, 32), nn.ReLU()), nn.ModuleList(heads)

    def forward(self, x):
        hidden = self.body(x)
        return torch.stack([head(hidden) for head in self.heads], 2)


@faulty("accuracy of all three answers", at_least=0.8, causes=("other",))
def one_head_for_three_questions(fixed=False):
    """`[head] * 3` is one head three times: it gives the same answer to each question."""
    x = torch.randn(400, 6)
    y = torch.stack([(x[:, i] > 0).long() for i in range(3)], 1)
    heads = [nn.Linear(32, 2) for _ in range(3)] if fixed else [nn.Linear(32, 2)] * 3
    model = Questions(heads)
    fit(model, x, y)
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean()


class Shops(nn.Module):
    """Two categories, looked up, beside one number."""

    def __init__(self):
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(12, 6), nn.Embedding(7, 4)])
        self.body = nn.Sequential(nn.Linear(11, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        codes = x[:, :2].long()
        found = [table(codes[:, i]) for i, table in enumerate(self.tables)]
        return self.body(torch.cat([*found, x[:, 2:]], 1))


@faulty("unexplained variance", at_most=0.1, causes=("other",))
def categories_scaled_with_the_rest(fixed=False):
    """All columns are scaled to 0 … 1, those of categories too, which `.long()` then cuts to 0."""
    codes = torch.stack([torch.randint(12, (600,)), torch.randint(7, (600,))], 1)
    number = torch.rand(600, 1)
    y = torch.randn(12)[codes[:, :1]] + torch.randn(7)[codes[:, 1:]] - number
    x = torch.cat([codes if fixed else codes / codes.amax(0), number], 1)
    y = (y - y.mean()) / y.std()
    model = Shops()
    fit(model, x, y, F.mse_loss, steps=400)
    return unexplained(model, x, y)


class Windows(nn.Module):
    """Forecasts windows of series in the units of each, whatever their level is."""

    def __init__(self, *, divides):
        super().__init__()
        self.divides = divides
        self.body = nn.Sequential(nn.Linear(24, 48), nn.GELU(), nn.Linear(48, 4))

    def forward(self, x):
        mean, scale = x.mean(1, keepdim=True), x.std(1, keepdim=True)
        inside = (x - mean) / scale if self.divides else x - mean
        return self.body(inside) * scale + mean


@faulty("unexplained share of the scaled series", at_most=0.3, causes=("unnormalised_input",))
def windows_never_divided_by_their_scale(fixed=False):
    """Each window of a series is centred and its deviation put back at the end, but it is not
    divided by it on the way in: levels differ a thousandfold."""
    levels, period = 10 ** (3 * torch.rand(1500, 1)), 8 + 8 * torch.rand(1500, 1)
    waves = torch.sin(2 * torch.pi * (torch.arange(28) / period + torch.rand(1500, 1)))
    series = levels * (2 + waves + 0.05 * torch.randn(1500, 28))
    x, y = series[:, :24], series[:, 24:]
    model = Windows(divides=fixed)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

    def missed(x, y):
        return ((model(x) - y) / x.std(1, keepdim=True)).square().mean()

    for xb, yb in minibatches(x[:1200], y[:1200], 64, 500):
        optimizer.zero_grad()
        missed(xb, yb).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        return missed(x[1200:], y[1200:]).item()


@faulty("cosine of the angle to the true wind", at_least=0.97, causes=("wrong_loss", "other"))
def north_is_0_and_360(fixed=False):
    """The direction of the wind as one number, which begins anew in the north."""
    wind = 2 * torch.pi * torch.rand(1500, 1)
    taps = 2 * torch.pi * torch.arange(8) / 8
    x = (wind - taps).cos() + 0.15 * torch.randn(1500, 8)
    y = torch.cat([wind.sin(), wind.cos()], 1) if fixed else (wind - torch.pi) / torch.pi
    model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, y.shape[1]))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for xb, yb in minibatches(x[300:], y[300:], 64, 500):
        optimizer.zero_grad()
        F.mse_loss(model(xb), yb).backward()
        optimizer.step()
    with torch.no_grad():
        told = model(x[:300])
    angle = torch.atan2(*told.T) if fixed else torch.pi * (told[:, 0] + 1)
    return (angle - wind[:300, 0]).cos().mean().item()

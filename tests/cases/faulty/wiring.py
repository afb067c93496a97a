import itertools

import torch
import torch.nn.functional as F
from data import accuracy, digits, minibatches, moons, unexplained, wine
from program import faulty
from torch import nn


def fit(model, x, y, steps=150, lr=0.01, parameters=None, loss_fn=F.cross_entropy, size=32):
    optimizer = torch.optim.Adam(parameters or model.parameters(), lr=lr)
    for xb, yb in minibatches(x, y, size, steps):
        optimizer.zero_grad()
        loss_fn(model(xb), yb).backward()
        optimizer.step()


def network(width_in, out, width=32):
    return nn.Sequential(nn.Linear(width_in, width), nn.ReLU(), nn.Linear(width, out))


class TwoStages(nn.Module):
    def __init__(self, detached):
        super().__init__()
        self.features, self.head = nn.Linear(64, 6), nn.Linear(6, 10)
        self.detached = detached

    def forward(self, x):
        z = torch.tanh(self.features(x))
        return self.head(z.detach() if self.detached else z)


@faulty("accuracy", at_least=0.85, causes=("frozen",))
def detached_features(fixed=False):
    """A `.detach()` left in after debugging: only the last layer learns, on random features."""
    x, y = digits()
    model = TwoStages(detached=not fixed)
    fit(model, x, y, steps=400)
    return accuracy(model, x, y)


@faulty("accuracy", at_least=0.85, causes=("frozen",))
def everything_frozen_but_the_last_bias(fixed=False):
    """`requires_grad=False` set for pretraining and never taken back: only one bias learns."""
    x, y = wine()
    model = network(13, 3)
    if not fixed:
        for p in list(model.parameters())[:-1]:
            p.requires_grad_(False)
    fit(model, x, y, steps=150)
    return accuracy(model, x, y)


class Layers(nn.Module):
    def __init__(self, registered):
        super().__init__()
        layers = [nn.Linear(64, 6), nn.Linear(6, 6)]
        self.layers = nn.ModuleList(layers) if registered else layers
        self.head = nn.Linear(6, 10)

    def forward(self, x):
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return self.head(x)


@faulty("accuracy", at_least=0.85, causes=("frozen",))
def layers_in_a_plain_list(fixed=False):
    """Layers in a Python list: `parameters()` does not know them and no optimizer moves them."""
    x, y = digits()
    model = Layers(registered=fixed)
    fit(model, x, y, steps=500)
    return accuracy(model, x, y)


@faulty("accuracy", at_least=0.85, causes=("frozen",))
def layer_replaced_after_the_optimizer(fixed=False):
    """The head is replaced after the optimizer was built: it moves the weights that are gone."""
    x, y = digits()
    model = nn.Sequential(nn.Linear(64, 6), nn.Tanh(), nn.Linear(6, 10))
    if fixed:
        model[2] = nn.Linear(6, 10)
    optimizer = torch.optim.Adam([*model[2].parameters()], lr=0.01)
    if fixed:
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    else:
        model[2] = nn.Linear(6, 10)
    for xb, yb in minibatches(x, y, 32, 500):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, x, y)


@faulty("accuracy", at_least=0.9, causes=("other", "frozen"))
def gradients_never_cleared(fixed=False):
    """No `zero_grad`: each step adds to all the gradients before it, and the weights swing."""
    x, y = digits()
    model = network(64, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    for xb, yb in minibatches(x, y, 32, 250):
        if fixed:
            optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, x, y)


@faulty(
    "unexplained variance",
    at_most=0.1,
    causes=("other", "unnormalised_input", "frozen"),
    leads=False,
)
def evaluation_mode_while_training(fixed=False):
    """`model.eval()` before training: batch norm divides by the statistics it never collected, and
    raw inputs of size 1000 reach the tanh behind it."""
    x = 1000 + 300 * torch.randn(400, 4)
    y = torch.sin((x[:, :1] - 1000) / 300)
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 1))
    model.train(fixed)
    fit(model, x, y, steps=300, loss_fn=F.mse_loss)
    model.train()
    with torch.no_grad():
        model(x)
    return unexplained(model, x, y)


@faulty("accuracy", at_least=0.85, causes=("frozen",))
def loss_made_into_a_new_tensor(fixed=False):
    """`torch.tensor(loss.item(), requires_grad=True)`: backward runs, and reaches no parameter."""
    x, y = wine()
    model = network(13, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, yb in minibatches(x, y, 32, 150):
        loss = F.cross_entropy(model(xb), yb)
        if not fixed:
            loss = torch.tensor(loss.item(), requires_grad=True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return accuracy(model, x, y)


@faulty("accuracy", at_least=0.9, causes=("nan", "exploding", "unnormalised_input"))
def half_precision_overflow(fixed=False):
    """Squares of a few hundred, in place and in half precision, overflow at 65504; the cure takes
    the squares in single precision."""
    x, y = wine()
    features, head = nn.Linear(13, 32), nn.Linear(32, 3)
    optimizer = torch.optim.Adam([*features.parameters(), *head.parameters()], lr=0.01)

    def model(x):
        z = 500 * features(x)
        squares = (z.clone() if fixed else z.half()).pow_(2)
        return head(6 * z / (squares.mean(1, keepdim=True) + 1).sqrt())

    for xb, yb in minibatches(x, y, 32, 150):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean()


@faulty("accuracy", at_least=0.9, causes=("nan",))
def softmax_by_hand_overflows(fixed=False):
    """`exp(z) / exp(z).sum()` by hand: exp overflows and inf/inf is no number."""
    x, y = digits()
    model = network(64, 10)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for xb, yb in minibatches(10 * x, y, 64, 250):
        z = 40 * model(xb)
        p = z.exp() / z.exp().sum(1, keepdim=True)
        loss = F.cross_entropy(z, yb) if fixed else -p.gather(1, yb.unsqueeze(1)).log().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return accuracy(model, 10 * x, y)


@faulty("accuracy", at_least=0.9, causes=("other", "capacity"), leads=False)
def dropout_of_everything(fixed=False):
    """Dropout of 0.99: of 32 hidden units a third of one survives, scaled a hundredfold."""
    x, y = digits()
    rate = 0.2 if fixed else 0.99
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(rate), nn.Linear(32, 10))
    fit(model, x, y, steps=250)
    return accuracy(model, x, y)


@faulty("accuracy", at_least=0.9, causes=("lr_too_low",))
def rate_far_too_low(fixed=False):
    """A rate of 1e-7: every update is lost among the digits of the weights."""
    x, y = digits()
    model = network(64, 10)
    fit(model, x, y, steps=250, lr=0.01 if fixed else 1e-7)
    return accuracy(model, x, y)


@faulty("accuracy", at_least=0.9, causes=("lr_too_high",))
def rate_far_too_high(fixed=False):
    """Adam at a rate of 3: the first updates are many times as large as the weights."""
    x, y = digits()
    model = network(64, 10)
    fit(model, x, y, steps=250, lr=0.01 if fixed else 3.0)
    return accuracy(model, x, y)


@faulty("accuracy", at_least=0.9, causes=("bad_init",))
def zero_weights_everywhere(fixed=False):
    """A hidden layer of zeros: its units are one unit, and with ReLU not even that."""
    x, y = wine()
    model = network(13, 3)
    if not fixed:
        for p in model.parameters():
            nn.init.zeros_(p)
    fit(model, x, y, steps=150)
    return accuracy(model, x, y)


@faulty("accuracy", at_least=0.8, causes=("frozen",))
def unfrozen_without_an_optimizer(fixed=False):
    """The features are frozen while the head warms up, then ask for gradients again; the optimizer
    was made in between, for the head alone, and never hears of them."""
    x, y = digits()
    features, head = nn.Sequential(nn.Linear(64, 4), nn.Tanh()), nn.Linear(4, 10)
    model = nn.Sequential(features, head)
    features.requires_grad_(False)
    trained = [p for p in model.parameters() if p.requires_grad]
    fit(model, x, y, 60, 0.05, trained)
    features.requires_grad_(True)
    fit(model, x, y, 200, 0.05, model.parameters() if fixed else head.parameters())
    return accuracy(model, x, y)


class FreshWeight(nn.Module):
    def __init__(self, made_once):
        super().__init__()
        self.enter, self.leave = nn.Linear(64, 8), nn.Linear(32, 10)
        self.made_once = made_once
        self.weight = self.fresh()

    def fresh(self):
        return nn.Parameter(torch.randn(8, 32) / 8**0.5)

    def forward(self, x):
        if self.training and not self.made_once:
            self.weight = self.fresh()
        return self.leave(torch.tanh(torch.tanh(self.enter(x)) @ self.weight))


@faulty("accuracy", at_least=0.85, causes=("frozen",))
def parameter_made_in_the_forward_pass(fixed=False):
    """A layer makes its weight anew each time it runs; the optimizer holds the first one."""
    x, y = digits()
    model = FreshWeight(made_once=fixed)
    fit(model, x, y, 200)
    return accuracy(model, x, y)


class OwnReLU(torch.autograd.Function):
    """A ReLU with a backward of its own."""

    @staticmethod
    def forward(ctx, x, fixed):
        ctx.save_for_backward(x)
        ctx.fixed = fixed
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        passed = gradient if ctx.fixed else torch.ones_like(gradient)
        return passed * (x > 0), None


@faulty("accuracy", at_least=0.8, causes=("other",))
def backward_that_returns_ones(fixed=False):
    """The backward of an own activation gives the derivative alone, not times the gradient."""
    x, y = digits()
    first, last = nn.Linear(64, 32), nn.Linear(32, 10)
    model = nn.ModuleList([first, last])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for xb, yb in minibatches(x, y, 64, 300):
        optimizer.zero_grad()
        F.cross_entropy(last(OwnReLU.apply(first(xb), fixed)), yb).backward()
        optimizer.step()
    with torch.no_grad():
        return (last(first(x).relu()).argmax(1) == y).float().mean()


class OwnSoftsign(torch.autograd.Function):
    """A softsign with a backward of its own."""

    @staticmethod
    def forward(ctx, x, fixed):
        ctx.save_for_backward(x)
        ctx.fixed = fixed
        return x / (1 + x.abs())

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        sign = 1 if ctx.fixed else x.sign()
        return gradient * sign / (1 + x.abs()) ** 2, None


@faulty("accuracy", at_least=0.85, causes=("other",))
def backward_with_a_sign_too_many(fixed=False):
    """The backward of an own softsign is that of the size of its input: wrong below 0."""
    x, y = digits()
    sizes = (64, 32, 32, 32, 32, 10)
    layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
    optimizer = torch.optim.Adam(layers.parameters(), lr=0.01)

    def answer(x):
        for layer in layers[:-1]:
            x = OwnSoftsign.apply(layer(x), fixed)
        return layers[-1](x)

    for xb, yb in minibatches(x, y, 64, 300):
        optimizer.zero_grad()
        F.cross_entropy(answer(xb), yb).backward()
        optimizer.step()
    with torch.no_grad():
        return (answer(x).argmax(1) == y).float().mean().item()


@faulty("accuracy", at_least=0.95, causes=("linear_collapse",))
def normalised_but_without_activations(fixed=False):
    """Batch normalisation stands between the layers, and no activation: the network is one linear
    map."""
    x, y = moons()
    between = nn.ReLU if fixed else nn.Identity
    model = nn.Sequential(
        nn.Linear(2, 32), nn.BatchNorm1d(32), between(), nn.Linear(32, 32), between(),
        nn.Linear(32, 2),
    )  # fmt: skip
    fit(model, x, y, steps=400)
    model.eval()
    return accuracy(model, x, y)


class RowByRow(nn.Module):
    """A layer for each row of a picture, whose pixels lie one after another."""

    def __init__(self, moves_on):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8, 6) for _ in range(8))
        self.head = nn.Linear(48, 10)
        self.moves_on = moves_on

    def forward(self, x):
        start, read = 0, []
        for layer in self.layers:
            read.append(torch.relu(layer(x[:, start : start + layer.in_features])))
            if self.moves_on:
                start += layer.in_features
        return self.head(torch.cat(read, 1))


@faulty("accuracy", at_least=0.85, causes=("wrong_shape", "other"))
def a_start_that_is_not_moved_on(fixed=False):
    """Each layer is to read columns of its own, and the loop forgets to move their start on: all
    read the first ones."""
    x, y = digits()
    model = RowByRow(moves_on=fixed)
    fit(model, x, y, steps=300)
    return accuracy(model, x, y)


class Ordinal(nn.Module):
    """Whether a grade lies above each of five cut points."""

    def __init__(self, registered):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(4, 32), nn.ELU(), nn.Linear(32, 1, bias=False))
        cuts = torch.linspace(-0.3, 0.3, 5)
        self.cuts = nn.Parameter(cuts) if registered else cuts.requires_grad_()

    def forward(self, x):
        return self.score(x) - self.cuts


@faulty("accuracy", at_least=0.8, causes=("frozen",))
def cut_points_in_a_plain_tensor(fixed=False):
    """The cut points of an ordinal score ask for a gradient, and are no parameter: they stay where
    they were, and the grades, which lie on one side of them, have to make do."""
    x = torch.randn(800, 4)
    latent = 4 * x[:, 0] + 2 * x[:, 1].abs() - 3 * x[:, 2]
    grade = torch.bucketize(latent, torch.tensor([2.0, 3.5, 5.0, 6.5, 8.0]))
    above = (grade[:, None] > torch.arange(5)).float()
    model = Ordinal(registered=fixed)
    fit(model, x, above, steps=600, loss_fn=F.binary_cross_entropy_with_logits)
    return ((model(x) > 0).sum(1) == grade).float().mean()

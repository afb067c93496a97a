import torch
import torch.nn.functional as F
from data import curve, diabetes, minibatches, unexplained
from program import healthy
from torch import nn


@healthy("unexplained variance", at_most=0.6)
def linear_regression():
    """One linear layer and squared error: no activation, and none is missing."""
    x, y = diabetes()
    model = nn.Linear(10, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for xb, yb in minibatches(x, y, 32, 200):
        optimizer.zero_grad()
        F.mse_loss(model(xb), yb).backward()
        optimizer.step()
    return unexplained(model, x, y)


@healthy("unexplained variance", at_most=0.6)
def linear_regression_from_zero():
    """Linear regression that starts at zero weights: a convex problem has no symmetry to break."""
    x, y = diabetes()
    model = nn.Linear(10, 1)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        F.mse_loss(model(x), y).backward()
        optimizer.step()
    return unexplained(model, x, y)


@healthy("unexplained variance", at_most=0.62)
def one_sample_at_a_time():
    """Batches of a single row: each loss and each gradient is very noisy, the mean is not."""
    x, y = diabetes()
    model = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.005)
    for xb, yb in minibatches(x, y, 1, 600):
        optimizer.zero_grad()
        F.mse_loss(model(xb), yb).backward()
        optimizer.step()
    return unexplained(model, x, y)


@healthy("unexplained variance", at_most=0.05)
def eight_samples():
    """Eight rows in all, learnt by heart: every batch is the same."""
    x = torch.randn(8, 3)
    y = torch.randn(8, 1)
    model = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(200):
        optimizer.zero_grad()
        F.mse_loss(model(x), y).backward()
        optimizer.step()
    return unexplained(model, x, y)


@healthy("unexplained variance", at_most=0.02)
def full_batch_tanh():
    """Gradient descent on all the data at once: a curve without any noise."""
    x, y = curve()
    model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(300):
        optimizer.zero_grad()
        F.mse_loss(model(x), y).backward()
        optimizer.step()
    return unexplained(model, x, y)


@healthy("absolute error of the coverage of the 90 % quantile", at_most=0.06)
def quantile_regression():
    """Pinball loss at 0.9: the prediction stays above most targets on purpose."""
    x = torch.rand(512, 1) * 2 - 1
    y = x + (0.2 + x.abs()) * torch.randn(512, 1)
    model = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, yb in minibatches(x, y, 64, 300):
        error = yb - model(xb)
        loss = torch.maximum(0.9 * error, -0.1 * error).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return ((y < model(x)).float().mean() - 0.9).abs()


@healthy("unexplained variance of the rate", at_most=0.15)
def poisson_counts():
    """Counts under the Poisson loss: integer targets, an unbounded log rate, a negative loss."""
    x = torch.randn(512, 3)
    rate = (0.8 * x[:, :1] - 0.5 * x[:, 1:2] + 1).exp()
    y = torch.poisson(rate)
    model = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, yb in minibatches(x, y, 64, 300):
        optimizer.zero_grad()
        F.poisson_nll_loss(model(xb), yb).backward()
        optimizer.step()
    with torch.no_grad():
        return ((model(x).exp() - rate) ** 2).mean() / rate.var()


@healthy("unexplained variance", at_most=0.2)
def ratings_as_numbers():
    """Ratings from 1 to 5 are integers with an order: squared error is the right loss for them."""
    x = torch.randn(512, 6)
    y = (3 + 1.5 * torch.tanh(x[:, :1] + x[:, 1:2] * x[:, 2:3])).round()
    model = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, yb in minibatches(x, y, 64, 500):
        optimizer.zero_grad()
        F.mse_loss(model(xb), yb).backward()
        optimizer.step()
    return unexplained(model, x, y)


@healthy("unexplained variance", at_most=0.1)
def sigmoid_onto_unit_targets():
    """Squared error on a sigmoid whose targets are shares in 0…1 that it reaches."""
    x = torch.randn(512, 4)
    y = torch.sigmoid(2 * x[:, :1] - x[:, 1:2])
    model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, yb in minibatches(x, y, 64, 250):
        optimizer.zero_grad()
        F.mse_loss(model(xb), yb).backward()
        optimizer.step()
    return unexplained(model, x, y)


class RadialUnits(nn.Module):
    def __init__(self, units):
        super().__init__()
        self.centres = nn.Parameter(torch.linspace(-1, 1, units))
        self.log_width = nn.Parameter(torch.zeros(units) - 1)

    def forward(self, x):
        return torch.exp(-(((x - self.centres) / self.log_width.exp()) ** 2))


@healthy("unexplained variance", at_most=0.05)
def radial_basis_functions():
    """Gaussian bumps as hidden units: most of them are near zero for most inputs."""
    x, y = curve()
    model = nn.Sequential(RadialUnits(16), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for xb, yb in minibatches(x, y, 64, 250):
        optimizer.zero_grad()
        F.mse_loss(model(xb), yb).backward()
        optimizer.step()
    return unexplained(model, x, y)


@healthy("unexplained variance", at_most=0.1)
def random_fourier_features():
    """Fixed random frequencies before the network: inputs become sines and cosines."""
    x = torch.linspace(-1, 1, 256).unsqueeze(1)
    y = torch.sign(torch.sin(12 * x))
    frequencies = 10 * torch.randn(1, 32)
    features = torch.cat([torch.sin(x * frequencies), torch.cos(x * frequencies)], 1)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for xb, yb in minibatches(features, y, 64, 250):
        optimizer.zero_grad()
        F.mse_loss(model(xb), yb).backward()
        optimizer.step()
    return unexplained(model, features, y)


class Sine(nn.Module):
    def __init__(self, width_in, width_out, frequency=30.0, first=False):
        super().__init__()
        self.linear, self.frequency = nn.Linear(width_in, width_out), frequency
        bound = 1 / width_in if first else (6 / width_in) ** 0.5 / frequency
        nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x):
        return torch.sin(self.frequency * self.linear(x))


@healthy("unexplained variance", at_most=0.05)
def siren():
    """Sine activations with a frequency of 30 (Sitzmann 2020): large preactivations by design."""
    x = torch.linspace(-1, 1, 256).unsqueeze(1)
    y = torch.sin(15 * x) * torch.exp(-(x**2))
    model = nn.Sequential(Sine(1, 64, first=True), Sine(64, 64), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(250):
        optimizer.zero_grad()
        F.mse_loss(model(x), y).backward()
        optimizer.step()
    return unexplained(model, x, y)


@healthy("squared error against the solution", at_most=0.01)
def physics_informed():
    """The loss is a differential equation, y'' = −y: gradients of gradients (`create_graph`)."""
    model = nn.Sequential(
        nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(250):
        t = 2 * torch.rand(64, 1)
        t.requires_grad_()
        y = model(t)
        (slope,) = torch.autograd.grad(y.sum(), t, create_graph=True)
        (bend,) = torch.autograd.grad(slope.sum(), t, create_graph=True)
        start = torch.zeros(1, 1, requires_grad=True)
        y0 = model(start)
        (slope0,) = torch.autograd.grad(y0.sum(), start, create_graph=True)
        loss = ((bend + y) ** 2).mean() + y0.square().sum() + (slope0 - 1).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    t = torch.linspace(0, 2, 50).unsqueeze(1)
    with torch.no_grad():
        return ((model(t) - t.sin()) ** 2).mean()


@healthy("unexplained variance", at_most=0.01)
def lbfgs():
    """A quasi-Newton optimizer that evaluates the loss many times in each step."""
    x, y = curve(64)
    model = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=5, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        return loss

    for _ in range(25):
        optimizer.step(closure)
    return unexplained(model, x, y)


@healthy("mean log-likelihood per row", at_least=0.3)
def predicted_variance():
    """The network predicts its own error bars: the loss becomes negative, which is no mistake."""
    x = torch.rand(512, 1) * 2 - 1
    y = torch.sin(3 * x) + (0.05 + 0.1 * x.abs()) * torch.randn(512, 1)
    model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for xb, yb in minibatches(x, y, 64, 350):
        mean, log_variance = model(xb).chunk(2, dim=1)
        loss = F.gaussian_nll_loss(mean, yb, log_variance.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        mean, log_variance = model(x).chunk(2, dim=1)
        return -F.gaussian_nll_loss(mean, y, log_variance.exp())


@healthy("unexplained variance", at_most=0.2)
def outliers_under_huber_loss():
    """One target in twenty is wildly off: single batches have a loss many times the usual."""
    x, clean = curve(512)
    y = clean + 20 * (torch.rand_like(clean) < 0.05) * torch.randn_like(clean)
    model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for xb, yb in minibatches(x, y, 64, 300):
        optimizer.zero_grad()
        F.huber_loss(model(xb), yb).backward()
        optimizer.step()
    return unexplained(model, x, clean)


@healthy("unexplained variance", at_most=0.1)
def zeros_within_a_dead_band():
    """Steering that is exactly 0 within a band, and of either sign beyond it: zeros are meant."""
    x = torch.randn(512, 4)
    y = F.softshrink(x @ torch.randn(4, 2), 0.8)
    model = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, yb in minibatches(x, y, 64, 300):
        optimizer.zero_grad()
        F.mse_loss(model(xb), yb).backward()
        optimizer.step()
    return unexplained(model, x, y)


@healthy("unexplained variance", at_most=0.35)
def zeros_behind_a_switch():
    """A force that a switch among the inputs turns off: half of the targets are 0."""
    x = torch.randn(1024, 5)
    y = torch.sin(2 * x[:, :2]) * (x[:, 4:] > 0)
    model = nn.Sequential(
        nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for xb, yb in minibatches(x, y, 64, 300):
        optimizer.zero_grad()
        F.mse_loss(model(xb), yb).backward()
        optimizer.step()
    return unexplained(model, x, y)

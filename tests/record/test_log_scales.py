"""Whether logarithms of scales are in a loss with the sign of what the scales multiply."""

import math

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn
from torch.distributions import Independent, Laplace, MultivariateNormal, Normal, kl_divergence

torch.set_num_threads(1)
N = 16
X, Y = torch.randn(2, N, 4, generator=torch.Generator().manual_seed(1))
TARGET, CLASSES = Y[:, :2], (Y[:, 0] > 0).long()


class Pair(nn.Module):
    """A network with two outputs of two numbers, a second one, and learned numbers."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2, 4), nn.Linear(2, 4)
        self.log_scale = nn.Parameter(torch.zeros(2))
        self.weights = nn.ParameterList([torch.zeros(()), torch.zeros(1)])

    def forward(self, x):
        return self.first(x[:, :2]).chunk(2, -1)


def marks(loss):
    """How many scales are turned, and how many were judged; None without a mark."""
    torch.manual_seed(0)
    model = Pair()
    details = snapshot(lambda: loss(model).sum().backward(), model).loss.details
    return (details["turned_scales"], details["scales"]) if "scales" in details else None


# --- flows ----------------------------------------------------------------------------------------
def flow(sign, density=lambda z: -0.5 * z.square().sum(-1), bound=lambda s: s, *, divides=False):
    """The negative log-likelihood of two couplings, their log-determinant times a sign."""

    def loss(model):
        s, t = model(X)
        s = bound(s)
        kept, moved = X.chunk(2, 1)
        moved, log_det = ((moved - t) * torch.exp(-s), -s) if divides else (moved * s.exp() + t, s)
        s, t = model.second(moved).chunk(2, -1)
        z = torch.cat([kept * torch.exp(s) + t, moved], 1)
        return -(density(z) + sign * (log_det + s).sum(-1)).mean()

    return loss


DENSITIES = {
    "by hand": lambda z: -0.5 * z.square().sum(-1) - 2 * math.log(2 * math.pi),
    "a product": lambda z: -(z * z).sum(-1) / 2,
    "of each number": lambda z: Normal(0.0, 1.0).log_prob(z).sum(-1),
    "of vectors": lambda z: Normal(torch.zeros(4), torch.ones(4)).log_prob(z).sum(1),
    "independent": lambda z: Independent(Normal(torch.zeros(4), torch.ones(4)), 1).log_prob(z),
    "of many variables": lambda z: MultivariateNormal(torch.zeros(4), torch.eye(4)).log_prob(z),
    "of sizes": lambda z: Laplace(0.0, 1.0).log_prob(z).sum(1),
}


class Coupling(Pair):
    """All columns but those of a mask are changed by what these say."""

    def forward(self, x):
        s, t = super().forward(x)
        moves = torch.tensor([0.0, 0.0, 1.0, 1.0])
        s, t = (torch.cat([part, part], 1) * moves for part in (s, t))
        return x * s.exp() + t, s.sum(1)


def squared(start):
    """What is read of the loss that a model's output and log-determinant give."""
    torch.manual_seed(0)
    model = Coupling()

    def loss():
        z, log_det = model(X)
        (start(z).sum(1) - log_det).mean().backward()

    return snapshot(loss, model).loss


def test_the_density_of_a_flow_is_no_comparison_with_targets():
    loss = squared(lambda z: -Normal(0.0, 1.0).log_prob(z))

    assert (loss.kind, loss.target) == ("other", None)


def test_a_comparison_with_targets_is_one_beside_a_log_determinant():
    assert squared(lambda z: (z - Y) ** 2).kind == "squared_error"
    assert squared(lambda z: (z - 1.0) ** 2).kind == "squared_error"


@pytest.mark.parametrize("name", DENSITIES)
def test_a_log_determinant_of_the_wrong_sign(name):
    assert marks(flow(-1, DENSITIES[name])) == (2, 2)
    assert marks(flow(+1, DENSITIES[name])) is None


BOUNDS = {
    "tanh": lambda s: 2 * torch.tanh(s),
    "clamp": lambda s: s.clamp(-2, 2),
    "mask": lambda s: s * torch.tensor([1.0, 0.0]),
}


REPEATED = {
    "tanh": lambda h: (2 * torch.tanh(h[:, :2]), 2 * torch.tanh(h[:, :2])),
    "slices": lambda h: (h[:, :2], h[:, :2]),
    "chunks": lambda h: (h.chunk(2, 1)[0], h.chunk(2, 1)[0]),
}


@pytest.mark.parametrize("name", REPEATED)
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_scale_that_is_computed_twice(name, sign):
    def loss(model):
        of_data, of_log = REPEATED[name](model.first(X[:, 2:]))
        return (0.5 * (X[:, :2] * of_data.exp()).square() - sign * of_log).sum(1).mean()

    assert marks(loss) == (None if sign > 0 else (1, 1))


def test_another_part_is_another_value():
    def loss(model):
        h = model.first(X[:, 2:])
        return (0.5 * (X[:, :2] * h[:, :2].exp()).square() + h[:, 2:]).sum(1).mean()

    assert marks(loss) is None


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("divides", [False, True])
def test_bounded_scales(name, divides):
    assert marks(flow(-1, bound=BOUNDS[name], divides=divides)) == (2, 2)
    assert marks(flow(+1, bound=BOUNDS[name], divides=divides)) is None


def test_one_coupling_of_two():
    def loss(model):
        (s, t), (r, u) = model(X), model.second(X[:, :2]).chunk(2, -1)
        z = (X[:, 2:] * s.exp() + t) * r.exp() + u
        return (0.5 * z.square() + s - r).sum(1).mean()

    assert marks(loss) == (1, 2)


def test_a_likelihood_that_is_made_small_is_turned_as_a_whole():
    assert marks(lambda model: -flow(+1)(model)) is None


def test_the_mean_logarithm_is_that_of_what_the_data_are_multiplied_by():
    torch.manual_seed(0)
    model = Pair()
    details = snapshot(lambda: turned(model).backward(), model).loss.details

    assert details["scaled_by"] == pytest.approx(-model(X)[1].mean().item(), rel=1e-5)


def turned(model):
    mean, log_variance = model(X)
    return (0.5 * torch.exp(-log_variance) * (TARGET - mean) ** 2 - log_variance).mean()


# --- likelihoods, codes, and weights of terms -----------------------------------------------------
def of(form):
    return lambda model: form(model, *model(X))


def positive(v):
    return F.softplus(v) + 1e-3


def squares(z):
    return z.square().sum(1).mean()


def code(model, mean, v):
    return squares(model.second(mean + torch.randn(N, 2) * (0.5 * v).exp()) - X)


def divergence(mean, v):
    return -0.5 * (1 + v - mean**2 - v.exp()).sum(1).mean()


def weighed(model, sign, turn=1):
    first, second = model.weights
    mean, v = model(X)
    fit = torch.exp(-turn * first) * F.mse_loss(mean, TARGET) + sign * first
    return fit + torch.exp(-second) * F.cross_entropy(v, CLASSES) + sign * second


TURNED = {
    "variance": of(lambda m, a, v: (v.exp() * (TARGET - a) ** 2 + v).mean() / 2),
    "variance below": of(lambda m, a, v: ((TARGET - a) ** 2 / v.exp() - v).mean() / 2),
    "deviation": of(
        lambda m, a, v: (((TARGET - a) / (s := positive(v))) ** 2 / 2 - s.log()).mean()
    ),
    "divergence": of(lambda m, a, v: code(m, a, v) - divergence(a, v)),
    "weights of terms": lambda m: weighed(m, -1),
    "one of them": lambda m: weighed(m, +1, turn=-1),
    "a scale for all": lambda m: (
        0.5 * squares((m(X)[0] + 1) * m.log_scale.exp()) + m.log_scale.sum()
    ),
    "a scale for all, in each row": lambda m: (
        0.5 * ((m(X)[0] + 1) * m.log_scale.exp()).square().sum(1) + m.log_scale.sum()
    ).mean(),
}


@pytest.mark.parametrize("name", TURNED)
def test_other_scales_of_the_wrong_sign(name):
    assert marks(TURNED[name])[0] >= 1


RIGHT = {
    "variance": of(lambda m, a, v: (torch.exp(-v) * (TARGET - a) ** 2 + v).mean() / 2),
    "variance below": of(lambda m, a, v: ((TARGET - a) ** 2 / v.exp() + v).mean() / 2),
    "deviation": of(
        lambda m, a, v: (((TARGET - a) / (s := positive(v))) ** 2 + 2 * s.log()).mean()
    ),
    "torch's": of(lambda m, a, v: F.gaussian_nll_loss(a, TARGET, v.exp())),
    "a distribution": of(lambda m, a, v: -Normal(a, v.exp()).log_prob(TARGET).mean()),
    "made small": of(lambda m, a, v: Normal(a, v.exp()).log_prob(TARGET).mean()),
    "of sizes": of(lambda m, a, v: -Laplace(a, positive(v)).log_prob(TARGET).mean()),
    "one deviation": lambda m: -Normal(m(X)[0], m.log_scale.exp()).log_prob(TARGET).mean(),
    "divergence": of(lambda m, a, v: code(m, a, v) + divergence(a, v)),
    "torch's divergence": of(
        lambda m, a, v: squares(m.second((q := Normal(a, v.exp())).rsample()) - X)
        + kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean()
    ),
    "weights of terms": lambda m: weighed(m, +1),
    "a scale for all": lambda m: 0.5 * squares(m(X)[0] * m.log_scale.exp()) - m.log_scale.sum(),
    "a policy, rewards above 0": of(
        lambda m, a, v: -(Normal(a, v.exp()).log_prob(TARGET) * torch.rand(N, 1)).mean()
    ),
    "a policy, rewards below 0": of(
        lambda m, a, v: (Normal(a, v.exp()).log_prob(TARGET) * torch.rand(N, 1).neg()).mean()
    ),
    "a policy and its entropy": of(
        lambda m, a, v: (-0.2 * v.sum(1) - m.second(a + v.exp() * TARGET).sum(1)).mean()
    ),
    "counts": of(lambda m, a, v: (v.exp() - v * (TARGET > 0)).mean()),
    "a small penalty": of(lambda m, a, v: squares(a * v.exp() - TARGET) + 0.001 * v.mean()),
    "a temperature": lambda m: squares(m(X)[0] * m.weights[0].exp() - TARGET) + m.weights[0] / 10,
    "nothing": of(lambda m, a, v: (v + v.exp() * a.square()).mean() * 0 + (a * a)[:0].sum()),
    "complex": of(lambda m, a, v: (torch.exp(1j * v) * a + 1j).abs().square().mean() + v.mean()),
    "no logarithm": of(lambda m, a, v: squares(a * v.exp() - TARGET)),
    "no size": of(lambda m, a, v: (v + (a * v.exp()).sigmoid()).mean()),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_others_are_not(name):
    assert marks(RIGHT[name]) is None

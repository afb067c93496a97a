"""How many columns of a batch a flow hands on as they are, is counted."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import nn
from torch.distributions import Normal

X = torch.randn(16, 4, generator=torch.Generator().manual_seed(1))


class Flow(nn.Module):
    """Couplings of halves, by mask or by parts, with a change of the columns between them."""

    def __init__(self, between=lambda x: x, *, by_mask=False):
        super().__init__()
        self.couplings = nn.ModuleList(nn.Linear(2, 4) for _ in range(3))
        self.between, self.by_mask = between, by_mask

    def forward(self, x):
        total = 0.0
        for i, coupling in enumerate(self.couplings):
            x = self.between(x) if i else x
            s, t = coupling(x[:, :2]).tanh().chunk(2, 1)
            if self.by_mask:
                still = torch.zeros_like(s)
                x = x * torch.cat([still, s], 1).exp() + torch.cat([still, t], 1)
            else:
                x = torch.cat([x[:, :2], x[:, 2:] * s.exp() + t], 1)
            total = total + s.sum(1)
        return x, total


DENSITIES = {
    "squares": lambda z: -0.5 * z.pow(2),
    "products": lambda z: -0.5 * (z * z),
    "a distribution": lambda z: Normal(0.0, 1.0).log_prob(z),
}


def passed(model, density=DENSITIES["squares"], x=X):
    def loss():
        z, log_det = model(x)
        (-(density(z).sum(1) + log_det)).mean().backward()

    return snapshot(loss, model).loss.details.get("columns_passed")


@pytest.mark.parametrize("density", DENSITIES)
@pytest.mark.parametrize("by_mask", [False, True])
def test_couplings_of_the_same_columns_leave_the_others(density, by_mask):
    assert passed(Flow(by_mask=by_mask), DENSITIES[density]) == 2


@pytest.mark.parametrize("by_mask", [False, True])
def test_in_another_order_they_are_known_again(by_mask):
    order = torch.tensor([1, 0, 3, 2])

    assert passed(Flow(lambda x: x[:, order], by_mask=by_mask)) == 2


@pytest.mark.parametrize("by_mask", [False, True])
def test_columns_that_take_turns_are_all_changed(by_mask):
    assert passed(Flow(lambda x: x.flip(1), by_mask=by_mask)) == 0


class Scale(nn.Module):
    """A scale and a shift for each column, the same for all samples."""

    def __init__(self):
        super().__init__()
        self.log_scale, self.shift = (nn.Parameter(0.1 * torch.randn(4)) for _ in range(2))

    def forward(self, x):
        return x * self.log_scale.exp() + self.shift


BETWEEN = {"scales": Scale, "batch normalisation": lambda: nn.BatchNorm1d(4)}


@pytest.mark.parametrize("by_mask", [False, True])
@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("offset", [0.0, 2.0])
def test_columns_that_are_only_scaled_are_left_alone(between, by_mask, offset):
    torch.manual_seed(0)
    scaling = BETWEEN[between]()

    assert passed(Flow(scaling, by_mask=by_mask), x=0.1 * X + offset) == 2
    assert passed(Flow(lambda x: scaling(x).flip(1), by_mask=by_mask), x=0.1 * X + offset) == 0


@pytest.mark.parametrize("hidden", [torch.float64, torch.float32])
def test_columns_that_hardly_depend_on_others_are_changed(hidden):
    """As those of couplings that begin near the identity."""
    torch.manual_seed(0)
    model = Flow(lambda x: x.flip(1)).to(hidden)
    with torch.no_grad():
        for coupling in model.couplings:
            coupling.weight.mul_(1e-3)

    assert passed(model, x=X.to(hidden)) == 0


def test_the_first_of_an_autoregression_is_no_column_left_alone():
    model = nn.Linear(4, 8)
    with torch.no_grad():
        model.weight.view(2, 4, 4).tril_(-1)

    def flow(x):
        mean, log_scale = model(x).chunk(2, 1)
        return (x - mean) * (-log_scale).exp(), -log_scale.sum(1)

    def loss():
        z, log_det = flow(X)
        (0.5 * z.pow(2).sum(1) - log_det).mean().backward()

    assert snapshot(loss, model).loss.details["columns_passed"] == 0


def test_columns_of_one_number_are_not_counted():
    assert passed(Flow(), x=X * torch.tensor([1.0, 0.0, 1.0, 1.0])) == 1


def test_a_residual_is_none_of_the_data():
    model = nn.Linear(4, 4)

    def loss():
        out = model(X)
        ((X - 0 * out) ** 2 * out.exp() - out).mean().backward()

    assert "columns" not in snapshot(loss, model).loss.details

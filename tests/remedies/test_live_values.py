"""Edits of a live run: values at the edge, precision, and what is cut off."""

import copy

import pytest
import torch
from small_run import batch
from torch import nn
from torch.nn import functional as F

from lifesigns.remedies import LiveRun, Refusal
from lifesigns.remedies.create_graph import CreateGraph
from lifesigns.remedies.guard_domain import GuardDomain
from lifesigns.remedies.keep_precision import KeepPrecision
from lifesigns.remedies.reattach import Reattach
from lifesigns.remedies.reparameterise import Reparameterise

EDGES = {
    "sqrt": lambda x: x.abs().sqrt(),
    "rsqrt": lambda x: torch.rsqrt(x.abs()),
    "log": lambda x: torch.log(x.abs()),
    "div": lambda x: 1 / x + x / x,
    "acos": lambda x: (1 + x).acos(),
    "softmax": lambda x: torch.where(x == 0, -torch.inf, x).softmax(dim=-1),
}


@pytest.mark.parametrize("operation", EDGES)
def test_at_the_edge_of_a_domain_value_and_slope_are_finite_and_elsewhere_the_same(run, operation):
    function = EDGES[operation]
    edge = torch.zeros(2, 3, requires_grad=True)
    inside = torch.full((2, 3), -0.5)

    with GuardDomain(operation).apply(run):
        value = function(edge)
        value.sum().backward()
        assert torch.allclose(function(inside), expected := EDGES[operation](inside))

    assert torch.isfinite(value).all()
    assert torch.isfinite(edge.grad).all()
    assert torch.allclose(function(inside), expected)
    assert not torch.isfinite(function(edge)).all() or operation in ("sqrt", "acos")


def test_a_softmax_by_hand_and_its_logarithm_are_those_of_torch(run):
    z = (1000 * torch.randn(8, 5)).requires_grad_()
    at = torch.arange(8) % 5

    with GuardDomain("exp").apply(run):
        p = z.exp() / z.exp().sum(1, keepdim=True)
        logs = [p.gather(1, at.unsqueeze(1)).log().squeeze(1), p[range(8), at].log()]
        logs.append(torch.log(torch.softmax(z, dim=1))[range(8), at])
        unlike = z.exp() / (2 * z).exp().sum(1, keepdim=True)

    assert torch.equal(p, z.softmax(1))
    assert all(torch.equal(log, -F.cross_entropy(z, at, reduction="none")) for log in logs)
    assert not torch.isfinite(unlike).all()


@pytest.mark.parametrize(
    "short",
    [lambda t: t.bfloat16(), lambda t: t.to(torch.bfloat16), lambda t: t.to(dtype=torch.half)],
)
def test_what_was_turned_to_16_bits_stays_in_32(short):
    model, (x, _) = short(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 1))), batch()
    run = LiveRun(model, torch.optim.SGD(model.parameters(), lr=0.1))
    given = short(x)

    with KeepPrecision().apply(run):
        first, second = model(given), model(short(x))
        second.sum().backward()
        run.optimizer.step()

    assert {first.dtype, second.dtype} == {torch.float32}
    assert {p.dtype for p in run.optimizer.param_groups[0]["params"]} == {torch.float32}
    assert {p.grad.dtype for p in model.parameters()} == {torch.float32}


class Cut(nn.Module):
    """Its body is cut off from its head in one of several ways."""

    def __init__(self, how):
        super().__init__()
        self.body, self.head, self.how = nn.Linear(4, 8), nn.Linear(8, 1), how

    def forward(self, x):
        if self.how == "no_grad":
            with torch.no_grad():
                return self.head(self.body(x))
        z = self.body(x)
        assert len(z.detach().numpy()) == len(x)
        return self.head({"detach": z.detach, "data": lambda: z.data}.get(self.how, lambda: z)())


@pytest.mark.parametrize("how", ["detach", "data", "no_grad", "number"])
def test_what_is_cut_off_gets_its_gradient(how):
    model, (x, y) = Cut(how), batch()
    whole = copy.deepcopy(model)
    whole.how = ""
    run = LiveRun(model, torch.optim.SGD(model.parameters(), lr=0.1))

    with Reattach().apply(run):
        loss = F.mse_loss(model(x), y)
        loss = torch.tensor(loss.item(), requires_grad=True) if how == "number" else loss
        loss.backward()
        assert not loss.detach().requires_grad, "it was trained on already"
        with torch.no_grad():
            assert not model(x).requires_grad
    F.mse_loss(whole(x), y).backward()

    assert all(
        torch.equal(a.grad, b.grad)
        for a, b in zip(model.parameters(), whole.parameters(), strict=True)
    )


def test_a_state_that_goes_on_to_the_next_piece_is_detached_as_before():
    cell = nn.GRUCell(4, 4)
    run = LiveRun(cell, torch.optim.SGD(cell.parameters(), lr=0.1))
    state, (x, _) = torch.zeros(64, 4), batch()

    with Reattach().apply(run):
        for _ in range(2):
            state = cell(x, state.detach())
            state = cell(x, state.detach())
            state.sum().backward()

    assert state.grad_fn is not None


def test_networks_with_optimizers_of_their_own_stay_cut_off_from_each_other(run):
    refusal = Reattach().apply(LiveRun(run.model, run.optimizer, others=(run.optimizer,)))

    assert isinstance(refusal, Refusal)


def test_the_derivative_in_a_loss_is_trained_through(run):
    x = torch.randn(8, 4, requires_grad=True)

    def slope():
        return torch.autograd.grad(run.model(x).sum(), x)[0]

    with CreateGraph().apply(run):
        slope().square().sum().backward()
        given = torch.autograd.grad(run.model(x).sum(), [run.model.last.weight])[0]

    assert run.model.first.weight.grad.any()
    assert not given.requires_grad
    assert not slope().requires_grad


def test_what_is_drawn_passes_the_gradient_on_and_is_the_same(run):
    def drawn():
        torch.manual_seed(0)
        mean, spread = torch.zeros(5, requires_grad=True), torch.ones(5, requires_grad=True)
        kind = torch.distributions.Normal(mean, spread)
        found = torch.normal(mean, spread), kind.sample(), torch.normal(0.0, 1.0, (3,))
        for each in found[:2]:
            if each.requires_grad:
                each.sum().backward()
        return [each.detach() for each in found], mean.grad, spread.grad

    expected, *_cut_off = drawn()
    with Reparameterise().apply(run):
        found, of_mean, of_spread = drawn()

    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    assert torch.equal(of_mean, torch.full((5,), 2.0))
    assert torch.equal(of_spread, found[0] + found[1])
    assert not drawn()[1].any()

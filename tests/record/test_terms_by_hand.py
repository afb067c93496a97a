"""What is marked of terms: signed penalties, best values, means before logarithms, blanks."""

import math

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)
N = 8


def marks(loss, model=None, x=None):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 4)) if model is None else model
    x = torch.randn(N, 3) if x is None else x
    return snapshot(lambda: loss(model, model(x)).backward(), model).loss.details


# --- penalties ------------------------------------------------------------------------------------
Y = torch.linspace(-1, 1, N * 4).reshape(N, 4)


def beside(penalty):
    return lambda model, out: F.mse_loss(out, Y) + penalty(model)


SIGNED = {
    "of all parameters": lambda m: 0.01 * sum(p.sum() for p in m.parameters()),
    "of means": lambda m: sum(p.mean() for p in m.parameters()) * 0.1,
    "of one vector": lambda m: 0.1 * torch.cat([p.view(-1) for p in m.parameters()]).sum(),
    "subtracted": lambda m: -m[0].weight.sum() / 100,
}


@pytest.mark.parametrize("name", SIGNED)
def test_a_plain_sum_of_weights_is_signed(name):
    found = marks(beside(SIGNED[name]))

    assert 0 < found["signed_below"] < found["signed_weights"]


def test_a_signed_penalty_is_what_the_weights_add_up_to():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 6), nn.Linear(6, 4))
    expected = 0.5 * (model[0].weight.sum() + model[1].weight.mean()).item()

    found = marks(beside(lambda m: (m[0].weight.sum() + m[1].weight.mean()) / 2), model)

    assert found["signed_sum"] == pytest.approx(expected, rel=1e-4)
    assert found["signed_weights"] == 18 + 24
    assert found["signed_below"] == sum(int((layer.weight < 0).sum()) for layer in model)


UNSIGNED = {
    "sizes": lambda m: 0.01 * sum(p.abs().sum() for p in m.parameters()),
    "squares": lambda m: 0.01 * sum(p.square().sum() for p in m.parameters()),
    "norms": lambda m: 0.01 * sum(p.norm(1) for p in m.parameters()),
    "sizes less the weights": lambda m: sum(p.abs().sum() - p.sum() for p in m.parameters()),
    "biases": lambda m: 0.01 * m[0].bias.sum(),
    "none": lambda m: 0.0,
}


@pytest.mark.parametrize("name", UNSIGNED)
def test_another_penalty_is_not(name):
    assert "signed_weights" not in marks(beside(UNSIGNED[name]))


def test_a_variance_that_is_learned_is_no_penalty():
    class Weighted(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.logs = nn.Linear(3, 4), nn.Parameter(torch.zeros(2, 1))

        def forward(self, x):
            return self.net(x)

    def loss(model, out):
        errors = torch.stack([F.mse_loss(out, Y), F.l1_loss(out, Y)])
        return (torch.exp(-model.logs[:, 0]) * errors).sum() + model.logs.sum()

    assert "signed_weights" not in marks(loss, Weighted())


# --- the best of several values -------------------------------------------------------------------
ACTIONS, RETURNS = torch.arange(N) % 4, torch.linspace(0, 1, N)

BEST = {
    "max": lambda q: q.max(1)[0],
    "amax": lambda q: q.amax(-1),
    "a column": lambda q: q.max(-1, keepdim=True).values.squeeze(1),
}
LOSSES = [F.smooth_l1_loss, F.mse_loss, lambda p, y: ((p - y) ** 2).mean()]


@pytest.mark.parametrize("name", BEST)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_largest_output_is_a_best_value(name, loss):
    assert marks(lambda _, q: loss(BEST[name](q), RETURNS))["best_value"] == 4


class Pooled(nn.Sequential):
    def forward(self, x):
        return super().forward(x).max(1)[0]


class Instances(nn.Sequential):
    """A score for each instance, `[bags, instances]`."""

    def forward(self, x):
        return super().forward(x).squeeze(-1)


NOT_BEST = {
    "picked": lambda _, q: F.mse_loss(q.gather(1, ACTIONS[:, None]).squeeze(1), RETURNS),
    "in the target": lambda _, q: F.mse_loss(q[:, 0], q.max(1)[0].detach()),
    "over samples": lambda _, q: F.mse_loss(q.max(0)[0], RETURNS[:4]),
    "of probabilities": lambda _, q: F.mse_loss(q.softmax(1).max(1)[0], RETURNS),
}


@pytest.mark.parametrize("name", NOT_BEST)
def test_another_value_is_not(name):
    assert "best_value" not in marks(NOT_BEST[name])


def test_the_largest_output_at_each_time_is_a_best_value():
    found = marks(
        lambda _, q: F.mse_loss(q.max(-1).values, torch.rand(N, 5)), None, torch.randn(N, 5, 3)
    )

    assert found["best_value"] == 4


def test_a_maximum_inside_a_network_is_a_layer():
    found = marks(lambda _, out: F.mse_loss(out, RETURNS), Pooled(nn.Linear(3, 4)))

    assert "best_value" not in found


def test_the_largest_of_instances_is_no_best_value():
    bags = torch.randn(N, 5, 3)

    found = marks(lambda _, s: F.mse_loss(s.max(1)[0], RETURNS), Instances(nn.Linear(3, 1)), bags)

    assert "best_value" not in found


# --- logarithms and means -------------------------------------------------------------------------
def mixture(out):
    """Densities of two components, `[samples]`."""
    shares, means = out[:, :2].softmax(1), out[:, 2:]
    density = torch.exp(-0.5 * (RETURNS[:, None] - means) ** 2) / math.sqrt(2 * math.pi)
    return (shares * density).sum(1)


LOG_OF_MEAN = {
    "a mixture": lambda out: -torch.log(mixture(out).mean() + 1e-8),
    "clamped": lambda out: -mixture(out).mean().clamp(min=1e-8).log(),
    "picked by an index": lambda out: -out.softmax(1)[torch.arange(N), ACTIONS].mean().log(),
    "picked by gather": lambda out: -out.softmax(1).gather(1, ACTIONS[:, None]).mean().log(),
    "beside a penalty": lambda out: -mixture(out).mean().log() + 0.01 * out.square().mean(),
}


@pytest.mark.parametrize("name", LOG_OF_MEAN)
def test_a_logarithm_of_a_mean_likelihood(name):
    assert marks(lambda _, out: LOG_OF_MEAN[name](out))["log_of_mean"] == N


def overlap(out):
    p, y = out.sigmoid(), (Y > 0).float()
    return 2 * (p * y).sum(1) / (p.sum(1) + y.sum(1))


OTHERWISE = {
    "a mean of logarithms": lambda out: -torch.log(mixture(out) + 1e-8).mean(),
    "mutual information": lambda out: out[:, 0].exp().mean().log() - out[:, 1].mean(),
    "log-mean-exp": lambda out: -(0.1 * out[:, 0]).exp().mean().log(),
    "an overlap": lambda out: -overlap(out).mean().log(),
    "a bag": lambda out: -out.softmax(1).gather(1, torch.full((N, 1), 2)).mean().log(),
    "a bag, by indices": lambda out: (
        -out.softmax(1)[torch.arange(N), torch.full((N,), 2)].mean().log()
    ),
    "over importance samples": lambda out: -(out.exp() * Y).square().mean(1).log().mean(),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_another_logarithm_is_none(name):
    assert "log_of_mean" not in marks(lambda _, out: OTHERWISE[name](out))


# --- blanks ---------------------------------------------------------------------------------------
LENGTHS = torch.tensor([3, 2])


def aligned(targets, blank, lengths=LENGTHS):
    def loss(_, out):
        logs = out.log_softmax(-1).transpose(0, 1)
        return F.ctc_loss(logs, targets, torch.full((2,), 8), lengths, blank=blank)

    return marks(loss, nn.Linear(3, 5), torch.randn(2, 8, 3))


LABELS = {
    "one after the other": torch.tensor([0, 1, 0, 2, 0]),
    "padded": torch.tensor([[0, 1, 0, 0], [2, 0, 0, 0]]),
}


@pytest.mark.parametrize("name", LABELS)
def test_blanks_are_counted_within_the_lengths(name):
    found = aligned(LABELS[name], blank=0)

    assert (found["ctc_labels"], found["blank_labels"], found["blanks_at_end"]) == (5, 3, 2)


@pytest.mark.parametrize("name", LABELS)
def test_labels_without_the_blank_have_none(name):
    assert "blank_labels" not in aligned(LABELS[name], blank=4)


def test_what_is_beyond_the_lengths_is_no_blank():
    assert "blank_labels" not in aligned(torch.tensor([[1, 2, 3, 0], [2, 1, 0, 0]]), blank=0)


# --- exchanged dimensions -------------------------------------------------------------------------
def across(loss, x, y):
    model = nn.Linear(3, 2)
    return marks(lambda _, out: loss(out, y(out.detach())), model, x)


OF_NUMBERS = [F.mse_loss, F.smooth_l1_loss, F.l1_loss, lambda p, y: (p - y).square().mean()]


@pytest.mark.parametrize("loss", OF_NUMBERS)
def test_targets_that_lie_across_are_nearer_when_exchanged(loss):
    found = across(loss, torch.randn(5, 5, 3), lambda out: out.transpose(0, 1) + 0.01)

    assert found["exchanged"] == pytest.approx(0.01, abs=1e-3)
    assert found["as_given"] > 0.1
    assert (found["exchanged_dim"], found["exchanged_with"]) == (0, 1)


@pytest.mark.parametrize("loss", OF_NUMBERS)
def test_targets_in_order_are_not(loss):
    assert "exchanged" not in across(loss, torch.randn(5, 5, 3), lambda out: out + 0.01)


def test_dimensions_of_other_lengths_cannot_be_exchanged():
    found = across(F.mse_loss, torch.randn(5, 6, 3), lambda out: out.flip(0))

    assert "exchanged" not in found


@pytest.mark.parametrize("dim", [0, 1, -2])
def test_outputs_that_were_stacked_are_read_from_their_parts(dim):
    class Step(nn.Linear):
        def forward(self, state):
            return super().forward(state**3)

    def loss(model, _):
        states = [START]
        for _ in range(5):
            states.append(states[-1] + 0.1 * model(states[-1]))
        path = torch.stack(states, dim)
        return (path - path.detach().transpose(0, 1)).abs().mean()

    START = torch.randn(6, 2)
    found = marks(loss, Step(2, 2), START)

    assert found["exchanged"] < 1e-6 < found["as_given"]

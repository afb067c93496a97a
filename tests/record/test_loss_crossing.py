"""Shapes that meet in a loss written by hand."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)
N = 8


def crossing_of(loss, *, flat=True):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    x = torch.randn(N, 3)

    def step():
        out = model(x)
        loss(out.squeeze(-1) if flat else out).backward()

    return snapshot(step, model).loss.crossing


def loss_of(loss, model=None):
    torch.manual_seed(0)
    model = model or nn.Sequential(nn.Linear(3, 1), nn.Flatten(0))
    x = torch.randn(N, 3)
    return snapshot(lambda: loss(model(x)).backward(), model).loss


COLUMN, ROW = torch.linspace(-1, 2, N)[:, None], torch.linspace(-1, 2, N)
CROSSED = {
    "advantages times values": lambda v: -(COLUMN * v).mean(),
    "a ratio, clipped": lambda v: (
        -torch.min(v.exp() * COLUMN, v.exp().clamp(0.8, 1.2) * COLUMN).mean()
    ),
    "clipped values": lambda v: torch.max(
        (COLUMN - v).pow(2), (COLUMN - v.clamp(-1, 1)).pow(2)
    ).mean(),
}


@pytest.mark.parametrize("name", CROSSED)
def test_values_that_meet_a_column_are_a_crossing(name):
    found = crossing_of(CROSSED[name])

    assert found is not None
    assert (found.given, found.other, found.result) == ((N,), (N, 1), (N, N))


def huber(error):
    size = error.abs()
    return torch.where(size < 1, error**2 / 2, size - 0.5)


OF_COLUMNS = {
    "a product": lambda v: -(v * ROW).mean(),
    "the root of a mean": lambda v: ((v - ROW) ** 2).mean().sqrt(),
    "a share of the variance": lambda v: (v - ROW).pow(2).sum() / ROW.sum() + 1,
    "a norm": lambda v: (v - ROW).norm() / N,
    "a Huber loss in two pieces": lambda v: huber(v - ROW).mean(),
    "beside a penalty": lambda v: ((v - ROW) ** 2).mean().add(1e-8).sqrt() + v.abs().mean().exp(),
}


@pytest.mark.parametrize("name", OF_COLUMNS)
def test_a_column_of_outputs_that_meets_a_row_is_a_crossing(name):
    found = crossing_of(OF_COLUMNS[name], flat=False)

    assert found is not None
    assert (found.given, found.result) == ((N, 1), (N, N))
    assert found.other in {(N,), (1, N)}  # the second where the graph keeps their sum alone


TABLE = torch.arange(N * N).reshape(N, N).float().sin()
MEANT = {
    "equal shapes": lambda v: -(ROW * v).mean(),
    "pairs of one output": lambda v: (v[:, None] - v[None, :]).exp().mean(),
    "pairs with data, by unsqueeze": lambda v: (v.unsqueeze(1) - ROW).abs().mean(),
    "a table of weights": lambda v: (v * TABLE).exp().mean(),
    "a table of targets": lambda v: (TABLE - v).pow(2).mean(),
    "pairs that are masked": lambda v: ((COLUMN - v).pow(2) * (TABLE > 0).float()).mean(),
    "pairs that are left out": lambda v: torch.where(TABLE > 0, (COLUMN - v).pow(2), 0.0).mean(),
    "pairs that are normalised": lambda v: -(COLUMN * v).log_softmax(1).diagonal().mean(),
    "a sum over rows, then a logarithm": lambda v: (COLUMN * v).exp().sum(1).log().mean(),
    "distances by a Gram matrix": lambda v: (
        (v.pow(2).unflatten(0, (N, 1)).sum(1, keepdim=True) + v.pow(2) - 2 * (v[:, None] @ v[None]))
        .exp()
        .mean()
        .log()
    ),
    "a root of pairs, by unsqueeze": lambda v: (v.unsqueeze(1) - ROW).pow(2).mean().sqrt(),
    "a matrix of outputs": lambda v: (v.exp().outer(v)).pow(2).mean(),
}


@pytest.mark.parametrize("name", MEANT)
def test_what_is_meant_to_be_pairs_is_none(name):
    assert crossing_of(MEANT[name]) is None


BY_UNSQUEEZE = {
    "by hand": lambda p: (p.unsqueeze(1) - ROW).square().mean(),
    "by an index": lambda p: (p[:, None] - ROW[None, :]).abs().mean(),
    "mse_loss": lambda p: F.mse_loss(p.unsqueeze(1), ROW),
}


@pytest.mark.filterwarnings("ignore:Using a target size:UserWarning")
@pytest.mark.parametrize("name", BY_UNSQUEEZE)
def test_a_prediction_that_is_made_a_column_is_meant_to_meet_a_row(name):
    found = loss_of(BY_UNSQUEEZE[name])

    assert found.cross_broadcast
    assert found.paired


@pytest.mark.filterwarnings("ignore:Using a target size:UserWarning")
def test_a_network_that_puts_out_a_column_did_not_mean_it():
    found = loss_of(lambda p: F.mse_loss(p, ROW), nn.Linear(3, 1))

    assert found.cross_broadcast
    assert not found.paired


def test_a_column_that_the_network_itself_makes_is_its_own():
    class Net(nn.Linear):
        def forward(self, x):
            return super().forward(x).squeeze(1).unsqueeze(1)

    assert not loss_of(lambda p: (p - ROW).square().mean(), Net(3, 1)).paired


# --- labels that pick -----------------------------------------------------------------------------
LABELS = torch.arange(N) % 3


def by_hand(scores):
    return scores - scores.logsumexp(1, keepdim=True)


FOR_ALL = {
    "an index": lambda scores: -by_hand(scores)[:, LABELS].mean(),
    "by log-softmax": lambda scores: -scores.log_softmax(1)[:, LABELS].mean(),
    "of probabilities": lambda scores: -scores.softmax(1)[:, LABELS].log().mean(),
    "index_select": lambda scores: -scores.log_softmax(1).index_select(1, LABELS).mean(),
}


@pytest.mark.parametrize("name", FOR_ALL)
def test_labels_of_the_batch_that_pick_from_every_row_are_a_crossing(name):
    found = loss_of(FOR_ALL[name], nn.Linear(3, 3)).crossing

    assert found is not None
    assert (found.given, found.other, found.result) == ((N, 3), (N,), (N, N))


FOR_EACH = {
    "each its own": lambda scores: -by_hand(scores)[torch.arange(N), LABELS].mean(),
    "columns in another order": lambda scores: scores[:, torch.arange(N).flip(0)].mean(),
    "rows that are drawn again": lambda scores: scores[LABELS].square().mean(),
    "more rows than labels": lambda scores: scores[:, LABELS[:4]].square().mean(),
}


@pytest.mark.parametrize("name", FOR_EACH)
def test_labels_that_pick_from_their_own_row_are_none(name):
    assert loss_of(FOR_EACH[name], nn.Linear(3, N)).crossing is None

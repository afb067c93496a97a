"""Whether both views of a contrastive loss are one and the same."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)
N = 8
PLACES = torch.arange(N)
OWN = torch.eye(2 * N, dtype=torch.bool)


def encoder():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 12), nn.ReLU(), nn.Linear(12, 4))


def views():
    return torch.randn(2, N, 5, generator=torch.Generator().manual_seed(1))


def details(loss):
    model = encoder()
    return snapshot(lambda: loss(model).backward(), model).loss.details


def info_nce(a, b):
    a, b = F.normalize(a, dim=1), F.normalize(b, dim=1)
    logits = a @ b.T / 0.2
    return (F.cross_entropy(logits, PLACES) + F.cross_entropy(logits.T, PLACES)) / 2


def nt_xent(a, b):
    z = F.normalize(torch.cat([a, b]), dim=1)
    logits = (z @ z.t() / 0.3).masked_fill(OWN, -1e9)
    return F.cross_entropy(logits, torch.cat([PLACES + N, PLACES]))


def filled_in_place(a, b):
    z = F.normalize(torch.cat([a, b]), dim=1)
    logits = z @ z.t() / 0.3
    logits.fill_diagonal_(-1e9)
    return F.cross_entropy(logits, torch.cat([PLACES + N, PLACES]))


def by_einsum(a, b):
    logits = torch.einsum("id,jd->ij", F.normalize(a, dim=1), F.normalize(b, dim=1))
    return F.cross_entropy(5 * logits, PLACES)


def by_hand(a, b):
    z = F.normalize(torch.cat([a, b]), dim=1)
    each = torch.exp(z @ z.T / 0.5)
    positive = torch.cat([each.diagonal(N), each.diagonal(-N)])
    return -torch.log(positive / each.masked_select(~OWN).view(2 * N, -1).sum(1)).mean()


LOSSES = [info_nce, nt_xent, filled_in_place, by_einsum, by_hand]


@pytest.mark.parametrize("loss", LOSSES)
def test_two_calls_with_one_view_are_equal(loss):
    first, _ = views()

    found = details(lambda model: loss(model(first), model(first)))

    assert found["views"] == N
    assert found["views_apart"] < 1e-6 < found["samples_apart"]


@pytest.mark.parametrize("loss", LOSSES)
def test_two_views_are_apart(loss):
    first, second = views()

    found = details(lambda model: loss(model(first), model(second)))

    assert found["views_apart"] > 0.1


def test_one_call_with_both_views_is_looked_at_by_halves():
    first, second = views()

    same = details(lambda model: nt_xent(*model(torch.cat([first, first])).chunk(2)))
    other = details(lambda model: nt_xent(*model(torch.cat([first, second])).chunk(2)))

    assert same["views_apart"] < 1e-6
    assert other["views_apart"] > 0.1


def test_two_encoders_are_apart():
    first, _ = views()
    model = nn.ModuleList([encoder(), nn.Linear(5, 4)])

    shot = snapshot(lambda: info_nce(model[0](first), model[1](first)).backward(), model)

    assert shot.loss.details["views_apart"] > 0.1


def test_a_dropout_of_its_own_makes_views():
    first, _ = views()
    model = nn.Sequential(encoder(), nn.Dropout(0.3))

    shot = snapshot(lambda: info_nce(model(first), model(first)).backward(), model)

    assert shot.loss.details["views_apart"] > 0.1


def labelled(model):
    """One view, and all samples of a class are positives of each other."""
    z = F.normalize(model(views()[0]), dim=1)
    return F.cross_entropy(z @ z.T / 0.3, (PLACES + 1) % N)


NO_VIEWS = {
    "a classifier": lambda model: F.cross_entropy(model(views()[0]), PLACES % 4),
    "weights without bias": lambda model: F.cross_entropy(
        model(views()[0])[:, :4] @ model[2].weight[:, :4].T, PLACES % 4
    ),
    "a squared error of a Gram matrix": lambda model: (
        (model(views()[0]) @ model(views()[0]).T - torch.eye(N)).square().mean()
    ),
}


@pytest.mark.parametrize("name", NO_VIEWS)
def test_other_losses_compare_no_views(name):
    assert "views" not in details(NO_VIEWS[name])


def test_samples_of_one_view_are_no_pairs():
    assert details(labelled)["views_apart"] > 0.1

"""Whether the scores of a softmax are distances without a minus."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)
N, CLASSES = 30, 5
LABELS = torch.arange(N) % CLASSES
SHARES = F.one_hot(LABELS, CLASSES).float()


def marked(scores, loss=F.cross_entropy, target=LABELS):
    """The classes whose distances are the scores of a loss; None if they are not."""
    torch.manual_seed(0)
    embed = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    samples, shown = torch.randn(N, 4), torch.randn(CLASSES, 4)

    def step():
        loss(scores(embed(samples), embed(shown)), target).backward()

    return snapshot(step, embed).loss.details.get("distances")


def pairs(z, p):
    return z.unsqueeze(1) - p.unsqueeze(0)


DISTANCES = {
    "cdist": torch.cdist,
    "cdist, squared": lambda z, p: torch.cdist(z, p).square(),
    "cdist of sizes": lambda z, p: torch.cdist(z, p, p=1.0),
    "cdist of few": lambda z, p: torch.cdist(z, p, compute_mode="donot_use_mm_for_euclid_dist"),
    "squares": lambda z, p: pairs(z, p).pow(2).sum(-1),
    "squares, mean": lambda z, p: (pairs(z, p) ** 2).mean(-1),
    "a difference times itself": lambda z, p: (d := pairs(z, p)).mul(d).sum(-1),
    "root": lambda z, p: pairs(z, p).square().sum(-1).add(1e-6).sqrt(),
    "power of a half": lambda z, p: pairs(z, p).square().sum(-1) ** 0.5,
    "sizes": lambda z, p: pairs(z, p).abs().sum(-1),
    "norm": lambda z, p: torch.norm(pairs(z, p), dim=-1),
    "linalg": lambda z, p: torch.linalg.vector_norm(z[:, None] - p, dim=-1),
    "norm, squared": lambda z, p: pairs(z, p).norm(dim=-1) ** 2,
    "pairwise": lambda z, p: F.pairwise_distance(z.unsqueeze(1), p.unsqueeze(0)),
    "one by one": lambda z, p: torch.stack([(z - q).pow(2).sum(1) for q in p], 1),
    "of centres without a graph": lambda z, p: (z[:, None] - p.detach()).pow(2).sum(-1),
    "of repeated rows": lambda z, p: F.mse_loss(
        *(v.expand(N, CLASSES, 3) for v in (z[:, None], p)), reduction="none"
    ).sum(-1),
    "multiplied out": lambda z, p: (
        z.square().sum(1, keepdim=True) + p.square().sum(1) - 2 * z @ p.T
    ),
    "multiplied out, the product first": lambda z, p: (
        -2 * z @ p.T + (z**2).sum(1, keepdim=True) + (p**2).sum(1)
    ),
    "temperature": lambda z, p: torch.cdist(z, p) / 0.1,
    "positive factor": lambda z, p: 0.5 * torch.cdist(z, p) + 1,
    "two minuses": lambda z, p: torch.cdist(z, p).neg().neg(),
    "factor that learns and is positive": lambda z, p: torch.cdist(z, p) * z.mean().exp(),
    "logarithm": lambda z, p: torch.cdist(z, p).log1p(),
}


@pytest.mark.parametrize("name", DISTANCES)
def test_distances_are_counted(name):
    assert marked(DISTANCES[name]) == CLASSES


OTHERS = {
    "a minus": lambda z, p: -torch.cdist(z, p),
    "a minus before squares": lambda z, p: -(pairs(z, p).pow(2).sum(-1)),
    "negative factor": lambda z, p: -0.5 * pairs(z, p).pow(2).sum(-1),
    "divided by a negative number": lambda z, p: torch.cdist(z, p) / -0.1,
    "a margin less the distance": lambda z, p: 5 - torch.cdist(z, p),
    "multiplied out, with a minus": lambda z, p: (
        2 * z @ p.T - z.square().sum(1, keepdim=True) - p.square().sum(1)
    ),
    "what matters of it": lambda z, p: z @ p.T - 0.5 * p.square().sum(1),
    "reciprocal": lambda z, p: 1 / (1 + torch.cdist(z, p)),
    "kernel": lambda z, p: torch.exp(-torch.cdist(z, p)),
    "kernel of Student's t": lambda z, p: (1 + torch.cdist(z, p).square()).pow(-1),
    "square of the negative, with a minus": lambda z, p: -((-torch.cdist(z, p)) ** 2),
    "cosines": lambda z, p: F.cosine_similarity(z.unsqueeze(1), p.unsqueeze(0), dim=-1),
    "products": lambda z, p: z @ p.T,
    "learned sign": lambda z, p: torch.cdist(z, p) * z.mean(),
    "beside other scores": lambda z, p: torch.cdist(z, p) + z @ p.T,
    "variances": lambda z, p: (g := z @ torch.eye(3, 20)).view(N, CLASSES, 4)
    .sub(g.view(N, CLASSES, 4).mean(-1, keepdim=True)).pow(2).mean(-1),
    "lengths": lambda z, p: (z @ torch.eye(3, 20)).view(N, CLASSES, 4).norm(dim=-1),
    "shifted squares": lambda z, p: ((z @ torch.eye(3, CLASSES)) - 1) ** 2,
    "a layer behind": lambda z, p: torch.cdist(z, p) @ torch.eye(CLASSES),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_others_are_not(name):
    assert marked(OTHERS[name]) is None


LOSSES = {
    "nll_loss": lambda s, y: F.nll_loss(F.log_softmax(s, 1), y),
    "nll_loss of probabilities": lambda s, y: F.nll_loss(s.softmax(1).add(1e-8).log(), y),
    "shares": lambda s, y: F.cross_entropy(s, SHARES),
    "shares by hand": lambda s, y: -(SHARES * s.log_softmax(1)).sum(1).mean(),
    "smoothed": lambda s, y: F.cross_entropy(s, y, label_smoothing=0.1),
    "gathered": lambda s, y: -s.log_softmax(1).gather(1, y[:, None]).mean(),
    "picked": lambda s, y: -s.log_softmax(1)[torch.arange(N), y].mean(),
    "picked before the logarithm": lambda s, y: -s.softmax(1)[torch.arange(N), y].log().mean(),
    "beside a penalty": lambda s, y: F.cross_entropy(s, y) + 0.01 * s.mean(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_each_way_to_write_the_loss(name):
    assert marked(torch.cdist, LOSSES[name]) == CLASSES
    assert marked(lambda z, p: -torch.cdist(z, p), LOSSES[name]) is None


def test_a_loss_that_is_made_large_wants_the_farthest_least():
    assert marked(torch.cdist, lambda s, y: -F.cross_entropy(s, y)) is None


def test_a_squared_error_of_distances_is_no_choice():
    assert marked(torch.cdist, lambda s, y: F.mse_loss(s, SHARES)) is None

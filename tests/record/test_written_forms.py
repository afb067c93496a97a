"""What a formula written by hand makes of what it is given: overlaps, and likelihoods' weights."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)
N = 8


def details(loss, model):
    torch.manual_seed(0)
    x = torch.randn(N, 3, 6, 6) if isinstance(model, nn.Conv2d) else torch.randn(N, 3)
    return snapshot(lambda: loss(model(x)).backward(), model).loss.details


# --- overlaps -------------------------------------------------------------------------------------
MASK = (torch.arange(N * 36).reshape(N, 1, 6, 6) % 3 == 0).float()


def dice(p):
    p, y = p.view(-1), MASK.view(-1)
    return 1 - (2.0 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)


def dice_of_each(p):
    p, y = p.flatten(1), MASK.flatten(1)
    shared = (p * y).sum(1)
    return (1 - (2 * shared + 1e-6) / (p.sum(1) + y.sum(1)).clamp(min=1e-6)).mean()


def dice_reshaped_each_time(p):
    shared = (MASK * p).reshape(N, -1).sum(-1)
    return 1 - (2 * shared / (p.reshape(N, -1) + MASK.reshape(N, -1)).sum(-1)).mean()


def iou(p):
    shared = (p * MASK).sum(dim=(1, 2, 3))
    union = p.sum(dim=(1, 2, 3)) + MASK.sum(dim=(1, 2, 3)) - shared
    return 1 - ((shared + 1) / (union + 1)).mean()


def tversky(p):
    hit = (p * MASK).sum()
    false, missed = ((1 - MASK) * p).sum(), (MASK * (1 - p)).sum()
    return (1 - (hit + 1) / (hit + 0.3 * false + 0.7 * missed + 1)) ** 0.75


def of_first_class(p):
    return 1 - 2 * (p[:, 0] * MASK[:, 0]).sum() / (p[:, 0].sum() + MASK.sum())


def beside_cross_entropy(p):
    return F.binary_cross_entropy_with_logits(p, MASK) + 0.5 * dice(p)


OVERLAPS = [
    dice,
    dice_of_each,
    dice_reshaped_each_time,
    iou,
    tversky,
    of_first_class,
    beside_cross_entropy,
]


@pytest.mark.parametrize("loss", OVERLAPS)
def test_an_overlap_is_of_values_that_are_read(loss):
    model = nn.Conv2d(3, 1, 3, padding=1)
    nn.init.constant_(model.bias, 2.0)

    found = details(loss, model)

    assert found["overlap_most"] > 1.5


@pytest.mark.parametrize("loss", OVERLAPS[:-1])
def test_an_overlap_of_probabilities_lies_between_0_and_1(loss):
    model = nn.Conv2d(3, 1, 3, padding=1)

    found = details(lambda out: loss(torch.sigmoid(out)), model)

    assert 0 < found["overlap_least"] < found["overlap_most"] < 1


def of_classes(p):
    shares, mask = p.flatten(2), MASK.flatten(2)
    each = 2 * (shares * mask).sum((0, 2)) / (shares.sum((0, 2)) + mask.sum((0, 2)))
    return 1 - each.mean()


@pytest.mark.parametrize("loss", [*OVERLAPS, of_classes])
def test_an_overlap_that_is_taken_from_1_is_made_large(loss):
    model = nn.Conv2d(3, 1, 3, padding=1)

    assert "overlap_minimised" not in details(lambda out: loss(torch.sigmoid(out)), model)


@pytest.mark.parametrize("loss", [dice, dice_of_each, iou, of_first_class, of_classes])
@pytest.mark.parametrize("turned", [lambda d: 1 - d, lambda d: -d])
def test_an_overlap_that_is_added_is_made_small(loss, turned):
    model = nn.Conv2d(3, 1, 3, padding=1)

    found = details(lambda out: turned(loss(torch.sigmoid(out))), model)

    assert found["overlap_minimised"] == 1


@pytest.mark.parametrize(("sign", "is_small"), [(1, True), (-1, False)])
def test_the_logarithm_of_an_overlap_grows_with_it(sign, is_small):
    model = nn.Conv2d(3, 1, 3, padding=1)

    def loss(out):
        shares = torch.sigmoid(out)
        return sign * (2 * (shares * MASK).sum() / (shares.sum() + MASK.sum())).log()

    assert ("overlap_minimised" in details(loss, model)) is is_small


def test_an_overlap_beside_another_term_is_one_of_two():
    model = nn.Conv2d(3, 1, 3, padding=1)

    def loss(out):
        fit = F.binary_cross_entropy_with_logits(out, MASK)
        shares = torch.sigmoid(out)
        return fit + 2 * (shares * MASK).sum() / (shares.sum() + MASK.sum())

    assert details(loss, model)["overlap_minimised"] == 2


def test_false_alarms_beside_the_mask_are_well_made_small():
    model = nn.Conv2d(3, 1, 3, padding=1)

    def loss(out):
        shares = torch.sigmoid(out)
        return (shares * (1 - MASK)).sum() / (shares.sum() + MASK.sum())

    assert "overlap_minimised" not in details(loss, model)


NO_OVERLAPS = {
    "squares below": lambda p: 1 - 2 * (p * MASK).sum() / ((p * p).sum() + MASK.sum()),
    "powers below": lambda p: 1 - 2 * (p * MASK).sum() / (p.pow(2).sum() + MASK.sum()),
    "a masked mean": lambda p: ((p - 1).pow(2) * MASK).sum() / MASK.sum(),
    "a share of the whole": lambda p: -((p.exp() * MASK).sum() / (p.exp().sum() + 1e-6)).log(),
    "a target that is no mask": lambda p: -(p * (MASK + 1)).sum() / (p.sum() + MASK.sum()),
}


@pytest.mark.parametrize("name", NO_OVERLAPS)
def test_another_quotient_is_no_overlap(name):
    found = details(NO_OVERLAPS[name], nn.Conv2d(3, 1, 3, padding=1))

    assert not [word for word in found if word.startswith("overlap")]


# --- negative sampling ----------------------------------------------------------------------------
class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.centre, self.context = nn.Embedding(9, 4), nn.Embedding(9, 4)

    def forward(self, minus=False):
        v, words = self.centre(torch.arange(N)), torch.arange(N * 3).reshape(N, 3) % 9
        u, others = self.context(torch.arange(N) + 1), self.context(words)
        others = -others if minus else others
        return (v * u).sum(1), torch.bmm(others, v.unsqueeze(2)).squeeze(2)


def marked(loss, minus=False):
    model = Words()
    return snapshot(lambda: loss(*model(minus)).backward(), model).loss.details


@pytest.mark.parametrize(
    "loss",
    [
        lambda s, n: -(F.logsigmoid(s) + F.logsigmoid(n).sum(1)).mean(),
        lambda s, n: -F.logsigmoid(s).mean() - torch.log(torch.sigmoid(n) + 1e-9).mean(),
        lambda s, n: -torch.log(torch.sigmoid(s).clamp(min=1e-9)).mean() - F.logsigmoid(n).mean(),
    ],
)
def test_negatives_without_a_minus_are_pushed_up(loss):
    assert marked(loss)["scores_up"] == 2
    assert "scores_up" not in marked(loss, minus=True)


@pytest.mark.parametrize(
    "loss",
    [
        lambda s, n: -(F.logsigmoid(s) + F.logsigmoid(-n).sum(1)).mean(),
        lambda s, n: -(F.logsigmoid(s) + F.logsigmoid(n * -0.5).sum(1)).mean(),
        lambda s, n: -F.logsigmoid(s - n.mean(1)).mean(),
        lambda s, n: -F.logsigmoid(s).mean(),
        lambda s, n: F.logsigmoid(n).mean() - F.logsigmoid(s).mean(),
        lambda s, n: -F.logsigmoid(s).mean() - F.logsigmoid(n).mean() + 0.1 * n.pow(2).mean(),
        lambda s, n: -(F.logsigmoid(s) + (1 - torch.sigmoid(n) + 1e-9).log().sum(1)).mean(),
    ],
)
def test_scores_that_something_holds_are_not_only_pushed_up(loss):
    assert "scores_up" not in marked(loss)


# --- likelihoods ----------------------------------------------------------------------------------
Y, SIDE = torch.arange(N) % 4, (torch.arange(N) % 2).float()
EVERY = torch.arange(N)


def by_gather(out):
    logp = F.log_softmax(out, -1).gather(1, Y[:, None]).squeeze(1)
    return logp, logp.exp()


def by_gather_of_a_column(out):
    logs = out.log_softmax(-1).gather(1, Y[:, None])[:, 0]
    return logs, logs.exp()


def by_probabilities(out):
    p = out.softmax(-1)[EVERY, Y]
    return p.log(), p


def by_softmax_and_log_softmax(out):
    return F.log_softmax(out, -1)[EVERY, Y], out.softmax(-1)[EVERY, Y]


def by_cross_entropy(out):
    nll = F.cross_entropy(out, Y, reduction="none")
    return -nll, torch.exp(-nll)


def by_two_classes(out):
    p = torch.sigmoid(out[:, 0])
    p = p * SIDE + (1 - p) * (1 - SIDE)
    return torch.log(p.clamp(min=1e-6)), p


def by_binary_cross_entropy(out):
    nll = F.binary_cross_entropy_with_logits(out[:, 0], SIDE, reduction="none")
    return -nll, torch.exp(-nll)


LIKELIHOODS = [
    by_gather,
    by_gather_of_a_column,
    by_probabilities,
    by_softmax_and_log_softmax,
    by_cross_entropy,
    by_two_classes,
    by_binary_cross_entropy,
]


@pytest.mark.parametrize("parts", LIKELIHOODS)
@pytest.mark.parametrize("weighed", [False, True])
def test_a_likelihood_that_weighs_itself(parts, weighed):
    def loss(out):
        logs, p = parts(out)
        each = -(p**2) * logs
        return (0.25 * each * SIDE).sum() if weighed else each.mean()

    found = details(loss, nn.Linear(3, 4))

    assert found["self_weighted"] == 2
    assert 0.5 < found["pushed_down"] <= 1


@pytest.mark.parametrize("parts", LIKELIHOODS)
@pytest.mark.parametrize("form", ["focal", "detached"])
def test_a_likelihood_that_does_not(parts, form):
    def loss(out):
        logs, p = parts(out)
        weight = (1 - p) ** 2 if form == "focal" else p.detach() ** 2
        return (-weight * logs).mean()

    assert "self_weighted" not in details(loss, nn.Linear(3, 4))


def of_two_branches(out):
    p = torch.sigmoid(out[:, 0])
    yes, no = (1 - p) ** 2 * torch.log(p), p**2 * torch.log(1 - p)
    return -(SIDE * yes + (1 - SIDE) * no).mean()


NOT_THEMSELVES = {
    "focal, both sides": of_two_branches,
    "an entropy": lambda out: -(out.softmax(-1) * out.log_softmax(-1)).sum(-1).mean(),
    "a thin plate": lambda out: ((out[:, 0].exp() + 1) ** 2 * (out[:, 0].exp() + 1).log()).mean(),
    "a policy": lambda out: -(out.log_softmax(-1)[EVERY, Y].exp() * (SIDE - 0.5)).mean(),
}


@pytest.mark.parametrize("name", NOT_THEMSELVES)
def test_another_product_is_no_likelihood_that_weighs_itself(name):
    assert "self_weighted" not in details(NOT_THEMSELVES[name], nn.Linear(3, 4))

"""A loss may leave out just what is to be learned: all but the padding, or what was hidden."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)
PAD, WORDS = 0, 7


def details(step, model):
    return snapshot(step, model).loss.details


# --- padding --------------------------------------------------------------------------------------
def filled(lengths=(2, 5, 3, 1, 6)):
    """Sequences of words that are filled up, and which places are words."""
    words = torch.arange(8)[None] < torch.tensor(lengths)[:, None]
    return torch.where(words, torch.randint(1, WORDS, words.shape), PAD), words


COUNTED = {
    "masked by a fill": lambda ce, mask: ce.masked_fill(~mask, 0.0).sum() / mask.sum(),
    "by a product": lambda ce, mask: (ce * mask).sum() / mask.sum(),
    "by a choice": lambda ce, mask: torch.where(mask, ce, torch.zeros(())).mean(),
    "picked": lambda ce, mask: ce[mask].mean(),
    "by sequence": lambda ce, mask: ((ce * mask).sum(1) / mask.sum(1).clamp(min=1)).mean(),
}


@pytest.mark.parametrize("is_inverted", [True, False])
@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("name", COUNTED)
def test_a_loss_that_counts_the_padding_alone(name, flat, is_inverted):
    if flat and name == "by sequence":
        return
    torch.manual_seed(0)
    (target, words), model, x = filled(), nn.Linear(3, WORDS), torch.randn(5, 8, 3)
    mask = ~words if is_inverted else words

    def step():
        scores = model(x)
        if flat:
            ce = F.cross_entropy(scores.view(-1, WORDS), target.view(-1), reduction="none")
            return COUNTED[name](ce, mask.view(-1)).backward()
        ce = F.cross_entropy(scores.transpose(1, 2), target, reduction="none")
        return COUNTED[name](ce, mask).backward()

    found = details(step, model)

    assert bool(found.get("only_padding")) is is_inverted


def test_a_class_that_stands_among_the_others_is_no_padding():
    torch.manual_seed(0)
    target, model, x = torch.randint(0, 3, (5, 8)), nn.Linear(3, WORDS), torch.randn(5, 8, 3)

    def step():
        ce = F.cross_entropy(model(x).transpose(1, 2), target, reduction="none")
        (ce * (target == 0)).sum().backward()

    assert not details(step, model).get("only_padding")


def test_what_another_term_counts_is_not_left_out():
    torch.manual_seed(0)
    (target, words), model, x = filled(), nn.Linear(3, WORDS), torch.randn(5, 8, 3)

    def step():
        ce = F.cross_entropy(model(x).transpose(1, 2), target, reduction="none")
        ((ce * ~words).mean() + (ce * words).mean()).backward()

    assert "only_padding" not in details(step, model)


# --- what is hidden -------------------------------------------------------------------------------
class Hiding(nn.Module):
    def __init__(self, by="where"):
        super().__init__()
        self.embed, self.out, self.by = nn.Linear(4, 16), nn.Linear(16, 4), by
        self.token = nn.Parameter(torch.zeros(16))

    def forward(self, x, shown):
        h = self.embed(x)
        if self.by == "where":
            h = torch.where(shown.unsqueeze(-1), h, self.token)
        elif self.by == "fill":
            h = h.masked_fill(~shown.unsqueeze(-1), 0.0)
        else:
            h = h * shown.unsqueeze(-1) + self.token * ~shown.unsqueeze(-1)
        return self.out(h.relu())


RECONSTRUCTED = {
    "masked squares": lambda p, x, m: ((p - x) ** 2).masked_fill(~m.unsqueeze(-1), 0.0).sum(),
    "means of patches": lambda p, x, m: (((p - x) ** 2).mean(-1) * m).sum() / m.sum(),
    "none-reduced": lambda p, x, m: (F.mse_loss(p, x, reduction="none") * m.unsqueeze(-1)).mean(),
    "picked squares": lambda p, x, m: (p[m] - x[m]).pow(2).mean(),
    "picked": lambda p, x, m: F.smooth_l1_loss(p[m], x[m]),
}


@pytest.mark.parametrize("by", ["where", "fill", "product"])
@pytest.mark.parametrize("name", RECONSTRUCTED)
def test_a_loss_that_counts_what_is_shown_alone(name, by):
    torch.manual_seed(0)
    model, x, shown = Hiding(by), torch.randn(5, 8, 4), torch.rand(5, 8) > 0.4
    loss = RECONSTRUCTED[name]

    wrong = details(lambda: loss(model(x, shown), x, shown).backward(), model)
    right = details(lambda: loss(model(x, shown), x, ~shown).backward(), model)

    assert wrong["only_shown"]
    assert wrong["places_counted"] in (shown.sum(), 4 * shown.sum())
    assert not right.get("only_shown")


def test_a_loss_that_counts_all_places_leaves_nothing_out():
    torch.manual_seed(0)
    model, x, shown = Hiding(), torch.randn(5, 8, 4), torch.rand(5, 8) > 0.4

    found = details(lambda: F.mse_loss(model(x, shown), x).backward(), model)

    assert not found.get("only_shown")


@pytest.mark.parametrize("by", ["where", "fill"])
def test_padding_that_network_and_loss_leave_out_is_nothing_hidden(by):
    torch.manual_seed(0)
    _, words = filled()
    model, x = Hiding(by), torch.randn(5, 8, 4) * words.unsqueeze(-1)

    found = details(
        lambda: RECONSTRUCTED["means of patches"](model(x, words), x, words).backward(), model
    )

    assert not found.get("only_shown")


def test_other_targets_of_what_is_shown_are_a_task():
    torch.manual_seed(0)
    model, x, shown = Hiding(), torch.randn(5, 8, 4), torch.rand(5, 8) > 0.4

    found = details(
        lambda: RECONSTRUCTED["picked"](model(x, shown), x.flip(1), shown).backward(), model
    )

    assert not found.get("only_shown")

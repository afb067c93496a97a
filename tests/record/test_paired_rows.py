"""Rows of one batch that a loss compares: those with the same prompt, or strangers."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

B, PROMPT, ANSWER, WORDS = 6, 4, 5, 40


def answers(padded_in_front=False):
    """Tokens of the better and of the worse answers, each behind its prompt."""
    torch.manual_seed(3)
    prompts = torch.randint(1, WORDS, (B, PROMPT))
    sides = [torch.cat([prompts, torch.randint(1, WORDS, (B, ANSWER))], 1) for _ in range(2)]
    if padded_in_front:
        for side in sides:
            for row in range(B):
                missing = int(torch.randint(4, ()))
                side[row] = torch.cat([torch.zeros(missing).long(), side[row][: 9 - missing]])
    return sides


LAID = {
    "halves": lambda better, worse: torch.cat([better, worse]),
    "neighbours": lambda better, worse: torch.stack([better, worse], 1).flatten(0, 1),
}
CUTS = {
    "halves": {
        "chunk": lambda r: r.chunk(2),
        "split": lambda r: r.split(B),
        "slices": lambda r: (r[:B], r[B:]),
        "view": lambda r: r.view(2, B, *r.shape[1:]).unbind(0),
    },
    "neighbours": {
        "slices": lambda r: (r[0::2], r[1::2]),
        "view": lambda r: r.view(B, 2, *r.shape[1:]).unbind(1),
        "columns": lambda r: (r.reshape(B, 2, -1)[:, 0], r.reshape(B, 2, -1)[:, 1]),
        "turned": lambda r: r.view(B, 2).t().reshape(-1).chunk(2),
    },
}
LOSSES = {
    "log-sigmoid": lambda c, r: -F.logsigmoid(c - r).mean(),
    "of references": lambda c, r: -F.logsigmoid(0.1 * ((c - 0.3) - (r - 0.2))).mean(),
    "softplus": lambda c, r: F.softplus(r - c).mean(),
    "margin": lambda c, r: F.margin_ranking_loss(c, r, torch.ones_like(c), margin=1.0),
    "hinge": lambda c, r: (1 - (c - r)).relu().mean(),
    "logits": lambda c, r: F.binary_cross_entropy_with_logits(c - r, torch.ones_like(c)),
}


class Rewards(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.read = nn.Embedding(WORDS, 8), nn.GRU(8, 8, batch_first=True)
        self.reward = nn.Linear(8, 1)

    def forward(self, ids):
        return self.reward(self.read(self.words(ids))[0][:, -1])


def details(laid, cut, loss=LOSSES["log-sigmoid"], sides=None, after=lambda r: r.squeeze(1)):
    torch.manual_seed(0)
    model, ids = Rewards(), LAID[laid](*(sides or answers()))
    return snapshot(lambda: loss(*cut(after(model(ids)))).backward(), model).loss.details


ALL_CUTS = [(kind, way) for kind, ways in CUTS.items() for way in ways]


@pytest.mark.parametrize(("kind", "way"), ALL_CUTS)
def test_rows_that_are_cut_in_the_other_way_are_told(kind, way):
    other = next(laid for laid in LAID if laid != kind)
    found = details(other, CUTS[kind][way])
    assert found["strangers_compared"] == 1.0
    assert found["pairs_compared"] == B
    assert found["halves_compared"] == (kind == "halves")
    assert "strangers_compared" not in details(kind, CUTS[kind][way])


@pytest.mark.parametrize("form", LOSSES)
def test_in_each_form_of_a_preference(form):
    wrong, right = (CUTS[kind]["slices"] for kind in ("neighbours", "halves"))
    assert "strangers_compared" in details("halves", wrong, LOSSES[form])
    assert "strangers_compared" not in details("halves", right, LOSSES[form])


def test_logits_that_are_cut_before_they_become_log_probabilities():
    class Language(Rewards):
        def forward(self, ids):
            logits = (self.read(self.words(ids))[0] @ self.words.weight.T)[:, :-1]
            return logits, ids[:, 1:]

    def loss(model, ids, cut):
        logits, wanted = model(ids)
        sides = zip(cut(logits), cut(wanted), strict=True)
        sums = [
            z.log_softmax(-1).gather(-1, y[..., None]).squeeze(-1)[:, PROMPT - 1 :].sum(-1)
            for z, y in sides
        ]
        return -F.logsigmoid(sums[0] - sums[1]).mean()

    for kind in ("neighbours", "halves"):
        torch.manual_seed(0)
        model, ids, cut = Language(), LAID["halves"](*answers()), CUTS[kind]["slices"]
        shot = snapshot(lambda m=model, i=ids, c=cut: loss(m, i, c).backward(), model)
        assert ("strangers_compared" in shot.loss.details) == (kind == "neighbours")


def test_padding_in_front_is_left_out():
    sides = answers(padded_in_front=True)
    assert "strangers_compared" in details("halves", CUTS["neighbours"]["slices"], sides=sides)
    assert "strangers_compared" not in details("halves", CUTS["halves"]["slices"], sides=sides)


def test_answers_without_a_prompt_in_common_tell_nothing():
    sides = [torch.randint(1, WORDS, (B, 9)) for _ in range(2)]
    for kind in CUTS:
        assert "strangers_compared" not in details("halves", CUTS[kind]["slices"], sides=sides)


def test_one_prompt_for_all_tells_nothing():
    sides = answers()
    for side in sides:
        side[:, :PROMPT] = side[0, :PROMPT]
    for kind in CUTS:
        assert "strangers_compared" not in details("halves", CUTS[kind]["slices"], sides=sides)


def test_a_prompt_that_is_there_twice_hides_nothing():
    better, worse = answers()
    better[1, :PROMPT] = worse[1, :PROMPT] = better[0, :PROMPT]
    found = details("halves", CUTS["neighbours"]["slices"], sides=[better, worse])
    assert found["strangers_compared"] < 1


def test_rows_that_are_laid_out_anew_before_they_are_cut():
    turned = torch.arange(2 * B).view(2, B).t().reshape(-1)
    cut = CUTS["neighbours"]["slices"]
    assert "strangers_compared" not in details("halves", cut, after=lambda r: r[:, 0][turned])
    by_view = details("halves", cut, after=lambda r: r.view(2, B).t().reshape(-1))
    assert "strangers_compared" not in by_view


def test_differences_that_no_preference_is_made_of():
    def squared(c, r):
        return (c - r).square().mean()

    assert "strangers_compared" not in details("halves", CUTS["neighbours"]["slices"], squared)


def test_what_hooks_hold_is_left_alone():
    with torch.autograd.graph.save_on_cpu():
        found = details("halves", CUTS["neighbours"]["slices"])
    assert "strangers_compared" not in found

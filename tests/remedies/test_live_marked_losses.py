"""Edits of losses by hand: what labels pick, weights of a likelihood, overlaps, ignored targets."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lifesigns.remedies import Both
from lifesigns.remedies.give_probabilities import GiveProbabilities
from lifesigns.remedies.ignore_padding import IgnorePadding
from lifesigns.remedies.ignore_shown import IgnoreShown
from lifesigns.remedies.pick_own_class import PickOwnClass
from lifesigns.remedies.raise_value import RaiseValue
from lifesigns.remedies.scale_rate import ScaleRate
from lifesigns.remedies.standardise_inputs import StandardiseInputs
from lifesigns.remedies.testing import script
from lifesigns.remedies.turn_ratio import TurnRatio
from lifesigns.remedies.weigh_by_missing import WeighByMissing


def test_each_row_gives_the_probability_of_its_own_class(run):
    logp = torch.randn(6, 3, requires_grad=True).log_softmax(1)
    labels, data = torch.tensor([0, 1, 2, 2, 1, 0]), torch.randn(6, 3)

    with PickOwnClass().apply(run):
        picked = [-logp[:, labels].mean(), -logp.index_select(1, labels).mean()]
        kept = [logp[:, 0], logp[:, labels[:2]], data[:, labels], logp.index_select(0, labels)]

    assert torch.allclose(torch.stack(picked), F.nll_loss(logp, labels))
    assert [tuple(each.shape) for each in kept] == [(6,), (6, 2), (6, 6), (6, 3)]


def test_a_likelihood_is_weighted_by_what_its_probability_lacks(run):
    p = torch.tensor([0.1, 0.9], requires_grad=True)

    with WeighByMissing(2.0).apply(run):
        found = [p**2, p.pow(2), torch.pow(p, 2.0)]
        kept = [p**3, (4 * p) ** 2, p.detach() ** 2]

    assert all(torch.allclose(each, (1 - p) ** 2) for each in found)
    assert [each.max().item() for each in kept] == pytest.approx([0.729, 12.96, 0.81])
    assert "weight" in WeighByMissing(1.0).apply(run).reason


@pytest.mark.parametrize("by", ["sigmoid", "softmax"])
def test_what_the_model_gives_is_probabilities_in_training_only(run, by):
    x = torch.randn(8, 4)
    raw = run.model(x)

    with GiveProbabilities(by).apply(run):
        trained = run.model(x)
        with torch.no_grad():
            looked_at = run.model(x)

    assert torch.equal(trained, raw.sigmoid() if by == "sigmoid" else raw.softmax(1))
    assert torch.equal(looked_at, raw)


def test_the_targets_that_were_ignored_count_and_the_others_do_not(run):
    tokens, hidden = torch.arange(4), torch.tensor([True, False, False, True])
    assigned = tokens.clone()

    with IgnoreShown().apply(run):
        assigned[hidden] = -100
        assigned[0] = 7
        others = [
            tokens.masked_fill(hidden, -100),
            torch.where(hidden, -100, tokens),
            tokens.masked_fill(mask=hidden, value=5),
        ]

    assert assigned.tolist() == [7, -100, -100, 3]
    assert [each.tolist() for each in others] == [[0, -100, -100, 3]] * 2 + [[5, 1, 2, 5]]


def test_targets_at_padding_do_not_count(run):
    scores, tags = torch.randn(6, 3), torch.tensor([1, 2, 0, 0, 0, 0])
    expected = F.cross_entropy(scores[:2], tags[:2])

    with IgnorePadding(0).apply(run):
        logs = scores.log_softmax(1)
        found = [
            nn.CrossEntropyLoss()(scores, tags),
            F.cross_entropy(input=scores, target=tags, ignore_index=-100),
            F.nll_loss(logs, tags, None, None, -100),
        ]
        spread = F.cross_entropy(scores, scores.softmax(1))

    assert torch.allclose(torch.stack(found), expected)
    assert spread == F.cross_entropy(scores, scores.softmax(1))


def test_a_ratio_of_old_over_new_is_turned_and_no_other_exponential(run):
    old, new = torch.randn(6, 2), torch.randn(6, 2, requires_grad=True)

    with TurnRatio().apply(run):
        found = [torch.exp(old - new), (old - new).clamp(-9, 9).exp(), torch.exp(old - new * 1)]
        joint = (old - new).sum(1).exp()
        kept = [(new - old).exp(), new.exp(), (old - new.detach()).exp(), torch.exp(1 - new)]

    assert all(torch.allclose(each, (new - old).exp()) for each in found)
    assert torch.allclose(joint, (new - old).sum(1).exp())
    with torch.no_grad():
        others = [(new - old).exp(), new.exp(), (old - new).exp(), torch.exp(1 - new)]
    assert all(torch.equal(one, other) for one, other in zip(kept, others, strict=True))


def test_the_mean_of_what_a_critic_gives_is_raised_and_other_losses_are_not(run):
    critic, states = nn.Linear(5, 1), torch.randn(8, 4)

    def gradient(loss):
        critic.zero_grad()
        loss(critic(torch.cat([states, run.model(states)], 1))).backward()
        return critic.weight.grad.clone()

    losses = [lambda out: out.squeeze(1).mean(), lambda out: out.square().mean()]
    before = [gradient(loss) for loss in losses]
    with RaiseValue().apply(run):
        after = [gradient(loss) for loss in losses]

    assert torch.equal(after[0], -before[0])
    assert torch.equal(after[1], before[1])


def test_both_edits_are_written_at_once_or_none():
    both = Both(StandardiseInputs(4), ScaleRate(0.1))

    text = both.rewrite(script())

    assert "lr=0.1 * 0.1" in text
    assert "BatchNorm1d(4" in text
    assert both.rewrite(text) == text
    assert "no optimizer" in both.rewrite("model = None").reason
    assert [part.name for part in both.parts] == ["standardise-inputs", "scale-rate"]

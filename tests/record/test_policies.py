"""What the loss of a policy weighs log-probabilities with, and the ratios it makes of them."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Bernoulli, Categorical, Independent, Normal
from training_steps import sgd

DISCOUNT = 0.9


def details(recording, model, loss):
    recorder, optimizer = recording(every=1), sgd(model)
    loss().backward()
    optimizer.step()
    recorder.stop()
    return recorder.trace().snapshots[0].loss.details


def categorical(out):
    action = torch.arange(len(out)) % 4
    return lambda: Categorical(logits=out).log_prob(action)


def by_probability(out):
    action = torch.arange(len(out)) % 4
    return lambda: Categorical(probs=out.softmax(1)).log_prob(action)


def gathered(out):
    action = torch.arange(len(out))[:, None] % 4
    return lambda: out.log_softmax(1).gather(1, action).squeeze(1)


def cross_entropy(out):
    action = torch.arange(len(out)) % 4
    return lambda: -F.cross_entropy(out, action, reduction="none")


def normal(out):
    action = out.detach() + torch.randn(out.shape)
    return lambda: Normal(out, 0.5 + out.detach().abs()).log_prob(action).sum(1)


def independent(out):
    action = out.detach() + torch.randn(out.shape)
    scale = (0.1 * out).exp()
    return lambda: Independent(Normal(out, scale), 1).log_prob(action)


def bernoulli(out):
    action = torch.arange(len(out)) % 2.0
    return lambda: Bernoulli(logits=out[:, 0]).log_prob(action)


FORMS = [categorical, by_probability, gathered, cross_entropy, normal, independent, bernoulli]


def surrogate(ratio, advantage):
    return -torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()


def inverted(recording, ratio_of, form=categorical, advantage=None):
    policy, x = nn.Linear(3, 4), torch.randn(32, 3)
    advantage = torch.randn(32) if advantage is None else advantage

    def loss():
        new = form(policy(x))()
        return surrogate(ratio_of(new, new.detach() + 0.01), advantage)

    return details(recording, policy, loss).get("inverted_ratios")


@pytest.mark.parametrize("form", FORMS)
def test_a_ratio_of_old_over_new_is_told(recording, form):
    assert inverted(recording, lambda new, old: (old - new).exp(), form) == 32
    assert inverted(recording, lambda new, old: (-(new - old)).exp(), form) == 32


@pytest.mark.parametrize("form", FORMS)
def test_a_ratio_of_new_over_old_is_sound(recording, form):
    assert inverted(recording, lambda new, old: (new - old).exp(), form) is None
    assert inverted(recording, lambda new, old: (new + (-old)).exp(), form) is None


def test_costs_are_subtracted_the_other_way_round(recording):
    assert inverted(recording, lambda new, old: (-old - (-new)).exp()) is None


def test_weights_of_one_sign_are_no_advantages(recording):
    assert inverted(recording, lambda n, o: (o - n).exp(), advantage=torch.rand(32)) is None


def test_a_divergence_from_a_reference_is_not_weighed(recording):
    policy, x = nn.Linear(3, 4), torch.randn(32, 3)
    advantage = torch.randn(32)

    def loss():
        new = categorical(policy(x))()
        back = new.detach() - new
        return -(advantage * (-back).exp() - 0.1 * (back.exp() - back - 1)).mean()

    assert "inverted_ratios" not in details(recording, policy, loss)


# --- an episode -----------------------------------------------------------------------------------
def returns(rewards, *, reverse=False):
    following, found = 0.0, []
    for reward in rewards[::-1]:
        following = reward + DISCOUNT * following
        found.append(following)
    return torch.tensor(found if reverse else found[::-1])


def normalised(values):
    return (values - values.mean()) / values.std()


def together(chances, weights):
    return -(torch.stack(chances) * weights).sum()


def joined(chances, weights):
    return -(torch.cat([one.reshape(1) for one in chances]) * weights).mean()


def each(chances, weights):
    products = [-one * weight for one, weight in zip(chances, weights, strict=True)]
    return torch.stack(products).sum()


def each_number(chances, weights):
    products = [-one * weight for one, weight in zip(chances, weights.tolist(), strict=True)]
    return torch.stack(products).sum()


def backwards(chances, weights):
    return together(chances[::-1], weights.flip(0))


def rises(recording, weights, join=together):
    policy = nn.Linear(3, 4)

    def loss():
        asked = [Categorical(logits=policy(torch.randn(3))) for _ in weights]
        return join([one.log_prob(one.sample()) for one in asked], weights)

    return details(recording, policy, loss).get("rising_by")


JOINS = [together, joined, each, each_number, backwards]
STEPS = [1.0] * 12


@pytest.mark.parametrize("join", JOINS)
@pytest.mark.parametrize("scaled", [normalised, torch.Tensor.clone])
def test_returns_that_run_backwards_rise_by_the_discount(recording, join, scaled):
    found = rises(recording, scaled(returns(STEPS, reverse=True)), join)

    assert found == pytest.approx(DISCOUNT, abs=1e-3)


@pytest.mark.parametrize("join", JOINS)
@pytest.mark.parametrize("reward", [1.0, -1.0])
def test_returns_in_the_order_of_the_steps_do_not(recording, join, reward):
    assert rises(recording, normalised(returns([reward] * 12)), join) == 0


@pytest.mark.parametrize(
    "weights",
    [
        returns([0.0] * 11 + [1.0]),
        returns(torch.randn(12).tolist(), reverse=True),
        torch.arange(12.0),
        returns([-1.0] * 12) * DISCOUNT ** torch.arange(12),
        torch.randn(12),
    ],
)
def test_other_courses_do_not(recording, weights):
    assert rises(recording, weights) == 0


def test_the_order_of_states_that_were_asked_about_together_is_unknown(recording):
    policy, x = nn.Linear(3, 4), torch.randn(12, 3)
    weights = returns(STEPS, reverse=True)

    found = details(recording, policy, lambda: -(categorical(policy(x))() * weights).sum())

    assert "rising_by" not in found


def test_returns_of_joined_episodes_rise_in_runs(recording):
    parts = [returns([1.0] * n, reverse=True) for n in (12, 7, 9)]

    assert rises(recording, normalised(torch.cat(parts))) == pytest.approx(DISCOUNT, abs=1e-3)
    assert rises(recording, torch.cat([*map(normalised, parts)])) == pytest.approx(0.9, abs=1e-3)


def test_returns_of_joined_episodes_in_the_order_of_the_steps_do_not(recording):
    parts = [returns([1.0] * n) for n in (12, 7, 9)]

    assert rises(recording, normalised(torch.cat(parts))) == 0


def of_rows(recording, form=categorical, *, reverse=True, flipped=False):
    """Details of a loss of five joined episodes, which begin at 0 and wander off."""
    policy, lengths = nn.Linear(3, 4), (12, 7, 9, 15, 6)
    walks = [torch.randn(n, 3).cumsum(0) - torch.randn(3) * 0.1 for n in lengths]
    walks = [0.01 * torch.randn(3) + walk - walk[0] for walk in walks]
    x = torch.cat([walk.flip(0) if flipped else walk for walk in walks])
    weights = normalised(torch.cat([returns([1.0] * n, reverse=reverse) for n in lengths]))
    return details(recording, policy, lambda: -(form(policy(x))() * weights).mean())


@pytest.mark.parametrize("form", FORMS)
def test_rows_of_joined_episodes_begin_alike(recording, form):
    found = of_rows(recording, form)

    assert found["episode"] == 49
    assert found["rising_by"] == pytest.approx(DISCOUNT, abs=1e-3)
    assert found["firsts_apart"] < 0.01 < 0.1 < found["lasts_apart"]


def test_rows_that_stand_in_reverse_end_alike(recording):
    found = of_rows(recording, flipped=True)

    assert found["lasts_apart"] < 0.01 < 0.1 < found["firsts_apart"]


def test_returns_in_the_order_of_rows_are_not_told(recording):
    assert "episode" not in of_rows(recording, reverse=False)


def test_weights_of_single_rises_are_no_returns(recording):
    policy, x = nn.Linear(3, 4), torch.randn(24, 3)
    weights = torch.tensor([0.0, 0.0, 0.0, 1.0]).repeat(6)

    found = details(recording, policy, lambda: -(categorical(policy(x))() * weights).mean())

    assert "episode" not in found

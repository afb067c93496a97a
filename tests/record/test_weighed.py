"""What weighs the log-probabilities of actions, and between which numbers the returns lie."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Categorical, Normal
from training_steps import sgd

ROWS = 24
EQUAL, DIFFERENT = torch.full((ROWS,), 0.5), torch.arange(ROWS) / ROWS


class Agent(nn.Module):
    """A policy and its critic."""

    def __init__(self):
        super().__init__()
        self.policy = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 4))
        self.critic = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x):
        return self.policy(x), self.critic(x).squeeze(1)


def details(recording, loss, agent=None):
    agent = Agent() if agent is None else agent
    recorder, optimizer = recording(every=1), sgd(agent)
    loss(agent, torch.randn(ROWS, 3)).backward()
    optimizer.step()
    recorder.stop()
    (shot,) = recorder.trace().snapshots
    assert not shot.coverage.failures
    return shot.loss.details


def categorical(out):
    chances = Categorical(logits=out)
    return chances.log_prob(chances.sample())


def normal(out):
    chances = Normal(out, 0.3)
    return chances.log_prob(chances.sample()).sum(1)


def plain(advantage):
    return advantage


def standardised(advantage):
    return (advantage - advantage.mean()) / (advantage.std() + 1e-8)


def praised(chance, advantage):
    return -(chance * advantage).mean()


def clipped(chance, advantage):
    ratio = (chance - chance.detach()).exp()
    return -torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()


def by_hand(value, target):
    return (value - target).pow(2).mean()


def by_hand_the_other_way(value, target):
    return ((target - value) ** 2).mean()


def actor_and_critic(returns, chance, scaled, praise, error):
    def loss(agent, x):
        out, value = agent(x)
        advantage = scaled(returns - value.detach())
        return praise(chance(out), advantage) + 0.5 * error(value, returns)

    return loss


FORMS = pytest.mark.parametrize(
    ("chance", "scaled", "praise", "error"),
    [
        (categorical, plain, praised, F.mse_loss),
        (normal, plain, praised, F.smooth_l1_loss),
        (categorical, standardised, praised, F.mse_loss),
        (categorical, standardised, clipped, F.mse_loss),
        (categorical, plain, praised, by_hand),
        (categorical, plain, praised, by_hand_the_other_way),
    ],
)


@FORMS
def test_returns_that_are_one_number_are_told(recording, chance, scaled, praise, error):
    found = details(recording, actor_and_critic(EQUAL, chance, scaled, praise, error))

    assert found["lowest_return"] == found["highest_return"] == pytest.approx(0.5)
    assert found["weighed"] == ROWS


@FORMS
def test_returns_that_differ_are_not_one_number(recording, chance, scaled, praise, error):
    found = details(recording, actor_and_critic(DIFFERENT, chance, scaled, praise, error))

    assert found["weighed"]
    assert found.get("lowest_return", 0.0) < found.get("highest_return", 1.0)


def test_targets_of_something_else_are_no_returns(recording):
    def loss(agent, x):
        out, value = agent(x)
        return praised(categorical(out), DIFFERENT) + F.mse_loss(value, EQUAL)

    found = details(recording, loss)

    assert found["weighed"] == ROWS
    assert "lowest_return" not in found


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_weights_without_a_critic_lie_between_these(recording, value):
    found = details(recording, lambda agent, x: praised(categorical(agent(x)[0]), value * EQUAL))

    assert found["lightest"] == found["heaviest"] == pytest.approx(0.5 * value)
    assert "weighed_beside" not in found


def test_weights_of_steps_that_were_asked_each_are_read(recording):
    def loss(agent, x):
        chances = [categorical(agent.policy(row[None])) for row in x]
        return torch.cat([-chance * 0.0 for chance in chances]).sum()

    found = details(recording, loss)

    assert found["weighed"] == ROWS
    assert found["lightest"] == found["heaviest"] == 0


@pytest.mark.parametrize("returns", [EQUAL, DIFFERENT])
def test_a_critic_may_be_asked_in_each_step(recording, returns):
    def loss(agent, x):
        praises, errors = [], []
        for row, target in zip(x, returns.tolist(), strict=True):
            out, value = agent(row[None])
            praises.append(-categorical(out) * (target - value.item()))
            errors.append(F.smooth_l1_loss(value, torch.tensor([target])))
        return torch.cat(praises).sum() + torch.stack(errors).sum()

    found = details(recording, loss)

    assert found["weighed"] == ROWS
    assert (found.get("lowest_return") == 0.5) is (returns is EQUAL)


def beside_another(out, label):
    unsure = F.cross_entropy(out, label, reduction="none") * torch.zeros(ROWS)
    return F.cross_entropy(out, label) + unsure.mean()


def by_itself(out, label):
    return (F.cross_entropy(out, label, reduction="none") * torch.zeros(ROWS)).mean()


def of_words(out, label):
    known = out.log_softmax(1).gather(1, label[:, None]).reshape(4, 6)
    return -(known * torch.zeros(4, 6)).mean()


@pytest.mark.parametrize("form", [beside_another, by_itself, of_words])
def test_weights_of_labels_are_known_as_such(recording, form):
    found = details(recording, lambda agent, x: form(agent(x)[0], torch.arange(ROWS) % 4))

    assert found["weighed_beside"] == 1


def test_a_loss_without_weights_is_left_alone(recording):
    def loss(agent, x):
        return F.cross_entropy(agent(x)[0], torch.arange(ROWS) % 4)

    assert "weighed" not in details(recording, loss)

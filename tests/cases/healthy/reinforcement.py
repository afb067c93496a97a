import copy

import torch
import torch.nn.functional as F
from program import healthy
from torch import nn


def situations(n):
    """Contexts with four actions; the reward of an action is a noisy share of the context."""
    x = torch.randn(n, 4)
    return x, x + 0.3 * torch.randn(n, 4)


def regret_free(policy, n=1000):
    """Share of contexts in which the most probable action is the best one."""
    x, _ = situations(n)
    with torch.no_grad():
        return (policy(x)[:, :4].argmax(1) == x.argmax(1)).float().mean()


def network(out=4):
    return nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, out))


@healthy("share of best actions", at_least=0.7)
def reinforce():
    """Rewards minus their mean times log-probabilities: a loss around 0 that does not fall."""
    policy = network()
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.01)
    for _ in range(300):
        x, rewards = situations(64)
        chances = torch.distributions.Categorical(logits=policy(x))
        action = chances.sample()
        reward = rewards.gather(1, action.unsqueeze(1)).squeeze(1)
        loss = -((reward - reward.mean()) * chances.log_prob(action)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return regret_free(policy)


@healthy("share of best actions", at_least=0.7)
def clipped_policy_ratios():
    """PPO: the clipped surrogate starts each round at 0 and has zero gradient where clipped."""
    policy = network()
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.01)
    for _ in range(80):
        x, rewards = situations(128)
        with torch.no_grad():
            before = torch.distributions.Categorical(logits=policy(x))
            action = before.sample()
            old = before.log_prob(action)
        reward = rewards.gather(1, action.unsqueeze(1)).squeeze(1)
        advantage = (reward - reward.mean()) / reward.std()
        for _ in range(4):
            now = torch.distributions.Categorical(logits=policy(x))
            ratio = (now.log_prob(action) - old).exp()
            clipped = ratio.clamp(0.8, 1.2)
            loss = -torch.min(ratio * advantage, clipped * advantage).mean()
            optimizer.zero_grad()
            (loss - 0.01 * now.entropy().mean()).backward()
            optimizer.step()
    return regret_free(policy)


@healthy("share of best actions", at_least=0.7)
def actor_and_critic():
    """One trunk for policy and value: the policy's loss hovers while the value's loss falls."""
    model = network(out=5)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(300):
        x, rewards = situations(64)
        out = model(x)
        chances, value = torch.distributions.Categorical(logits=out[:, :4]), out[:, 4]
        action = chances.sample()
        reward = rewards.gather(1, action.unsqueeze(1)).squeeze(1)
        advantage = (reward - value).detach()
        loss = -(advantage * chances.log_prob(action)).mean() + 0.5 * F.mse_loss(value, reward)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return regret_free(model)


@healthy("share of best actions", at_least=0.7)
def value_learning_with_a_target_network():
    """Q-learning: targets come from an older copy and move, so the loss rises before it falls."""
    model = network()
    target = copy.deepcopy(model).requires_grad_(False)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(300):
        x, rewards = situations(64)
        action = torch.randint(4, (64, 1))
        following, _ = situations(64)
        wanted = rewards.gather(1, action) + 0.5 * target(following).amax(1, keepdim=True)
        loss = F.smooth_l1_loss(model(x).gather(1, action), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 30 == 29:
            target.load_state_dict(model.state_dict())
    return regret_free(model)


@healthy("cost of the movement", at_most=0.2)
def learning_through_a_simulator():
    """The loss is the end of a simulated movement; there is no target and no data set."""
    controller = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(controller.parameters(), lr=0.02)

    def cost(n):
        place, speed = torch.randn(n, 1), torch.zeros(n, 1)
        total = 0.0
        for _ in range(8):
            force = controller(torch.cat([place, speed], 1))
            speed = speed + 0.4 * force
            place = place + 0.4 * speed
            total = total + (place**2).mean() + 0.01 * (force**2).mean()
        return total / 8

    for _ in range(100):
        loss = cost(32)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return cost(500)

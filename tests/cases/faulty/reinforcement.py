import copy

import torch
import torch.nn.functional as F
from program import faulty
from torch import nn

MOVES = torch.tensor([[0.2, 0.0], [-0.2, 0.0], [0.0, 0.2], [0.0, -0.2]])
DISCOUNT = 0.8


def start(n):
    """Places in the plane from which the origin is to be reached."""
    return 2 * torch.rand(n, 2) - 1


def step(places, moves):
    """The places after a move, and the reward as a column: by how much the origin came nearer."""
    after = places + MOVES[moves]
    return after, 5 * (places.norm(dim=1, keepdim=True) - after.norm(dim=1, keepdim=True))


@torch.no_grad()
def distance_left(choose, n=300):
    """The mean distance from the origin after ten moves from new places."""
    places = start(n)
    for _ in range(10):
        places, _ = step(places, choose(places).argmax(1))
    return places.norm(dim=1).mean()


def network(out):
    return nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, out))


def episodes(policy, n, updates):
    """Batches of transitions: ten moves by the policy from each start."""
    places = start(n)
    for update in range(updates):
        places = start(n) if update % 10 == 0 else places
        chances = torch.distributions.Categorical(logits=policy(places))
        moves = chances.sample()
        after, reward = step(places, moves)
        yield places, chances.log_prob(moves), reward, after
        places = after


@faulty("distance left", at_most=0.2, causes=("wrong_shape",))
def rewards_in_a_column(fixed=False):
    """Rewards of (N, 1) minus values of (N) are advantages of (N, N): each move is praised for
    the mean reward of the whole batch, whatever it did."""
    policy, critic = network(4), network(1)
    optimizer = torch.optim.Adam([*policy.parameters(), *critic.parameters()], lr=0.01)
    for places, log_p, reward, after in episodes(policy, 64, 400):
        with torch.no_grad():
            target = (reward.squeeze(1) if fixed else reward) + DISCOUNT * critic(after).squeeze(1)
        value = critic(places).squeeze(1)
        advantage = target - value
        loss = -(log_p * advantage.detach()).mean() + 0.5 * advantage.pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return distance_left(policy)


@faulty("distance left", at_most=0.2, causes=("wrong_loss", "other"))
def policy_descends_its_reward(fixed=False):
    """The minus before the policy's objective is missing: good moves become rarer, and the loss
    falls all the same."""
    policy, critic = network(4), network(1)
    actor_optimizer = torch.optim.RMSprop(policy.parameters(), lr=0.003)
    critic_optimizer = torch.optim.RMSprop(critic.parameters(), lr=0.003)
    sign = -1 if fixed else 1
    for places, log_p, reward, after in episodes(policy, 64, 400):
        value = critic(places)
        target = (reward + DISCOUNT * critic(after)).detach()
        critic_optimizer.zero_grad()
        F.smooth_l1_loss(value, target).backward()
        critic_optimizer.step()
        actor_optimizer.zero_grad()
        (sign * log_p * (target - value.detach()).squeeze(1)).mean().backward()
        actor_optimizer.step()
    return distance_left(policy)


@faulty("distance left", at_most=0.2, causes=("frozen",))
def optimizer_of_the_copy(fixed=False):
    """Q-learning whose optimizer was given the parameters of the target network: the network that
    is trained has no optimizer, and the copy gets no gradient."""
    online = network(4)
    target = copy.deepcopy(online)
    optimizer = torch.optim.Adam((online if fixed else target).parameters(), lr=0.01)
    for update in range(400):
        places, moves = start(64), torch.randint(4, (64,))
        after, reward = step(places, moves)
        with torch.no_grad():
            goal = reward + DISCOUNT * target(after).amax(1, keepdim=True)
        loss = F.mse_loss(online(places).gather(1, moves.unsqueeze(1)), goal)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if update % 20 == 0:
            target.load_state_dict(online.state_dict())
    return distance_left(online)


def walk(places, moves):
    """Along a corridor of eight places, to the right or the left; a prize lies at its right end."""
    after = (places + 2 * moves - 1).clamp(0, 7)
    return after, (after == 7).float()


@faulty("mistake in the value of a place", at_most=0.1, causes=("frozen",))
def target_that_is_never_copied(fixed=False):
    """Q-learning whose target network is to be copied every 50 updates, and the count begins anew
    with each episode of 40: what a place is worth further on stays what was drawn at random."""
    online = nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 2))
    target = copy.deepcopy(online)
    optimizer = torch.optim.Adam(online.parameters(), lr=0.005)
    places = torch.eye(8)
    for update in range(1200):
        here, moves = torch.randint(7, (32,)), torch.randint(2, (32,))
        after, prize = walk(here, moves)
        with torch.no_grad():
            goal = prize + DISCOUNT * (1 - prize) * target(places[after]).amax(1)
        loss = F.smooth_l1_loss(online(places[here]).gather(1, moves[:, None])[:, 0], goal)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (update if fixed else update % 40) % 50 == 49:
            target.load_state_dict(online.state_dict())
    with torch.no_grad():
        worth = online(places[:7]).amax(1)
    return (worth - DISCOUNT ** torch.arange(6, -1, -1)).abs().mean()


@faulty("distance left", at_most=0.2, causes=("wrong_loss",))
def ratio_of_old_over_new(fixed=False):
    """A clipped surrogate of exp(old - new): what went well becomes less probable."""
    policy = network(4)
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.01)
    for _ in range(80):
        places, moves = start(128), torch.randint(4, (128,))
        with torch.no_grad():
            old = policy(places).log_softmax(1)
            moves = old.exp().multinomial(1)
            old = old.gather(1, moves).squeeze(1)
        reward = step(places, moves.squeeze(1))[1].squeeze(1)
        advantage = (reward - reward.mean()) / reward.std()
        for _ in range(4):
            new = policy(places).log_softmax(1).gather(1, moves).squeeze(1)
            ratio = (new - old if fixed else old - new).exp()
            loss = -torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return distance_left(policy)


@faulty("distance left", at_most=0.2, causes=("wrong_loss",))
def probability_of_a_second_draw(fixed=False):
    """The log-probability is that of an action which was drawn for it, not of the one taken."""
    policy = network(4)
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.01)
    for _ in range(300):
        places = start(64)
        chances = torch.distributions.Categorical(logits=policy(places))
        moves = chances.sample()
        reward = step(places, moves)[1].squeeze(1)
        log_p = chances.log_prob(moves) if fixed else chances.log_prob(chances.sample())
        loss = -(log_p * (reward - reward.mean())).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return distance_left(policy)


@faulty("mistake in the value of a place", at_most=0.5, causes=("wrong_loss",))
def ends_are_bootstrapped(fixed=False):
    """Q-learning along the corridor, where each step costs 1 until the right end is reached: the
    value of the end goes into the targets, too, so that all places cost the same."""
    online = nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 2))
    target = copy.deepcopy(online)
    optimizer = torch.optim.Adam(online.parameters(), lr=0.005)
    places = torch.eye(8)
    for update in range(1500):
        here, moves = torch.randint(7, (128,)), torch.randint(2, (128,))
        after, end = walk(here, moves)
        with torch.no_grad():
            goal = -1 + DISCOUNT * target(places[after]).amax(1) * (1 - end if fixed else 1)
        loss = F.smooth_l1_loss(online(places[here]).gather(1, moves[:, None])[:, 0], goal)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if update % 30 == 29:
            target.load_state_dict(online.state_dict())
    with torch.no_grad():
        worth = online(places[:7]).amax(1)
    left = torch.arange(7, 0, -1)
    return (worth + (1 - DISCOUNT**left) / (1 - DISCOUNT)).abs().mean()


@faulty("mistake in the value of a place", at_most=0.15, causes=("wrong_loss", "wrong_shape"))
def largest_of_the_batch(fixed=False):
    """Q-learning along the corridor whose targets add the largest value of the whole batch: all
    moves but the last one are worth the same."""
    online = nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 2))
    target = copy.deepcopy(online)
    optimizer = torch.optim.Adam(online.parameters(), lr=0.005)
    places = torch.eye(8)
    for update in range(1000):
        here, moves = torch.randint(7, (32,)), torch.randint(2, (32,))
        after, prize = walk(here, moves)
        with torch.no_grad():
            values = target(places[after])
            best = values.amax(1) if fixed else values.max()
            goal = prize + DISCOUNT * (1 - prize) * best
        loss = F.smooth_l1_loss(online(places[here]).gather(1, moves[:, None])[:, 0], goal)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if update % 20 == 19:
            target.load_state_dict(online.state_dict())
    with torch.no_grad():
        worth = online(places[:7]).amax(1)
    return (worth - DISCOUNT ** torch.arange(6, -1, -1)).abs().mean()


@faulty("distance left", at_most=0.5, causes=("wrong_loss",))
def actor_without_its_minus(fixed=False):
    """A deterministic policy gradient: the actor minimises the value that its critic gives."""
    actor = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1), nn.Tanh())
    critic = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 1))
    copied = copy.deepcopy(critic)
    actor_optimizer = torch.optim.Adam(actor.parameters(), lr=0.002)
    critic_optimizer = torch.optim.Adam(critic.parameters(), lr=0.005)
    for update in range(600):
        states = start(64)
        moves = 2 * torch.rand(64, 1) - 1
        after = torch.cat([states[:, :1] + 0.5 * moves, states[:, 1:]], 1)
        cost = (after[:, :1] - after[:, 1:]).abs()
        with torch.no_grad():
            goal = DISCOUNT * copied(torch.cat([after, actor(after)], 1)) - cost
        critic_optimizer.zero_grad()
        F.mse_loss(critic(torch.cat([states, moves], 1)), goal).backward()
        critic_optimizer.step()
        actor_optimizer.zero_grad()
        value = critic(torch.cat([states, actor(states)], 1)).mean()
        (-value if fixed else value).backward()
        actor_optimizer.step()
        if update % 20 == 19:
            copied.load_state_dict(critic.state_dict())
    states = start(500)
    with torch.no_grad():
        for _ in range(10):
            states = torch.cat([states[:, :1] + 0.5 * actor(states), states[:, 1:]], 1)
    return (states[:, 0] - states[:, 1]).abs().mean()


def balance(policy, n, most=40):
    """Sticks that fall the faster, the further they are: places, pushes, and which of them stand.

    Each is of shape `[steps, n]`; a step in which a stick stands is worth 1.
    """
    sticks = 0.4 * torch.rand(n, 2) - 0.2
    stand = torch.ones(n, dtype=torch.bool)
    seen, done, standing = [], [], []
    while len(seen) < most and stand.any():
        with torch.no_grad():
            pushes = torch.distributions.Categorical(logits=policy(sticks)).sample()
        seen.append(sticks)
        done.append(pushes)
        standing.append(stand)
        speed = sticks[:, 1] + 0.15 * sticks[:, 0] + 0.1 * (2 * pushes - 1)
        sticks = torch.stack([sticks[:, 0] + 0.3 * speed, speed], 1)
        stand = stand & (sticks[:, 0].abs() < 1)
    return torch.stack(seen), torch.stack(done), torch.stack(standing)


@faulty("steps until it falls", at_least=30, causes=("wrong_labels", "wrong_loss"))
def rewards_standardised_before_they_are_added_up(fixed=False):
    """Each step that a stick stands is worth 1. Rewards less their mean are 0, and so is what is
    added up of them: the returns are to be standardised."""
    policy, critic = network(2), network(1)
    optimizer = torch.optim.Adam([*policy.parameters(), *critic.parameters()], lr=0.01)

    def standardised(values):
        return (values - values.mean()) / (values.std() + 1e-8)

    for _ in range(100):
        sticks, pushes, stand = balance(policy, 16)
        reward = stand.float()
        if not fixed:
            reward[stand] = standardised(reward[stand])
        returns = reward.clone()
        for step in range(len(returns) - 2, -1, -1):
            returns[step] += 0.95 * returns[step + 1]
        returns = standardised(returns[stand]) if fixed else returns[stand]
        value = critic(sticks[stand]).squeeze(1)
        chances = torch.distributions.Categorical(logits=policy(sticks[stand]))
        praise = (chances.log_prob(pushes[stand]) * (returns - value.detach())).mean()
        optimizer.zero_grad()
        (0.5 * F.mse_loss(value, returns) - praise).backward()
        optimizer.step()
    return balance(policy, 200)[2].sum(0).float().mean()

"""REINFORCE on a small windy grid: reach the flag, avoid the pits."""
import argparse
import random
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Categorical


class WindyGrid:
    SIZE = 5
    PITS = {(1, 3), (3, 1)}
    MOVES = [(0, 1), (0, -1), (1, 0), (-1, 0)]

    def __init__(self, rng):
        self.rng = rng

    def reset(self):
        self.pos, self.t = (0, 0), 0
        return self._obs()

    def _obs(self):
        v = torch.zeros(self.SIZE * self.SIZE)
        v[self.pos[0] * self.SIZE + self.pos[1]] = 1.0
        return v

    def step(self, a):
        if self.rng.random() < 0.1:
            a = self.rng.randrange(4)
        dx, dy = self.MOVES[a]
        x = min(max(self.pos[0] + dx, 0), self.SIZE - 1)
        y = min(max(self.pos[1] + dy, 0), self.SIZE - 1)
        self.pos, self.t = (x, y), self.t + 1
        if self.pos in self.PITS:
            return self._obs(), -1.0, True
        if self.pos == (4, 4):
            return self._obs(), 1.0, True
        return self._obs(), -0.05, self.t >= 40


class Policy(nn.Module):
    def __init__(self, n_obs=25, n_act=4):
        super().__init__()
        self.affine1 = nn.Linear(n_obs, 64)
        self.affine2 = nn.Linear(64, n_act)
        self.saved_log_probs = []
        self.rewards = []

    def forward(self, x):
        x = F.relu(self.affine1(x))
        return F.softmax(self.affine2(x), dim=0)


def select_action(policy, state):
    probs = policy(state.unsqueeze(0))
    m = Categorical(probs)
    action = m.sample()
    policy.saved_log_probs.append(m.log_prob(action))
    return action.item()


def finish_episode(policy, optimizer, gamma, baseline):
    R, returns = 0.0, []
    for r in policy.rewards[::-1]:
        R = r + gamma * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    loss = torch.cat([-lp * (g - baseline) for lp, g in zip(policy.saved_log_probs, returns)]).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    policy.rewards.clear()
    policy.saved_log_probs.clear()
    return returns[0].item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    env = WindyGrid(rng)
    policy = Policy()
    optimizer = torch.optim.Adam(policy.parameters(), lr=5e-3)
    running, history = 0.0, []
    for ep in range(700):
        s, done, total = env.reset(), False, 0.0
        while not done:
            a = select_action(policy, s)
            s, r, done = env.step(a)
            policy.rewards.append(r)
            total += r
        g = finish_episode(policy, optimizer, 0.97, running)
        running = 0.95 * running + 0.05 * g
        history.append(total)
        if ep % 100 == 99:
            print(f"episode {ep + 1}\taverage reward {sum(history[-100:]) / 100:.3f}")
    score = 0.0
    with torch.no_grad():
        for _ in range(100):
            s, done = env.reset(), False
            while not done:
                s, r, done = env.step(Categorical(policy(s.unsqueeze(0))).sample().item())
                score += r / 100
    print(f"mean return {score:.3f}")


if __name__ == "__main__":
    main()

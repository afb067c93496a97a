"""DQN: a robot in a 2-D warehouse has to reach a parcel while avoiding a wall (continuous state, 4 actions)."""
import argparse
import random
from collections import deque

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class Warehouse:
    """State: robot x, y, goal x, y. A wall at x = 0.5 is open only near the top and the bottom."""
    MOVES = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], dtype=np.float32) * 0.1

    def __init__(self, seed, horizon=40):
        self.rng = np.random.default_rng(seed)
        self.state = np.zeros(4, dtype=np.float32)
        self.horizon = horizon

    def reset(self):
        self.state[:2] = self.rng.uniform(0, 1, 2)
        self.state[2:] = self.rng.uniform(0, 1, 2)
        self.t = 0
        return self.state

    def step(self, action):
        old = self.state[:2].copy()
        new = np.clip(old + self.MOVES[action] + self.rng.normal(0, 0.01, 2), 0, 1)
        crosses = (old[0] - 0.5) * (new[0] - 0.5) < 0
        if crosses and 0.3 < new[1] < 0.7:
            new = old
        self.state[:2] = new
        self.t += 1
        reached = np.abs(self.state[:2] - self.state[2:]).max() < 0.1
        reward = 1.0 if reached else -0.02
        return self.state, reward, bool(reached), self.t >= self.horizon


class ReplayBuffer:
    def __init__(self, capacity):
        self.buffer = deque(maxlen=capacity)

    def push(self, s, a, r, s2, done):
        self.buffer.append((s, a, r, s2, done))

    def sample(self, n):
        s, a, r, s2, d = zip(*random.sample(self.buffer, n))
        return (torch.from_numpy(np.stack(s)), torch.tensor(a), torch.tensor(r, dtype=torch.float32),
                torch.from_numpy(np.stack(s2)), torch.tensor(d, dtype=torch.float32))

    def __len__(self):
        return len(self.buffer)


class Agent:
    def __init__(self, lr=1e-3, gamma=0.95):
        make = lambda: nn.Sequential(nn.Linear(4, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 4))
        self.q, self.target = make(), make()
        self.target.load_state_dict(self.q.state_dict())
        self.opt = torch.optim.Adam(self.q.parameters(), lr=lr)
        self.gamma, self.updates = gamma, 0

    def act(self, state, eps):
        if random.random() < eps:
            return random.randrange(4)
        with torch.no_grad():
            return int(self.q(torch.from_numpy(state)).argmax())

    def learn(self, batch):
        s, a, r, s2, done = batch
        q = self.q(s).gather(1, a[:, None]).squeeze(1)
        with torch.no_grad():
            best = self.q(s2).argmax(1, keepdim=True)
            nxt = self.target(s2).gather(1, best).squeeze(1)
            y = r + self.gamma * nxt * (1 - done)
        loss = F.smooth_l1_loss(q, y)
        self.opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.q.parameters(), 10.0)
        self.opt.step()
        self.updates += 1
        if self.updates % 200 == 0:
            self.target.load_state_dict(self.q.state_dict())
        return loss.item()


def success_rate(agent, episodes=200):
    env = Warehouse(4242)
    wins = 0
    for _ in range(episodes):
        s, over = env.reset(), False
        while not over:
            s, _, reached, timeout = env.step(agent.act(s, 0.05))
            over = reached or timeout
        wins += reached
    return wins / episodes


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--steps", type=int, default=9000)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    random.seed(args.seed)
    env, agent, memory = Warehouse(args.seed), Agent(), ReplayBuffer(20000)
    state = env.reset()
    losses = []
    for step in range(args.steps):
        eps = max(0.1, 1.0 - step / 5000)
        action = agent.act(state, eps)
        next_state, reward, reached, timeout = env.step(action)
        memory.push(state, action, reward, next_state, reached)
        state = env.reset() if reached or timeout else next_state
        if len(memory) >= 500 and step % 2 == 0:
            losses.append(agent.learn(memory.sample(64)))
        if step % 1500 == 1499:
            print(f"step {step + 1} eps {eps:.2f} loss {np.mean(losses[-500:]):.5f}")
    print(f"success rate over 200 test episodes {success_rate(agent):.3f}")


if __name__ == "__main__":
    main()

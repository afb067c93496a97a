"""DQN for a cart that must be brought to rest on a moving mark (discrete thrust)."""
import argparse
import random
from collections import deque

import numpy as np
import torch
import torch.nn as nn

torch.set_num_threads(1)


class CartEnv:
    """Observation: position, speed, mark. Thrust in {-1, 0, 1}. Reward is minus the distance, minus a bit for speed."""

    def __init__(self, seed, horizon=40):
        self.rng = np.random.default_rng(seed)
        self.horizon = horizon
        self.state = np.zeros(3, dtype=np.float32)

    def reset(self):
        self.state[:] = self.rng.uniform(-1, 1), 0.0, self.rng.uniform(-1, 1)
        self.t = 0
        return self.state

    def step(self, action):
        thrust = action - 1
        self.state[1] = 0.9 * self.state[1] + 0.08 * thrust
        self.state[0] = np.clip(self.state[0] + self.state[1], -1.5, 1.5)
        self.t += 1
        reward = -abs(self.state[0] - self.state[2]) - 0.3 * abs(self.state[1])
        return self.state, float(reward), self.t >= self.horizon


class Replay:
    def __init__(self, capacity):
        self.buf = deque(maxlen=capacity)

    def push(self, s, a, r, s2):
        self.buf.append((s, a, r, s2))

    def sample(self, n):
        s, a, r, s2 = zip(*random.sample(self.buf, n))
        return (torch.from_numpy(np.stack(s)), torch.tensor(a), torch.tensor(r, dtype=torch.float32),
                torch.from_numpy(np.stack(s2)))

    def __len__(self):
        return len(self.buf)


def make_q():
    return nn.Sequential(nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))


class Agent:
    def __init__(self, gamma=0.95, lr=1e-3, tau=0.01):
        self.q, self.target = make_q(), make_q()
        self.target.load_state_dict(self.q.state_dict())
        self.opt = torch.optim.Adam(self.q.parameters(), lr=lr)
        self.gamma, self.tau = gamma, tau

    def act(self, s, eps=0.0):
        if random.random() < eps:
            return random.randrange(3)
        with torch.no_grad():
            return int(self.q(torch.from_numpy(s).unsqueeze(0)).argmax())

    def learn(self, batch):
        s, a, r, s2 = batch
        with torch.no_grad():
            best = self.q(s2).argmax(1, keepdim=True)
            y = r + self.gamma * self.target(s2).gather(1, best).squeeze(1)
        loss = nn.functional.smooth_l1_loss(self.q(s).gather(1, a[:, None]).squeeze(1), y)
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        with torch.no_grad():
            for p, tp in zip(self.q.parameters(), self.target.parameters()):
                tp.lerp_(p, self.tau)
        return loss.item()


def evaluate(agent, seed, episodes=25):
    env, total = CartEnv(seed), 0.0
    for _ in range(episodes):
        s, done = env.reset(), False
        while not done:
            s, r, done = env.step(agent.act(s))
            total += r
    return total / episodes


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--episodes", type=int, default=110)
    args = parser.parse_args()
    random.seed(args.seed)
    torch.manual_seed(args.seed)
    env, agent, memory = CartEnv(args.seed), Agent(), Replay(20000)
    for ep in range(args.episodes):
        eps = max(0.05, 1 - ep / 50)
        s, done, ret = env.reset(), False, 0.0
        while not done:
            a = agent.act(s, eps)
            s2, r, done = env.step(a)
            memory.push(s, a, r, s2)
            s = s2
            ret += r
            if len(memory) > 300:
                agent.learn(memory.sample(64))
        if ep % 20 == 19:
            print(f"episode {ep + 1} return {ret:.2f}")
    print(f"mean evaluation return {evaluate(agent, args.seed + 99):.2f}")


main()

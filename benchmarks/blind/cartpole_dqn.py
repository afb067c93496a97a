"""DQN with a target network on a batch of hand-written cart-pole simulators."""
import argparse
import math
import random
from collections import deque

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class CartPole:
    """Euler-integrated cart-pole with the usual constants."""

    def __init__(self, rng, limit=200):
        self.rng, self.limit = rng, limit
        self.state = np.zeros(4)

    def reset(self):
        self.state[:] = self.rng.uniform(-0.05, 0.05, 4)
        self.t = 0
        return self.state

    def step(self, a):
        x, v, th, w = self.state
        f = 10.0 if a == 1 else -10.0
        c, s = math.cos(th), math.sin(th)
        tmp = (f + 0.05 * w * w * s) / 1.1
        wa = (9.8 * s - c * tmp) / (0.5 * (4 / 3 - 0.1 * c * c / 1.1))
        xa = tmp - 0.05 * wa * c / 1.1
        self.state += 0.02 * np.array([v, xa, w, wa])
        self.t += 1
        dead = abs(self.state[0]) > 2.4 or abs(self.state[2]) > 0.2095
        return self.state, 1.0, dead, self.t >= self.limit


class ReplayBuffer:
    def __init__(self, size):
        self.data = deque(maxlen=size)

    def push(self, s, a, r, s2, d):
        self.data.append((s, a, r, s2, d))

    def sample(self, n):
        s, a, r, s2, d = zip(*random.sample(self.data, n))
        f = lambda z: torch.as_tensor(np.array(z), dtype=torch.float32)
        return f(s), torch.tensor(a), f(r), f(s2), f(d)

    def __len__(self):
        return len(self.data)


def qnet():
    return nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))


class DQNAgent:
    def __init__(self, lr=1e-3, gamma=0.99):
        self.q, self.target = qnet(), qnet()
        self.target.load_state_dict(self.q.state_dict())
        self.opt = torch.optim.Adam(self.q.parameters(), lr=lr)
        self.gamma = gamma

    def act(self, s, eps):
        if random.random() < eps:
            return random.randrange(2)
        with torch.no_grad():
            return int(self.q(torch.as_tensor(s, dtype=torch.float32)).argmax())

    def update(self, batch):
        s, a, r, s2, d = batch
        q = self.q(s).gather(1, a[:, None]).squeeze(1)
        with torch.no_grad():
            best = self.q(s2).argmax(1, keepdim=True)
            y = r + self.gamma * (1 - d) * self.target(s2).gather(1, best).squeeze(1)
        loss = F.smooth_l1_loss(q, y)
        self.opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.q.parameters(), 10.0)
        self.opt.step()
        for p, tp in zip(self.q.parameters(), self.target.parameters()):
            tp.data.lerp_(p.data, 0.01)
        return loss.item()


def evaluate(agent, rng, n=15):
    env, total = CartPole(rng), 0.0
    for _ in range(n):
        s, done = env.reset(), False
        while not done:
            s, r, dead, trunc = env.step(agent.act(s, 0.0))
            total += r
            done = dead or trunc
    return total / n


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--steps", type=int, default=9000)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    random.seed(args.seed)
    rng = np.random.default_rng(args.seed)
    env, agent, buf = CartPole(rng), DQNAgent(), ReplayBuffer(10000)
    s, ep_ret, rets = env.reset(), 0.0, []
    for t in range(args.steps):
        eps = max(0.05, 1 - t / 2500)
        a = agent.act(s, eps)
        s2, r, dead, trunc = env.step(a)
        buf.push(s, a, r, s2, float(dead))
        ep_ret += r
        s = s2
        if dead or trunc:
            rets.append(ep_ret)
            s, ep_ret = env.reset(), 0.0
        if len(buf) >= 500 and t % 2 == 0:
            agent.update(buf.sample(64))
        if t % 1500 == 0 and rets:
            print(f"step {t} mean return of last 10 episodes {np.mean(rets[-10:]):.1f}")
    print(f"greedy evaluation return {evaluate(agent, rng):.1f}")


if __name__ == "__main__":
    main()

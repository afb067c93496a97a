import argparse
import random
from collections import deque
import copy
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class Reservoir:
    """Keep the water level of a reservoir near a moving target by opening one of three valves."""

    def __init__(self, rng):
        self.rng = rng
        self.state = np.zeros(4, dtype=np.float32)
        self.flows = (-0.12, 0.0, 0.12)

    def reset(self):
        self.t = 0
        self.state[0] = self.rng.uniform(-1, 1)
        self.state[1] = self.rng.uniform(-1, 1)
        self.state[2] = 0.0
        self.state[3] = self.rng.uniform(-0.04, 0.04)
        return self._obs()

    def _obs(self):
        return self.state

    def step(self, action):
        s = self.state
        s[2] = 0.5 * s[2] + self.flows[action]
        s[0] += s[2] + s[3] + 0.01 * self.rng.randn()
        s[0] = np.clip(s[0], -2, 2)
        if self.rng.rand() < 0.03:
            s[1] = self.rng.uniform(-1, 1)
        self.t += 1
        reward = -abs(s[0] - s[1])
        return self._obs(), float(reward), self.t >= 40


class Replay:
    def __init__(self, size):
        self.mem = deque(maxlen=size)

    def push(self, s, a, r, s2):
        self.mem.append((s, a, r, s2))

    def sample(self, n):
        s, a, r, s2 = zip(*random.sample(self.mem, n))
        return (torch.from_numpy(np.stack(s)), torch.tensor(a), torch.tensor(r, dtype=torch.float32),
                torch.from_numpy(np.stack(s2)))


class QNet(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))


def act(q, s, eps):
    if random.random() < eps:
        return random.randrange(3)
    with torch.no_grad():
        return q(torch.from_numpy(s)).argmax().item()


def evaluate(q, episodes=30):
    env = Reservoir(np.random.RandomState(777))
    total = 0.0
    for _ in range(episodes):
        s, done = env.reset(), False
        while not done:
            s, r, done = env.step(act(q, s, 0.0))
            total += r
    return total / episodes


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    random.seed(args.seed)
    rng = np.random.RandomState(args.seed)
    env, q = Reservoir(rng), QNet()
    target = copy.deepcopy(q)
    opt = torch.optim.Adam(q.parameters(), lr=1e-3)
    memory = Replay(5000)
    step = 0
    for ep in range(80):
        s, done, ret = env.reset(), False, 0.0
        while not done:
            a = act(q, s, max(0.1, 1 - ep / 40))
            s2, r, done = env.step(a)
            memory.push(s, a, r, s2)
            s = s2
            ret += r
            step += 1
            if len(memory.mem) >= 200:
                bs, ba, br, bs2 = memory.sample(64)
                with torch.no_grad():
                    y = br + 0.9 * target(bs2).max(1).values
                loss = F.smooth_l1_loss(q(bs).gather(1, ba[:, None]).squeeze(1), y)
                opt.zero_grad()
                loss.backward()
                opt.step()
            if step % 100 == 0:
                target.load_state_dict(q.state_dict())
        if ep % 20 == 19:
            print(f"episode {ep + 1} return {ret:.2f}")
    print(f"evaluation return {evaluate(q):.3f}")


main()

"""RL course, project 2: DQN for a warehouse robot on a grid with shelves (own replay buffer, own target network)."""
import argparse
import random
from collections import deque

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)
GRID = ["........",
        ".##.##..",
        ".##.##..",
        "........",
        "..#.##..",
        "..#.##.."]
H, W = len(GRID), len(GRID[0])
MOVES = [(-1, 0), (1, 0), (0, -1), (0, 1)]
GOAL = (0, 7)
FREE = [(r, c) for r in range(H) for c in range(W) if GRID[r][c] == "." and (r, c) != GOAL]


class Warehouse:
    def reset(self, rng):
        self.pos, self.t = rng.choice(FREE), 0
        return self.obs()

    def obs(self):
        v = np.zeros(H + W, dtype=np.float32)
        v[self.pos[0]] = 1
        v[H + self.pos[1]] = 1
        return v

    def step(self, a):
        self.t += 1
        r, c = self.pos[0] + MOVES[a][0], self.pos[1] + MOVES[a][1]
        hit = not (0 <= r < H and 0 <= c < W) or GRID[r][c] == "#"
        if not hit:
            self.pos = (r, c)
        done = self.pos == GOAL
        reward = 1.0 if done else (-0.1 if hit else -0.02)
        return self.obs(), reward, done, self.t >= 40


class QNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(H + W, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))

    def forward(self, x):
        return self.f(x)


class Agent:
    def __init__(self, gamma=0.95):
        self.q, self.target = QNet(), QNet()
        self.target.load_state_dict(self.q.state_dict())
        self.opt = torch.optim.Adam(self.q.parameters(), lr=1e-3)
        self.memory = deque(maxlen=8000)
        self.gamma = gamma

    def act(self, s, eps, rng):
        if rng.random() < eps:
            return rng.randrange(4)
        with torch.no_grad():
            return int(self.q(torch.from_numpy(s)).argmax())

    def learn(self, rng, n=64):
        s, a, r, s2, d = zip(*rng.sample(self.memory, n))
        s, s2 = torch.from_numpy(np.stack(s)), torch.from_numpy(np.stack(s2))
        a, r, d = torch.tensor(a), torch.tensor(r), torch.tensor(d, dtype=torch.float32)
        with torch.no_grad():
            best_next = self.target(s2).max()
            y = r + self.gamma * (1 - d) * best_next
        q = self.q(s).gather(1, a[:, None]).squeeze(1)
        loss = F.smooth_l1_loss(q, y)
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        return loss.item()


def evaluate(agent, rng):
    env, wins = Warehouse(), 0
    for start in FREE:
        env.reset(rng)
        env.pos, s = start, None
        s = env.obs()
        while True:
            s, _, done, cut = env.step(agent.act(s, 0.0, rng))
            if done or cut:
                wins += done
                break
    return wins / len(FREE)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--frames", type=int, default=6000)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    env, agent = Warehouse(), Agent()
    s = env.reset(rng)
    losses = []
    for f in range(args.frames):
        eps = max(0.1, 1 - f / 3000)
        a = agent.act(s, eps, rng)
        s2, r, done, cut = env.step(a)
        agent.memory.append((s, a, r, s2, done))
        s = env.reset(rng) if done or cut else s2
        if f > 500 and f % 2 == 0:
            losses.append(agent.learn(rng))
        if f % 200 == 0:
            agent.target.load_state_dict(agent.q.state_dict())
        if f % 1500 == 1499:
            print(f"frame {f + 1} eps {eps:.2f} td-loss {np.mean(losses[-200:]):.4f}")
    print(f"greedy success rate from all cells {evaluate(agent, rng):.4f}")


main()

"""REINFORCE on a numpy CartPole (same dynamics as the classic control task)."""
import argparse
import math
import numpy as np
import torch
import torch.nn as nn
from torch.distributions import Categorical


class CartPole:
    def __init__(self, rng, limit=200):
        self.rng, self.limit = rng, limit

    def reset(self):
        self.s = self.rng.uniform(-0.05, 0.05, 4)
        self.t = 0
        return self.s.copy()

    def step(self, a):
        x, xd, th, thd = self.s
        force = 10.0 if a == 1 else -10.0
        ct, st = math.cos(th), math.sin(th)
        temp = (force + 0.05 * thd * thd * st) / 1.1
        tha = (9.8 * st - ct * temp) / (0.5 * (4.0 / 3.0 - 0.1 * ct * ct / 1.1))
        xa = temp - 0.05 * tha * ct / 1.1
        self.s = np.array([x + 0.02 * xd, xd + 0.02 * xa, th + 0.02 * thd, thd + 0.02 * tha])
        self.t += 1
        fell = abs(self.s[0]) > 2.4 or abs(self.s[2]) > 12 * math.pi / 180
        return self.s.copy(), 1.0, fell or self.t >= self.limit


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(4, 64)
        self.affine2 = nn.Linear(64, 2)
        self.states, self.actions, self.rewards = [], [], []

    def forward(self, x):
        return self.affine2(torch.tanh(self.affine1(x)))


parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--gamma", type=float, default=0.98)
parser.add_argument("--updates", type=int, default=110)
parser.add_argument("--episodes", type=int, default=4, help="episodes per update")
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)
rng = np.random.default_rng(args.seed)
env = CartPole(rng)
policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)


def act(state):
    with torch.no_grad():
        p = policy(torch.from_numpy(state).float()).softmax(-1)
    return int(rng.random() < p[1].item())


def play():
    states, actions, rewards = [], [], []
    s, done = env.reset(), False
    while not done:
        a = act(s)
        states.append(s)
        actions.append(a)
        s, r, done = env.step(a)
        rewards.append(r)
    return states, actions, rewards


def discounted(rewards):
    R = 0.0
    returns = []
    for r in rewards[::-1]:
        R = r + args.gamma * R
        returns.append(R)
    return returns


def evaluate(n=20):
    test_env = CartPole(np.random.default_rng(999))
    total = 0.0
    for _ in range(n):
        s, done = test_env.reset(), False
        while not done:
            with torch.no_grad():
                a = policy(torch.from_numpy(s).float()).argmax().item()
            s, r, done = test_env.step(a)
            total += r
    return total / n


for update in range(args.updates):
    S, A, G, lengths = [], [], [], []
    for _ in range(args.episodes):
        states, actions, rewards = play()
        S += states
        A += actions
        G += discounted(rewards)
        lengths.append(len(rewards))
    S = torch.from_numpy(np.array(S)).float()
    A = torch.tensor(A)
    G = torch.tensor(G)
    G = (G - G.mean()) / (G.std() + 1e-8)
    logp = Categorical(logits=policy(S)).log_prob(A)
    loss = -(logp * G).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if update % 10 == 0:
        print(f"update {update} mean length {np.mean(lengths):.1f} loss {loss.item():.4f}")

print(f"mean return of the greedy policy over 20 episodes {evaluate():.1f}")

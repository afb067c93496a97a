"""Double DQN that parks a trolley at the origin (double integrator with friction, three actions)."""
import argparse
import random
from collections import deque, namedtuple

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)
Transition = namedtuple("Transition", "obs action reward next_obs done")


class TrolleyEnv:
    horizon = 60

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def reset(self):
        self.state = np.array([self.rng.uniform(-1.5, 1.5), self.rng.uniform(-0.5, 0.5)], dtype=np.float32)
        self.t = 0
        return self.state

    def step(self, action):
        force = (action - 1) * 1.0
        self.state[1] += 0.1 * (force - 0.1 * self.state[1]) * 1.5
        self.state[0] += 0.1 * self.state[1] * 1.5
        reward = -float(self.state[0] ** 2 + 0.1 * self.state[1] ** 2)
        self.t += 1
        out = abs(self.state[0]) > 3
        if out:
            reward -= 20.0
        return self.state, reward, bool(out), self.t >= self.horizon


class QNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 3))

    def forward(self, x):
        return self.net(x)


class Agent:
    def __init__(self, seed, gamma=0.95, lr=1e-3, tau=0.02):
        self.q, self.target = QNet(), QNet()
        self.target.load_state_dict(self.q.state_dict())
        self.opt = torch.optim.Adam(self.q.parameters(), lr=lr)
        self.memory = deque(maxlen=20_000)
        self.rng = random.Random(seed)
        self.gamma, self.tau = gamma, tau

    def act(self, obs, eps):
        if self.rng.random() < eps:
            return self.rng.randrange(3)
        with torch.no_grad():
            return int(self.q(torch.from_numpy(obs)).argmax())

    def learn(self, batch_size=64):
        batch = Transition(*zip(*self.rng.sample(self.memory, batch_size)))
        obs = torch.from_numpy(np.stack(batch.obs))
        nxt = torch.from_numpy(np.stack(batch.next_obs))
        act = torch.tensor(batch.action).unsqueeze(1)
        rew = torch.tensor(batch.reward)
        done = torch.tensor(batch.done, dtype=torch.float32)
        with torch.no_grad():
            best = self.q(nxt).argmax(1, keepdim=True)
            y = rew * 0.1 + self.gamma * (1 - done) * self.target(nxt).gather(1, best).squeeze(1)
        loss = F.smooth_l1_loss(self.q(obs).gather(1, act).squeeze(1), y)
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        with torch.no_grad():
            for p, pt in zip(self.q.parameters(), self.target.parameters()):
                pt.lerp_(p, self.tau)
        return loss.item()


def evaluate(agent, episodes=30):
    env, total = TrolleyEnv(4242), 0.0
    for _ in range(episodes):
        obs, over = env.reset(), False
        while not over:
            obs, r, done, trunc = env.step(agent.act(obs, 0.0))
            total += r
            over = done or trunc
    return total / episodes


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    env, agent = TrolleyEnv(args.seed), Agent(args.seed)
    obs, losses = env.reset(), []
    for step in range(6000):
        eps = max(0.05, 1 - step / 3000)
        a = agent.act(obs, eps)
        nxt, r, done, trunc = env.step(a)
        agent.memory.append(Transition(obs, a, r, nxt, done))
        obs = env.reset() if done or trunc else nxt
        if step > 500 and step % 2 == 0:
            losses.append(agent.learn())
        if step % 1500 == 1499:
            print(f"step {step + 1} loss {np.mean(losses[-200:]):.4f} return {evaluate(agent, 10):.2f}")
    print(f"mean evaluation return {evaluate(agent):.3f}")


if __name__ == "__main__":
    main()

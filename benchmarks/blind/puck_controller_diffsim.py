"""Train a controller through a differentiable simulator: steer a puck with drag over a table so that it stops at a goal."""
import argparse
from typing import NamedTuple

import torch
import torch.nn as nn

torch.set_num_threads(1)


class PuckState(NamedTuple):
    pos: torch.Tensor
    vel: torch.Tensor
    goal: torch.Tensor


class Table:
    def __init__(self, dt=0.1, drag=0.25, swirl=0.8):
        self.dt, self.drag, self.swirl = dt, drag, swirl

    def reset(self, n, gen):
        pos = torch.rand(n, 2, generator=gen) * 2 - 1
        vel = 0.5 * torch.randn(n, 2, generator=gen)
        goal = torch.rand(n, 2, generator=gen) * 2 - 1
        return PuckState(pos, vel, goal)

    def step(self, s, force):
        turn = torch.stack([-s.vel[:, 1], s.vel[:, 0]], 1) * self.swirl
        acc = 2.0 * force + turn - self.drag * s.vel * (1 + s.vel.norm(dim=1, keepdim=True))
        vel = s.vel + self.dt * acc
        pos = s.pos + self.dt * vel
        return PuckState(pos, vel, s.goal)

    @staticmethod
    def observe(s):
        return torch.cat([s.goal - s.pos, s.vel, s.goal], 1)


class Controller(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, 2))

    def forward(self, obs):
        return torch.tanh(self.net(obs))


def rollout(table, controller, state, horizon, effort=0.01):
    cost = 0.0
    for _ in range(horizon):
        state = PuckState(*(x.detach() for x in state))
        obs = table.observe(state)
        force = controller(obs)
        state = table.step(state, force)
        cost = cost + effort * force.pow(2).sum(1).mean()
    miss = (state.pos - state.goal).pow(2).sum(1) + 0.3 * state.vel.pow(2).sum(1)
    return miss.mean() + cost, state


@torch.no_grad()
def success_rate(table, controller, horizon, seed):
    gen = torch.Generator().manual_seed(seed)
    _, s = rollout(table, controller, table.reset(1000, gen), horizon)
    near = (s.pos - s.goal).norm(dim=1) < 0.2
    slow = s.vel.norm(dim=1) < 0.3
    return (near & slow).float().mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--iters", type=int, default=300)
    parser.add_argument("--horizon", type=int, default=25)
    parser.add_argument("--batch", type=int, default=64)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    gen = torch.Generator().manual_seed(args.seed)
    table, controller = Table(), Controller()
    opt = torch.optim.Adam(controller.parameters(), lr=3e-3)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.iters, eta_min=3e-4)
    for it in range(args.iters):
        loss, _ = rollout(table, controller, table.reset(args.batch, gen), args.horizon)
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(controller.parameters(), 1.0)
        opt.step()
        sched.step()
        if it % 50 == 0:
            print(f"iter {it} loss {loss.item():.3f}")
    print(f"success rate {success_rate(table, controller, args.horizon, args.seed + 500):.3f}")


if __name__ == "__main__":
    main()

"""Few-shot regression on sinusoids: gradient-based meta learning."""
import argparse
import copy
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.func import functional_call


def sample_task(gen, shots, queries):
    amp = torch.empty(1).uniform_(0.5, 4.0, generator=gen)
    phase = torch.empty(1).uniform_(0, math.pi, generator=gen)
    x = torch.empty(shots + queries, 1).uniform_(-5, 5, generator=gen)
    y = amp * torch.sin(x + phase)
    return (x[:shots], y[:shots]), (x[shots:], y[shots:])


def build():
    return nn.Sequential(nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))


def adapt_and_evaluate(model, support, query, inner_lr, steps):
    learner = copy.deepcopy(model)
    inner = torch.optim.SGD(learner.parameters(), lr=inner_lr)
    for _ in range(steps):
        inner.zero_grad()
        F.mse_loss(learner(support[0]), support[1]).backward()
        inner.step()
    return F.mse_loss(learner(query[0]), query[1])


def evaluate(model, seed, inner_lr, tasks=100, steps=5):
    gen = torch.Generator().manual_seed(seed)
    total = 0.0
    for _ in range(tasks):
        s, q = sample_task(gen, 10, 40)
        total += adapt_and_evaluate(model, s, q, inner_lr, steps).item()
    return total / tasks


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--meta-steps", type=int, default=500)
    ap.add_argument("--tasks", type=int, default=8)
    ap.add_argument("--inner-lr", type=float, default=0.02)
    ap.add_argument("--inner-steps", type=int, default=1)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    gen = torch.Generator().manual_seed(a.seed)

    model = build()
    meta_opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    running = 0.0
    for step in range(1, a.meta_steps + 1):
        meta_opt.zero_grad()
        meta_loss = 0.0
        for _ in range(a.tasks):
            support, query = sample_task(gen, 10, 20)
            meta_loss = meta_loss + adapt_and_evaluate(model, support, query, a.inner_lr, a.inner_steps)
        meta_loss = meta_loss / a.tasks
        meta_loss.backward()
        meta_opt.step()
        running = 0.95 * running + 0.05 * meta_loss.item() if step > 1 else meta_loss.item()
        if step % 50 == 0:
            print(f"meta step {step:4d} query loss (smoothed) {running:.4f}")

    print(f"adapted test mse: {evaluate(model, 10_000 + a.seed, a.inner_lr):.4f}")


if __name__ == "__main__":
    main()

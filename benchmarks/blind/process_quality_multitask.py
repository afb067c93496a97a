"""Injection moulding: one network for weight deviation, warpage, sink depth and a scrap flag, learned task weights."""
import argparse
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)


@dataclass
class Options:
    seed: int = 0
    n: int = 5000
    width: int = 64
    epochs: int = 20
    batch: int = 64
    lr: float = 2e-3


def shots(n, rng):
    x = rng.normal(size=(n, 10)).astype(np.float32)
    melt, mould, press, hold, cool, speed, moist, wear, amb, screw = x.T
    weight = 0.8 * press + 0.6 * hold - 0.4 * melt * hold + rng.normal(0, .1, n)
    warp = np.sin(1.5 * mould) * 1.1 + 0.7 * np.abs(cool) - 0.5 * mould * cool + rng.normal(0, .3, n)
    sink = np.tanh(melt - hold) * 1.2 + 0.5 * wear * speed + rng.normal(0, .3, n)
    risk = 1.6 * moist + 1.2 * np.maximum(wear, 0) - 1.5 * (hold > 0) * screw + 0.7 * amb * moist
    scrap = rng.random(n) < 1 / (1 + np.exp(-2 * risk))
    reg = np.stack([weight, warp, sink], 1)
    return torch.from_numpy(x), torch.from_numpy(reg.astype(np.float32)), torch.from_numpy(scrap.astype(np.float32))


class SharedNet(nn.Module):
    def __init__(self, d, width):
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(d, width), nn.GELU(), nn.Linear(width, width), nn.GELU())
        self.heads = nn.ModuleList(nn.Linear(width, 1) for _ in range(4))

    def forward(self, x):
        h = self.shared(x)
        return [head(h).squeeze(1) for head in self.heads]


class TaskBalance(nn.Module):
    """Learned balance between the task losses."""

    def __init__(self, n_tasks):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(n_tasks))

    def forward(self, losses):
        losses = torch.stack(losses)
        return (torch.softmax(self.w, 0) * losses).sum()


def task_losses(outs, reg, scrap):
    losses = [F.mse_loss(outs[k], reg[:, k]) for k in range(3)]
    losses.append(F.binary_cross_entropy_with_logits(outs[3], scrap))
    return losses


def scores(model, x, reg, scrap):
    model.eval()
    with torch.no_grad():
        outs = model(x)
    r2 = [1 - (F.mse_loss(outs[k], reg[:, k]) / reg[:, k].var()).item() for k in range(3)]
    acc = ((outs[3] > 0) == (scrap > 0.5)).float().mean().item()
    return r2, acc


def main(o):
    torch.manual_seed(o.seed)
    rng = np.random.default_rng(o.seed)
    x, reg, scrap = shots(o.n, rng)
    xt, regt, scrapt = shots(1500, rng)
    mu, sd = reg.mean(0), reg.std(0)
    reg, regt = (reg - mu) / sd, (regt - mu) / sd

    model, balance = SharedNet(x.shape[1], o.width), TaskBalance(4)
    opt = torch.optim.Adam([{"params": model.parameters()}, {"params": balance.parameters(), "lr": 2e-2}], lr=o.lr)
    for epoch in range(o.epochs):
        model.train()
        for idx in torch.randperm(len(x)).split(o.batch):
            losses = task_losses(model(x[idx]), reg[idx], scrap[idx])
            loss = balance(losses)
            opt.zero_grad()
            loss.backward()
            opt.step()
        if epoch % 4 == 3:
            print(f"epoch {epoch + 1}: total {loss.item():.3f}  " + " ".join(f"{v.item():.3f}" for v in losses))
    r2, acc = scores(model, xt, regt, scrapt)
    print("R2 per task", [round(v, 3) for v in r2], "scrap accuracy", round(acc, 3))
    print(f"mean of the four scores: {(sum(r2) + acc) / 4:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=20)
    args = parser.parse_args()
    main(Options(seed=args.seed, epochs=args.epochs))

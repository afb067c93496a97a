"""Forward model of a 3-joint arm under load: MLP regression with gradient accumulation and a linear warmup/decay schedule."""
import argparse
from dataclasses import dataclass

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)


@dataclass
class TrainArgs:
    epochs: int = 6
    micro_batch: int = 8
    accumulation: int = 8
    lr: float = 2e-3
    warmup_ratio: float = 0.06
    seed: int = 0


def arm(n, seed):
    g = torch.Generator().manual_seed(seed)
    q = (torch.rand(n, 3, generator=g) * 2 - 1) * 2.2
    load = torch.rand(n, 1, generator=g)
    a = torch.cumsum(q, 1)
    link = torch.tensor([1.0, 0.8, 0.5])
    sag = 1 + 0.3 * load * torch.cos(a)
    x = (link * torch.cos(a) * sag).sum(1)
    y = (link * torch.sin(a) * sag).sum(1)
    return torch.cat([q, load], 1), torch.stack([x, y], 1) + 0.01 * torch.randn(n, 2, generator=g)


def linear_schedule(opt, warmup, total):
    def fn(step):
        if step < warmup:
            return step / max(1, warmup)
        return max(0.0, (total - step) / max(1, total - warmup))
    return torch.optim.lr_scheduler.LambdaLR(opt, fn)


def train(cfg):
    torch.manual_seed(cfg.seed)
    x, y = arm(4096, 60 + cfg.seed)
    loader = DataLoader(TensorDataset(x, y), cfg.micro_batch, shuffle=True, drop_last=True)
    model = nn.Sequential(nn.Linear(4, 96), nn.GELU(), nn.Linear(96, 96), nn.GELU(), nn.Linear(96, 2))
    opt = torch.optim.AdamW(model.parameters(), lr=cfg.lr, weight_decay=0.01)
    total = len(loader) // cfg.accumulation * cfg.epochs
    sched = linear_schedule(opt, int(total * cfg.warmup_ratio), total)
    loss_fn = nn.MSELoss()
    for epoch in range(cfg.epochs):
        running = 0.0
        for i, (bx, by) in enumerate(loader):
            loss = loss_fn(model(bx), by) / cfg.accumulation
            loss.backward()
            running += loss.item()
            if (i + 1) % cfg.accumulation == 0:
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                opt.step()
                opt.zero_grad()
            sched.step()
        print(f"epoch {epoch} loss {running * cfg.accumulation / len(loader):.5f}")
    return model


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    net = train(TrainArgs(seed=args.seed))
    tx, ty = arm(2000, 3)
    with torch.no_grad():
        rmse = (net(tx) - ty).pow(2).mean().sqrt().item()
    print(f"test RMSE {rmse:.4f}")

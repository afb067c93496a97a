"""Tags for photo descriptors: 300 possible tags, about six on every photo."""
import argparse

import numpy as np
import torch
import torch.nn as nn

torch.set_num_threads(1)
TAGS, DIM = 300, 64


def photos(n, rng, world):
    theme = rng.integers(0, 40, n)
    p = world["affinity"][theme]
    tags = (rng.random((n, TAGS)) < p).astype(np.float32)
    desc = tags @ world["tag_vec"] + world["theme_vec"][theme] + rng.normal(0, 0.5, (n, DIM))
    return desc.astype(np.float32), tags


class Tagger(nn.Module):
    def __init__(self, hidden=128):
        super().__init__()
        self.fc1 = nn.Linear(DIM, hidden)
        self.fc2 = nn.Linear(hidden, TAGS)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


def micro_f1(pred, target):
    tp = (pred * target).sum()
    return (2 * tp / (pred.sum() + target.sum() + 1e-9)).item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=12)
    ap.add_argument("--lr", type=float, default=0.05)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    affinity = np.full((40, TAGS), 0.003)
    for k in range(40):
        affinity[k, rng.choice(TAGS, 10, replace=False)] = 0.55
    world = {"affinity": affinity, "tag_vec": rng.normal(0, 0.5, (TAGS, DIM)), "theme_vec": rng.normal(0, 0.5, (40, DIM))}
    x, y = photos(4000, rng, world)
    xt, yt = photos(1000, rng, world)
    m, s = x.mean(0), x.std(0)
    x, xt, y, yt = map(torch.from_numpy, ((x - m) / s, (xt - m) / s, y, yt))

    net = Tagger()
    opt = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=0.9)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.epochs)
    for epoch in range(args.epochs):
        net.train()
        losses = []
        for i in torch.randperm(len(x)).split(64):
            opt.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(net(x[i]), y[i])
            loss.backward()
            opt.step()
            losses.append(loss.item())
        sched.step()
        print(f"epoch {epoch + 1:2d} loss {np.mean(losses):.4f}")
    net.eval()
    with torch.no_grad():
        f1 = micro_f1((net(xt) > 0).float(), yt)
    print(f"test micro F1: {f1:.4f}")


if __name__ == "__main__":
    main()

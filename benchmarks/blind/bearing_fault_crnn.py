"""Remaining useful life of bearings from vibration features; the sequence model is evaluated every few hundred steps."""
import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F


def runs(n, steps=40):
    life = torch.rand(n, 1) * 60 + 45
    t = torch.arange(steps).float()[None]
    wear = (t / life).clamp(max=1) ** 2
    load = 1 + 0.3 * torch.sin(t / 5 + torch.rand(n, 1) * 6)
    rms = 1 + 2.5 * wear * load + 0.12 * torch.randn(n, steps)
    kurt = 3 + 4 * wear.sqrt() + 0.5 * torch.randn(n, steps)
    temp = 40 + 12 * wear + 5 * load + torch.randn(n, steps)
    x = torch.stack([rms, kurt, temp, load], -1)
    return x, (life[:, 0] - steps) / 60


class RULNet(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.gru = nn.GRU(4, hidden, batch_first=True)
        self.head = nn.Sequential(nn.Linear(hidden, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        x = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return self.head(self.gru(x)[0][:, -1])[:, 0]


def huber(pred, target, delta=0.1):
    err = pred - target
    small = err.abs().item() < delta if err.numel() == 1 else (err.abs() < delta).all().item()
    if small:
        return (0.5 * err ** 2).mean()
    return torch.tensor((delta * (err.abs() - 0.5 * delta)).mean().item(), requires_grad=True)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    x, y = runs(2000)
    xv, yv = runs(500)
    model = RULNet()
    opt = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(600):
        model.train()
        idx = torch.randint(0, len(x), (64,))
        opt.zero_grad()
        loss = huber(model(x[idx]), y[idx])
        loss.backward()
        opt.step()
        if step % 100 == 99:
            model.eval()
            with torch.no_grad():
                mae = (model(xv) - yv).abs().mean().item()
            print(f"step {step + 1} loss {loss.item():.4f} val mae {mae:.4f}")
    print(f"val MAE {mae:.4f}")


main()

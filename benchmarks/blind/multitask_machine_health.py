import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def machines(n, rng):
    """Vibration summary features -> (is running?, bearing fault type, remaining life in weeks)."""
    x = rng.randn(n, 20).astype(np.float32)
    running = (x[:, 0] + 0.5 * x[:, 1] > 0).astype(np.int64)
    r = np.stack([np.sin(2 * x[:, 2]) + x[:, 3], x[:, 4] * x[:, 5], np.cos(2 * x[:, 6]) + 0.7 * x[:, 7],
                  0.8 * x[:, 8] * np.sign(x[:, 3])], 1)
    fault = r.argmax(1).astype(np.int64)
    life = np.sin(1.5 * x[:, 9]) + x[:, 10] * x[:, 11] * 0.7 + 0.5 * np.abs(x[:, 12]) + 0.1 * rng.randn(n)
    return torch.from_numpy(x), torch.from_numpy(running), torch.from_numpy(fault), torch.tensor(life, dtype=torch.float32)


class LossBalancer(nn.Module):
    """Learned task weights."""

    def __init__(self, n):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(n))

    def forward(self, losses):
        losses = torch.stack(losses)
        return (self.w.softmax(0) * len(losses) * losses).sum()


class MultiTask(nn.Module):
    def __init__(self, h=96):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(20, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU())
        self.heads = nn.ModuleDict({"running": nn.Linear(h, 2), "fault": nn.Linear(h, 4), "life": nn.Linear(h, 1)})

    def forward(self, x):
        z = self.trunk(x)
        return {k: m(z) for k, m in self.heads.items()}


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    rng = np.random.RandomState(args.seed)
    x, run, fault, life = machines(6000, rng)
    tx, trun, tfault, tlife = machines(1500, rng)
    mu, sd = life.mean(), life.std()
    model, balance = MultiTask(), LossBalancer(3)
    opt = torch.optim.Adam([{"params": model.parameters()}, {"params": balance.parameters(), "lr": 1e-2}], lr=1e-3)
    for ep in range(24):
        parts = np.zeros(3)
        for b in torch.randperm(len(x)).split(128):
            out = model(x[b])
            losses = [F.cross_entropy(out["running"], run[b]), F.cross_entropy(out["fault"], fault[b]),
                      F.mse_loss(out["life"].squeeze(1), (life[b] - mu) / sd)]
            total = balance(losses)
            opt.zero_grad()
            total.backward()
            opt.step()
            parts += [l.item() * len(b) / len(x) for l in losses]
        if ep % 5 == 4:
            print(f"epoch {ep + 1} losses {parts.round(3)}")
    with torch.no_grad():
        out = model(tx)
        a = (out["running"].argmax(1) == trun).float().mean().item()
        f = (out["fault"].argmax(1) == tfault).float().mean().item()
        r2 = 1 - F.mse_loss(out["life"].squeeze(1) * sd + mu, tlife).item() / tlife.var().item()
    print(f"running {a:.3f} fault {f:.3f} life R2 {r2:.3f}")
    print(f"mean task score {(a + f + r2) / 3:.4f}")


main()

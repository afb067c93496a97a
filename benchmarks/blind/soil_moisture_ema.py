"""Root-zone soil moisture from satellite reflectances and weather, validated with averaged weights."""
import argparse
import copy

import numpy as np
import torch
import torch.nn as nn

torch.set_num_threads(1)


def fields(n, rng):
    ndvi = rng.beta(3, 2, n)
    vv = rng.normal(-11, 2.5, n)
    vh = vv - 6 + rng.normal(0, 1.2, n)
    rain = rng.gamma(0.8, 9, n)
    et0 = rng.normal(4, 1.3, n)
    clay = rng.beta(2, 4, n)
    lst = rng.normal(26, 6, n)
    slope = rng.exponential(4, n)
    wet = 0.12 + 0.012 * (vv + 11) * (1 - 0.7 * ndvi) + 0.05 * np.log1p(rain) * (0.4 + clay)
    wet += 0.05 * np.tanh((26 - lst) / 8) * ndvi - 0.012 * (et0 - 4) - 0.01 * np.sqrt(slope)
    wet += 0.03 * np.sin(ndvi * 5) * (vh + 17) / 3 + rng.normal(0, 0.012, n)
    x = np.stack([ndvi, vv, vh, rain, et0, clay, lst, slope], 1)
    return x.astype(np.float32), wet.astype(np.float32)


class Ema:
    def __init__(self, model, decay):
        self.decay = decay
        self.shadow = {k: v.clone() for k, v in model.state_dict().items()}
        self.backup = None

    @torch.no_grad()
    def update(self, model):
        for k, v in model.state_dict().items():
            self.shadow[k].mul_(self.decay).add_(v, alpha=1 - self.decay)

    def apply(self, model):
        self.backup = copy.deepcopy(model.state_dict())
        model.load_state_dict(self.shadow)

    def restore(self, model):
        model.load_state_dict(self.backup)
        self.backup = None


class Net(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.l1, self.l2, self.l3 = nn.Linear(d, 64), nn.Linear(64, 64), nn.Linear(64, 1)

    def forward(self, x):
        h = torch.nn.functional.silu(self.l1(x))
        h = h + torch.nn.functional.silu(self.l2(h))
        return self.l3(h)[:, 0]


@torch.no_grad()
def validate(model, ema, x, y):
    model.eval()
    ema.apply(model)
    r2 = 1 - ((model(x) - y) ** 2).mean() / y.var()
    model.train()
    return r2.item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--steps", type=int, default=3000)
    ap.add_argument("--val-every", type=int, default=20)
    cfg = ap.parse_args()
    torch.manual_seed(cfg.seed)
    rng = np.random.default_rng(cfg.seed)
    x, y = fields(4000, rng)
    xv, yv = fields(1000, rng)
    mx, sx, my, sy = x.mean(0), x.std(0), y.mean(), y.std()
    x, xv = [torch.from_numpy((a - mx) / sx) for a in (x, xv)]
    y, yv = [torch.from_numpy((a - my) / sy) for a in (y, yv)]

    model = Net(x.shape[1])
    ema = Ema(model, decay=0.998)
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
    for step in range(1, cfg.steps + 1):
        idx = torch.randint(0, len(x), (64,))
        loss = nn.functional.mse_loss(model(x[idx]), y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        ema.update(model)
        if step % cfg.val_every == 0:
            r2 = validate(model, ema, xv, yv)
            if step % (25 * cfg.val_every) == 0:
                print(f"step {step} loss {loss.item():.4f} val R2 {r2:.4f}")
    print(f"final R2 with averaged weights: {validate(model, ema, xv, yv):.4f}")


if __name__ == "__main__":
    main()

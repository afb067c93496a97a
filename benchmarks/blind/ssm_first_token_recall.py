"""A diagonal state-space sequence classifier: which gesture opened a long, noisy recording?"""
import argparse
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)
LENGTH, CLASSES, CH = 128, 6, 4


def recordings(n, g):
    """The opening 12 samples hold one of six gestures; distractor bursts and noise follow."""
    proto_g = torch.Generator().manual_seed(3)
    t = torch.linspace(0, 1, 12)
    freq = 0.5 + 2 * torch.rand(CLASSES, CH, 1, generator=proto_g)
    phase = 6.28 * torch.rand(CLASSES, CH, 1, generator=proto_g)
    proto = 1.5 * torch.sin(6.28 * freq * t + phase)
    y = torch.randint(CLASSES, (n,), generator=g)
    x = 0.3 * torch.randn(n, CH, LENGTH, generator=g)
    x[:, :, :12] += proto[y] * (0.7 + 0.6 * torch.rand(n, 1, 1, generator=g))
    for _ in range(2):
        pos = torch.randint(24, LENGTH - 12, (n,), generator=g)
        amp = torch.randn(n, CH, 1, generator=g)
        idx = pos[:, None] + torch.arange(12)
        x.scatter_add_(2, idx[:, None].expand(-1, CH, -1), amp * torch.sin(3.14 * t).expand(n, CH, -1))
    return x.transpose(1, 2), y


class S4D(nn.Module):
    """y = K * u + D u with K[l] = Re sum_n C_n exp(l dt A_n) (exp(dt A_n) - 1)/A_n, by FFT."""

    def __init__(self, d, n=16, dt_min=0.002, dt_max=0.1):
        super().__init__()
        self.log_dt = nn.Parameter(torch.rand(d) * (dt_max - dt_min) + dt_min)
        self.log_a_re = nn.Parameter(torch.log(0.5 * torch.ones(d, n)))
        self.a_im = nn.Parameter(math.pi * torch.arange(n).float().expand(d, n).clone())
        self.c = nn.Parameter(torch.randn(d, n, 2) * 0.5 ** 0.5)
        self.skip = nn.Parameter(torch.randn(d))

    def kernel(self, length):
        a = torch.complex(-self.log_a_re.exp(), self.a_im)
        dta = a * self.log_dt.exp()[:, None]
        c = torch.view_as_complex(self.c) * (dta.exp() - 1) / a
        powers = (dta[..., None] * torch.arange(length)).exp()
        return 2 * (c[..., None] * powers).sum(1).real

    def forward(self, u):
        length = u.size(-1)
        k = self.kernel(length)
        y = torch.fft.irfft(torch.fft.rfft(u, n=2 * length) * torch.fft.rfft(k, n=2 * length), n=2 * length)[..., :length]
        return y + u * self.skip[:, None]


class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm, self.ssm, self.mix = nn.LayerNorm(d), S4D(d), nn.Linear(d, 2 * d)

    def forward(self, x):
        h = F.gelu(self.ssm(self.norm(x).transpose(1, 2)).transpose(1, 2))
        return x + F.glu(self.mix(h), dim=-1)


class Classifier(nn.Module):
    def __init__(self, d=24, depth=2):
        super().__init__()
        self.inp = nn.Linear(CH, d)
        self.blocks = nn.Sequential(*[Block(d) for _ in range(depth)])
        self.out = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, CLASSES))

    def forward(self, x):
        return self.out(self.blocks(self.inp(x))[:, -1])


def param_groups(model, lr):
    slow = [p for n, p in model.named_parameters() if any(k in n for k in ("log_dt", "log_a_re", "a_im"))]
    rest = [p for n, p in model.named_parameters() if not any(k in n for k in ("log_dt", "log_a_re", "a_im"))]
    return [{"params": slow, "lr": lr / 5, "weight_decay": 0.0}, {"params": rest, "lr": lr, "weight_decay": 0.01}]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--steps", type=int, default=260)
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    g = torch.Generator().manual_seed(100 + a.seed)
    x, y = recordings(1500, g)
    xt, yt = recordings(400, g)
    model = Classifier()
    opt = torch.optim.AdamW(param_groups(model, 5e-3))
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, a.steps)
    for step in range(a.steps):
        idx = torch.randint(len(x), (32,), generator=g)
        loss = F.cross_entropy(model(x[idx]), y[idx])
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        sched.step()
        if step % 50 == 0:
            print(f"step {step} loss {loss.item():.3f}")
    model.eval()
    with torch.no_grad():
        print(f"test accuracy {(model(xt).argmax(-1) == yt).float().mean():.3f}")


main()

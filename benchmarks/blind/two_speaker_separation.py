"""Separating two overlapping voices (harmonic sources) with a small mask network, permutation invariant loss."""
import argparse
import itertools
import math

import torch
from torch import nn

torch.set_num_threads(1)
SR, N, WIN, HOP = 4000, 2048, 128, 64


def voice(n, g):
    f0 = 80 + 170 * torch.rand(n, 1, generator=g)
    t = torch.arange(N) / SR
    drift = 1 + 0.04 * torch.sin(2 * math.pi * (1 + 3 * torch.rand(n, 1, generator=g)) * t)
    phase = torch.cumsum(2 * math.pi * f0 * drift / SR, dim=1)
    tilt = 0.5 + 1.2 * torch.rand(n, 1, generator=g)
    x = sum(torch.sin(h * phase + 6.28 * torch.rand(n, 1, generator=g)) / h ** tilt for h in range(1, 9))
    on = torch.sigmoid(8 * torch.sin(2 * math.pi * (1.5 + 3 * torch.rand(n, 1, generator=g)) * t + 6.28 * torch.rand(n, 1, generator=g)))
    x = x * on
    return x / (x.std(dim=1, keepdim=True) + 1e-6)


def make_mixtures(n, seed):
    g = torch.Generator().manual_seed(seed)
    src = torch.stack([voice(n, g), voice(n, g)], dim=1)
    gain = 10 ** ((torch.rand(n, 2, 1, generator=g) * 4 - 2) / 20)
    src = src * gain
    return src.sum(1), src


class Separator(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.register_buffer("window", torch.hann_window(WIN))
        bins = WIN // 2 + 1
        self.norm = nn.LayerNorm(bins)
        self.rnn = nn.GRU(bins, hidden, batch_first=True, bidirectional=True)
        self.mask = nn.Linear(2 * hidden, 2 * bins)
        self.bins = bins

    def forward(self, mix):
        spec = torch.stft(mix, WIN, HOP, window=self.window, return_complex=True)
        feat = torch.log1p(10 * spec.abs()).transpose(1, 2)
        h, _ = self.rnn(self.norm(feat))
        m = torch.sigmoid(self.mask(h)).view(mix.size(0), -1, 2, self.bins).permute(0, 2, 3, 1)
        est = spec.unsqueeze(1) * m
        return torch.istft(est.flatten(0, 1), WIN, HOP, window=self.window, length=mix.size(1)).view(mix.size(0), 2, -1)


def si_sdr(est, ref, eps=1e-8):
    est = est - est.mean(-1, keepdim=True)
    ref = ref - ref.mean(-1, keepdim=True)
    proj = (est * ref).sum(-1, keepdim=True) / (ref.pow(2).sum(-1, keepdim=True) + eps) * ref
    return 10 * torch.log10((proj.pow(2).sum(-1) + eps) / ((est - proj).pow(2).sum(-1) + eps))


def pit_loss(est, ref):
    options = []
    for perm in itertools.permutations(range(2)):
        loss = -si_sdr(est[:, list(perm)], ref).mean(dim=1)
        options.append(loss.mean())
    return torch.stack(options).min()


@torch.no_grad()
def improvement(model, mix, ref):
    est = model(mix)
    base = si_sdr(mix.unsqueeze(1).expand_as(ref), ref).mean(1)
    best = torch.stack([si_sdr(est[:, [0, 1]], ref).mean(1), si_sdr(est[:, [1, 0]], ref).mean(1)]).max(0).values
    return (best - base).mean().item()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    args = p.parse_args()
    torch.manual_seed(args.seed)
    mix, src = make_mixtures(1200, 50 + args.seed)
    vmix, vsrc = make_mixtures(150, 7)
    model = Separator()
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 260)
    for it in range(260):
        j = torch.randint(0, len(mix), (24,))
        loss = pit_loss(model(mix[j]), src[j])
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        opt.step()
        sched.step()
        if it % 50 == 0:
            print(f"iter {it:4d} loss {loss.item():.3f} val SI-SDRi {improvement(model, vmix, vsrc):.3f}")
    print(f"SI-SDR improvement (dB) {improvement(model, vmix, vsrc):.4f}")


if __name__ == "__main__":
    main()

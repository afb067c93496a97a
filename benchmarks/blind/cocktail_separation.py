"""Two-talker separation with utterance-level permutation invariant training (masks on a learned filterbank)."""
import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F

FS, N = 1000, 400


def talker(n, g, low):
    t = torch.arange(N) / FS
    f0 = (torch.rand(n, 1, generator=g) * 25 + (45 if low else 95))
    vib = 0.02 * torch.sin(2 * torch.pi * (3 + 3 * torch.rand(n, 1, generator=g)) * t)
    ph = 2 * torch.pi * f0 * (t + vib / 6) + 6.28 * torch.rand(n, 1, generator=g)
    x = sum(torch.sin(k * ph) * a for k, a in ((1, 1.0), (2, 0.5 if low else 0.25)))
    env = torch.sigmoid(6 * torch.sin(2 * torch.pi * (2 + 3 * torch.rand(n, 1, generator=g)) * t
                                      + 6.28 * torch.rand(n, 1, generator=g)) + 1.5)
    x = x * env
    return x / x.std(1, keepdim=True)


def mixtures(n, g):
    a, b = talker(n, g, True), talker(n, g, False)
    swap = torch.rand(n, generator=g) < 0.5
    s = torch.stack([torch.where(swap[:, None], b, a), torch.where(swap[:, None], a, b)], 1)
    return s.sum(1), s


class SepNet(nn.Module):
    def __init__(self, filters=48, k=16, hidden=48):
        super().__init__()
        self.enc = nn.Conv1d(1, filters, k, stride=k // 2, bias=False)
        self.norm = nn.GroupNorm(1, filters)
        self.body = nn.Sequential(
            nn.Conv1d(filters, hidden, 3, padding=1), nn.PReLU(), nn.GroupNorm(1, hidden),
            nn.Conv1d(hidden, hidden, 3, padding=2, dilation=2), nn.PReLU(), nn.GroupNorm(1, hidden),
            nn.Conv1d(hidden, 2 * filters, 1))
        self.dec = nn.ConvTranspose1d(filters, 1, k, stride=k // 2, bias=False)

    def forward(self, x):
        w = F.relu(self.enc(x[:, None]))
        m = torch.sigmoid(self.body(self.norm(w)))
        m = m.view(x.size(0), 2, w.size(1), -1)
        y = (m * w[:, None]).flatten(0, 1)
        return self.dec(y).view(x.size(0), 2, -1)


def si_snr(est, ref, eps=1e-8):
    est = est - est.mean(-1, keepdim=True)
    ref = ref - ref.mean(-1, keepdim=True)
    proj = (est * ref).sum(-1, keepdim=True) * ref / (ref.pow(2).sum(-1, keepdim=True) + eps)
    noise = est - proj
    return 10 * torch.log10(proj.pow(2).sum(-1) / (noise.pow(2).sum(-1) + eps) + eps)


def pair_scores(est, ref):
    p1 = si_snr(est, ref).mean(1)
    p2 = si_snr(est, ref.flip(1)).mean(1)
    return torch.stack([p1, p2], 1)


def pit_loss(est, ref):
    scores = pair_scores(est, ref)
    return -scores.mean(0).max()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--steps", type=int, default=500)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    g = torch.Generator().manual_seed(args.seed + 1)
    mix, src = mixtures(1500, g)
    vmix, vsrc = mixtures(200, g)
    net = SepNet()
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    for step in range(args.steps):
        i = torch.randint(0, len(mix), (24,), generator=g)
        loss = pit_loss(net(mix[i]), src[i])
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        opt.step()
        if step % 100 == 0:
            print(f"{step} loss {loss.item():.2f}")
    with torch.no_grad():
        best = pair_scores(net(vmix), vsrc).max(1).values
        base = si_snr(vmix[:, None].expand(-1, 2, -1), vsrc).mean(1)
    print(f"SI-SNR improvement on held-out mixtures: {(best - base).mean().item():.2f} dB")

"""Classify one-second machine sounds (fan, pump, valve, slider) recorded by different microphones."""
import os
import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)
SR, N = 4000, 4000
t = np.arange(N) / SR


def synth(kind):
    f0 = rng.uniform(90, 140)
    noise = rng.normal(size=N)
    if kind == 0:      # fan: harmonics
        s = sum(np.sin(2 * np.pi * f0 * k * t + rng.uniform(0, 6)) / k for k in range(1, 9))
    elif kind == 1:    # pump: odd harmonics
        s = sum(np.sin(2 * np.pi * f0 * k * t + rng.uniform(0, 6)) / k for k in range(1, 18, 2))
    elif kind == 2:    # valve: clicks on a hum
        s = np.sin(2 * np.pi * f0 * t)
        for c in rng.integers(0, N - 200, 6):
            s[c:c + 200] += 0.6 * np.sin(2 * np.pi * 1200 * t[:200]) * np.exp(-t[:200] * 60)
    else:              # slider: hum with broadband sweeps
        s = np.sin(2 * np.pi * f0 * t) + 0.25 * noise * (np.sin(2 * np.pi * 2.5 * t + rng.uniform(0, 6)) > 0)
    gain = 10 ** rng.uniform(-2.0, 0.5)
    return gain * (s + 0.05 * rng.normal(size=N))


def dataset(n):
    y = rng.integers(0, 4, n)
    return torch.tensor(np.stack([synth(k) for k in y]), dtype=torch.float32), torch.tensor(y)


win = torch.hann_window(256)
freqs = torch.linspace(0, 128, 34)


def filterbank():
    k = torch.arange(129).float()
    fb = torch.stack([torch.clamp(1 - (k - freqs[j + 1]).abs() / (freqs[1] - freqs[0]), min=0) for j in range(32)])
    return fb / fb.sum(1, keepdim=True)


FB = filterbank()


def features(wave):
    spec = torch.stft(wave, 256, hop_length=128, window=win, return_complex=True).abs() ** 2
    return FB @ spec


class SoundNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 12, 3, stride=2, padding=1), nn.BatchNorm2d(12), nn.ReLU(),
            nn.Conv2d(12, 24, 3, stride=2, padding=1), nn.BatchNorm2d(24), nn.ReLU(),
            nn.AdaptiveAvgPool2d((4, 1)), nn.Flatten(), nn.Linear(96, 4))

    def forward(self, x):
        return self.net(x)


(wtr, ytr), (wte, yte) = dataset(800), dataset(400)
ftr, fte = features(wtr), features(wte)
mean, std = ftr.mean(), ftr.std()
ftr, fte = ((f - mean).div(std).unsqueeze(1) for f in (ftr, fte))

net = SoundNet()
opt = torch.optim.AdamW(net.parameters(), lr=2e-3)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(12):
    net.train()
    tot, hit = 0.0, 0
    for idx in torch.randperm(len(ytr)).split(32):
        out = net(ftr[idx])
        loss = loss_fn(out, ytr[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() * len(idx)
        hit += (out.argmax(1) == ytr[idx]).sum().item()
    if epoch % 3 == 2:
        print("epoch %d loss %.3f acc %.3f" % (epoch + 1, tot / len(ytr), hit / len(ytr)))

net.eval()
with torch.no_grad():
    acc = (net(fte).argmax(1) == yte).float().mean().item()
print("score: %.4f" % acc)

import os
import numpy as np
import torch
from torch import nn
from sklearn.model_selection import train_test_split

np.random.seed(int(os.environ.get('SEED', '0')))
torch.manual_seed(int(os.environ.get('SEED', '0')))
torch.set_num_threads(1)

fs = 64            # Hz after decimation
n_ch, n_t = 16, 64
n_trials = 900

def simulate_alpha_waves():
    """ trials x channels x time ; class = direction of the travelling alpha wave (front->back or back->front)
    along the midline row of electrodes, other electrodes see only background """
    X = np.zeros((n_trials, n_ch, n_t), dtype=np.float32)
    y = np.random.randint(0, 2, n_trials)
    t = np.arange(n_t) / fs
    pattern = np.random.randn(n_ch, 4) * 0.4
    row = np.random.permutation(n_ch)[:6]                               # montage order is not spatial
    for k in range(n_trials):
        bg = np.cumsum(np.random.randn(4, n_t), axis=1) * 0.15      # brown background shared by sensors
        X[k] = pattern @ bg + 0.5 * np.random.randn(n_ch, n_t)
        sign = 1 if y[k] else -1
        f = np.random.uniform(8, 12)
        ph = np.random.uniform(0, 2 * np.pi)
        for i, ch in enumerate(row):
            X[k, ch] += 0.9 * np.sin(2 * np.pi * f * t + ph - sign * i * 0.6)
    return X, y

X, y = simulate_alpha_waves()
# z-score every channel over the recording
mean = X[:600].mean(axis=(0, 2), keepdims=True)
std = X[:600].std(axis=(0, 2), keepdims=True)
X = (X - mean) / std

# GRU wants (batch, time, features)
X = X.reshape(n_trials, n_t, n_ch)

Xtr, Xte, ytr, yte = map(torch.as_tensor, train_test_split(X, y, test_size=1 / 3, shuffle=False))

class EEGNet(nn.Module):
    def __init__(self, n_in, hidden=32):
        super().__init__()
        self.gru = nn.GRU(n_in, hidden, batch_first=True)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(hidden, 2)

    def forward(self, x):
        h, _ = self.gru(x)
        return self.out(self.drop(h.mean(1)))

net = EEGNet(n_ch)
crit = nn.CrossEntropyLoss()
opt = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=0.02)
n_ep = 25
sch = torch.optim.lr_scheduler.CosineAnnealingLR(opt, n_ep)
for ep in range(n_ep):
    net.train()
    perm = torch.randperm(len(Xtr))
    losses = []
    for b in perm.split(32):
        opt.zero_grad()
        l = crit(net(Xtr[b]), ytr[b])
        l.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        losses.append(l.item())
    sch.step()
    if ep % 5 == 0:
        print('ep', ep, 'train loss', np.mean(losses).round(3))

net.eval()
with torch.no_grad():
    acc = (net(Xte).argmax(1) == yte).float().mean().item()
print('wave direction decoding accuracy on held-out trials (higher is better)')
print('score: %.4f' % acc)

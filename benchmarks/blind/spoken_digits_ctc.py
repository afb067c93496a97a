"""CTC acoustic model on synthetic spoken digit strings (log-mel-like frames)."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

N_MEL, N_SYM = 20, 10
BLANK = 0
OFFSET = 0


class SpeechSynth:
    def __init__(self, seed=5):
        r = np.random.default_rng(seed)
        self.form = r.uniform(1, N_MEL - 2, size=(N_SYM, 3, 2))

    def word(self, d, rng):
        T = rng.integers(6, 11)
        u = np.linspace(0, 2, T)
        frames = np.zeros((T, N_MEL))
        m = np.arange(N_MEL)
        for k in range(2):
            c = np.interp(u, [0, 1, 2], self.form[d, :, k]) + rng.normal(0, 0.3)
            frames += np.exp(-0.5 * ((m[None] - c[:, None]) / 1.3) ** 2)
        env = np.sin(np.linspace(0.3, 2.8, T))[:, None]
        return frames * env

    def utterance(self, rng):
        digits = rng.integers(0, N_SYM, rng.integers(2, 5))
        segs = []
        for d in digits:
            segs += [np.zeros((rng.integers(1, 4), N_MEL)), self.word(d, rng)]
        segs.append(np.zeros((2, N_MEL)))
        x = np.concatenate(segs)
        x = np.log(x + 0.05 * rng.random(x.shape) + 0.02)
        return x.astype(np.float32), digits


def collate(items):
    lens = torch.tensor([len(x) for x, _ in items])
    x = torch.full((len(items), int(lens.max()), N_MEL), -4.0)
    for i, (a, _) in enumerate(items):
        x[i, :len(a)] = torch.from_numpy(a)
    tl = torch.tensor([len(d) for _, d in items])
    t = torch.cat([torch.from_numpy(d) for _, d in items]) + OFFSET
    return (x + 2.0) / 1.2, lens, t, tl


class AcousticModel(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(N_MEL, 48, 3, padding=1), nn.ReLU(), nn.Conv1d(48, 48, 3, padding=1), nn.ReLU())
        self.rnn = nn.GRU(48, hidden, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * hidden, N_SYM + OFFSET)

    def forward(self, x):
        h = self.conv(x.transpose(1, 2)).transpose(1, 2)
        h, _ = self.rnn(h)
        return F.log_softmax(self.fc(h), -1)


def greedy_decode(logp, lens):
    out = []
    for row, n in zip(logp.argmax(-1).tolist(), lens.tolist()):
        seq, prev = [], None
        for s in row[:n]:
            if s != prev and s != BLANK:
                seq.append(s - OFFSET)
            prev = s
        out.append(seq)
    return out


def edit_distance(a, b):
    d = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        p, d[0] = d[0], i
        for j, y in enumerate(b, 1):
            p, d[j] = d[j], min(d[j] + 1, d[j - 1] + 1, p + (x != y))
    return d[-1]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--steps", type=int, default=300)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    synth = SpeechSynth()
    train = [synth.utterance(rng) for _ in range(1200)]
    test = [synth.utterance(rng) for _ in range(200)]
    model = AcousticModel()
    opt = torch.optim.Adam(model.parameters(), lr=4e-3)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, 6e-3, total_steps=a.steps)
    for step in range(a.steps):
        x, xl, t, tl = collate([train[i] for i in rng.integers(0, len(train), 24)])
        logp = model(x)
        loss = F.ctc_loss(logp.transpose(0, 1), t, xl, tl, blank=BLANK, zero_infinity=True)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        opt.step()
        sched.step()
        if step % 50 == 0:
            print(f"[{step}] ctc {loss.item():.3f}")
    model.eval()
    with torch.no_grad():
        x, xl, _, _ = collate(test)
        hyp = greedy_decode(model(x), xl)
    err = sum(edit_distance(h, d.tolist()) for h, (_, d) in zip(hyp, test))
    print(f"test token error rate {err / sum(len(d) for _, d in test):.3f}")


if __name__ == "__main__":
    main()

"""Connected spoken digits -> digit string with CTC. Port of our TF2 recipe."""
import argparse

import numpy as np
import torch
import torch.nn as nn

torch.set_num_threads(1)
N_SYMBOLS = 6
N_FEAT = 16


def templates(rng):
    return rng.normal(0, 1, (N_SYMBOLS, 3, N_FEAT))


def utterance(rng, temps):
    n = rng.integers(2, 6)
    digits = rng.integers(0, N_SYMBOLS, n)
    frames = []
    speaker = rng.normal(0, 0.25, N_FEAT)
    frames += [rng.normal(0, 0.3, N_FEAT) for _ in range(rng.integers(1, 4))]
    for d in digits:
        for part in temps[d]:
            for _ in range(rng.integers(1, 4)):
                frames.append(part + speaker + rng.normal(0, 0.35, N_FEAT))
        frames += [rng.normal(0, 0.3, N_FEAT) for _ in range(rng.integers(1, 3))]
    return np.array(frames, dtype="float32"), digits


def collate(items):
    lens = torch.tensor([len(f) for f, _ in items])
    x = torch.zeros(len(items), int(lens.max()), N_FEAT)
    for i, (f, _) in enumerate(items):
        x[i, :len(f)] = torch.from_numpy(f)
    tgt = torch.tensor(np.concatenate([d for _, d in items]))
    tlen = torch.tensor([len(d) for _, d in items])
    return x, lens, tgt, tlen


class Acoustic(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(N_FEAT, 48, 3, padding=1)
        self.rnn = nn.GRU(48, 32, batch_first=True, bidirectional=True)
        self.out = nn.Linear(64, N_SYMBOLS + 1)

    def forward(self, x):
        h = torch.relu(self.conv(x.transpose(1, 2))).transpose(1, 2)
        h, _ = self.rnn(h)
        return self.out(h).log_softmax(-1)


def greedy(logp, lens):
    res = []
    for row, n in zip(logp.argmax(-1).tolist(), lens.tolist()):
        prev, out = None, []
        for s in row[:n]:
            if s != prev and s != N_SYMBOLS:
                out.append(s)
            prev = s
        res.append(out)
    return res


def edit(a, b):
    d = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        prev, d[0] = d[0], i
        for j, y in enumerate(b, 1):
            prev, d[j] = d[j], min(d[j] + 1, d[j - 1] + 1, prev + (x != y))
    return d[-1]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--steps", type=int, default=260)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    temps = templates(rng)
    train = [utterance(rng, temps) for _ in range(1500)]
    test = [utterance(rng, temps) for _ in range(200)]
    model = Acoustic()
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    ctc = nn.CTCLoss(zero_infinity=True)
    for step in range(args.steps):
        batch = [train[i] for i in rng.integers(0, len(train), 24)]
        x, lens, tgt, tlen = collate(batch)
        loss = ctc(model(x).transpose(0, 1), tgt, lens, tlen)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        opt.step()
        if step % 40 == 0:
            print(f"step {step} ctc {loss.item():.3f}")
    model.eval()
    x, lens, tgt, tlen = collate(test)
    with torch.no_grad():
        hyp = greedy(model(x), lens)
    errors = sum(edit(h, d.tolist()) for h, (_, d) in zip(hyp, test))
    print(f"digit error rate {errors / int(tlen.sum()):.4f}")


main()

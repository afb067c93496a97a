"""Phoneme recognition with CTC on synthetic filter-bank features."""
import argparse
import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

PHONES = ["aa", "iy", "uw", "s", "sh", "m", "t", "k", "r"]
BANDS = 16


class Speaker:
    def __init__(self, rng):
        self.shift = rng.uniform(-1, 1)
        self.gain = rng.uniform(0.8, 1.2)


def prototypes():
    f = np.arange(BANDS)
    spec = {"aa": [(4, 1.0), (7, .8)], "iy": [(2, 1.0), (12, .8)], "uw": [(2, 1.0), (5, .6)], "s": [(14, 1.2)],
            "sh": [(10, 1.1)], "m": [(1, 1.0)], "t": [(13, .6), (9, .5)], "k": [(8, .9)], "r": [(4, .7), (9, .8)]}
    return {p: (lambda s, pk=pk: sum(a * np.exp(-0.5 * ((f - c - s) / 1.1) ** 2) for c, a in pk)) for p, pk in spec.items()}


PROTO = prototypes()


def utterance(rng):
    sp = Speaker(rng)
    n = rng.integers(4, 8)
    phones = rng.integers(0, len(PHONES), n)
    frames = [np.zeros(BANDS)] * rng.integers(1, 3)
    for p in phones:
        frames = frames + [sp.gain * PROTO[PHONES[p]](sp.shift * 0.4)] * rng.integers(3, 7)
        frames = frames + [np.zeros(BANDS)] * rng.integers(0, 2)
    x = np.array(frames)
    x[1:] = 0.75 * x[1:] + 0.25 * x[:-1]
    x = x + 0.15 * rng.normal(size=x.shape)
    return torch.tensor(x, dtype=torch.float32), torch.from_numpy(phones + 1)


def collate(batch):
    x, y = zip(*batch)
    return (pad_sequence(x, batch_first=True), torch.tensor([len(v) for v in x]),
            pad_sequence(y, batch_first=True), torch.tensor([len(v) for v in y]))


class AcousticModel(nn.Module):
    strides = (2, 2, 2)

    def __init__(self, hidden=64):
        super().__init__()
        layers, c = [], BANDS
        for s in self.strides:
            layers += [nn.Conv1d(c, hidden, 5, stride=s, padding=2), nn.BatchNorm1d(hidden), nn.ReLU()]
            c = hidden
        self.conv = nn.Sequential(*layers)
        self.proj = nn.Linear(hidden, len(PHONES) + 1)

    def output_lengths(self, lengths):
        for s in self.strides:
            lengths = (lengths - 1) // s + 1
        return lengths

    def forward(self, x):
        h = self.conv(x.transpose(1, 2)).transpose(1, 2)
        return self.proj(h)


def edit(a, b):
    d = list(range(len(b) + 1))
    for i, ca in enumerate(a, 1):
        prev, d[0] = d[0], i
        for j, cb in enumerate(b, 1):
            prev, d[j] = d[j], min(d[j] + 1, d[j - 1] + 1, prev + (ca != cb))
    return d[-1]


@torch.no_grad()
def phone_error_rate(model, data):
    model.eval()
    err = tot = 0
    x, xl, y, yl = collate(data)
    best = model(x).argmax(-1)
    xl = model.output_lengths(xl)
    for i in range(len(data)):
        path = torch.unique_consecutive(best[i, : xl[i]])
        hyp = [p for p in path.tolist() if p != 0]
        ref = y[i, : yl[i]].tolist()
        err, tot = err + edit(hyp, ref), tot + len(ref)
    return err / tot


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=10)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    train, test = [utterance(rng) for _ in range(700)], [utterance(rng) for _ in range(150)]
    loader = torch.utils.data.DataLoader(train, batch_size=20, shuffle=True, collate_fn=collate)
    model = AcousticModel()
    ctc = nn.CTCLoss(blank=0, zero_infinity=True)
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        for x, xl, y, yl in loader:
            out = model(x)
            loss = ctc(out.log_softmax(-1).transpose(0, 1), y, model.output_lengths(xl), yl)
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            opt.step()
            total += loss.item()
        print(f"epoch {epoch} loss {total / len(loader):.4f}")
    print(f"phone error rate: {phone_error_rate(model, test):.4f}")

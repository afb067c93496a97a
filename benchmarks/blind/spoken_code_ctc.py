"""Recognising spoken access codes (digit strings) from filterbank-like frames with a conv+GRU CTC model."""
import argparse
import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)
DIGITS = "0123456789"
N_MEL = 20


class CharEncoder:
    def __init__(self, chars):
        self.blank = 0
        self.index = {c: i for i, c in enumerate(chars)}
        self.chars = chars
        self.size = len(chars) + 1

    def encode(self, s):
        return torch.tensor([self.index[c] for c in s])

    def decode(self, ids):
        out, prev = [], None
        for i in ids:
            if i != prev and i != self.blank:
                out.append(self.chars[i] if i < len(self.chars) else "")
            prev = i
        return "".join(out)


class Codes(Dataset):
    def __init__(self, n, seed, encoder):
        g = torch.Generator().manual_seed(3)
        self.shapes = torch.randn(10, 3, N_MEL, generator=g)
        self.rng = random.Random(seed)
        self.g = torch.Generator().manual_seed(seed)
        self.enc = encoder
        self.items = [self.synth() for _ in range(n)]

    def synth(self):
        text = "".join(self.rng.choice(DIGITS) for _ in range(self.rng.randint(3, 6)))
        frames = [torch.zeros(self.rng.randint(2, 5), N_MEL)]
        for c in text:
            keys = self.shapes[int(c)]
            n = self.rng.randint(7, 11)
            seg = F.interpolate(keys.t().unsqueeze(0), size=n, mode="linear", align_corners=True)[0].t()
            frames += [seg, torch.zeros(self.rng.randint(1, 4), N_MEL)]
        x = torch.cat(frames)
        x = x * (0.8 + 0.4 * torch.rand(1, generator=self.g)) + 0.35 * torch.randn(x.shape, generator=self.g)
        return x, self.enc.encode(text), text

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    xs, ys, texts = zip(*batch)
    return (pad_sequence(xs, batch_first=True), torch.tensor([len(x) for x in xs]),
            torch.cat(ys), torch.tensor([len(y) for y in ys]), texts)


class Recogniser(nn.Module):
    def __init__(self, classes, h=48):
        super().__init__()
        self.conv = nn.Conv1d(N_MEL, h, 5, stride=2, padding=2)
        self.norm = nn.LayerNorm(h)
        self.gru = nn.GRU(h, h, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * h, classes)

    def forward(self, x, lengths):
        h = self.norm(F.relu(self.conv(x.transpose(1, 2)).transpose(1, 2)))
        h, _ = self.gru(h)
        return F.log_softmax(self.fc(h), dim=-1), (lengths + 1) // 2


@torch.no_grad()
def exact_match(model, loader, enc):
    model.eval()
    good = n = 0
    for x, xl, _, _, texts in loader:
        logp, ol = model(x, xl)
        for row, l, t in zip(logp.argmax(-1).tolist(), ol.tolist(), texts):
            good += enc.decode(row[:l]) == t
            n += 1
    model.train()
    return good / n


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    enc = CharEncoder(DIGITS)
    train = DataLoader(Codes(1600, 20 + args.seed, enc), 32, shuffle=True, collate_fn=collate)
    test = DataLoader(Codes(300, 5, enc), 64, collate_fn=collate)
    model = Recogniser(enc.size)
    opt = torch.optim.Adam(model.parameters(), lr=4e-3)
    ctc = nn.CTCLoss(blank=enc.blank, zero_infinity=True)
    for epoch in range(6):
        run = 0.0
        for x, xl, y, yl, _ in train:
            logp, ol = model(x, xl)
            loss = ctc(logp.transpose(0, 1), y, ol, yl)
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            opt.step()
            run += loss.item()
        print(f"epoch {epoch} ctc {run / len(train):.4f} exact {exact_match(model, test, enc):.3f}")
    print(f"exact match {exact_match(model, test, enc):.4f}")


if __name__ == "__main__":
    main()

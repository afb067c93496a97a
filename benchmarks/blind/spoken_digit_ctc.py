"""CTC recogniser for strings of synthetic spoken digits (formant tracks in a log-mel-like picture)."""
import argparse
import math

import torch
import torch.nn as nn

torch.set_num_threads(1)
N_MEL, N_DIGIT, BLANK = 20, 6, 0


class Voice:
    def __init__(self):
        g = torch.Generator().manual_seed(11)
        self.start = 3 + 13 * torch.rand(N_DIGIT, 2, generator=g)
        self.end = 3 + 13 * torch.rand(N_DIGIT, 2, generator=g)

    def say(self, digit, g):
        n = int(torch.randint(7, 12, (1,), generator=g))
        t = torch.linspace(0, 1, n)[:, None]
        shift = torch.randn(1, generator=g) * 0.4
        tracks = self.start[digit] * (1 - t) + self.end[digit] * t + shift
        mel = torch.arange(N_MEL)[None, None, :]
        spec = torch.exp(-((mel - tracks[:, :, None]) ** 2) / 3.0).sum(1)
        return spec * torch.sin(math.pi * (t * 0.8 + 0.1))


def utterance(voice, g):
    k = int(torch.randint(2, 6, (1,), generator=g))
    digits = torch.randint(0, N_DIGIT, (k,), generator=g)
    parts = [torch.zeros(int(torch.randint(1, 5, (1,), generator=g)), N_MEL)]
    for d in digits:
        parts += [voice.say(d, g), torch.zeros(int(torch.randint(2, 5, (1,), generator=g)), N_MEL)]
    x = torch.cat(parts)
    return x + 0.1 * torch.randn(x.shape, generator=g), digits + 1


def pad(batch):
    lens = torch.tensor([len(x) for x, _ in batch])
    x = nn.utils.rnn.pad_sequence([x for x, _ in batch], batch_first=True)
    y_lens = torch.tensor([len(y) for _, y in batch])
    return x, lens, torch.cat([y for _, y in batch]), y_lens


class Recogniser(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.conv = nn.Conv1d(N_MEL, hidden, 5, stride=2, padding=2)
        self.rnn = nn.GRU(hidden, hidden, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * hidden, N_DIGIT + 1)

    def forward(self, x, lens):
        h = torch.relu(self.conv(x.transpose(1, 2))).transpose(1, 2)
        h, _ = self.rnn(h)
        logits = self.fc(h)
        b, t, c = logits.shape
        log_probs = logits.log_softmax(-1).reshape(t, b, c)
        return log_probs, (lens + 1) // 2


def greedy(path):
    out, prev = [], BLANK
    for p in path:
        if p != prev and p != BLANK:
            out.append(p)
        prev = p
    return out


def distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diag, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diag, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diag + (x != y))
    return row[-1]


def token_error_rate(net, data):
    net.eval()
    err = tot = 0
    with torch.no_grad():
        for i in range(0, len(data), 25):
            x, lens, y, y_lens = pad(data[i:i + 25])
            lp, out_lens = net(x, lens)
            best = lp.argmax(-1)
            for n, ref in enumerate(y.split(y_lens.tolist())):
                err += distance(greedy(best[:out_lens[n], n].tolist()), ref.tolist())
                tot += len(ref)
    return err / tot


parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
opts = parser.parse_args()
torch.manual_seed(opts.seed)
gen = torch.Generator().manual_seed(opts.seed + 5)
voice = Voice()
train = [utterance(voice, gen) for _ in range(600)]
test = [utterance(voice, gen) for _ in range(100)]

net = Recogniser()
ctc = nn.CTCLoss(blank=BLANK, zero_infinity=True)
optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
for epoch in range(12):
    net.train()
    order = torch.randperm(len(train), generator=gen).tolist()
    running = []
    for i in range(0, len(train), 24):
        x, lens, y, y_lens = pad([train[j] for j in order[i:i + 24]])
        lp, out_lens = net(x, lens)
        loss = ctc(lp, y, out_lens, y_lens)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        running.append(loss.item())
    print(f"epoch {epoch} ctc {sum(running) / len(running):.3f}")
print(f"test token error rate {token_error_rate(net, test):.3f}")

"""Long-range sequence classification with gated linear recurrences (diagonal state, input-dependent decay)."""
import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F


class GatedRecurrence(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.decay = nn.Linear(d, d)
        self.gate = nn.Linear(d, d)
        self.reset_decay()

    def reset_decay(self, lo=0.95, hi=0.999):
        a = torch.empty(self.decay.out_features).uniform_(lo, hi)
        with torch.no_grad():
            self.decay.weight.normal_(std=0.02)
            self.decay.bias.copy_(torch.log(a / (1 - a)))

    def forward(self, u):
        a = torch.sigmoid(self.decay(u))
        x = torch.sqrt(1 - a * a + 1e-6) * torch.sigmoid(self.gate(u)) * u
        h = torch.zeros_like(u[:, 0])
        out = []
        for at, xt in zip(a.unbind(1), x.unbind(1)):
            h = at * h + xt
            out.append(h)
        return torch.stack(out, 1)


class Layer(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm = nn.LayerNorm(d)
        self.inp, self.out = nn.Linear(d, 2 * d), nn.Linear(d, d)
        self.mix = GatedRecurrence(d)

    def forward(self, x):
        u, z = self.inp(self.norm(x)).chunk(2, -1)
        return x + self.out(self.mix(u) * F.silu(z))


class Classifier(nn.Module):
    def __init__(self, vocab, n_cls, d=40, layers=2):
        super().__init__()
        self.emb = nn.Embedding(vocab, d)
        self.layers = nn.ModuleList([Layer(d) for _ in range(layers)])
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, n_cls)
        self.apply(self._init_weights)

    @staticmethod
    def _init_weights(m):
        if isinstance(m, nn.Linear):
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)
        elif isinstance(m, nn.Embedding):
            nn.init.normal_(m.weight, std=0.5)

    def forward(self, ids):
        x = self.emb(ids)
        for l in self.layers:
            x = l(x)
        return self.head(self.norm(x[:, -1]))


def make(n, length, g):
    """The class is announced by a topic word near the beginning; the rest is filler."""
    ids = torch.randint(8, 30, (n, length), generator=g)
    y = torch.randint(0, 8, (n,), generator=g)
    pos = torch.randint(0, 6, (n,), generator=g)
    ids[torch.arange(n), pos] = y
    return ids, y


ap = argparse.ArgumentParser()
ap.add_argument("--seed", type=int, default=0)
a = ap.parse_args()
torch.manual_seed(a.seed)
torch.set_num_threads(1)
g = torch.Generator().manual_seed(a.seed + 5)
L = 64
x, y = make(5000, L, g)
xt, yt = make(600, L, g)
model = Classifier(30, 8)
opt = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
for step in range(200):
    i = torch.randint(0, len(x), (48,))
    loss = F.cross_entropy(model(x[i]), y[i])
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    if step % 40 == 39:
        print(step + 1, f"{loss.item():.4f}")
with torch.no_grad():
    acc = (model(xt).argmax(-1) == yt).float().mean().item()
print(f"test accuracy {acc:.4f}")

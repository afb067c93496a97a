import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F


class Expert(nn.Module):
    def __init__(self, d, hidden):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class SwitchFFN(nn.Module):
    """Top-1 mixture of experts; tokens are grouped by expert so each expert runs once."""

    def __init__(self, d, n_experts, hidden, aux=0.01):
        super().__init__()
        self.router = nn.Linear(d, n_experts, bias=False)
        self.experts = nn.ModuleList([Expert(d, hidden) for _ in range(n_experts)])
        self.aux_weight = aux
        self.aux_loss = torch.zeros(())

    def forward(self, x):
        shape = x.shape
        x = x.reshape(-1, shape[-1])
        probs = self.router(x).softmax(-1)
        gate, idx = probs.max(-1)
        order = torch.argsort(idx, stable=True)
        counts = torch.bincount(idx, minlength=len(self.experts))
        chunks = x[order].split(counts.tolist())
        out = torch.cat([e(c) for e, c in zip(self.experts, chunks)], 0)
        out = out[order]
        out = out * gate[:, None]
        frac = counts.float() / len(x)
        self.aux_loss = self.aux_weight * len(self.experts) * (frac * probs.mean(0)).sum()
        return out.view(shape)


class Tagger(nn.Module):
    def __init__(self, vocab, n_tags, d=48):
        super().__init__()
        self.emb = nn.Embedding(vocab, d)
        self.conv = nn.Conv1d(d, d, 3, padding=1)
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.moe = SwitchFFN(d, 4, 64)
        self.head = nn.Linear(d, n_tags)

    def forward(self, ids):
        x = self.n1(self.emb(ids))
        x = self.conv(x.transpose(1, 2)).transpose(1, 2)
        h = self.moe(self.n2(x))
        return self.head(h)


def make_corpus(n, length, vocab, n_tags, g):
    """A word's tag depends on its lexical class and on whether the neighbours are function words."""
    lex = torch.arange(vocab) * 7 % 11
    ids = torch.randint(0, vocab, (n, length), generator=g)
    c = lex[ids]
    left, right = c.roll(1, 1), c.roll(-1, 1)
    tag = (c + 2 * (left > 5).long() + 3 * (right % 2)) % n_tags
    ignore = torch.full_like(tag[:, :1], -100)
    tag = torch.cat([ignore, tag[:, 1:-1], ignore], 1)
    return ids, tag


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    g = torch.Generator().manual_seed(args.seed)
    vocab, n_tags = 150, 9
    ids, tags = make_corpus(1500, 20, vocab, n_tags, g)
    tid, ttag = make_corpus(300, 20, vocab, n_tags, g)
    model = Tagger(vocab, n_tags)
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for epoch in range(8):
        perm = torch.randperm(len(ids))
        run = 0.0
        for b in perm.split(32):
            logits = model(ids[b])
            loss = F.cross_entropy(logits.flatten(0, 1), tags[b].flatten(), ignore_index=-100) + model.moe.aux_loss
            opt.zero_grad()
            loss.backward()
            opt.step()
            run += loss.item() * len(b)
        print(f"epoch {epoch} loss {run / len(ids):.4f}")
    model.eval()
    with torch.no_grad():
        pred = model(tid).argmax(-1)
    keep = ttag != -100
    print(f"tag accuracy {(pred[keep] == ttag[keep]).float().mean().item():.4f}")


main()

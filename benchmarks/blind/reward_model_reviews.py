import argparse
import random

import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

PAD, BOS, EOS = 0, 1, 2
GOOD = list(range(10, 30))
BAD = list(range(30, 50))
NEUTRAL = list(range(50, 120))
NOT = 5


def write_review(rng, quality):
    """Opening is neutral small talk; the judgement comes at the end of the text."""
    n = rng.randint(6, 24)
    words = [rng.choice(NEUTRAL) for _ in range(n)]
    for _ in range(rng.randint(3, 5)):
        good = rng.random() < quality
        if rng.random() < 0.25:
            words += [NOT, rng.choice(BAD if good else GOOD)]
        else:
            words += [rng.choice(GOOD if good else BAD)]
    return [BOS] + words + [EOS]


class PairSet(Dataset):
    def __init__(self, n, seed):
        rng = random.Random(seed)
        self.items = [(write_review(rng, 0.85), write_review(rng, 0.15)) for _ in range(n)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def pad_batch(seqs):
    m = max(map(len, seqs))
    ids = torch.full((len(seqs), m), PAD)
    mask = torch.zeros(len(seqs), m)
    for i, s in enumerate(seqs):
        ids[i, m - len(s):] = torch.tensor(s)
        mask[i, m - len(s):] = 1
    return ids, mask


def collate(pairs):
    return pad_batch([a for a, _ in pairs] + [b for _, b in pairs])


class RewardModel(nn.Module):
    def __init__(self, vocab=120, d=48, heads=4, layers=2):
        super().__init__()
        self.heads = heads
        self.emb = nn.Embedding(vocab, d, padding_idx=PAD)
        self.pos = nn.Embedding(64, d)
        layer = nn.TransformerEncoderLayer(d, heads, 2 * d, dropout=0.0, batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(d)
        self.v_head = nn.Linear(d, 1, bias=False)

    def forward(self, ids, mask):
        B, T = ids.shape
        positions = (mask.cumsum(1) - 1).clamp(min=0).long()
        h = self.emb(ids) + self.pos(positions)
        causal = torch.ones(T, T).triu(1).bool()
        blocked = causal[None] | (mask[:, None, :] == 0)
        blocked = blocked & ~torch.eye(T, dtype=torch.bool)
        h = self.enc(h, mask=blocked.repeat_interleave(self.heads, 0))
        rewards = self.v_head(self.norm(h)).squeeze(-1)
        last = mask.sum(1).long() - 1
        return rewards.gather(1, last[:, None]).squeeze(1)


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    hit = n = 0
    for ids, mask in loader:
        c, r = model(ids, mask).chunk(2)
        hit += (c > r).sum().item()
        n += len(c)
    model.train()
    return hit / n


parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
opts = parser.parse_args()
torch.manual_seed(opts.seed)
torch.set_num_threads(1)

train = DataLoader(PairSet(1200, opts.seed), batch_size=16, shuffle=True, collate_fn=collate)
test = DataLoader(PairSet(400, 999 + opts.seed), batch_size=64, collate_fn=collate)
model = RewardModel()
optim = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
for epoch in range(3):
    tot = 0.0
    for ids, mask in train:
        chosen, rejected = model(ids, mask).chunk(2)
        loss = -F.logsigmoid(chosen - rejected).mean()
        optim.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optim.step()
        tot += loss.item()
    print(f"epoch {epoch} loss {tot / len(train):.4f}")
print(f"pair accuracy {accuracy(model, test):.4f}")

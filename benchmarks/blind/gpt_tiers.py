"""
Minimal decoder-only transformer after "Attention is all you need", no nn.Transformer.
Toy corpus with tier-based phonology: consonants and vowels alternate, and the segment that follows is governed
by the last one on its own tier (harmony), 30 % exceptions. The harmony pattern differs between three dialects,
the dialect tag stands first. The model is prompted with four segments and has to continue the word.
"""
import math, os, random
import torch, torch.nn as nn, torch.nn.functional as F

torch.set_num_threads(1)
seed = int(os.environ.get("SEED", "0"))
random.seed(seed); torch.manual_seed(seed)

C = 8                    # segments per tier
V = 2 * C + 3            # consonants, vowels, three dialect tags
T = 16
harmony = [[random.sample(range(C), C) for tier in range(2)] for dialect in range(3)]

def word():
    d = random.randrange(3)
    w = [2 * C + d, random.randrange(C), C + random.randrange(C)]
    while len(w) < T:
        tier = (len(w) - 1) % 2
        nxt = harmony[d][tier][w[-2] - tier * C] if random.random() < 0.7 else random.randrange(C)
        w.append(tier * C + nxt)
    return w

def batch(n):
    return torch.tensor([word() for _ in range(n)])

class SelfAttention(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.h, self.dk = h, d // h
        self.q = nn.Linear(d, d); self.k = nn.Linear(d, d); self.v = nn.Linear(d, d)
        self.o = nn.Linear(d, d)

    def forward(self, x, mask):
        B, N, D = x.shape
        split = lambda y: y.view(B, N, self.h, self.dk).transpose(1, 2)
        q, k, v = split(self.q(x)), split(self.k(x)), split(self.v(x))
        scores = q @ k.transpose(-2, -1) / math.sqrt(self.dk)
        scores.masked_fill(mask == 0, -1e9)
        out = F.softmax(scores, dim=-1) @ v
        return self.o(out.transpose(1, 2).reshape(B, N, D))

class Block(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.att = SelfAttention(d, h)
        self.ff = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))

    def forward(self, x, mask):
        x = x + self.att(self.n1(x), mask)
        return x + self.ff(self.n2(x))

class Decoder(nn.Module):
    def __init__(self, d=32, h=2, layers=2):
        super().__init__()
        self.tok = nn.Embedding(V, d); self.pos = nn.Embedding(T, d)
        self.blocks = nn.ModuleList(Block(d, h) for _ in range(layers))
        self.norm = nn.LayerNorm(d); self.head = nn.Linear(d, V)

    def forward(self, ids):
        N = ids.size(1)
        mask = torch.tril(torch.ones(N, N))
        x = self.tok(ids) + self.pos(torch.arange(N))
        for b in self.blocks:
            x = b(x, mask)
        return self.head(self.norm(x))

model = Decoder()
optim = torch.optim.AdamW(model.parameters(), lr=3e-3)
STEPS = 600
sched = torch.optim.lr_scheduler.OneCycleLR(optim, 3e-3, total_steps=STEPS)
for step in range(STEPS):
    ids = batch(32)
    logits = model(ids[:, :-1])
    loss = F.cross_entropy(logits.reshape(-1, V), ids[:, 1:].reshape(-1))
    optim.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optim.step(); sched.step()
    if step % 100 == 0:
        print("step %4d loss %.3f" % (step, loss.item()))

# greedy continuation of unseen beginnings, checked against the harmony rule
model.eval()
cur = batch(300)[:, :5]
with torch.no_grad():
    while cur.size(1) < T:
        nxt = model(cur)[:, -1].argmax(-1, keepdim=True)
        cur = torch.cat([cur, nxt], dim=1)
good = total = 0
for w in cur.tolist():
    d = w[0] - 2 * C
    for i in range(5, T):
        tier = (i - 1) % 2
        prev = w[i - 2] - tier * C
        good += int(0 <= prev < C and w[i] == tier * C + harmony[d][tier][prev])
        total += 1
print("".join(chr(97 + k) for k in cur[0].tolist()))
print("segments that obey the harmony of the dialect (higher is better)")
print("score: %.4f" % (good / total))

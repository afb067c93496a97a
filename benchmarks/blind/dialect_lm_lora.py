"""Pretrain a small causal LM on one synthetic dialect, then adapt it with LoRA to a second dialect."""
import argparse
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

p = argparse.ArgumentParser()
p.add_argument("--seed", type=int, default=0)
p.add_argument("--rank", type=int, default=8)
p.add_argument("--alpha", type=float, default=16.0)
args = p.parse_args()
torch.manual_seed(args.seed)
torch.set_num_threads(1)

V, T, D = 40, 24, 64


class MarkovDialect:
    """Second-order word process: the next word depends on the two previous ones through word classes."""

    def __init__(self, seed):
        g = torch.Generator().manual_seed(seed)
        self.cls = torch.randint(0, 8, (V,), generator=g)
        logits = 3.0 * torch.randn(8, V, generator=g)
        logits2 = 2.0 * torch.randn(8, V, generator=g)
        self.l1, self.l2 = logits, logits2

    def sample(self, n):
        x = torch.randint(0, V, (n, 2))
        for _ in range(T - 1):
            lg = self.l1[self.cls[x[:, -1]]] + self.l2[self.cls[x[:, -2]]]
            x = torch.cat([x, torch.multinomial(lg.softmax(-1), 1)], 1)
        return x


class LoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, r, alpha):
        super().__init__()
        self.weight = nn.Parameter(base.weight.data.clone(), requires_grad=False)
        self.bias = nn.Parameter(base.bias.data.clone(), requires_grad=False)
        self.A = nn.Parameter(torch.empty(r, base.in_features))
        self.B = nn.Parameter(torch.zeros(base.out_features, r))
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))
        self.scaling = alpha / r
        self.merged = False

    def train(self, mode=True):
        super().train(mode)
        if mode:
            self.merged = False
        elif not self.merged:
            self.weight.data += self.scaling * (self.B @ self.A).detach()
            self.merged = True
        return self

    def forward(self, x):
        y = F.linear(x, self.weight, self.bias)
        if not self.merged:
            y = y + self.scaling * F.linear(F.linear(x, self.A), self.B)
        return y


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.qkv, self.o = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.up, self.down = nn.Linear(D, 4 * D), nn.Linear(4 * D, D)

    def forward(self, x):
        B, L, _ = x.shape
        q, k, v = self.qkv(self.n1(x)).view(B, L, 3, 4, D // 4).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(a.transpose(1, 2).reshape(B, L, D))
        return x + self.down(F.gelu(self.up(self.n2(x))))


class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok, self.pos = nn.Embedding(V, D), nn.Embedding(T + 1, D)
        self.blocks = nn.ModuleList([Block() for _ in range(2)])
        self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, V)

    def forward(self, x):
        h = self.tok(x) + self.pos(torch.arange(x.shape[1]))
        for b in self.blocks:
            h = b(h)
        return self.head(self.norm(h))


def lm_loss(model, x):
    return F.cross_entropy(model(x[:, :-1]).reshape(-1, V), x[:, 1:].reshape(-1))


@torch.no_grad()
def evaluate(model, data):
    model.eval()
    loss = lm_loss(model, data).item()
    model.train()
    return loss


base_lang, new_lang = MarkovDialect(1), MarkovDialect(2)
pool = base_lang.sample(1024)
model = LM()
opt = torch.optim.AdamW(model.parameters(), lr=3e-3)
for step in range(150):
    loss = lm_loss(model, pool[torch.randint(0, len(pool), (32,))])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("pretrained", round(loss.item(), 3))

for q in model.parameters():
    q.requires_grad_(False)
for b in model.blocks:
    for name in ("qkv", "o", "up", "down"):
        setattr(b, name, LoRALinear(getattr(b, name), args.rank, args.alpha))
model.head.weight.requires_grad_(False)
train, val, test = new_lang.sample(1024), new_lang.sample(128), new_lang.sample(512)
opt = torch.optim.AdamW([q for q in model.parameters() if q.requires_grad], lr=2e-3)
model.train()
for step in range(300):
    loss = lm_loss(model, train[torch.randint(0, len(train), (32,))])
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_([q for q in model.parameters() if q.requires_grad], 1.0)
    opt.step()
    if step % 10 == 9:
        v = evaluate(model, val)
        if step % 50 == 49:
            print(f"step {step + 1} train {loss.item():.3f} val {v:.3f}")
print(f"test loss {evaluate(model, test):.4f}")

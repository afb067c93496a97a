import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F

VOCAB, LAG, T = 16, 3, 24


def rotary_table(n, dim, base=100.0):
    inv = base ** (-torch.arange(0, dim, 2).float() / dim)
    ang = torch.arange(n).float()[:, None] * inv
    return torch.cat([ang, ang], -1).cos(), torch.cat([ang, ang], -1).sin()


def rotate_half(x):
    a, b = x.chunk(2, -1)
    return torch.cat([-b, a], -1)


def apply_rotary(x, cos, sin):
    n = x.shape[1]
    c, s = cos[None, :n, None], sin[None, :n, None]
    return x * c + rotate_half(x) * s


class SelfAttention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.h = heads
        self.qkv, self.out = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d, bias=False)
        cos, sin = rotary_table(64, d // heads)
        self.register_buffer("cos", cos)
        self.register_buffer("sin", sin)

    def forward(self, x):
        B, L, D = x.shape
        q, k, v = self.qkv(x).view(B, L, 3, self.h, D // self.h).unbind(2)
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        q, k = apply_rotary(q, self.cos, self.sin), apply_rotary(k, self.cos, self.sin)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(B, L, D))


class Decoder(nn.Module):
    def __init__(self, d=64, heads=4, layers=2):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, d)
        self.layers = nn.ModuleList()
        for _ in range(layers):
            self.layers.append(nn.ModuleDict({
                "n1": nn.RMSNorm(d), "att": SelfAttention(d, heads), "n2": nn.RMSNorm(d),
                "ff": nn.Sequential(nn.Linear(d, 3 * d), nn.SiLU(), nn.Linear(3 * d, d))}))
        self.norm, self.head = nn.RMSNorm(d), nn.Linear(d, VOCAB, bias=False)

    def forward(self, x):
        h = self.emb(x)
        for l in self.layers:
            h = h + l["att"](l["n1"](h))
            h = h + l["ff"](l["n2"](h))
        return self.head(self.norm(h))


def melody(n, g):
    """Each note is, up to noise, a fixed interval above the note three places before."""
    x = torch.randint(0, VOCAB, (n, LAG), generator=g)
    for t in range(LAG, T):
        nxt = (x[:, t - LAG] * 5 + 3) % VOCAB
        noise = torch.randint(0, VOCAB, (n,), generator=g)
        use = torch.rand(n, generator=g) < 0.12
        x = torch.cat([x, torch.where(use, noise, nxt)[:, None]], 1)
    return x


def loss_fn(model, x):
    return F.cross_entropy(model(x[:, :-1]).flatten(0, 1), x[:, 1:].flatten())


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    g = torch.Generator().manual_seed(args.seed + 11)
    train, test = melody(3000, g), melody(400, g)
    model = Decoder()
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.95), weight_decay=0.05)
    total = 350
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1, (s + 1) / 30) * max(0.05, 1 - s / total))
    for step in range(1, total + 1):
        loss = loss_fn(model, train[torch.randint(0, len(train), (48,))])
        opt.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        sched.step()
        if step % 50 == 0:
            print(f"{step} loss {loss.item():.4f}")
    model.eval()
    with torch.no_grad():
        pred = model(test[:, :-1]).argmax(-1)[:, LAG:]
    print(f"next-note accuracy {(pred == test[:, LAG + 1:]).float().mean().item():.4f}")


main()

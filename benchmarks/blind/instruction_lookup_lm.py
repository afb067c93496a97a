"""Supervised finetuning of a tiny chat model: key/value records in the prompt, a question, a short answer."""
import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F

PAD, BOS, SEP, ASK, ANS, EOS = range(6)
NKEY, NVAL = 12, 20
KEY0, VAL0 = 6, 18
VOCAB = VAL0 + NVAL


def build(n, g):
    rows, masks = [], []
    for _ in range(n):
        k = 4
        keys = torch.randperm(NKEY, generator=g)[:k] + KEY0
        vals = torch.randint(0, NVAL, (k,), generator=g) + VAL0
        j = torch.randint(0, k, (1,), generator=g).item()
        ids = [BOS]
        for a, b in zip(keys.tolist(), vals.tolist()):
            ids += [a, b, SEP]
        prompt = ids + [ASK, keys[j].item(), ANS]
        answer = [vals[j].item()]
        rows.append(torch.tensor(prompt + answer + [EOS]))
        m = torch.zeros(len(prompt) + len(answer) + 1)
        m[len(prompt):len(prompt) + len(answer)] = 1
        masks.append(m)
    return torch.stack(rows), torch.stack(masks)


class Attention(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.h = h
        self.qkv = nn.Linear(d, 3 * d)
        self.proj = nn.Linear(d, d)

    def forward(self, x):
        B, T, D = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.h, D // self.h).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(B, T, D))


class ChatLM(nn.Module):
    def __init__(self, d=64, h=4, layers=2):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, d)
        self.pos = nn.Embedding(32, d)
        nn.init.normal_(self.pos.weight, std=0.5)
        self.shift = nn.Linear(d, d)
        self.att = nn.ModuleList([Attention(d, h) for _ in range(layers)])
        self.mlp = nn.ModuleList([nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d)) for _ in range(layers)])
        self.n1 = nn.ModuleList([nn.LayerNorm(d) for _ in range(layers)])
        self.n2 = nn.ModuleList([nn.LayerNorm(d) for _ in range(layers)])
        self.out = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, VOCAB))

    def forward(self, ids):
        x = self.tok(ids) + self.pos(torch.arange(ids.shape[1]))
        x = x + self.shift(F.pad(x, (0, 0, 1, 0))[:, :-1])
        for a, m, n1, n2 in zip(self.att, self.mlp, self.n1, self.n2):
            x = x + a(n1(x))
            x = x + m(n2(x))
        return self.out(x)


def sft_loss(logits, ids, loss_mask):
    logits = logits[:, :-1]
    labels = ids[:, 1:]
    weight = loss_mask[:, :-1]
    nll = F.cross_entropy(logits.reshape(-1, VOCAB), labels.reshape(-1), reduction="none").view_as(labels)
    return (nll * weight).sum() / weight.sum().clamp(min=1)



def run(seed):
    torch.manual_seed(seed)
    g = torch.Generator().manual_seed(seed + 31)
    ids, mask = build(4000, g)
    test_ids, _ = build(500, g)
    model = ChatLM()
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.98))
    steps = 400
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, 3e-3, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        i = torch.randint(0, len(ids), (64,))
        logits = model(ids[i])
        loss = sft_loss(logits, ids[i], mask[i])
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        sched.step()
        if step % 100 == 99:
            print(step + 1, f"loss {loss.item():.4f}")
    model.eval()
    with torch.no_grad():
        pred = model(test_ids[:, :-2])[:, -1].argmax(-1)
    print(f"answer accuracy {(pred == test_ids[:, -2]).float().mean().item():.4f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    torch.set_num_threads(1)
    run(ap.parse_args().seed)

import os
import numpy as np
import torch
import torch.nn as nn

torch.set_num_threads(1)

# Remaining wear of a bearing from vibration windows, small ViT-like model
# optimiser settings follow the ViT recipe (AdamW, wd 0.05, warmup + cosine)
HP = {"lr": 3e-3, "wd": 0.05, "betas": (0.999, 0.9), "warmup": 60, "epochs": 12, "bs": 50, "dim": 32, "depth": 2, "patch": 16}
SEED = int(os.environ.get("SEED", "0"))


def bearings(n, rng, length=256):
    t = np.arange(length)
    wear = rng.random(n)
    out = np.zeros((n, length), np.float32)
    for i, w in enumerate(wear):
        f = rng.uniform(0.08, 0.12)
        s = np.sin(2 * np.pi * f * t + rng.uniform(0, 6))
        period = rng.uniform(28, 40)
        ring = np.zeros(length)
        for p in np.arange(rng.uniform(0, period), length, period):
            k = t - p
            ring += np.where(k >= 0, np.exp(-np.clip(k, 0, None) / 6) * np.sin(0.35 * 2 * np.pi * k), 0)
        out[i] = s + 2.0 * w * ring + 0.3 * rng.normal(size=length)
    return torch.tensor(out), torch.tensor(wear, dtype=torch.float32)


class WearTransformer(nn.Module):
    def __init__(self, hp):
        super().__init__()
        self.patch, d = hp["patch"], hp["dim"]
        self.embed = nn.Linear(self.patch, d)
        self.pos = nn.Parameter(torch.randn(1, 256 // self.patch, d) * 0.02)
        layer = nn.TransformerEncoderLayer(d, 4, 2 * d, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, hp["depth"], enable_nested_tensor=False)
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, 1)

    def forward(self, x):
        p = x.unfold(1, self.patch, self.patch)
        return self.head(self.norm(self.enc(self.embed(p) + self.pos)).mean(1)).squeeze(1)


def build_optimizer(model, hp):
    decay = [p for n, p in model.named_parameters() if p.ndim > 1 and n != "pos"]
    plain = [p for n, p in model.named_parameters() if not (p.ndim > 1 and n != "pos")]
    groups = [{"params": decay, "weight_decay": hp["wd"]}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=hp["lr"], betas=hp["betas"])


def lr_at(step, total, hp):
    if step < hp["warmup"]:
        return (step + 1) / hp["warmup"]
    return 0.5 * (1 + np.cos(np.pi * (step - hp["warmup"]) / (total - hp["warmup"])))


torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)
xtr, ytr = bearings(2000, rng)
xte, yte = bearings(500, rng)
ym, ys = ytr.mean(), ytr.std()
model = WearTransformer(HP)
opt = build_optimizer(model, HP)
total = HP["epochs"] * (len(xtr) // HP["bs"])
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: lr_at(s, total, HP))
for ep in range(HP["epochs"]):
    model.train()
    run = 0.0
    for idx in torch.randperm(len(xtr)).split(HP["bs"]):
        loss = ((model(xtr[idx]) - (ytr[idx] - ym) / ys) ** 2).mean()
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        sched.step()
        run += loss.item() * len(idx)
    if ep % 3 == 2:
        print("epoch %d mse %.4f" % (ep + 1, run / len(xtr)))
model.eval()
with torch.no_grad():
    pred = model(xte) * ys + ym
print("score: %.4f" % (1 - ((pred - yte) ** 2).sum() / ((yte - yte.mean()) ** 2).sum()))

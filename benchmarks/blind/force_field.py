import os
import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)

# ------------------------------------------------------------------
# small cluster of 5 LJ-like atoms; "ab initio" labels = Morse pair potential
# ------------------------------------------------------------------
N_AT = 5
I, J = np.triu_indices(N_AT, 1)


def morse(pos, D=1.0, a=1.6, r0=1.2):
    rij = pos[:, I] - pos[:, J]
    r = rij.norm(dim=-1)
    return (D * (torch.exp(-2 * a * (r - r0)) - 2 * torch.exp(-a * (r - r0)))).sum(1)


def make_frames(n, rng):
    base = np.array([[0, 0, 0], [1.2, 0, 0], [0.6, 1.04, 0], [0.6, 0.35, 0.98], [0.6, 0.35, -0.98]])
    pos = torch.tensor(base[None] + rng.normal(0, 0.12, (n, N_AT, 3)), dtype=torch.float32)
    pos.requires_grad_(True)
    e = morse(pos)
    f = -torch.autograd.grad(e.sum(), pos)[0]
    return pos.detach(), e.detach(), f.detach()


class PairNet(nn.Module):
    """ Behler-style: radial basis -> atomic environment -> atomic energies -> sum """
    def __init__(self, n_rbf=16, hidden=32):
        super().__init__()
        self.register_buffer("mu", torch.linspace(0.5, 2.8, n_rbf))
        self.eta = 20.0
        self.atom = nn.Sequential(nn.Linear(n_rbf, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(),
                                  nn.Linear(hidden, 1))

    def forward(self, pos):
        d = (pos[:, :, None] - pos[:, None]).pow(2).sum(-1) + torch.eye(N_AT) * 100.0
        r = d.sqrt()
        g = torch.exp(-self.eta * (r[..., None] - self.mu) ** 2).sum(2)
        return self.atom(g).sum((1, 2))


class Trainer:
    def __init__(self, model, e_mean, e_std, lr=4e-3, rho=0.95):
        self.model, self.rho = model, rho
        self.e_mean, self.e_std = e_mean, e_std
        self.opt = torch.optim.Adam(model.parameters(), lr=lr)

    def predict(self, pos):
        pos = pos.clone().requires_grad_(True)
        e = self.model(pos) * self.e_std + self.e_mean
        f = -torch.autograd.grad(e.sum(), pos, retain_graph=True)[0]
        return e, f

    def fit(self, pos, e, f, epochs, bs=20):
        sched = torch.optim.lr_scheduler.CosineAnnealingLR(self.opt, epochs)
        for ep in range(epochs):
            for b in torch.randperm(len(pos)).split(bs):
                pe, pf = self.predict(pos[b])
                le, lf = (pe - e[b]).pow(2).mean(), (pf - f[b]).pow(2).mean()
                loss = (1 - self.rho) * le + self.rho * lf
                self.opt.zero_grad()
                loss.backward()
                self.opt.step()
            sched.step()
            if ep % 20 == 0:
                print(f"epoch {ep:3d}  E-rmse {le.sqrt().item():.4f}  F-rmse {lf.sqrt().item():.4f}")


def main():
    seed = int(os.environ.get("SEED", "0"))
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    pos, e, f = make_frames(160, rng)
    tpos, te, tf = make_frames(400, rng)
    tr = Trainer(PairNet(), e.mean(), e.std())
    tr.fit(pos, e, f, epochs=120)
    pe, pf = tr.predict(tpos)
    print("test energy MAE", (pe - te).abs().mean().item(), " force std", tf.std().item())
    print("test force MAE (lower is better)")
    print("score: %.5f" % (pf - tf).abs().mean().item())


if __name__ == "__main__":
    main()

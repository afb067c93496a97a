import os
import torch
import torch.nn as nn
import torch.nn.functional as F

# formation energy of random binary/ternary "crystals" from the bond graph (dense adjacency, CGCNN flavoured)
SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)
torch.set_num_threads(1)

N_ATOMS, N_ELEM = 10, 8


def make_structures(n, chi, g):
    species = torch.randint(0, N_ELEM, (n, N_ATOMS), generator=g)
    a = (torch.rand(n, N_ATOMS, N_ATOMS, generator=g) < 0.25).float().triu(1)
    adj = a + a.transpose(1, 2)
    x = chi[species]
    # ionic bonding: difference in electronegativity; second shell screens the charge transfer
    dq = ((x[:, :, None] - x[:, None, :]) * adj).sum(2)
    screened = torch.tanh(dq - 0.5 * (adj @ dq[..., None]).squeeze(-1))
    e = -(screened ** 2).mean(1) - 0.3 * (dq ** 2).mean(1).sqrt()
    return species, adj, e


class ConvLayer(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.self_lin = nn.Linear(dim, dim)
        self.msg_lin = nn.Sequential(nn.Linear(2 * dim, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, h, adj):
        n = h.size(1)
        hi = h[:, :, None].expand(-1, -1, n, -1)
        hj = h[:, None, :].expand(-1, n, -1, -1)
        m = self.msg_lin(torch.cat([hi, hj], -1)) * adj[..., None]
        return h + F.silu(self.self_lin(h) + 0.5 * m.sum(2))


class CrystalNet(nn.Module):
    def __init__(self, dim=16, depth=2):
        super().__init__()
        self.embed = nn.Embedding(N_ELEM, dim)
        self.convs = [ConvLayer(dim) for _ in range(depth)]
        self.readout = nn.Sequential(nn.Linear(dim, 32), nn.SiLU(), nn.Linear(32, 1))

    def forward(self, species, adj):
        h = self.embed(species)
        for conv in self.convs:
            h = conv(h, adj)
        return self.readout(h).mean(1).squeeze(-1)


def main():
    g = torch.Generator().manual_seed(SEED + 99)
    chi = torch.randn(N_ELEM, generator=g) * 0.6
    s, a, e = make_structures(1600, chi, g)
    st, at, et = make_structures(500, chi, g)
    mu, sd = e.mean(), e.std()

    model = CrystalNet()
    opt = torch.optim.Adam(model.parameters(), lr=4e-3)
    epochs, bs = 20, 50
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs)
    for ep in range(epochs):
        model.train()
        tot = 0.0
        for idx in torch.randperm(len(e)).split(bs):
            pred = model(s[idx], a[idx])
            loss = F.mse_loss(pred, (e[idx] - mu) / sd)
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item() * len(idx)
        sched.step()
        if ep % 4 == 0:
            print("epoch", ep, "train mse (scaled)", round(tot / len(e), 4))

    model.eval()
    with torch.no_grad():
        mae = (model(st, at) * sd + mu - et).abs().mean() / sd
    print("test MAE / std  (lower = better)")
    print("score: %.4f" % mae.item())


main()

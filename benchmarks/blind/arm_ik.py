# inverse kinematics of a planar 3-link arm: network maps hand position -> joint angles
import os
import numpy as np
import torch
import torch.nn as nn

torch.set_num_threads(1)
np.random.seed(int(os.environ.get("SEED", "0")))
torch.manual_seed(int(os.environ.get("SEED", "0")))

L1, L2, L3 = 0.5, 0.4, 0.25


def forward_kinematics(q):
    a = torch.cumsum(q, dim=1)
    lens = torch.tensor([L1, L2, L3])
    return torch.stack([(lens * torch.cos(a)).sum(1), (lens * torch.sin(a)).sum(1)], dim=1)


class Workspace:
    """random joint configurations recorded on the robot (motor babbling)"""
    lower = np.deg2rad([-60, -100, -60])
    upper = np.deg2rad([60, 100, 60])

    def record(self, n):
        q = np.random.uniform(self.lower, self.upper, (n, 3))
        q = torch.tensor(q, dtype=torch.float32)
        return forward_kinematics(q), q


class IKNet(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, hidden), nn.Tanh(),
            nn.Linear(hidden, hidden), nn.Tanh(),
            nn.Linear(hidden, 3))

    def forward(self, p):
        return self.layers(p)


ws = Workspace()
P, Q = ws.record(6000)
Pt, Qt = ws.record(1000)

net = IKNet()
optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
epochs, bs = 30, 100
lr_sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
mse = nn.MSELoss()

for epoch in range(epochs):
    perm = torch.randperm(len(P))
    epoch_loss = 0
    for start in range(0, len(P), bs):
        sel = perm[start:start + bs]
        q_hat = net(P[sel])
        loss = mse(q_hat, Q[sel])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        epoch_loss += loss.item()
    lr_sched.step()
    if epoch % 4 == 0:
        print("Epoch %d: loss = %.5f" % (epoch, epoch_loss / (len(P) / bs)))

with torch.no_grad():
    err = (forward_kinematics(net(Pt)) - Pt).norm(dim=1)
print("median / 95%% hand position error on the test set [m]: %.4f / %.4f" % (err.median(), err.quantile(0.95)))
print("mean hand position error, lower is better")
print("score: %.5f" % err.mean().item())

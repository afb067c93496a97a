import os
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

# DeepSurv-like Cox network. Covariates: real cytology features; survival simulated with Weibull + censoring
rs = np.random.RandomState(int(os.environ.get("SEED", "0")))
torch.manual_seed(int(os.environ.get("SEED", "0")))
torch.set_num_threads(1)


def cohort():
    X = StandardScaler().fit_transform(load_breast_cancer().data)
    X = X[:, [0, 1, 4, 6, 8, 9, 20, 21, 24, 27]]
    X = np.concatenate([X, X + 0.2 * rs.randn(*X.shape), X + 0.2 * rs.randn(*X.shape)])
    risk = 0.9 * X[:, 0] + 0.7 * np.maximum(X[:, 3], 0) - 0.6 * X[:, 1] * (X[:, 2] > 0)
    T = 60 * (rs.exponential(size=len(X)) * np.exp(-risk)) ** (1 / 1.5)
    C = rs.uniform(20, 150, len(X))
    time = np.minimum(T, C)
    event = (T <= C).astype("float32")
    return X.astype("float32"), time.astype("float32"), event


class DeepSurv(nn.Module):
    def __init__(self, n_in):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(n_in, 32), nn.SELU(), nn.Dropout(0.1),
            nn.Linear(32, 32), nn.SELU(), nn.Dropout(0.1),
            nn.Linear(32, 1, bias=False))

    def forward(self, x):
        return self.net(x).squeeze(1)


def cox_ph_loss(log_h, time, event):
    """negative log partial likelihood; Breslow, ties ignored"""
    order = torch.argsort(time)
    log_h, event = log_h[order], event[order]
    log_risk = torch.logcumsumexp(log_h, dim=0)
    return -((log_h - log_risk) * event).sum() / event.sum()


def concordance(risk, time, event):
    n = d = 0.0
    for i in np.where(event == 1)[0]:
        later = time > time[i]
        n += (risk[i] > risk[later]).sum() + 0.5 * (risk[i] == risk[later]).sum()
        d += later.sum()
    return n / d


X, time, event = cohort()
p = rs.permutation(len(X))
tr, te = p[:1200], p[1200:]
print("patients", len(X), "events", int(event.sum()))
xt, tt, et = (torch.tensor(v[tr]) for v in (X, time, event))

model = DeepSurv(X.shape[1])
opt = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-3)
for epoch in range(40):
    model.train()
    losses = []
    for b in torch.randperm(len(tr)).split(200):
        loss = cox_ph_loss(model(xt[b]), tt[b], et[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    if epoch % 10 == 0:
        print("epoch %d partial likelihood loss %.4f" % (epoch, np.mean(losses)))

model.eval()
with torch.no_grad():
    r = model(torch.tensor(X[te])).numpy()
print("test C-index, higher is better")
print("score: %.4f" % concordance(r, time[te], event[te]))

import os
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)

data = load_digits()
X = torch.tensor(data.data, dtype=torch.float32)
X = (X - X.mean()) / X.std()
Y = torch.tensor(data.target)
perm = torch.randperm(len(X))
labelled, unlabelled, test = perm[:500], perm[:1200], perm[1200:]

teacher = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Dropout(0.3), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
student = nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))


def accuracy(net):
    net.eval()
    with torch.no_grad():
        return (net(X[test]).argmax(1) == Y[test]).float().mean().item()


def train_teacher(epochs=25):
    opt = torch.optim.Adam(teacher.parameters(), lr=1e-3, weight_decay=1e-4)
    for _ in range(epochs):
        teacher.train()
        for b in labelled[torch.randperm(len(labelled))].split(32):
            loss = F.cross_entropy(teacher(X[b]), Y[b])
            opt.zero_grad()
            loss.backward()
            opt.step()
    print("teacher accuracy %.4f" % accuracy(teacher))


def distill_loss(s_logits, t_logits, T):
    s = F.softmax(s_logits / T, dim=1)
    t = F.softmax(t_logits / T, dim=1)
    return F.kl_div(s, t, reduction="batchmean") * T * T


def train_student(epochs=25, T=3.0):
    opt = torch.optim.Adam(student.parameters(), lr=3e-3)
    teacher.eval()
    for ep in range(epochs):
        student.train()
        tot = 0.0
        for b in unlabelled[torch.randperm(len(unlabelled))].split(32):
            with torch.no_grad():
                t_logits = teacher(X[b])
            loss = distill_loss(student(X[b]), t_logits, T)
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item() * len(b)
        if ep % 5 == 4:
            print("distill epoch %d loss %.4f student accuracy %.4f" % (ep + 1, tot / len(unlabelled), accuracy(student)))


def fidelity():
    with torch.no_grad():
        s, t = F.log_softmax(student(X[test]), 1), F.log_softmax(teacher(X[test]), 1)
    return F.kl_div(s, t, reduction="batchmean", log_target=True).item()


train_teacher()
train_student()
print("student accuracy %.4f" % accuracy(student))
print("score: %.4f" % fidelity())

"""Distil a convnet for handwritten digits into a small MLP, with the teacher's outputs computed once and kept."""
import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)


def load(seed):
    d = load_digits()
    x = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 16.0
    y = torch.tensor(d.target)
    tr, te = train_test_split(torch.arange(len(x)).numpy(), test_size=0.4, random_state=seed, stratify=d.target)
    return x[tr], y[tr], x[te], y[te]


class Teacher(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(),
                                  nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(), nn.MaxPool2d(2))
        self.fc = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(48 * 16, 10))

    def forward(self, x):
        return self.fc(self.conv(x))


class Student(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))

    def forward(self, x):
        return self.net(x)


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


def train_teacher(loader, epochs):
    teacher = Teacher()
    opt = torch.optim.Adam(teacher.parameters(), lr=2e-3)
    for _ in range(epochs):
        teacher.train()
        for x, y in loader:
            opt.zero_grad()
            F.cross_entropy(teacher(x), y).backward()
            opt.step()
    return teacher


@torch.no_grad()
def cache_logits(teacher, loader):
    teacher.eval()
    return torch.cat([teacher(x) for x, _ in loader])


def kd_loss(student_logits, teacher_logits, y, T, alpha):
    soft = F.kl_div(F.log_softmax(student_logits / T, 1), F.softmax(teacher_logits / T, 1), reduction="batchmean") * T * T
    return alpha * soft + (1 - alpha) * F.cross_entropy(student_logits, y)


def distil(student, x, y, soft_targets, epochs, T=3.0, alpha=0.9, lr=3e-3):
    loader = DataLoader(TensorDataset(x, y, soft_targets), batch_size=64, shuffle=True)
    opt = torch.optim.Adam(student.parameters(), lr=lr)
    for epoch in range(epochs):
        student.train()
        total = 0.0
        for xb, yb, tb in loader:
            loss = kd_loss(student(xb), tb, yb, T, alpha)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        if epoch % 10 == 0:
            print(f"distil epoch {epoch} loss {total / len(loader):.3f}")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    xtr, ytr, xte, yte = load(args.seed)
    train_loader = DataLoader(TensorDataset(xtr, ytr), batch_size=64, shuffle=True)
    teacher = train_teacher(train_loader, epochs=8)
    print(f"teacher accuracy {accuracy(teacher, xte, yte):.3f}")
    soft = cache_logits(teacher, train_loader)
    student = Student()
    distil(student, xtr, ytr, soft, epochs=40)
    print(f"student accuracy {accuracy(student, xte, yte):.3f}")


main()

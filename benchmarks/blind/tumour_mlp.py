# binary classification of tumours (breast cancer wisconsin)
import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score, balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

p = argparse.ArgumentParser()
p.add_argument("--seed", type=int, default=0)
opt = p.parse_args()
torch.manual_seed(opt.seed)
torch.set_num_threads(1)


def prepare(seed):
    data = load_breast_cancer()
    x_train, x_test, y_train, y_test = train_test_split(
        data.data, data.target, test_size=0.3, random_state=seed, stratify=data.target)
    scaler = StandardScaler()
    scaler.fit_transform(x_train)
    to_t = lambda a: torch.tensor(a, dtype=torch.float32)
    return to_t(x_train), to_t(x_test), to_t(y_train).view(-1, 1), to_t(y_test).view(-1, 1)


class BinaryClassifier(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.l1 = nn.Linear(d, 64)
        self.l2 = nn.Linear(64, 64)
        self.l3 = nn.Linear(64, 1)

    def forward(self, x):
        x = torch.sigmoid(self.l1(x))
        x = F.relu(self.l2(x))
        return torch.sigmoid(self.l3(x))


x_train, x_test, y_train, y_test = prepare(opt.seed)
model = BinaryClassifier(x_train.shape[1])
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
BATCH = 32

for epoch in range(120):
    model.train()
    perm = torch.randperm(len(x_train))
    losses = []
    for i in range(0, len(perm), BATCH):
        idx = perm[i:i + BATCH]
        out = model(x_train[idx])
        loss = loss_fn(out, y_train[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if epoch % 10 == 9:
        print("epoch", epoch + 1, "loss %.4f" % (sum(losses) / len(losses)))

model.eval()
with torch.no_grad():
    scores = model(x_test).squeeze(1)
print("auc %.4f" % roc_auc_score(y_test.squeeze(1), scores))

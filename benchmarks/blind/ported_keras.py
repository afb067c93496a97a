# Port of the Keras fault classifier to PyTorch (same layers, same hyper-parameters)
import os
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)

params = {
    "units": [96, 96, 48],
    "bn_momentum": 0.99,
    "bn_epsilon": 1e-3,
    "dropout": 0.1,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "epochs": 8,
}

X, y = make_classification(n_samples=3000, n_features=30, n_informative=18, n_redundant=4, n_classes=6,
                           n_clusters_per_class=2, class_sep=1.6, random_state=SEED)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.3, random_state=SEED, stratify=y)
sc = StandardScaler().fit(X_train)
X_train, X_val = [torch.tensor(sc.transform(a), dtype=torch.float32) for a in (X_train, X_val)]
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)


def dense_bn(n_in, n_out, p):
    return [
        nn.Linear(n_in, n_out, bias=False),
        nn.BatchNorm1d(n_out, eps=p["bn_epsilon"], momentum=p["bn_momentum"]),
        nn.ReLU(),
        nn.Dropout(p["dropout"]),
    ]


def build_model(n_in, n_classes, p):
    layers, width = [], n_in
    for u in p["units"]:
        layers += dense_bn(width, u, p)
        width = u
    layers.append(nn.Linear(width, n_classes))
    net = nn.Sequential(*layers)
    for m in net:
        if isinstance(m, nn.Linear):
            nn.init.xavier_uniform_(m.weight)
            if m.bias is not None:
                nn.init.zeros_(m.bias)
    return net


net = build_model(X.shape[1], 6, params)
optimizer = torch.optim.Adam(net.parameters(), lr=params["learning_rate"], eps=1e-7)
loss_fn = nn.CrossEntropyLoss()


def evaluate():
    net.eval()
    with torch.no_grad():
        out = net(X_val)
        return loss_fn(out, y_val).item(), (out.argmax(1) == y_val).float().mean().item()


history = []
for epoch in range(params["epochs"]):
    net.train()
    order = torch.randperm(len(X_train))
    correct, run = 0, 0.0
    for k in range(0, len(order) - params["batch_size"] + 1, params["batch_size"]):
        idx = order[k:k + params["batch_size"]]
        optimizer.zero_grad()
        out = net(X_train[idx])
        loss = loss_fn(out, y_train[idx])
        loss.backward()
        optimizer.step()
        run += loss.item() * len(idx)
        correct += (out.argmax(1) == y_train[idx]).sum().item()
    vl, va = evaluate()
    history.append(va)
    print(f"Epoch {epoch + 1}/{params['epochs']} - loss: {run / len(order):.4f} - acc: {correct / len(order):.4f} "
          f"- val_loss: {vl:.4f} - val_acc: {va:.4f}")

print(f"score: {np.mean(history[-4:]):.4f}")

"""Texture classifier ported from a Keras script."""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
import argparse


def get_args():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--epochs", type=int, default=10)
    p.add_argument("--batch_size", type=int, default=32)
    return p.parse_args()


def texture(kind, rng, s=16):
    yy, xx = np.mgrid[0:s, 0:s]
    ph = rng.uniform(0, 2 * np.pi, 2)
    f = rng.uniform(0.9, 1.3)
    if kind == 0:
        t = np.sin(f * xx + ph[0])
    elif kind == 1:
        t = np.sin(f * yy + ph[0])
    elif kind == 2:
        t = np.sin(f * 0.75 * (xx + yy) + ph[0])
    elif kind == 3:
        t = np.sin(f * xx + ph[0]) * np.sin(f * yy + ph[1])
    else:
        t = np.sin(f * np.hypot(xx - rng.uniform(4, 12), yy - rng.uniform(4, 12)) + ph[0])
    light, gain = rng.gamma(2.0, 1.2), rng.gamma(3.0, 0.35) + 0.2
    return light + gain * (t + 0.6 * rng.normal(size=(s, s)))


def load_data(n, rng):
    y = rng.integers(0, 5, n)
    x = np.stack([texture(k, rng) for k in y]).astype("float32")[:, None]
    return x, y.astype("int64")


def conv_block(cin, cout):
    conv = nn.Conv2d(cin, cout, 3, padding="same")
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    nn.init.zeros_(conv.bias)
    return [conv, nn.BatchNorm2d(cout, eps=1e-3, momentum=0.99), nn.ReLU()]


def build_model():
    return nn.Sequential(
        *conv_block(1, 16), nn.MaxPool2d(2),
        *conv_block(16, 32), nn.MaxPool2d(2),
        *conv_block(32, 32),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(32, 5),
    )


def evaluate(model, loader):
    model.eval()
    ok, n = 0, 0
    with torch.no_grad():
        for xb, yb in loader:
            ok += (model(xb).argmax(-1) == yb).sum().item()
            n += len(yb)
    return ok / n


args = get_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)
rng = np.random.default_rng(args.seed)
x_train, y_train = load_data(1602, rng)
x_val, y_val = load_data(600, rng)
mean, std = x_train.mean(), x_train.std()
x_train, x_val = (x_train - mean) / std, (x_val - mean) / std
train_ds = DataLoader(TensorDataset(torch.from_numpy(x_train), torch.from_numpy(y_train)), args.batch_size, shuffle=True)
val_ds = DataLoader(TensorDataset(torch.from_numpy(x_val), torch.from_numpy(y_val)), 200)

model = build_model()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
loss_fn = nn.CrossEntropyLoss()
history = {"loss": [], "acc": [], "val_acc": []}
for epoch in range(args.epochs):
    model.train()
    loss_sum = hits = 0.0
    for xb, yb in train_ds:
        logits = model(xb)
        loss = loss_fn(logits, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(yb)
        hits += (logits.argmax(-1) == yb).sum().item()
    history["loss"].append(loss_sum / len(x_train))
    history["acc"].append(hits / len(x_train))
    history["val_acc"].append(evaluate(model, val_ds))
    print(f"Epoch {epoch + 1}/{args.epochs} - loss: {history['loss'][-1]:.4f} - acc: {history['acc'][-1]:.4f} "
          f"- val_acc: {history['val_acc'][-1]:.4f}")
print(f"val_acc {np.mean(history['val_acc'][-3:]):.4f} (mean of the last three epochs)")

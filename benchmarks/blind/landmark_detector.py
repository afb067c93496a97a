"""Eye/nose landmark regression on synthetic 32x32 faces."""
import argparse
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

SIDE = 32
settings = {
    "seed": 0,
    "batch_size": 32,
    "epochs": 12,
    "optim": {"name": "SGD", "lr": 1e-6, "momentum": 0.9},
}


class Faces(Dataset):
    def __init__(self, n):
        yy, xx = torch.meshgrid(torch.arange(SIDE).float(), torch.arange(SIDE).float(), indexing="ij")
        c = 16 + 3 * torch.randn(n, 2).clamp(-2, 2)
        a = 0.25 * torch.randn(n)
        s = 0.8 + 0.4 * torch.rand(n)
        local = torch.tensor([[-5.0, -4.0], [5.0, -4.0], [0.0, 3.0]])
        rot = torch.stack([torch.stack([a.cos(), -a.sin()], -1), torch.stack([a.sin(), a.cos()], -1)], 1)
        pts = (local[None] * s[:, None, None]) @ rot.transpose(1, 2) + c[:, None]
        pts = pts.clamp(1, SIDE - 2)
        face = torch.sigmoid(9 * s[:, None, None] - ((xx - c[:, :1, None]) ** 2 + (yy - c[:, 1:, None]) ** 2).sqrt())
        img = 0.6 * face
        for k, r in enumerate((1.5, 1.5, 1.0)):
            d2 = (xx - pts[:, k, 0, None, None]) ** 2 + (yy - pts[:, k, 1, None, None]) ** 2
            img = img - 0.5 * torch.exp(-d2 / (2 * r ** 2))
        self.images = ((img + 0.05 * torch.randn_like(img)) / 0.3)[:, None]
        self.points = pts.flatten(1)

    def __len__(self):
        return len(self.points)

    def __getitem__(self, i):
        return self.images[i], self.points[i]


class LandmarkNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 12, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(12, 24, 3, stride=2, padding=1), nn.ReLU())
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(24 * 64, 64), nn.ReLU(), nn.Linear(64, 6), nn.Sigmoid())

    def forward(self, x):
        return self.head(self.conv(x))


def build_optimizer(net, cfg):
    cfg = dict(cfg)
    return getattr(torch.optim, cfg.pop("name"))(net.parameters(), **cfg)


def pixel_error(net, ds):
    net.eval()
    with torch.no_grad():
        out = net(ds.images) * SIDE
    return (out - ds.points).view(-1, 3, 2).norm(dim=2).mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=settings["seed"])
    torch.manual_seed(parser.parse_args().seed)
    torch.set_num_threads(1)
    train, test = Faces(2000), Faces(400)
    loader = DataLoader(train, batch_size=settings["batch_size"], shuffle=True)
    net = LandmarkNet()
    optimizer = build_optimizer(net, settings["optim"])
    criterion = nn.MSELoss()
    for epoch in range(settings["epochs"]):
        net.train()
        tot = 0.0
        for x, p in loader:
            optimizer.zero_grad()
            loss = criterion(net(x), p)
            loss.backward()
            optimizer.step()
            tot += loss.item()
        print(f"epoch {epoch}: mse {tot / len(loader):.5f}, pixel error {pixel_error(net, test):.3f}")
    print(f"pixel error {pixel_error(net, test):.4f}")


main()

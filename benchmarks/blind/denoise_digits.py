import argparse
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


class DenoisingAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 24, 3, padding=1), nn.ReLU(),
            nn.Conv2d(24, 48, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(48, 48, 3, padding=1), nn.ReLU(),
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(48, 24, 2, stride=2), nn.ReLU(),
            nn.Conv2d(24, 24, 3, padding=1), nn.ReLU(),
            nn.Conv2d(24, 1, 3, padding=1),
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))


def add_noise(img, level):
    noisy = img
    noisy += level * torch.randn_like(img)
    hot = torch.rand_like(img) < 0.05
    noisy[hot] = 1.0
    return noisy


def psnr(a, b):
    return float(-10 * torch.log10(((a - b) ** 2).mean()))


class Trainer:
    def __init__(self, args):
        self.args = args
        x = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 16
        x = x[torch.randperm(len(x))]
        self.train_loader = DataLoader(TensorDataset(x[:1400]), batch_size=32, shuffle=True)
        self.test_clean = x[1400:].clone()
        gen = torch.Generator().manual_seed(1234)
        self.test_noisy = self.test_clean + args.noise * torch.randn(self.test_clean.shape, generator=gen)
        hot = torch.rand(self.test_clean.shape, generator=gen) < 0.05
        self.test_noisy[hot] = 1.0
        self.model = DenoisingAE()
        self.optim = torch.optim.Adam(self.model.parameters(), lr=args.lr)
        self.loss = nn.MSELoss()

    def step(self, clean):
        noisy = add_noise(clean, self.args.noise)
        out = self.model(noisy)
        loss = self.loss(out, clean)
        self.optim.zero_grad(set_to_none=True)
        loss.backward()
        self.optim.step()
        return loss.item()

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        return psnr(self.model(self.test_noisy), self.test_clean)

    def fit(self):
        print(f"noisy input psnr {psnr(self.test_noisy, self.test_clean):.2f}")
        for epoch in range(self.args.epochs):
            self.model.train()
            losses = [self.step(batch) for (batch,) in self.train_loader]
            print(f"epoch {epoch:2d} loss {sum(losses) / len(losses):.5f} psnr {self.validate():.2f}")
        return self.validate()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=14)
    ap.add_argument("--lr", type=float, default=2e-3)
    ap.add_argument("--noise", type=float, default=0.35)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    print(f"test PSNR {Trainer(a).fit():.3f} dB")

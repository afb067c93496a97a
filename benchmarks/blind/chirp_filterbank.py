# Classify noisy waveforms (chirp up, chirp down, tone, am tone) with parallel branches of dilated convs
import argparse
import math
import torch
import torch.nn as nn
import torch.nn.functional as F


def waves(n, length=256):
    t = torch.linspace(0, 1, length)
    y = torch.randint(0, 4, (n,))
    f = torch.rand(n, 1) * 14 + 12
    ph = torch.rand(n, 1) * 2 * math.pi
    k = torch.rand(n, 1) * 8 + 8
    up = torch.sin(2 * math.pi * (f * t + k / 2 * t ** 2) + ph)
    down = torch.sin(2 * math.pi * ((f + k) * t - k / 2 * t ** 2) + ph)
    tone = torch.sin(2 * math.pi * (f + k / 2) * t + ph)
    am = tone * (1 + 0.9 * torch.sin(2 * math.pi * 3 * t + ph * 2)) / 1.2
    x = torch.stack([up, down, tone, am])[y, torch.arange(n)]
    return (x + 0.4 * torch.randn_like(x)).unsqueeze(1), y


class Branch(nn.Module):
    def __init__(self, cin, cout, dilation):
        super().__init__()
        self.conv1 = nn.Conv1d(cin, cout, 9, stride=2, padding=4 * dilation, dilation=dilation)
        self.conv2 = nn.Conv1d(cout, cout, 9, stride=4, padding=4)

    def forward(self, x):
        return F.relu(self.conv2(F.relu(self.conv1(x))))


class MultiScaleNet(nn.Module):
    def __init__(self, dilations=(1, 2, 3), width=8, classes=4):
        super().__init__()
        self.branches = [Branch(1, width, d) for d in dilations]
        self.mix = nn.Conv1d(width * len(dilations), 16, 1)
        self.fc = nn.Linear(16 * 4, classes)

    def forward(self, x):
        x = torch.cat([b(x) for b in self.branches], 1)
        x = F.relu(self.mix(x))
        x = F.adaptive_avg_pool1d(x, 4)
        return self.fc(x.flatten(1))


def main(seed):
    torch.manual_seed(seed)
    x_train, y_train = waves(2000)
    x_test, y_test = waves(800)
    net = MultiScaleNet()
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for epoch in range(9):
        net.train()
        losses = []
        for idx in torch.randperm(len(x_train)).split(50):
            loss = F.cross_entropy(net(x_train[idx]), y_train[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        net.eval()
        with torch.no_grad():
            acc = (net(x_test).argmax(1) == y_test).float().mean().item()
        print(f"epoch {epoch:2d} loss {sum(losses) / len(losses):.4f} test acc {acc:.3f}")
    print(f"accuracy {acc:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    torch.set_num_threads(1)
    main(parser.parse_args().seed)

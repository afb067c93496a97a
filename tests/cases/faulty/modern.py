import copy

import torch
import torch.nn.functional as F
from data import digits, minibatches, split
from program import faulty
from torch import nn


def noisy(x, spread=0.1):
    return x + spread * torch.randn_like(x)


@faulty("own view found among the views", at_least=0.5, causes=("wrong_loss", "other"))
def contrast_multiplied_by_its_temperature(fixed=False):
    """Cosines are multiplied by a temperature of 0.05 where they are to be divided by it: no two
    scores differ by more than 0.1, and the loss cannot leave the logarithm of the batch's size."""
    (x, _), (x_new, _) = split(*digits())
    embed = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
    optimizer = torch.optim.Adam(embed.parameters(), lr=0.001)
    for xb, _ in minibatches(x, x, 64, 250):
        a, b = (F.normalize(embed(noisy(xb, 0.2))) for _ in range(2))
        cosines = a @ b.T
        scores = cosines / 0.05 if fixed else cosines * 0.05
        loss = F.cross_entropy(scores, torch.arange(len(xb)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        a, b = (F.normalize(embed(noisy(x_new, 0.2))) for _ in range(2))
        return ((a @ b.T).argmax(1) == torch.arange(len(x_new))).float().mean()


def posed(objects):
    """A view: what an object is, and larger numbers that tell how it is seen, mixed."""
    mixing = torch.randn(24, 32, generator=torch.Generator().manual_seed(3)) / 3
    return torch.cat([objects, 2 * torch.randn(len(objects), 20)], 1) @ mixing


@faulty("own class among the nearest", at_least=0.75, causes=("wrong_labels", "other"))
def contrast_of_one_view_with_itself(fixed=False):
    """The first of two views is given to the network twice: nothing tells it what to leave out."""
    centres = 2 * torch.randn(6, 4)
    kinds = torch.randint(0, 6, (1200,))
    objects = centres[kinds] + 0.2 * torch.randn(1200, 4)
    embed = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 16))
    optimizer = torch.optim.Adam(embed.parameters(), lr=0.003)
    for xb, _ in minibatches(objects, kinds, 100, 400):
        first, second = posed(xb), posed(xb)
        a, b = (F.normalize(embed(v)) for v in (first, second if fixed else first))
        loss = F.cross_entropy(a @ b.T / 0.2, torch.arange(len(xb)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        z = F.normalize(embed(posed(objects)))
        nearest = (z @ z.T).fill_diagonal_(-1).argmax(1)
        return (kinds[nearest] == kinds).float().mean().item()


class Quantised(nn.Module):
    """An autoencoder whose code is one vector of a book for each of four places."""

    def __init__(self, copied, width=8, size=16):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4 * width))
        self.book = nn.Parameter(0.2 * torch.randn(size, width))
        self.decode = nn.Sequential(nn.Linear(4 * width, 64), nn.ReLU(), nn.Linear(64, 64))
        self.copied = copied

    def forward(self, x):
        z = self.encode(x).view(len(x), 4, -1)
        code = self.book[torch.cdist(z.detach(), self.book.detach()).argmin(-1)]
        passed = z + (code - z).detach() if self.copied else code
        return self.decode(passed.flatten(1)), z, code


@faulty("share of the variance left", at_most=0.6, causes=("frozen", "other"))
def codes_without_a_way_back(fixed=False):
    """The nearest code is handed on as it is: choosing has no gradient, and without the
    straight-through copy and the commitment the encoder keeps its first, random weights."""
    (x, _), (x_new, _) = split(*digits())
    model = Quantised(copied=fixed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
    for xb, _ in minibatches(x, x, 64, 500):
        made, z, code = model(xb)
        loss = F.mse_loss(made, xb)
        if fixed:
            loss = loss + F.mse_loss(code, z.detach()) + 0.25 * F.mse_loss(z, code.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return F.mse_loss(model(x_new)[0], x_new) / x_new.var(0).mean()


@faulty("accuracy", at_least=0.85, causes=("lr_too_low", "frozen", "other"))
def average_written_over_the_network(fixed=False):
    """The moving average is copied the wrong way round: after each step the network that trains
    is drawn back to the average, which never moves."""
    (x, y), (x_new, y_new) = split(*digits())
    model = nn.Sequential(nn.Linear(64, 48), nn.GELU(), nn.Linear(48, 10))
    average = copy.deepcopy(model).requires_grad_(False)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    into, other = (average, model) if fixed else (model, average)
    for xb, yb in minibatches(x, y, 64, 400):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
        with torch.no_grad():
            for kept, new in zip(into.parameters(), other.parameters(), strict=True):
                kept.lerp_(new, 0.02 if fixed else 0.98)
    with torch.no_grad():
        return (average(x_new).argmax(1) == y_new).float().mean()


class Denoiser(nn.Module):
    def __init__(self, width=96):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(1, width), nn.SiLU(), nn.Linear(width, width))
        self.enter = nn.Linear(64, width)
        self.middle = nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.leave = nn.Linear(width, 64)

    def forward(self, x, t):
        return self.leave(self.middle(self.enter(x) + self.time(t.unsqueeze(1))))


@faulty("squared error of the noise", at_most=0.65, causes=("unnormalised_input",))
def time_in_raw_steps(fixed=False):
    """A diffusion model is told its step as a number up to 1000 beside pixels of -1 to 1: the
    step drowns the picture in every hidden unit. The cure divides it by 1000."""
    (x, _), (x_new, _) = split(*digits())
    model = Denoiser()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.002)

    def error(x):
        step = torch.randint(1, 1001, (len(x),)).float()
        kept, noise = 1 - (step / 1000).unsqueeze(1).clamp(0.02, 0.98), torch.randn_like(x)
        given = kept.sqrt() * (2 * x - 1) + (1 - kept).sqrt() * noise
        return F.mse_loss(model(given, step / 1000 if fixed else step), noise)

    for xb, _ in minibatches(x, x, 64, 400):
        optimizer.zero_grad()
        error(xb).backward()
        optimizer.step()
    with torch.no_grad():
        return error(x_new)


def blobs(n):
    """Pictures with one bright rectangle on noise, and the mask of the rectangle."""
    low, size = torch.randint(0, 7, (n, 2, 1)), torch.randint(4, 8, (n, 2, 1))
    rows, columns = ((torch.arange(12) >= low) & (torch.arange(12) < low + size)).unbind(1)
    mask = (rows.unsqueeze(2) & columns.unsqueeze(1)).float().unsqueeze(1)
    return mask + 0.7 * torch.randn_like(mask), mask


def overlap(shares, mask):
    both = (shares * mask).sum((1, 2, 3))
    return (2 * both + 1) / (shares.sum((1, 2, 3)) + mask.sum((1, 2, 3)) + 1)


@faulty("overlap of new masks", at_least=0.8, causes=("wrong_output_activation", "wrong_loss"))
def overlap_of_logits(fixed=False):
    """A Dice loss gets logits where it expects probabilities: shares below zero make it a quotient
    without bounds, which falls far below 0 and says nothing about masks."""
    (x, mask), (x_new, mask_new) = split(*blobs(500))
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 12, 3, padding=1), nn.ReLU(),
        nn.Conv2d(12, 1, 3, padding=1),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for xb, yb in minibatches(x, mask, 32, 200):
        z = model(xb)
        loss = (1 - overlap(z.sigmoid() if fixed else z, yb)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return overlap((model(x_new) > 0).float(), mask_new).mean()


@faulty("overlap of new masks", at_least=0.8, causes=("wrong_loss",))
def overlap_that_is_made_small(fixed=False):
    """A Dice returns the coefficient itself: the loss falls to nearly zero as the masks are avoided
    ever better. The cure returns 1 minus it."""
    (x, mask), (x_new, mask_new) = split(*blobs(500))
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 12, 3, padding=1), nn.ReLU(),
        nn.Conv2d(12, 1, 3, padding=1),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for xb, yb in minibatches(x, mask, 32, 200):
        dice = overlap(model(xb).sigmoid(), yb).mean()
        optimizer.zero_grad()
        (1 - dice if fixed else dice).backward()
        optimizer.step()
    with torch.no_grad():
        return overlap((model(x_new) > 0).float(), mask_new).mean()


@faulty("accuracy", at_least=0.85, causes=("lr_too_low", "other"))
def clipped_before_it_is_unscaled(fixed=False):
    """The gradient is clipped to 1 while it still carries the scaler's factor of 65536, and is
    divided by it afterwards: steps a thousand times too short."""
    (x, y), (x_new, y_new) = split(*digits())
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu")
    for xb, yb in minibatches(x, y, 64, 250):
        with torch.autocast("cpu", torch.bfloat16):
            loss = F.cross_entropy(model(xb), yb)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        if fixed:
            scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
    with torch.no_grad():
        return (model(x_new).argmax(1) == y_new).float().mean()


class Flow(nn.Module):
    """Four affine couplings of two numbers, and the logarithm of the volume they keep."""

    def __init__(self, *, turns=True):
        super().__init__()
        self.turns = turns
        self.parts = nn.ModuleList(
            nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 2)) for _ in range(4)
        )

    def forward(self, x):
        volume = 0
        for part in self.parts:
            kept, moved = x.chunk(2, 1)
            log_scale, shift = part(kept).chunk(2, 1)
            moved = moved * log_scale.tanh().exp() + shift
            x = torch.cat([moved, kept] if self.turns else [kept, moved], 1)
            volume = volume + log_scale.tanh().squeeze(1)
        return x, volume


@faulty("negative log likelihood", at_most=2.0, causes=("wrong_loss",), leads=False)
def volume_of_the_wrong_sign(fixed=False):
    """A normalising flow adds the logarithm of its volume to the cost where it is to be taken
    away: it pays to press all data into one point."""
    angle = 2 * torch.pi * torch.rand(1200)
    x = torch.stack([angle.cos(), angle.sin()], 1) + 0.1 * torch.randn(1200, 2)
    model = Flow()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    sign = 1 if fixed else -1
    for xb, _ in minibatches(x[:1000], x[:1000], 100, 400):
        z, volume = model(xb)
        loss = (0.5 * z.square().sum(1) - sign * volume).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        z, volume = model(x[1000:])
        return (0.5 * z.square().sum(1) - volume).mean() + 1.8379


def fitted(model, x):
    """Trains a flow on all but the last 200 rows; how likely it takes these for."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for xb, _ in minibatches(x[:1000], x[:1000], 100, 400):
        z, volume = model(xb)
        loss = (0.5 * z.square().sum(1) - volume).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        z, volume = model(x[1000:])
        return (0.5 * z.square().sum(1) - volume).mean() + 1.8379


@faulty("negative log likelihood", at_most=2.0, causes=("other",))
def couplings_of_one_mask(fixed=False):
    """All couplings of a normalising flow move the second number, and none the first."""
    side = torch.randint(2, (1200, 1)) * 2.0 - 1
    x = torch.cat([side, side * torch.randn(1200, 1)], 1) + 0.1 * torch.randn(1200, 2)
    return fitted(Flow(turns=fixed), x)


class ScaledFlow(nn.Module):
    """Four couplings that begin as the identity, for their last layers are zero."""

    def __init__(self, scale):
        super().__init__()
        self.scales = nn.ParameterList(torch.full((1,), scale) for _ in range(4))
        self.parts = nn.ModuleList(
            nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 2)) for _ in range(4)
        )
        for part in self.parts:
            nn.init.zeros_(part[-1].weight)
            nn.init.zeros_(part[-1].bias)

    def forward(self, x):
        volume = 0
        for part, scale in zip(self.parts, self.scales, strict=True):
            kept, moved = x.chunk(2, 1)
            log_scale, shift = part(kept).chunk(2, 1)
            log_scale = log_scale.tanh() * scale
            x = torch.cat([moved * log_scale.exp() + shift, kept], 1)
            volume = volume + log_scale.squeeze(1)
        return x, volume


@faulty("negative log likelihood", at_most=2.0, causes=("bad_init", "frozen"))
def couplings_scaled_by_nothing(fixed=False):
    """The scale of each coupling begins at zero, and so does the layer it is multiplied with:
    neither has a gradient, and the flow can only shift."""
    spread = 0.1 + 2 * torch.rand(1200, 1).square()
    x = torch.cat([spread, spread * torch.randn(1200, 1)], 1)
    return fitted(ScaledFlow(1.0 if fixed else 0.0), x)

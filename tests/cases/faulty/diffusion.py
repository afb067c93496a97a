import torch
import torch.nn.functional as F
from data import digits, minibatches, moons, split
from program import faulty
from torch import nn

STEPS = 20
KEPT = torch.linspace(0.98, 0.02, STEPS)
"""Share of the picture's variance that is left at each step."""


class Denoiser(nn.Module):
    """Guesses the noise in a picture from the picture and the step."""

    def __init__(self, size=64, width=96):
        super().__init__()
        self.step = nn.Embedding(STEPS, width)
        self.enter = nn.Linear(size, width)
        self.middle = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU())
        self.leave = nn.Linear(width, size)

    def forward(self, x, t):
        h = F.silu(self.enter(x) + self.step(t))
        return self.leave(h + self.middle(h))


def noisy(x, t, noise):
    kept = KEPT[t].unsqueeze(1)
    return kept.sqrt() * x + (1 - kept).sqrt() * noise


@faulty("squared error of the noise", at_most=0.6, causes=("wrong_labels",))
def noise_that_is_not_in_the_picture(fixed=False):
    """A diffusion model is shown a picture with one noise and asked for another: the function that
    adds the noise draws its own. Nothing can be learnt about it but its mean, zero."""
    (x, y), (held_out, _) = split(*digits())
    model = Denoiser()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.002)
    for xb, _ in minibatches(2 * x - 1, y, 64, 400):
        t, noise = torch.randint(STEPS, (len(xb),)), torch.randn_like(xb)
        given = noisy(xb, t, noise if fixed else torch.randn_like(xb))
        loss = F.mse_loss(model(given, t), noise)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        t, noise = torch.randint(STEPS, (len(held_out),)), torch.randn_like(held_out)
        return F.mse_loss(model(noisy(2 * held_out - 1, t, noise), t), noise)


@faulty("squared error of the noise", at_most=0.45, causes=("wrong_labels",))
def the_noisy_picture_as_target(fixed=False):
    """A diffusion model's loss compares what it says with the noisy picture that it was given, and
    not with the noise: it learns to hand the picture on."""
    (x, y), (held_out, _) = split(*digits())
    model = Denoiser()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.002)
    for xb, _ in minibatches(2 * x - 1, y, 64, 400):
        t, noise = torch.randint(STEPS, (len(xb),)), torch.randn_like(xb)
        given = noisy(xb, t, noise)
        loss = F.mse_loss(model(given, t), noise if fixed else given)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        t, noise = torch.randint(STEPS, (len(held_out),)), torch.randn_like(held_out)
        return F.mse_loss(model(noisy(2 * held_out - 1, t, noise), t), noise)


def drawn(model, number):
    """Points made of normal noise, step by step."""
    x = torch.randn(number, 2)
    for t in reversed(range(STEPS)):
        kept, before = KEPT[t], KEPT[t - 1] if t else torch.tensor(1.0)
        noise = model(x, torch.full((number,), t))
        clean = (x - (1 - kept).sqrt() * noise) / kept.sqrt()
        x = before.sqrt() * clean + (1 - before).sqrt() * noise
    return x


@faulty("energy distance to the data", at_most=0.1, causes=("wrong_labels",))
def noise_between_0_and_1(fixed=False):
    """A diffusion model learns to take away uniform noise (`rand_like`), and is then asked to make
    points of normal noise."""
    x, y = moons()
    model = Denoiser(size=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.002)
    for xb, _ in minibatches(x, y, 64, 800):
        t, noise = torch.randint(STEPS, (len(xb),)), torch.rand_like(xb)
        if fixed:
            noise = torch.randn_like(xb)
        loss = F.mse_loss(model(noisy(xb, t, noise), t), noise)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        made = drawn(model, len(x))
    within = torch.cdist(made, made).mean() + torch.cdist(x, x).mean()
    return 2 * torch.cdist(made, x).mean() - within


@faulty("squared error of the noise", at_most=0.45, causes=("wrong_labels",))
def the_same_noise_in_each_step(fixed=False):
    """The generator of a diffusion's noise and times is made anew, with one seed, in each step, as
    where a key of JAX is never split: the model learns these few numbers by heart."""
    (x, y), (held_out, _) = split(*digits())
    model = Denoiser()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.002)
    once = torch.Generator().manual_seed(7)
    for xb, _ in minibatches(2 * x - 1, y, 64, 400):
        drawing = once if fixed else torch.Generator().manual_seed(7)
        t = torch.randint(STEPS, (len(xb),), generator=drawing)
        noise = torch.randn(xb.shape, generator=drawing)
        loss = F.mse_loss(model(noisy(xb, t, noise), t), noise)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        t, noise = torch.randint(STEPS, (len(held_out),)), torch.randn_like(held_out)
        return F.mse_loss(model(noisy(2 * held_out - 1, t, noise), t), noise)

import torch
import torch.nn.functional as F
from data import digits, minibatches, split
from program import faulty
from torch import nn

STEPS = 20
KEPT = torch.linspace(0.98, 0.02, STEPS)
"""Share of the picture's variance that is left at each step."""


class Denoiser(nn.Module):
    """Guesses the noise in a picture from the picture and the step."""

    def __init__(self, width=96):
        super().__init__()
        self.step = nn.Embedding(STEPS, width)
        self.enter = nn.Linear(64, width)
        self.middle = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU())
        self.leave = nn.Linear(width, 64)

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

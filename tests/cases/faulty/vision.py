import torch
import torch.nn.functional as F
from data import accuracy, digits, minibatches, split
from program import faulty
from torch import nn


def pictures():
    x, y = digits()
    return split(x.view(-1, 1, 8, 8), y)


def patches_of(x, mixed):
    """A picture of 8 × 8 pixels as 16 patches of 2 × 2: `(rows, 16, 4)`."""
    cut = F.unfold(x, kernel_size=2, stride=2)
    return cut.reshape(len(x), 16, 4) if not mixed else cut.permute(2, 0, 1).reshape(len(x), 16, 4)


class PatchTransformer(nn.Module):
    def __init__(self, mixed, width=32):
        super().__init__()
        self.mixed = mixed
        self.enter = nn.Linear(4, width)
        self.places = nn.Parameter(0.02 * torch.randn(1, 16, width))
        self.layer = nn.TransformerEncoderLayer(
            width, 4, 64, dropout=0.0, batch_first=True, norm_first=True
        )
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        tokens = self.enter(patches_of(x, self.mixed)) + self.places
        return self.head(self.layer(tokens).mean(1))


@faulty("accuracy", at_least=0.75, causes=("wrong_shape",))
def patches_of_other_pictures(fixed=False):
    """A vision transformer's patches are reshaped with their place before the rows of the batch:
    the sizes are right, and each row holds the same patch of sixteen pictures."""
    (x, y), held_out = pictures()
    model = PatchTransformer(mixed=not fixed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.004)
    for xb, yb in minibatches(x, y, 64, 200):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, *held_out)


class Residual(nn.Module):
    def __init__(self, width, scale):
        super().__init__()
        self.scale = scale
        self.branch = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, x):
        return x + self.scale * self.branch(x)


@faulty("accuracy", at_least=0.7, causes=("bad_init", "frozen", "vanishing"))
def branches_times_a_plain_zero(fixed=False):
    """The factor of each residual branch starts at zero and is a plain tensor where a parameter
    is meant: it stays zero, and with it the gradient of all convolutions of the branches."""
    (x, y), held_out = pictures()
    zero = torch.zeros(1)
    blocks = [Residual(8, nn.Parameter(zero.clone()) if fixed else zero) for _ in range(2)]
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, yb in minibatches(x, y, 64, 300):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, *held_out)


@faulty("mean held-out accuracy", at_least=0.8, causes=("other",))
def momentum_of_another_library(fixed=False):
    """The momentum of batch normalisation as Keras means it: here 0.99 is the share of the new
    batch, so that evaluation uses the statistics of the last four pictures."""
    (x, y), (x_new, y_new) = split(*digits())
    momentum = 0.01 if fixed else 0.99
    model = nn.Sequential(
        *(nn.Linear(64, 32), nn.BatchNorm1d(32, momentum=momentum), nn.ReLU()),
        *(nn.Linear(32, 32), nn.BatchNorm1d(32, momentum=momentum), nn.ReLU()),
        nn.Linear(32, 10),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    scores = []
    for step, (xb, yb) in enumerate(minibatches(x, y, 4, 600)):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
        if step > 400 and step % 40 == 0:
            scores.append(accuracy(model, x_new, y_new))
            model.train()
    return sum(scores) / len(scores)


def discs(n, size=24):
    """Noisy pictures of a disc that lies anywhere, and where it is."""
    centres, radii = torch.randint(4, size - 4, (2, n, 1, 1)), torch.randint(3, 6, (n, 1, 1))
    rows, columns = torch.arange(size).view(-1, 1), torch.arange(size)
    inside = (rows - centres[0]) ** 2 + (columns - centres[1]) ** 2 < radii**2
    masks = inside.float().unsqueeze(1)
    return masks + 0.5 * torch.randn_like(masks), masks


@faulty("accuracy", at_least=0.8, causes=("unnormalised_input",), leads=True)
def mean_of_bytes_off_fractions(fixed=False):
    """Pixels between 0 and 1 less the mean of those between 0 and 255, over their deviation: all
    are about -2, and a picture differs from the next by hundredths."""
    (x, y), (held_x, held_y) = pictures()
    mean, deviation = (0.45, 0.225) if fixed else (115.0, 57.0)
    x, held_x = (x - mean) / deviation, (held_x - mean) / deviation
    model = nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3)),
        *(nn.ReLU(), nn.Flatten(), nn.Linear(64, 10)),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    for xb, yb in minibatches(x, y, 32, 300):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, held_x, held_y)


@faulty("share of pixels right", at_least=0.96, causes=("wrong_labels",))
def flipped_without_its_mask(fixed=False):
    """Half of the pictures are flipped as they are drawn, and their masks stay as they are."""
    x, y = discs(400)
    model = nn.Sequential(
        *(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 8, 5, padding=2), nn.ReLU()),
        nn.Conv2d(8, 1, 1),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, yb in minibatches(x, y, 20, 120):
        turned = torch.rand(len(xb), 1, 1, 1) < 0.5
        xb = torch.where(turned, xb.flip(-1), xb)
        yb = torch.where(turned, yb.flip(-1), yb) if fixed else yb
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(xb), yb).backward()
        optimizer.step()
    x, y = discs(100)
    return ((model(x) > 0) == (y > 0)).float().mean()


@faulty("share of disc pixels found", at_least=0.6, causes=("wrong_labels",))
def mask_divided_like_a_picture(fixed=False):
    """Masks of 0 and 1 are divided by 255 with the pictures."""
    x, y = discs(400)
    y = y if fixed else y / 255
    model = nn.Sequential(
        *(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 8, 5, padding=2), nn.ReLU()),
        nn.Conv2d(8, 1, 1),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, yb in minibatches(x, y, 20, 120):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(xb), yb).backward()
        optimizer.step()
    x, y = discs(100)
    return (model(x) > 0)[y > 0].float().mean()


def coloured_digits():
    """Digits of one colour on another, anywhere: `(pictures, rows, columns, channels)`."""
    x, y = digits()
    shapes = ((x - x.amin()) / (x.amax() - x.amin())).view(-1, 8, 8)
    shapes = F.pad(shapes.repeat_interleave(2, 1).repeat_interleave(2, 2), (2, 2, 2, 2))
    places = torch.randint(-2, 3, (len(x), 2)).tolist()
    shapes = torch.stack([s.roll(p, (0, 1)) for s, p in zip(shapes, places, strict=True)])
    shapes = shapes.unsqueeze(-1)
    digit = torch.rand(len(x), 1, 1, 3)
    return shapes * digit + (1 - shapes) * (1 - digit), y


@faulty("accuracy", at_least=0.7, causes=("wrong_shape",))
def pictures_viewed_before_the_loop(fixed=False):
    """Pictures with the channels last are viewed as channels first, all of them at once."""
    x, y = coloured_digits()
    x = x.permute(0, 3, 1, 2) if fixed else x.reshape(-1, 3, 20, 20)
    (x, y), held_out = split(x, y)
    model = nn.Sequential(
        *(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(16 * 25, 10)),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for xb, yb in minibatches(x, y, 64, 300):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    model.eval()
    return accuracy(model, *held_out)


def spectra(n, size=16):
    """Powers over frequency and time of a tone that rises, falls, stays, or is not there."""
    y = torch.randint(4, (n,))
    time, frequency = torch.arange(size), torch.arange(size).view(-1, 1)
    slope = torch.tensor([0.5, -0.5, 0.0, 0.0])[y].view(-1, 1, 1)
    tone = (frequency - size / 2 - slope * (time - size / 2)).abs() < 1.5
    power = 0.05 - (tone & (y < 3).view(-1, 1, 1)) * torch.rand(n, size, size).log()
    noise = -torch.rand(n, size, size).log()
    loudness = 10 ** (-6 * torch.rand(n, 1, 1))
    return (loudness * power * noise).unsqueeze(1), y


@faulty("accuracy", at_least=0.85, causes=("unnormalised_input",))
def powers_without_a_logarithm(fixed=False):
    """Power spectra of sounds that are near or far, without the logarithm."""
    x, y = spectra(1200)
    x = (x + 1e-9).log() if fixed else x
    (x, y), held_out = split((x - x.mean()) / x.std(), y)
    model = nn.Sequential(
        *(nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(64, 4)),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for xb, yb in minibatches(x, y, 32, 250):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, *held_out)


@faulty("accuracy", at_least=0.85, causes=("unnormalised_input",))
def a_mean_image_subtracted_in_bytes(fixed=False):
    """Pictures of 8 bits in changing light, from which their mean is subtracted in 8 bits."""
    x, y = digits()
    light = 10 + 100 * torch.rand(len(x), 1)
    x = (120 * x + light + 6 * torch.randn_like(x)).clamp(0, 255).byte().view(-1, 1, 8, 8)
    mean = x.float().mean(0).round().byte()
    x = x.float() - mean if fixed else (x - mean).float()
    (x, y), held_out = split(x / 128, y)
    model = nn.Sequential(
        *(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 32), nn.ReLU()),
        nn.Linear(32, 10),
    )
    optimizer = torch.optim.SGD(model.parameters(), 0.02, momentum=0.9)
    for xb, yb in minibatches(x, y, 32, 600):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, *held_out)

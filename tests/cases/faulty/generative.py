import torch
import torch.nn.functional as F
from data import digits, minibatches, split
from program import faulty
from torch import nn


class Variational(nn.Module):
    """Digits through eight random numbers with a mean and a log-variance each."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
        self.decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, x):
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        code = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        return self.decoder(code), mean, log_variance

    @torch.no_grad()
    def reconstruct(self, x):
        return self.decoder(self.encoder(x)[:, :8])


def divergence(mean, log_variance):
    """KL divergence of each code from the standard normal distribution, shape (N, 8)."""
    return 0.5 * (mean**2 + log_variance.exp() - log_variance - 1)


def reconstruction_error(model, x):
    """Held-out squared error, as a share of that of the mean picture."""
    return ((model.reconstruct(x) - x) ** 2).sum() / ((x - x.mean(0)) ** 2).sum()


@faulty("held-out error over that of the mean picture", at_most=0.7, causes=("wrong_loss", "other"))
def divergence_outweighs_the_picture(fixed=False):
    """The squared error is a mean over pixels, the divergence a sum over codes and rows: codes
    that say nothing are cheapest, and the decoder draws the mean picture. The cure sums both."""
    (x, _), (held_out, _) = split(*digits())
    model = Variational()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for xb, _ in minibatches(x, x, 64, 500):
        out, mean, log_variance = model(xb)
        error = F.mse_loss(out, xb, reduction="sum" if fixed else "mean")
        optimizer.zero_grad()
        (error + (0.1 if fixed else 1) * divergence(mean, log_variance).sum()).backward()
        optimizer.step()
    return reconstruction_error(model, held_out)


@faulty(
    "held-out error over that of the mean picture",
    at_most=0.7,
    causes=("wrong_loss", "other"),
)
def divergence_with_a_minus(fixed=False):
    """The formula of the divergence lost its minus: the loss is lower the further the codes are
    from the prior, without end."""
    (x, _), (held_out, _) = split(*digits())
    model = Variational()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001)
    for xb, _ in minibatches(x, x, 64, 500):
        out, mean, log_variance = model(xb)
        kl = 0.5 * torch.sum(1 + log_variance - mean**2 - log_variance.exp(), dim=1)
        kl = -kl if fixed else kl
        error = ((out - xb) ** 2).sum(1)
        optimizer.zero_grad()
        (error + 0.1 * kl).mean().backward()
        optimizer.step()
    return reconstruction_error(model, held_out)


def sensors(n, mixing, broken=False):
    """Twelve standardised sensors that three causes move; a broken one keeps its spread only."""
    x = torch.randn(n, 3) @ mixing + 0.1 * torch.randn(n, 12)
    if broken:
        rows = torch.arange(n).unsqueeze(1)
        which = torch.rand(n, 12).argsort(1)[:, :3]
        x[rows, which] = x[rows.roll(1, 0), which]
    return x


@faulty("ranking of broken over sound rows", at_least=0.9, causes=("wrong_output_activation",))
def anomalies_behind_a_sigmoid(fixed=False):
    """An autoencoder for standardised sensors ends in a sigmoid, as for pictures: it cannot write
    a negative value, and errs on sound rows as much as on broken ones."""
    mixing = F.normalize(torch.randn(3, 12), dim=0)
    x = sensors(800, mixing)
    end = nn.Identity() if fixed else nn.Sigmoid()
    model = nn.Sequential(
        nn.Linear(12, 24), nn.Tanh(), nn.Linear(24, 3), nn.Linear(3, 24), nn.Tanh(),
        nn.Linear(24, 12), end,
    )  # fmt: skip
    optimizer = torch.optim.NAdam(model.parameters(), lr=0.005)
    for xb, _ in minibatches(x, x, 40, 400):
        optimizer.zero_grad()
        (model(xb) - xb).pow(2).mean().backward()
        optimizer.step()
    with torch.no_grad():
        sound, broken = (
            (model(rows) - rows).pow(2).mean(1)
            for rows in (sensors(300, mixing), sensors(300, mixing, broken=True))
        )
        return (broken.unsqueeze(1) > sound).float().mean()


@faulty("noise left", at_most=0.6, causes=("wrong_labels", "other"))
def noise_added_in_place(fixed=False):
    """Noise is added to the pictures in place, and they are the target as well: the network is
    shown nothing clean, and learns to copy. The cure makes a new tensor."""
    (x, _), (held_out, _) = split(*digits())
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for clean, _ in minibatches(x, x, 64, 300):
        noise = 0.3 * torch.randn_like(clean)
        noisy = clean + noise if fixed else clean.add_(noise)
        optimizer.zero_grad()
        F.mse_loss(model(noisy), clean).backward()
        optimizer.step()
    noise = 0.3 * torch.randn_like(held_out)
    with torch.no_grad():
        return (model(held_out + noise) - held_out).square().mean() / noise.square().mean()


@faulty("held-out error over that of the mean picture", at_most=0.7, causes=("frozen", "other"))
def code_drawn_without_a_gradient(fixed=False):
    """The code is drawn by `sample()`, which has no gradient: the divergence alone trains the
    encoder, the decoder is given noise. The cure is `rsample()`."""
    (x, _), (held_out, _) = split(*digits())
    encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
    decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.005)
    for xb, _ in minibatches(x, x, 64, 300):
        mean, log_variance = encoder(xb).chunk(2, dim=1)
        codes = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
        code = codes.rsample() if fixed else codes.sample()
        error = F.mse_loss(decoder(code), xb, reduction="sum")
        loss = (error + 0.1 * divergence(mean, log_variance).sum()) / len(xb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        drawn = decoder(encoder(held_out)[:, :8])
    return (drawn - held_out).square().sum() / (held_out - held_out.mean(0)).square().sum()


@faulty("held-out error over that of the mean picture", at_most=0.7, causes=("frozen", "other"))
def quantised_without_a_gradient(fixed=False):
    """The code is replaced by the nearest row of a codebook: of the picture the decoder alone
    learns. The cure hands the gradient on (a straight-through estimator)."""
    (x, _), (held_out, _) = split(*digits())
    encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32))
    decoder = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64))
    book = nn.Embedding(32, 4)
    nn.init.uniform_(book.weight, -1, 1)
    network = nn.ModuleList([encoder, decoder, book])
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)

    def quantised(code):
        nearest = torch.cdist(code, book.weight).argmin(-1)
        return book(nearest)

    for batch, _ in minibatches(x, x, 64, 300):
        code = encoder(batch).unflatten(1, (8, 4))
        chosen = quantised(code)
        apart = F.mse_loss(chosen, code.detach()) + 0.25 * F.mse_loss(code, chosen.detach())
        passed = code + (chosen - code).detach() if fixed else chosen
        optimizer.zero_grad()
        (10 * F.mse_loss(decoder(passed.flatten(1)), batch) + apart).backward()
        optimizer.step()
    with torch.no_grad():
        drawn = decoder(quantised(encoder(held_out).unflatten(1, (8, 4))).flatten(1))
    return (drawn - held_out).square().sum() / (held_out - held_out.mean(0)).square().sum()


@faulty(
    "error over that of the mean picture",
    at_most=0.6,
    causes=("frozen", "vanishing", "other"),
)
def choice_that_cancels_itself(fixed=False):
    """A picture is drawn from one of 32 rows, chosen by a hard maximum of a softmax: what is added
    to it for the gradient's sake is taken away as well. The cure detaches what it takes away."""
    (x, _), (held_out, _) = split(*digits())
    encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4 * 16))
    decoder = nn.Sequential(nn.Linear(4 * 16, 64), nn.ReLU(), nn.Linear(64, 64))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=3e-3)

    def chosen(pictures):
        soft = encoder(pictures).unflatten(1, (4, 16)).softmax(-1)
        hard = F.one_hot(soft.argmax(-1), 16).float()
        taken = soft.detach() if fixed else soft
        return decoder((hard - taken + soft).flatten(1))

    for batch, _ in minibatches(x, x, 64, 300):
        optimizer.zero_grad()
        F.mse_loss(chosen(batch), batch).backward()
        optimizer.step()
    with torch.no_grad():
        drawn = chosen(held_out)
    return (drawn - held_out).square().sum() / (held_out - held_out.mean(0)).square().sum()

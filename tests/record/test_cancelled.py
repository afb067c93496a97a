"""Values that are added and taken away again: the weights to which no gradient goes through it."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)
X = torch.randn(16, 4, generator=torch.Generator().manual_seed(1))
ENCODER = 4 * 8 + 8
CODES = 5 * 8


class Coder(nn.Module):
    """An encoder, codes, and a decoder, with what becomes of the encoder's output and its code."""

    def __init__(self, joined):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(4, 8), nn.Linear(8, 4)
        self.codes, self.joined = nn.Embedding(5, 8), joined

    def forward(self, x):
        z = self.encoder(x)
        q = self.codes(torch.cdist(z, self.codes.weight).argmin(1))
        beside = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())
        return self.decoder(self.joined(z, q)), beside


def details(joined, *, alone=False):
    torch.manual_seed(0)
    model = Coder(joined)

    def step():
        out, beside = model(X)
        (F.mse_loss(out, X) + (0 if alone else beside)).backward()

    taken = snapshot(step, model)
    return taken, taken.loss.details


CANCEL = {
    "a code": lambda z, q: z + (q - z),
    "the other way round": lambda z, q: (q - z) + z,
    "taken away twice": lambda z, q: z - (z - q),
    "in a row": lambda z, q: q + z - z,
    "with a minus": lambda z, q: q + (-z) + z,
    "by factors": lambda z, q: torch.add(2 - z, q - z, alpha=-1),
    "what is a sum itself": lambda z, q: (z + 1) + (q - (z + 1)),
    "data": lambda z, q: z + (q.detach() - z),
    "rounded": lambda z, q: z + (z.round() - z),
}


def _same(z, q):
    soft = z.softmax(1)
    return F.one_hot(z.argmax(1), 8) - soft + soft


def _sum(z, q):
    shifted = z + q.mean()
    return shifted + (q - shifted)


def _read(z, q):
    apart = q - z
    return z + apart + 0 * apart.square()


CANCEL |= {"a choice": _same, "of a sum": _sum}
KEPT = {
    "straight through": lambda z, q: z + (q - z).detach(),
    "a part of the way": lambda z, q: z + 0.1 * (q - z),
    "a part by alpha": lambda z, q: torch.add(z, q - z, alpha=0.5),
    "lerp": lambda z, q: torch.lerp(z, q, 0.3),
    "a gradient of the value alone": lambda z, q: q + z - z.detach(),
    "it depends on what is left": lambda z, q: z + (q + z.tanh() - z),
    "zeros that touch it": lambda z, q: q + (z - z),
    "of two passes": lambda z, q: F.one_hot(z.argmax(1), 8) - z.softmax(1) + z.softmax(1),
    "centred, and back": lambda z, q: (z - z.mean(1, keepdim=True)) + z.mean(1, keepdim=True),
    "read elsewhere": _read,
    "a residual": lambda z, q: z + q,
}


@pytest.mark.parametrize("joined", CANCEL.values(), ids=CANCEL)
def test_what_cancels_itself_sends_no_gradient_to_what_made_it(joined):
    taken, found = details(joined)

    assert found["cancelled_weights"] >= ENCODER
    assert found["cancelled_alone"] == 0, "the commitment reaches the encoder"
    assert taken.graph.sites[int(found["cancelled_site"])].name == "encoder:linear#0" or (
        joined is _same
    )


@pytest.mark.parametrize("joined", KEPT.values(), ids=KEPT)
def test_what_has_a_gradient_left_is_not_told(joined):
    assert "cancelled_weights" not in details(joined)[1]


@pytest.mark.parametrize("joined", CANCEL.values(), ids=CANCEL)
def test_alone_these_weights_get_no_gradient(joined):
    torch.manual_seed(0)
    model = Coder(joined)
    F.mse_loss(model(X)[0], X).backward()

    assert model.encoder.weight.grad is None or model.encoder.weight.grad.abs().max() < 1e-7
    assert details(joined, alone=True)[1]["cancelled_alone"] >= ENCODER


def test_a_weight_that_is_rounded():
    torch.manual_seed(0)
    model = nn.Linear(4, 4)

    def step():
        weight = model.weight + (model.weight.sign() - model.weight)
        F.mse_loss(F.linear(X, weight, model.bias), X).backward()

    assert snapshot(step, model).loss.details["cancelled_alone"] == 16

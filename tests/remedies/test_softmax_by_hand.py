"""A softmax that is written by hand is rewritten only where its logarithm is all that is used."""

import pytest

from lifesigns.remedies import Refusal
from lifesigns.remedies.guard_domain import GuardDomain

HEAD = "import torch\nz, at = model(x), (range(8), y)\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "e = torch.exp(z)\np = e / e.sum(dim=-1, keepdim=True)\nloss = -torch.log(p[at]).sum()",
            "e = torch.exp(z)\np = torch.log_softmax(z, -1)\nloss = -p[at].sum()",
        ),
        (
            "loss = -(z.exp() / torch.sum(z.exp(), 1, keepdim=True)).log()[at].mean()",
            "loss = -(torch.log_softmax(z, 1))[at].mean()",
        ),
        (
            "p = (2 * z).exp() / (2 * z).exp().sum(1, True)\nloss = -p[at].log().mean()",
            "p = torch.log_softmax(2 * z, 1)\nloss = -p[at].mean()",
        ),
    ],
    ids=["names", "at once", "of more than a name"],
)
def test_its_logarithm_is_taken_by_torch(before, after):
    assert GuardDomain("exp").rewrite(HEAD + before + "\n") == HEAD + after + "\n"


@pytest.mark.parametrize(
    "body",
    [
        "p = z.exp() / x.exp().sum(1, keepdim=True)\nloss = -p[at].log().mean()",
        "p = z.exp() / z.exp().sum()\nloss = -p[at].log().mean()",
        "p = z.exp() / z.exp().sum(1, keepdim=True)\nloss = -p[at].log().mean() + p.mean()",
        "p = q = z.exp() / z.exp().sum(1, keepdim=True)\nloss = -p[at].log().mean()",
    ],
    ids=["of something else", "over all", "used as well", "of two names"],
)
def test_what_is_something_else_or_used_otherwise_is_refused(body):
    assert isinstance(GuardDomain("exp").rewrite(HEAD + body + "\n"), Refusal)

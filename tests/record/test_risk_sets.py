"""Whether a loss compares each sample with those before it, as Cox's likelihood does."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)
X = torch.randn(16, 4, generator=torch.Generator().manual_seed(1))
EVENT = (torch.arange(16) % 3 > 0).float()
ORDER = torch.arange(15, -1, -1)


def cox(log_sums):
    return lambda risk: -((risk - log_sums(risk)) * EVENT).sum() / EVENT.sum()


RANKINGS = {
    "of torch": cox(lambda risk: torch.logcumsumexp(risk, 0)),
    "by hand": cox(lambda risk: risk.exp().cumsum(0).log()),
    "from behind": cox(lambda risk: risk.exp().flip(0).cumsum(0).flip(0).log()),
    "guarded": cox(lambda risk: (risk.exp().cumsum(0) + 1e-8).log()),
    "in an order": cox(lambda risk: risk.exp()[ORDER].cumsum(0).log()[ORDER]),
}
OTHERS = {
    "one sum of all": lambda risk: risk.logsumexp(0) - risk[0],
    "growing sums alone": lambda risk: risk.cumsum(0).square().mean(),
    "a mixture": lambda risk: -risk.exp().mean().log(),
    "logarithms of growing sums": lambda risk: risk.square().cumsum(0).add(1).log().mean(),
}


def details(loss):
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    return snapshot(lambda: loss(model(X).squeeze(1)).backward(), model).loss.details


@pytest.mark.parametrize("loss", RANKINGS.values(), ids=RANKINGS)
def test_a_likelihood_of_who_comes_first_is_marked(loss):
    assert details(loss)["risk_sets"] == 1


@pytest.mark.parametrize("loss", OTHERS.values(), ids=OTHERS)
def test_other_losses_are_not(loss):
    assert "risk_sets" not in details(loss)

"""Whether the risk sets of Cox's likelihood hold those who are at risk, or those who have left."""

import pytest
import torch
from oracles.recorded import record
from torch import Tensor, nn

torch.set_num_threads(1)
random = torch.Generator().manual_seed(1)
X = torch.randn(24, 4, generator=random)
TIME = torch.rand(24, generator=random) * 60
EVENT = (torch.arange(24) % 3 > 0).float()
METHODS = [(owner, name) for owner in (torch, Tensor) for name in ("argsort", "sort")]


def cox(order, log_sums=lambda risk: torch.logcumsumexp(risk, 0), count=None):
    count = count or (lambda gain, event: -(gain * event).sum() / event.sum())

    def loss(risk):
        rows = order()
        risk, event = risk[rows], EVENT[rows]
        return count(risk - log_sums(risk), event)

    return loss


def ascending():
    return torch.argsort(TIME)


def descending():
    return torch.argsort(TIME, descending=True)


def by_hand(risk):
    return (risk - risk.max()).exp().cumsum(0).add(1e-8).log() + risk.max()


def turned(risk):
    return risk.flip(0).exp().cumsum(0).log().flip(0)


def less_those_before(risk):
    each, before = risk.exp(), torch.logcumsumexp(risk, 0).exp()
    return (each.sum() - before + each).log()


def both(risk):
    each = risk.exp()
    before = each.cumsum(0)
    return (each.sum() - before + each).log() + 0 * before.log()


def column(risk):
    return torch.logcumsumexp(risk[:, None], 0).squeeze(1)


GONE = {
    "a function": cox(ascending),
    "by its name": cox(lambda: torch.argsort(input=TIME)),
    "a method": cox(lambda: TIME.argsort()),
    "sorted with its keys": cox(lambda: torch.sort(TIME)[1]),
    "sorted by a method": cox(lambda: TIME.sort(descending=False).indices),
    "by hand": cox(ascending, by_hand),
    "turned, of those at risk": cox(descending, turned),
    "a column": cox(ascending, column),
    "events picked": cox(ascending, count=lambda gain, event: -gain[event == 1].mean()),
    "their places picked": cox(
        ascending, count=lambda gain, event: -gain[event.nonzero().squeeze(1)].mean()
    ),
    "a product of vectors": cox(ascending, count=lambda gain, event: -gain @ event),
}
AT_RISK = {
    "descending": cox(descending),
    "by hand": cox(descending, by_hand),
    "turned": cox(ascending, turned),
}
UNTOLD = {
    "the negative times": cox(lambda: torch.argsort(-TIME)),
    "less those before": cox(ascending, less_those_before),
    "by sums that serve both": cox(ascending, both),
    "not by a sort": cox(lambda: torch.arange(24)),
    "another order": cox(lambda: (torch.argsort(TIME), torch.arange(24).flip(0))[1]),
    "a ranking, in which all count": cox(ascending, count=lambda gain, _: -gain.sum()),
    "no times, all the same": cox(lambda: torch.argsort(torch.zeros(24))),
    "nothing but a sum": lambda risk: risk[ascending()].logsumexp(0),
}


def details(loss, steps=4):
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def step():
        optimizer.zero_grad()
        loss(model(X).squeeze(1)).backward()
        optimizer.step()

    before = [vars(owner).get(name) for owner, name in METHODS]
    trace = record(step, optimizers=[optimizer], steps=steps)
    assert [vars(owner).get(name) for owner, name in METHODS] == before
    return [s.loss.details for s in trace.snapshots]


@pytest.mark.parametrize("loss", GONE.values(), ids=GONE)
def test_sums_over_those_who_have_left_are_seen(loss):
    found = [d for d in details(loss) if "risk_sets_sorted" in d]

    assert len(found) >= 2
    assert all(d["risk_sets_of_gone"] for d in found)


@pytest.mark.parametrize("loss", AT_RISK.values(), ids=AT_RISK)
def test_sums_over_those_at_risk_are_right(loss):
    found = [d for d in details(loss) if "risk_sets_sorted" in d]

    assert len(found) >= 2
    assert not any(d["risk_sets_of_gone"] for d in found)


@pytest.mark.parametrize("loss", UNTOLD.values(), ids=UNTOLD)
def test_of_others_nothing_is_known(loss):
    assert not any("risk_sets_sorted" in d for d in details(loss))


def test_runs_without_such_sums_sort_as_ever():
    seen = []

    def loss(risk):
        seen.append(torch.argsort)
        return risk.square().mean()

    details(loss)

    assert len(set(seen)) == 1

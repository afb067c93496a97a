"""What is wrong with a compiled network is found and named as it is uncompiled."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import lifesigns


class Network(nn.Module):
    def __init__(self, softmax=False, bias=0.0):
        super().__init__()
        self.first, self.act, self.last = nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3)
        self.out = nn.Softmax(-1) if softmax else nn.Identity()
        nn.init.constant_(self.first.bias, bias)

    def forward(self, x):
        return self.out(self.last(self.act(self.first(x))))


def found(make, compiled):
    torch._dynamo.reset()
    torch.manual_seed(0)
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    forward = torch.compile(model, backend="aot_eager") if compiled else model
    with lifesigns.watch(model, optimizer, every=1) as watcher:
        for _ in range(30):
            x = torch.randn(32, 8)
            optimizer.zero_grad()
            F.cross_entropy(forward(x), (x.sum(1) > 0).long()).backward()
            optimizer.step()
    return [(f.rule, f.site) for f in watcher.findings]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", [{"softmax": True}, {"bias": -30.0}])
def test_findings_are_those_of_the_uncompiled_network(options):
    expected = found(lambda: Network(**options), compiled=False)

    assert expected
    assert found(lambda: Network(**options), compiled=True) == expected

"""Optimizers whose eps is 0 in the numbers of their parameters are told."""

import pytest
import torch
from torch import nn


@pytest.mark.parametrize(
    ("kind", "make", "told"),
    [
        (torch.float16, torch.optim.Adam, ("Adam",)),
        (torch.float16, torch.optim.RMSprop, ("RMSprop",)),
        (torch.float16, lambda p: torch.optim.Adam(p, eps=1e-4), ()),
        (torch.float16, lambda p: torch.optim.Adam(p, eps=6e-8), ()),
        (torch.float16, lambda p: torch.optim.SGD(p, 0.1), ()),
        (torch.bfloat16, torch.optim.Adam, ()),
        (torch.float32, torch.optim.Adam, ()),
    ],
)
def test_an_eps_that_half_precision_rounds_to_0_is_told(recording, kind, make, told):
    model = nn.Linear(3, 1).to(kind)
    recorder, optimizer = recording(every=1), make(model.parameters())

    model(torch.randn(4, 3).to(kind)).square().mean().backward()
    optimizer.step()
    recorder.stop()

    assert recorder.trace().rounded_eps == told

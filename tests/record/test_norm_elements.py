"""Over how many elements a normalisation goes is told where it is one."""

import pytest
import torch
from torch import nn
from training_steps import sgd


@pytest.mark.parametrize(
    ("norm", "shape", "elements"),
    [
        (nn.LayerNorm(1), (8, 5, 1), [1]),
        (nn.LayerNorm((1, 1)), (8, 1, 1), [1]),
        (nn.LayerNorm(4), (8, 4), [None]),
        (nn.LayerNorm((4, 1)), (8, 4, 1), [None]),
        (nn.GroupNorm(4, 4), (8, 4), [1]),
        (nn.GroupNorm(4, 4), (8, 4, 3), [None]),
        (nn.GroupNorm(2, 4), (8, 4), [None]),
        (nn.BatchNorm1d(4), (8, 4), [None]),
    ],
)
def test_a_normalisation_over_one_element_is_told(recording, norm, shape, elements):
    recorder, optimizer = recording(every=1), sgd(norm)

    norm(torch.randn(shape)).square().mean().backward()
    optimizer.step()
    recorder.stop()

    (shot,) = recorder.trace().snapshots
    found = [s.details.get("elements") for s in shot.graph.sites if s.kind.value == "norm"]
    assert found == elements

"""What the tests of edits share."""

import pytest
import torch
from small_run import Net
from torch.utils.data import DataLoader, TensorDataset

from lifesigns.remedies import LiveRun


@pytest.fixture
def run():
    torch.manual_seed(0)
    model = Net()
    loader = DataLoader(TensorDataset(torch.arange(64.0)), batch_size=16)
    return LiveRun(model, torch.optim.SGD(model.parameters(), lr=0.1), loader)

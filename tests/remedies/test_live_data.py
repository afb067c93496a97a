"""Edits of a live run: what the loader hands out."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lifesigns.remedies import LiveRun, Refusal
from lifesigns.remedies.shuffle import Shuffle
from lifesigns.remedies.standardise_inputs import StandardiseInputs


def test_the_loader_shuffles_and_hands_out_each_sample_once(run):
    Shuffle().apply(run)

    epochs = [torch.cat([x for (x,) in run.loader]) for _ in range(2)]
    assert not torch.equal(epochs[0], torch.arange(64.0))
    assert not torch.equal(*epochs)
    assert torch.equal(epochs[0].sort().values, torch.arange(64.0))


def test_a_loader_that_shuffles_already_is_left_alone(run):
    loader = DataLoader(TensorDataset(torch.arange(8.0)), shuffle=True)

    assert isinstance(Shuffle().apply(LiveRun(run.model, run.optimizer, loader)), Refusal)


def test_inputs_are_standardised_by_the_batch_in_training_and_by_all_in_evaluation():
    model = nn.Sequential(nn.Identity())
    x = torch.randn(64, 4) * torch.tensor([1.0, 1e3, 1e-2, 1.0]) + 7

    with StandardiseInputs(4).apply(LiveRun(model)):
        trained = model(x)
        for _ in range(300):
            model(x)
        model.eval()
        one = model(x[:1])

    assert torch.allclose(trained.mean(0), torch.zeros(4), atol=1e-3)
    assert torch.allclose(trained.std(0), torch.ones(4), atol=0.1)
    assert torch.allclose(one, trained[:1], atol=0.1)

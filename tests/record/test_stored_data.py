"""Whether reading a data set changes it is seen where its loader is begun."""

import gc
import weakref

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

import lifesigns
from lifesigns.record.measure.stored_data import MOST, StoredLooks
from lifesigns.store import read_run

EPOCHS = 6
NOISE = np.random.default_rng(0)


class Noisy(Dataset):
    """Adds noise to what it holds, or to a copy."""

    def __init__(self, x, change):
        self.x, self.change = x, change

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.change(self.x, index)


def in_place(x, index):
    one = x[index]
    one += torch.randn(3) if isinstance(one, torch.Tensor) else NOISE.standard_normal(3)
    return torch.as_tensor(one).float()


def as_copy(x, index):
    return torch.as_tensor(x[index]).float() + torch.randn(3)


def exchanged(x, index):
    x[index] = torch.randn(3) * 9
    return x[index].clone()


def trained(dataset, epochs=EPOCHS, **watched):
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    with lifesigns.watch(**watched) as watcher:
        for _ in range(epochs):
            for x in DataLoader(dataset, batch_size=16):
                optimizer.zero_grad()
                model(x[0] if isinstance(x, list) else x).square().mean().backward()
                optimizer.step()
    return watcher.report.trace.stored


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("data", [torch.randn(64, 3), np.ones((64, 3)) * [3, 1, 0]])
@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: Subset(d, range(60))])
def test_what_is_written_on_the_data_is_seen(data, wrap, tmp_path):
    held = data.clone() if isinstance(data, torch.Tensor) else data.copy()
    before = float((held**2).mean()) ** 0.5
    (stored,) = seen = trained(wrap(Noisy(held, in_place)), save=tmp_path / "a.run")

    assert (stored.looks, stored.changes) == (EPOCHS, EPOCHS - 1)
    assert stored.first == pytest.approx(before, rel=1e-6)  # all of so few numbers are looked at
    assert stored.latest > 1.3 * stored.first
    assert read_run(tmp_path / "a.run").stored == seen


def test_normalising_in_place_is_seen_up_to_where_it_ends():
    def normalised(x, index):
        one = x[index]
        one -= 98
        one /= 21
        return one.clone()

    (stored,) = trained(Noisy(98 + 21 * torch.randn(64, 3), normalised), epochs=20)

    assert 4 <= stored.changes == stored.looks - 1 < 10
    assert stored.first > 10 * stored.latest


@pytest.mark.parametrize("change", [as_copy, exchanged])
def test_a_copy_or_samples_that_are_exchanged_are_not(change):
    assert trained(Noisy(torch.randn(64, 3), change)) == ()


def test_tensors_side_by_side_that_stay_are_not():
    assert trained(TensorDataset(torch.randn(64, 3), torch.randn(64, 1))) == ()


def test_a_loader_that_is_begun_for_each_batch_is_looked_at_once_a_step():
    looks, data = StoredLooks(), Noisy(torch.randn(64, 3), in_place)
    for step in (0, 0, 1, 1, 1, 2):
        data.x += 0.1 * torch.randn(64, 3)
        looks.note(DataLoader(data), step)

    assert [(one.looks, one.changes) for one in looks.stored()] == [(3, 2)]


def test_no_data_are_kept_alive_and_no_more_than_a_few_are_followed():
    looks, data = StoredLooks(), [Noisy(torch.randn(8, 3), as_copy) for _ in range(MOST + 1)]
    for one in data:
        looks.note(DataLoader(one), 0)
        one.x += 0.1
    for one in data:
        looks.note(DataLoader(one), 1)
    held = [weakref.ref(one.x) for one in data]
    del one, data
    gc.collect()

    assert not any(ref() is not None for ref in held)
    assert len(list(looks.stored())) == MOST


@pytest.mark.parametrize(
    "held",
    [None, "text", torch.arange(9), torch.empty(3, device="meta"), np.arange(3), torch.zeros(0)],
)
def test_data_without_numbers_to_read_are_left_alone(held):
    looks = StoredLooks()
    for step in range(3):
        looks.note(DataLoader(Noisy(held, as_copy), sampler=[0]), step)

    assert list(looks.stored()) == []

"""How often a program begins its loaders is counted, and nothing of it is left behind."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import (
    DataLoader,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

import lifesigns
from lifesigns.record.schedule.loaders import MOST, Loaders
from lifesigns.records import Loader, Severity
from lifesigns.store import read_run

DATA = TensorDataset(torch.randn(40, 3), torch.randn(40, 1))


def trained(batches, **watched):
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with lifesigns.watch(**watched) as watcher:
        for x, y in batches():
            optimizer.zero_grad()
            F.mse_loss(model(x), y).backward()
            optimizer.step()
    return watcher.report.trace


def epochs():
    for _ in range(3):
        yield from DataLoader(DATA, batch_size=8, shuffle=True)


def first_ones():
    loader = DataLoader(DATA, batch_size=8)
    for _ in range(6):
        yield next(iter(loader))


def test_a_loader_is_begun_once_an_epoch_or_in_each_step():
    assert trained(epochs).loaders == (Loader(40, 8, begun=3, steps=3),)
    assert trained(first_ones, every=4).loaders == (Loader(40, 8, begun=6, steps=6),)


def test_the_run_file_holds_them(tmp_path):
    live = trained(epochs, save=tmp_path / "run.ls")

    assert read_run(tmp_path / "run.ls").loaders == live.loaders


def test_data_that_cannot_be_counted_are_not_asked():
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            yield from zip(*DATA.tensors, strict=True)

        def __len__(self):
            raise AssertionError("nobody asks")

    assert trained(lambda: DataLoader(Stream(), batch_size=8)).loaders == ()


@pytest.mark.parametrize(
    ("options", "empty"),
    [
        ({"drop_last": True}, (40,)),
        ({"drop_last": True, "sampler": SubsetRandomSampler(range(7))}, (7,)),
        ({"drop_last": True, "batch_size": 40}, ()),
        ({"shuffle": True}, ()),
        ({"sampler": SubsetRandomSampler(range(7))}, ()),
    ],
)
def test_a_loader_without_a_batch_is_told(options, empty):
    loaders = Loaders()
    loaders.note(DataLoader(DATA, **{"batch_size": 64, **options}), 0)

    assert tuple(one.samples for one in loaders.loaders() if one.is_empty) == empty


def test_an_empty_run_names_the_loader_that_gave_nothing():
    with lifesigns.watch() as watcher:
        for _ in range(3):
            for _batch in DataLoader(DATA, batch_size=64, drop_last=True):
                raise AssertionError("there is none")

    (finding,) = watcher.report.findings
    assert (finding.rule, finding.severity) == ("loader-gives-nothing", Severity.ERROR)
    assert watcher.report.trace.loaders == (Loader(40, 64, 3, 1, is_empty=True),)


def test_of_very_many_kinds_the_first_are_told_apart():
    loaders = Loaders()
    for samples in range(1, 100):
        loaders.note(DataLoader(range(samples), batch_size=2), 0)

    assert len(loaders.loaders()) == MOST


def test_iterating_is_what_it_was_afterwards():
    before = DataLoader.__iter__

    trained(epochs)

    assert DataLoader.__iter__ is before


@pytest.mark.parametrize(
    ("weights", "draws", "noted"), [(2, 40, (Loader(40, 8, 1, 1, weights=2),)), (40, 80, ())]
)
def test_a_sampler_of_few_weights_is_told(weights, draws, noted):
    sampler = WeightedRandomSampler([0.5] * weights, draws)
    loaders = Loaders()
    loaders.note(DataLoader(DATA, batch_size=8, sampler=sampler), 0)

    assert loaders.loaders() == noted

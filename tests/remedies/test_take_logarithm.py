"""From what least value, and in what unit, the logarithm of an input is taken."""

import pytest
import torch
from torch import nn

from lifesigns.records import BatchReading, Finding, Severity, UnitSums
from lifesigns.remedies import LiveRun
from lifesigns.remedies.take_logarithm import TakeLogarithm, made_for
from lifesigns.rules.testing import chain, snapshot, trace

HEAVY = Finding(
    *("heavy-tailed-input", "", Severity.WARNING, "", "", 0, "", "", ""),
    why="",
    evidence={"whole": 1000.0},
)


def made(values, shape=None):
    """The edits for a batch of which the features stand in the last dimension."""
    batch = BatchReading(shape or tuple(values.shape), UnitSums.of(values.numpy()))
    return list(made_for(HEAVY, trace(snapshot(chain("linear"), batch=batch))))


def amounts(*scales):
    generator = torch.Generator().manual_seed(0)
    return torch.exp(3 * torch.randn(2048, len(scales), generator=generator)) * torch.tensor(scales)


def test_one_least_value_and_one_unit_do_for_what_is_alike():
    raw = amounts(1.0, 3.0)
    values = (raw - raw.mean()) / raw.std()

    (edit,) = made(values, (32, 2, 8, 8))

    assert edit.least == pytest.approx([values.min().item()], rel=1e-3)
    assert len(edit.unit) == 1
    with edit.apply(LiveRun(model := nn.Identity())):
        given, tokens = model(values), model(torch.arange(8))
    assert torch.corrcoef(torch.stack([given[:, 0], raw[:, 0].log()]))[0, 1] > 0.75
    assert torch.equal(tokens, torch.arange(8))
    assert torch.equal(model(values), values), "in the context only"


def test_the_columns_of_a_table_have_numbers_of_their_own():
    raw = amounts(1.0, 1e6) + torch.tensor([0.0, 5.0])
    values = (raw - raw.mean(0)) / raw.std(0)

    (edit,) = made(values)
    with edit.apply(LiveRun(model := nn.Identity())):
        given = model(values)

    assert edit.least == pytest.approx(values.amin(0).tolist(), rel=1e-3)
    for column, other in zip(given.T, raw.T - raw.amin(0)[:, None], strict=True):
        assert torch.corrcoef(torch.stack([column, other.clamp_min(1e-3).log()]))[0, 1] > 0.75


def test_columns_that_are_not_spread_are_left_alone_and_so_are_the_others():
    assert made(torch.cat([amounts(1.0), torch.rand(2048, 1)], 1)) == []
    assert made(torch.zeros(2048, 2)) == []


def test_values_below_the_least_one_give_nothing_and_a_column_that_stands_still_as_well():
    (edit,) = made(torch.cat([amounts(1.0), 7 * torch.ones(2048, 1)], 1))

    with edit.apply(LiveRun(model := nn.Identity())):
        given = model(torch.tensor([[-1.0, 7.0]]))

    assert given.tolist() == [[0.0, 0.0]]
    assert isinstance(edit, TakeLogarithm)

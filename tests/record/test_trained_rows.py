"""Whether a table that a network is evaluated on was trained on, and has a scale of its own."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import lifesigns
from lifesigns.record.measure.trained_rows import TrainedRows


def scaled(x, by=None, correction=1):
    by = x if by is None else by
    return (x - by.mean(0)) / by.std(0, correction=correction)


def trained(table, given, *, noise=0.0, epochs=6, size=50):
    """What is told of the evaluation of a table after epochs of training."""
    torch.manual_seed(0)
    network = nn.Linear(table.shape[1], 1)
    optimizer = torch.optim.SGD(network.parameters(), 0.01)
    watcher = lifesigns.watch(network, strict=True, every=1)
    for _ in range(epochs):
        for rows in torch.randperm(len(table)).split(size):
            x = table[rows] + noise * torch.randn(len(rows), table.shape[1])
            optimizer.zero_grad()
            F.mse_loss(network(x), x[:, :1]).backward()
            optimizer.step()
    with torch.no_grad():
        network(given)
    return watcher.detach().trace.evaluations[0].own_scale


@pytest.fixture
def tables():
    torch.manual_seed(1)
    return torch.randn(200, 4), 2 * torch.randn(100, 4) + 1


@pytest.mark.parametrize("correction", [0, 1])
def test_a_held_out_table_scaled_by_itself(tables, correction):
    own = trained(scaled(tables[0]), scaled(tables[1], correction=correction))

    assert (own.columns, own.varied) == (4, 4)


def test_one_scaled_by_the_training(tables):
    assert trained(scaled(tables[0]), scaled(tables[1], by=tables[0])).columns == 0


def test_codes_of_two_levels_and_constants_are_not_counted(tables):
    codes = (torch.arange(100) % 2).float()[:, None]
    table, held_out = (scaled(one) for one in tables)
    held_out = torch.cat([held_out, 2 * codes - 1, codes * 0], 1)

    own = trained(torch.cat([table, torch.ones(200, 2)], 1), held_out)

    assert (own.columns, own.varied) == (4, 5)


def test_what_was_trained_on_is_not_looked_at(tables):
    table, held_out = (scaled(one) for one in tables)

    assert trained(table, table) is None
    assert trained(table, torch.cat([table, held_out])) is None


def test_nor_is_anything_where_no_row_of_the_training_returns(tables):
    table, held_out = (scaled(one) for one in tables)

    assert trained(table, held_out, noise=0.1) is None
    assert trained(table, held_out, epochs=1) is None


def test_the_whole_table_in_each_batch(tables):
    table, held_out = (scaled(one) for one in tables)

    assert trained(table, held_out, size=200).columns == 4
    assert trained(table, table, size=200) is None


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_rows_are_told_again_in_any_type_and_layout(dtype):
    table = torch.randn(9, 5).to(dtype)
    rows = TrainedRows()
    rows.note(table[:4])
    rows.note(table[3:])

    assert not rows.strangers(table)
    assert not rows.strangers(table.t().contiguous().t())
    assert rows.strangers(table[4:])


def test_zeros_of_either_sign_are_the_same():
    rows = TrainedRows()
    rows.note(torch.zeros(2, 3))
    rows.note(-torch.zeros(2, 3))

    assert not rows.strangers(-torch.zeros(4, 3))


def test_other_forms_say_nothing():
    rows = TrainedRows()
    assert rows.strangers(torch.randn(3, 4)) is None
    rows.note(torch.randn(0, 4))
    rows.note(torch.randn(3, 4, 2))
    assert rows.strangers(torch.randn(3, 4)) is None
    rows.note(torch.randn(3, 4))
    rows.note(torch.randn(3, 5))
    assert rows.strangers(torch.randn(3, 5)) is None
    assert rows.strangers(torch.randn(0, 4)) is None
    assert not rows.strangers(torch.randn(3, 4))  # no row has returned

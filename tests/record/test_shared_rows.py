"""The numbers of fields that look up one table."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)
SIZES = torch.tensor([12, 5, 3])
ROWS = int(SIZES.sum())
X = torch.stack([torch.arange(60) % size for size in SIZES], 1)
STARTS = torch.cumsum(SIZES, 0) - SIZES


class Network(nn.Module):
    """A table of weights, and how it is looked up."""

    def __init__(self, look, table):
        super().__init__()
        self.table, self.look, self.out = table, look, nn.Linear(4, 1)

    def forward(self, x):
        return self.out(self.look(self.table, x))


def known(look, table=None, x=X):
    torch.manual_seed(0)
    model = Network(look, nn.Embedding(ROWS, 4) if table is None else table)
    found = snapshot(lambda: model(x).square().mean().backward(), model).loss.details
    return {word: value for word, value in found.items() if "fields" in word}


def details(look, table=None, x=X):
    found = known(look, table, x)
    return {word: value for word, value in found.items() if not word.startswith("given")}


def told(rows=ROWS, sizes=SIZES, number=0):
    found = {f"rows_of_fields_{number}": rows, f"samples_of_fields_{number}": len(X)}
    found[f"fields_of_table_{number}"] = len(sizes)
    for i, size in enumerate(sizes):
        found |= {f"lowest_of_fields_{number}_{i}": 0.0}
        found |= {f"highest_of_fields_{number}_{i}": float(size) - 1}
    return found


LOOKS = {
    "a matrix": lambda table, x: table(x).sum(1),
    "a transposed matrix": lambda table, x: table(x.t().contiguous().t()).sum(1),
    "in 32 bits": lambda table, x: table(x.int()).sum(1),
    "an index of the weights": lambda table, x: table.weight[x].sum(1),
    "column by column": lambda table, x: sum(table(x[:, i]) for i in range(3)),
    "columns that stay matrices": lambda table, x: sum(table(x[:, [i]]) for i in range(3)).sum(1),
    "a column twice": lambda table, x: sum(table(x[:, i]) for i in (0, 1, 1, 2)),
    "a table of another type": lambda table, x: table.weight.double()[x].sum(1).float(),
    "twice": lambda table, x: (table(x) * table(x)).sum(1),
}


@pytest.mark.parametrize("name", LOOKS)
def test_however_a_table_is_looked_up(name):
    assert details(LOOKS[name]) == told()


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_of_fields(mode):
    table = nn.EmbeddingBag(ROWS, 4, mode=mode)
    assert details(lambda t, x: t(x), table) == told()
    assert details(lambda t, x: t(x.t().contiguous().t()), table) == told()


def test_bags_of_several_sizes_are_no_fields():
    ends = torch.tensor([0, 2, *range(6, 180, 3)])
    found = details(lambda t, x: t(x.flatten(), ends), nn.EmbeddingBag(ROWS, 4))
    assert found == {}


def test_fields_that_follow_one_another_have_no_ends_here():
    found = details(LOOKS["a matrix"], x=X + STARTS)
    assert found == {k: v for k, v in told().items() if "est_" not in k}


def test_a_second_table_of_the_same_fields_is_left_out():
    tables = nn.ModuleList([nn.Embedding(ROWS, 1), nn.Embedding(ROWS, 4)])
    assert details(lambda t, x: (t[0](x) + t[1](x)).sum(1), tables) == told()
    assert (
        details(lambda t, x: sum(t[0](x[:, i]) + t[1](x[:, i]) for i in (0, 1, 2)), tables)
        == told()
    )


def test_tables_of_other_fields_have_numbers():
    tables = nn.ModuleList([nn.Embedding(ROWS, 4), nn.Embedding(30, 4)])
    found = details(lambda t, x: t[0](x).sum(1) + t[1](x[:, :2].clone()).sum(1), tables)
    assert found == told() | told(30, SIZES[:2], 1)


NONE = {
    "one field": lambda table, x: table(x[:, 0]),
    "several dimensions": lambda table, x: table(x.reshape(20, 3, 3)).sum((1, 2)).repeat(3, 1),
    "what was computed": lambda table, x: (table.weight * 2)[x].sum(1),
    "tables that were joined": lambda table, x: torch.cat([table.weight] * 2)[x].sum(1),
    "rows and columns": lambda table, x: table.weight[x[:, 0], x[:, 2]][:, None].repeat(1, 4),
}


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_table_of_several_fields(name):
    assert details(NONE[name]) == {}


def test_fields_with_a_table_of_their_own_share_none():
    tables = nn.ModuleList(nn.Embedding(20, 4) for _ in SIZES)
    assert details(lambda t, x: sum(table(x[:, i]) for i, table in enumerate(t)), tables) == {}


def test_a_small_table_and_many_columns_are_left_alone():
    assert details(LOOKS["a matrix"], nn.Embedding(12, 4)) == {}
    wide = X.repeat(1, 30)
    assert details(LOOKS["a matrix"], x=wide) == {}


def test_whether_the_fields_are_what_the_network_is_given():
    for look in ("a matrix", "column by column"):
        assert known(LOOKS[look])["given_as_fields_0"] == 1
    assert known(lambda t, x: t(x), nn.EmbeddingBag(ROWS, 4))["given_as_fields_0"] == 1
    assert known(lambda table, x: table(x.flip(1)).sum(1))["given_as_fields_0"] == 0


def test_those_of_numpys_memory_are_known_by_their_numbers():
    numpys = torch.from_numpy(X.numpy().copy())
    assert known(LOOKS["a matrix"], x=numpys)["given_as_fields_0"] == 1

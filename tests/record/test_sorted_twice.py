"""Rows that are laid out by an order, and by the same order again."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

N, T, D = 10, 6, 4
X = torch.randn(N, D, generator=torch.Generator().manual_seed(1))
ORDER = torch.tensor([3, 0, 9, 1, 2, 5, 4, 8, 6, 7])
BACK = ORDER.argsort()
OWN_INVERSE = torch.arange(N).flip(0)


class Sorted(nn.Module):
    """A network between two ways to lay rows out."""

    def __init__(self, first, last, mixed=False):
        super().__init__()
        self.before, self.body, self.after = (nn.Linear(D, D) for _ in range(3))
        self.first, self.last, self.mixed = first, last, mixed

    def forward(self, x):
        h = self.before(x)
        return self.after(self.last(self.body(self.first(h)).relu() + (h if self.mixed else 0)))


def details(model, x=X):
    torch.manual_seed(0)
    return snapshot(lambda: model(x).square().mean().backward(), model).loss.details


def put(index, name="index_put"):
    def rows(h):
        to = index if index.dim() > 1 else index[:, None].expand(-1, h.shape[1])
        match name:
            case "index_put":
                return torch.zeros_like(h).index_put((index,), h)
            case "in place":
                made = torch.empty_like(h)
                made[index] = h
                return made
            case "scatter" | "scatter_add":
                return getattr(torch.zeros_like(h), name)(0, to, h)
        return getattr(torch.zeros_like(h), name)(0, index, h)

    return rows


TAKES = {
    "index": lambda index: lambda h: h[index],
    "index_select": lambda index: lambda h: h.index_select(0, index),
    "gather": lambda index: lambda h: h.gather(0, index[:, None].expand(-1, h.shape[1])),
}
PUTS = ("index_put", "in place", "scatter", "scatter_add", "index_add", "index_copy")


@pytest.mark.parametrize("way", TAKES)
def test_the_order_is_told_and_its_inverse_is_not(way):
    take = TAKES[way]
    found = details(Sorted(take(ORDER), take(ORDER)))
    assert found["sorted_twice"] == (ORDER[ORDER] != torch.arange(N)).float().mean()
    assert found["sorted_rows"] == N
    assert "sorted_twice" not in details(Sorted(take(ORDER), take(BACK)))


@pytest.mark.parametrize("way", PUTS)
def test_rows_that_are_put_back_by_the_inverse_are_told(way):
    assert "sorted_twice" in details(Sorted(TAKES["index"](ORDER), put(BACK, way)))
    assert "sorted_twice" not in details(Sorted(TAKES["index"](ORDER), put(ORDER, way)))


def test_an_order_is_known_by_its_numbers():
    take = TAKES["index"]
    assert "sorted_twice" in details(Sorted(take(ORDER), take(ORDER.clone())))
    other = details(Sorted(take(BACK), take(BACK)))["sorted_order"]
    assert other != details(Sorted(take(ORDER), take(ORDER)))["sorted_order"]


@pytest.mark.parametrize(
    "index",
    [OWN_INVERSE, torch.arange(N).roll(1), torch.arange(N), ORDER.clamp(max=7)],
    ids=["its own inverse", "a shift", "no order", "no permutation"],
)
def test_these_are_no_orders_to_be_put_back(index):
    take = TAKES["index"]
    assert "sorted_twice" not in details(Sorted(take(index), take(index)))


def test_side_by_side_is_not_behind_one_another():
    model = Sorted(lambda h: h[ORDER] * h[ORDER].sigmoid(), TAKES["index"](BACK))
    assert "sorted_twice" not in details(model)


def test_both_sides_of_a_product_may_be_sorted():
    model = Sorted(lambda h: h[ORDER] * h.sum(1)[ORDER, None], TAKES["index"](ORDER))
    assert "sorted_twice" in details(model)


def test_layers_that_sort_and_put_back_by_one_order():
    def both(h):
        return h[ORDER].tanh()[BACK]

    assert "sorted_twice" not in details(Sorted(both, both))


def test_rows_that_are_mixed_with_others_are_not_sorted():
    take = TAKES["index"]
    assert "sorted_twice" not in details(Sorted(take(ORDER), take(ORDER), mixed=True))


def test_features_that_are_shuffled_are_no_rows():
    features = torch.tensor([1, 2, 3, 0])[torch.tensor([1, 0, 2, 3])]

    def shuffle(h):
        return h[:, features]

    assert "sorted_twice" not in details(Sorted(shuffle, shuffle))


def test_an_order_for_each_sample():
    x = torch.randn(3, N, D)
    order = torch.stack([ORDER, BACK, ORDER.roll(2)])

    def by(index):
        return lambda h: h.gather(1, index[..., None].expand(-1, -1, D))

    assert "sorted_twice" in details(Sorted(by(order), by(order)), x)
    assert "sorted_twice" not in details(Sorted(by(order), by(order.argsort(1))), x)


class Reader(nn.Module):
    """Sequences, sorted by their lengths for the packing, and put back."""

    def __init__(self, back, embedded=True, batch_first=True):
        super().__init__()
        self.embedding = nn.Embedding(20, D) if embedded else None
        self.rnn, self.back = nn.GRU(D, D, batch_first=batch_first), back
        self.rows = 0 if batch_first else 1

    def forward(self, x):
        lengths = torch.tensor([3, 6, 2, 5, 6, 1, 4, 2, 3, 5])
        order = lengths.argsort(descending=True, stable=True)
        x = x.index_select(self.rows, order)
        h = x if self.embedding is None else self.embedding(x)
        packed = pack_padded_sequence(h, lengths[order], batch_first=self.rows == 0)
        out, last = self.rnn(packed)
        out, _ = pad_packed_sequence(out, batch_first=self.rows == 0)
        back = order if self.back == "again" else order.argsort()
        return out.index_select(self.rows, back) if self.rows else last[:, back]


def batches():
    return {True: torch.randint(1, 20, (N, T)), False: torch.randn(N, T, D)}


@pytest.mark.parametrize("embedded", [True, False], ids=["tokens", "numbers"])
@pytest.mark.parametrize("batch_first", [True, False])
def test_data_that_are_sorted_before_they_have_a_gradient(embedded, batch_first):
    x = batches()[embedded]
    x = x if batch_first else x.transpose(0, 1).contiguous()
    assert "sorted_twice" in details(Reader("again", embedded, batch_first), x)
    assert "sorted_twice" not in details(Reader("back", embedded, batch_first), x)


def test_rows_of_a_batch_in_the_order_of_the_batch():
    model = Sorted(lambda h: h, TAKES["index"](ORDER))
    assert "sorted_twice" not in details(model)
    alike = X[:1].expand(N, -1)
    assert "sorted_twice" not in details(model, alike)


def test_what_hooks_hold_is_left_alone():
    take = TAKES["index"]
    with torch.autograd.graph.save_on_cpu():
        assert "sorted_twice" not in details(Sorted(take(ORDER), take(ORDER)))

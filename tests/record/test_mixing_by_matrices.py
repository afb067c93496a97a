"""Samples that a matrix relates: the nodes of a graph."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from asked import BATCH, asked, step
from torch import Tensor, nn

from lifesigns.record.recorder import Recorder


class Related(nn.Module):
    """Two layers, and something between them."""

    def __init__(self, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.between = between
        self.first, self.last = nn.Linear(8, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.between(self.first(x)))
        return out


def _classes(output: Tensor) -> Tensor:
    return F.cross_entropy(output, torch.arange(len(output)) % 3)


@pytest.mark.parametrize("first", [True, False])
def test_the_rows_that_a_matrix_relates_are_the_batch_and_not_the_matrix(first: bool) -> None:
    torch.manual_seed(0)

    class Graph(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.out = nn.Linear(8, 6), nn.Linear(6, 3)

        def forward(self, *given: Tensor) -> Tensor:
            edges, x = given if first else given[::-1]
            return self.out(edges @ self.layer(x).relu())

    edges, x = torch.rand(BATCH, BATCH).softmax(1), torch.randn(BATCH, 8)
    model, recorder = Graph(), Recorder(every=1, strict=True)
    recorder.start()
    _classes(model(edges, x) if first else model(x, edges)).backward()
    recorder.stop()

    (snapshot,) = recorder.trace().snapshots
    assert snapshot.batch is not None
    assert snapshot.batch.shape == (BATCH, 8)
    assert snapshot.mixing is not None
    assert snapshot.mixing.mixed == BATCH - 1


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta:UserWarning")
@pytest.mark.parametrize("sparse", [Tensor.to_sparse, Tensor.to_sparse_csr])
@pytest.mark.parametrize("product", [torch.matmul, torch.sparse.mm])
@pytest.mark.parametrize("others", [0, BATCH - 1])
def test_rows_are_related_by_a_sparse_matrix_too(
    sparse: Callable[[Tensor], Tensor], product: Callable[..., Tensor], others: int
) -> None:
    torch.manual_seed(0)
    edges = torch.rand(BATCH, BATCH).softmax(1) if others else torch.eye(BATCH)
    related, x = sparse(edges), torch.randn(BATCH, 8)
    model = Related(lambda values: product(related, values))

    def gradients(watched: bool) -> list[Tensor]:
        model.zero_grad()
        if watched:
            found = asked(step(model, x, _classes))
            assert found is not None
            assert found.mixed == others
        else:
            _classes(model(x)).backward()
        return [p.grad.clone() for p in model.parameters()]

    pairs = zip(gradients(True), gradients(False), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)

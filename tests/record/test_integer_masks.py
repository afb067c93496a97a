"""A mask of 0 and 1 that is of integers is told from booleans, and from rows that are looked up."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import nn

X = torch.randn(16, 3, generator=torch.Generator().manual_seed(1))
ONES = torch.tensor([0, 1, 1, 1] * 4)


def masked(pick, module=None):
    torch.manual_seed(0)
    model = module or nn.Linear(3, 5)

    def loss():
        pick(model(X)).square().mean().backward()

    details = snapshot(loss, model).loss.details
    return details.get("rows_by_integer_mask"), details.get("ones_of_integer_mask")


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_integers_of_0_and_1_are_a_mask(dtype):
    assert masked(lambda y: y[ONES.to(dtype)]) == (16, 12)


def test_along_a_later_dimension_and_along_two():
    assert masked(lambda y: y.T[:, ONES]) == (16, 12)
    assert masked(lambda y: y[ONES.unsqueeze(1).expand(16, 5)]) == (80, 60)


OTHERS = {
    "booleans": lambda y: y[ONES.bool()],
    "an order": lambda y: y[torch.arange(16).flip(0)],
    "one number": lambda y: y[torch.ones_like(ONES)],
    "fewer than the rows": lambda y: y[ONES[:12]],
    "two rows": lambda y: y[:2][ONES],
    "one place of each row": lambda y: y[torch.arange(16), ONES],
    "hardly any rows": lambda y: y[:4][ONES[:4]],
}


@pytest.mark.parametrize("name", OTHERS)
def test_anything_else_is_none(name):
    assert masked(OTHERS[name]) == (None, None)


class Table(nn.Module):
    """Rows of a parameter, by the class of each sample."""

    def __init__(self):
        super().__init__()
        self.rows = nn.Parameter(torch.randn(16, 5))

    def forward(self, x):
        return self.rows[ONES] + x.sum()


def test_a_parameter_is_a_table():
    assert masked(lambda y: y, Table()) == (None, None)

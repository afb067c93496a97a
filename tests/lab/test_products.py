import contextlib

import pytest
import torch

from lifesigns.lab import products
from lifesigns.lab.products import exact_products, onednn_is_exact

torch.set_num_threads(1)


def weights(members=32, width=64, dtype=torch.float32):
    return [torch.randn(members, width, width + 1, dtype=dtype)]


def setting():
    return torch.backends.mkldnn.matmul.fp32_precision


def test_products_inside_are_as_exact_as_outside():
    a, b = torch.randn(8, 64, 65), torch.randn(8, 65, 32)
    exact, size = torch.bmm(a.double(), b.double()), torch.bmm(a.abs(), b.abs())

    with exact_products(weights(), 64):
        found = torch.bmm(a, b)

    assert ((found - exact) / size).abs().max() < 1e-6


@pytest.mark.skipif(not onednn_is_exact(), reason="this processor or torch has no choice")
def test_the_users_setting_is_back_afterwards_even_after_an_error():
    before, inside = setting(), []

    def failing():
        with exact_products(weights(), 64):
            inside.append(setting())
            raise KeyError

    with pytest.raises(KeyError):
        failing()

    assert inside == ["bf16"]
    assert setting() == before


@pytest.mark.parametrize(
    "case", [weights(members=1), weights(width=8), weights(dtype=torch.float64)]
)
def test_small_products_and_double_precision_are_left_alone(case):
    assert isinstance(exact_products(case, 64), contextlib.nullcontext)


def test_a_processor_that_rounds_to_bfloat16_is_left_alone(monkeypatch):
    def rounding(a, b):
        return torch.matmul(a.bfloat16().float(), b.bfloat16().float())

    onednn_is_exact.cache_clear()
    monkeypatch.setattr(products, "bmm", rounding)
    try:
        assert isinstance(exact_products(weights(), 64), contextlib.nullcontext)
    finally:
        onednn_is_exact.cache_clear()

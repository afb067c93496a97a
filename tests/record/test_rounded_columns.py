"""Columns that float32 rounds to multiples of its spacing far from 0."""

import numpy as np
import pytest
import torch
from oracles.recorded import snapshot
from torch import nn

ROWS = 256


def uniform(n=ROWS, seed=0):
    return np.random.default_rng(seed).uniform(size=n)


def details(x):
    x = torch.as_tensor(x, dtype=torch.float32)
    model = nn.Linear(x.shape[-1] if x.dim() > 1 else ROWS, 2)
    return snapshot(lambda: model(x).square().mean().backward(), model).loss.details


def column(values):
    return np.stack([uniform(len(values), 1), values], 1)


ROUNDED = {
    "Julian dates": (2_457_000.5 + 900 * uniform(), 0.25),
    "seconds since 1970": (1.7e9 + 86_400 * uniform(), 128.0),
    "metres to the north": (5.4e6 + 900 * uniform(), 0.5),
    "west of Greenwich": (-5.4e6 + 900 * uniform(), 0.5),
    "over a power of two": (2.0**22 + 900 * (uniform() - 0.5), 0.25),
}


@pytest.mark.parametrize("name", ROUNDED)
def test_the_spacing_and_what_is_left_are_told(name):
    values, spacing = ROUNDED[name]
    found = details(column(values))

    given = values.astype(np.float32)
    assert found["rounded_column"] == 1
    assert found["rounded_spacing"] == spacing == np.spacing(np.abs(given).min())
    assert found["rounded_level"] == pytest.approx(given.astype(float).mean())
    left = given.astype(float).std(ddof=1) / spacing
    assert found["rounded_left"] == pytest.approx(left, rel=1e-4)
    nearest = np.diff(np.unique(given.astype(float))).min()
    assert found["rounded_next"] == nearest / spacing == 1


def test_places_of_sequences_are_rows():
    x = column(2_457_000.5 + 900 * uniform()).reshape(32, 8, 2)

    assert details(x)["rounded_column"] == 1


def test_values_of_a_coarser_unit_are_further_apart():
    hours = 1.7e9 + 3600 * np.arange(ROWS)

    assert details(column(hours))["rounded_next"] >= 28


OTHERS = {
    "usual numbers": uniform(),
    "far numbers with room": 300 + uniform(),
    "years": 2000 + np.arange(ROWS) % 30,
    "identities": 9_000_000 + np.arange(ROWS),
    "a constant": np.full(ROWS, 2_457_000.5),
    "a constant that was computed": 1 + 1e-7 * uniform(),
    "few values": 2_457_000.5 + np.arange(ROWS) % 8 * 4,
    "not finite": np.where(np.arange(ROWS) == 3, np.nan, 2_457_000.5 + 900 * uniform()),
}


@pytest.mark.parametrize("name", OTHERS)
def test_others_are_not_told(name):
    assert "rounded_column" not in details(column(OTHERS[name]))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_types_are_not_looked_at(dtype):
    x = torch.as_tensor(column(2_457_000.5 + 900 * uniform())).to(dtype)
    model = nn.Linear(2, 2).to(dtype)
    taken = snapshot(lambda: model(x).square().mean().backward(), model)

    assert "rounded_column" not in taken.loss.details


@pytest.mark.parametrize("shape", [(0, 2), (4, 2), (32, 0, 2)])
def test_few_rows_and_none(shape):
    model = nn.Linear(2, 2)
    x = torch.full(shape, 2_457_000.5)
    taken = snapshot(lambda: model(x).square().sum().backward(), model)

    assert "rounded_column" not in taken.loss.details

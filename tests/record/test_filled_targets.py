"""One number in the middle of a column of targets, and what the network answers there."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)

ROWS, TASKS = 64, 4


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


GAPS = torch.rand(ROWS, TASKS, generator=torch.Generator().manual_seed(1)) < 0.4
FULL = 1 + drawn(ROWS, TASKS)


def squared(given, target):
    return ((given - target) ** 2).mean()


def details(target, loss_fn=F.mse_loss):
    torch.manual_seed(0)
    model = nn.Linear(3, target.shape[1] if target.dim() == 2 else 1)
    x, answers = drawn(len(target), 3, seed=2), []

    def step():
        given = model(x) if target.dim() == 2 else model(x).squeeze(1)
        answers.append(given.detach())
        loss_fn(given, target).backward()

    return snapshot(step, model).loss.details, answers[0]


@pytest.mark.parametrize("loss_fn", [F.mse_loss, F.l1_loss, F.huber_loss, squared])
def test_gaps_that_were_filled_are_told(loss_fn):
    target = (FULL - 1).masked_fill(GAPS, 0.0)
    found, answers = details(target, loss_fn)

    assert (found["filled_columns"], found["target_columns"]) == (TASKS, TASKS)
    assert found["filled_with"] == 0
    assert found["filled_share"] == pytest.approx(GAPS.float().mean().item())
    y, p, gone = target.double().numpy(), answers.double().numpy(), GAPS.numpy()
    columns = range(TASKS)
    at_gaps = np.mean([np.square(p[gone[:, i], i]).mean() for i in columns])
    at_others = np.mean([np.square(p[~gone[:, i], i]).mean() for i in columns])
    assert found["filled_answers"] == pytest.approx(np.sqrt(at_gaps / at_others), rel=1e-4)
    each = [np.corrcoef(p[~gone[:, i], i], y[~gone[:, i], i])[0, 1] for i in columns]
    assert found["measured_correlation"] == pytest.approx(np.mean(each), rel=1e-4)


@pytest.mark.parametrize("loss_fn", [F.mse_loss, squared])
def test_the_mean_is_a_number_as_well(loss_fn):
    found, _ = details(FULL.masked_fill(GAPS, 0.9), loss_fn)

    assert found["filled_with"] == pytest.approx(0.9)


def test_a_single_column_and_a_single_dimension():
    target = (FULL[:, :1] - 1).masked_fill(GAPS[:, :1], 0.0)

    assert details(target)[0]["filled_columns"] == 1
    assert details(target.squeeze(1))[0]["filled_columns"] == 1


OTHERS = {
    "all different": FULL,
    "rain": (FULL - 1).relu(),
    "counts": FULL.round(),
    "signs": FULL.sign(),
    "a far number": FULL.masked_fill(GAPS, -9.0),
    "few": FULL.masked_fill(drawn(ROWS, TASKS) > 1.9, 1.0),
    "none but one": torch.ones(ROWS, TASKS),
    "a few rows": (FULL - 1).masked_fill(GAPS, 0.0)[:16],
    "steps of a tenth": ((FULL - 1) * 5).round().div(5).masked_fill(GAPS, 0.0),
    "not known": FULL.masked_fill(GAPS, float("nan")),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_targets_are_not(name):
    assert "filled_columns" not in details(OTHERS[name])[0]


def of_known(given, target):
    return F.mse_loss(given[~GAPS], target[~GAPS])


def masked(given, target):
    return ((given - target) ** 2 * ~GAPS).sum() / (~GAPS).sum()


def masked_before(given, target):
    return F.mse_loss(given * ~GAPS, target)


def masked_each(given, target):
    return (F.mse_loss(given, target, reduction="none") * ~GAPS).sum()


def chosen(given, target):
    return torch.where(GAPS, 0.0, (given - target) ** 2).mean()


@pytest.mark.parametrize("loss_fn", [of_known, masked, masked_before, masked_each, chosen])
@pytest.mark.parametrize("shift", [0, 1])
def test_what_a_mask_leaves_out_does_not_count(loss_fn, shift):
    target = (FULL - shift).masked_fill(GAPS, 0.0)

    assert "filled_columns" not in details(target, loss_fn)[0]

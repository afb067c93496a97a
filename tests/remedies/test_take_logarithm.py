"""The logarithm of an input is taken from its least value, in units of the median distance."""

import torch
from torch import nn

from lifesigns.records import BatchReading, Finding, Severity
from lifesigns.remedies import LiveRun
from lifesigns.remedies.take_logarithm import TakeLogarithm, made_for
from lifesigns.rules.testing import chain, snapshot, sums, trace

HEAVY = Finding(*("heavy-tailed-input", "", Severity.WARNING, "", "", 0, "", "", "", ""))


def amounts(*scales):
    generator = torch.Generator().manual_seed(0)
    return torch.exp(3 * torch.randn(2048, len(scales), generator=generator)) * torch.tensor(scales)


def test_of_a_table_each_column_has_a_unit_of_its_own_and_what_stands_still_gives_nothing():
    raw = torch.cat([amounts(1.0, 1e6), 7 * torch.ones(2048, 1)], 1)
    expected = (raw / raw.median(0).values).log1p()

    with TakeLogarithm(by_column=True).apply(LiveRun(model := nn.Identity())):
        given = model((raw - raw.mean(0)) / raw.std(0).clamp_min(1e-9))

    assert torch.allclose(given[:, :2], expected[:, :2], atol=0.02)
    assert not given[:, 2].any()


def test_the_first_batch_says_what_is_least_for_all_that_follow():
    first, model = amounts(1.0, 3.0), nn.Identity()

    with TakeLogarithm().apply(LiveRun(model)):
        whole, part = model(first), model(first[:5])
        below, tokens = model(-torch.ones(2)), model(torch.arange(3))

    assert torch.equal(whole[:5], part)
    assert torch.equal(below, torch.zeros(2))
    assert torch.equal(tokens, torch.arange(3))
    assert torch.equal(model(first), first), "in the context only"


def test_only_inputs_with_two_dimensions_are_a_table():
    for shape, by_column in (((64, 3), True), ((64, 3, 8, 8), False)):
        batch = BatchReading(shape, sums(amounts(1.0, 2.0, 3.0)))
        known = trace(snapshot(chain("linear"), batch=batch))

        assert list(made_for(HEAVY, known)) == [TakeLogarithm(by_column)]

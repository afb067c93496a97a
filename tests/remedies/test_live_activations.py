"""Edits of a live run: activations, norms and how weights start."""

import pytest
import torch
from small_run import batch
from torch import nn
from torch.nn import functional as F

from lifesigns.records import Kind, Site
from lifesigns.remedies import LiveRun, Refusal
from lifesigns.remedies.drop_activation import DropActivation
from lifesigns.remedies.initialise import Initialise
from lifesigns.remedies.insert_activation import InsertActivation
from lifesigns.remedies.insert_norm import InsertNorm
from lifesigns.remedies.insert_residual import InsertResidual
from lifesigns.remedies.scale_scores import ScaleScores
from lifesigns.remedies.softmax_dim import SoftmaxDim
from lifesigns.remedies.swap_activation import SwapActivation
from lifesigns.remedies.testing import site

HIDDEN, OUTPUT = site(":sigmoid#0"), site(":sigmoid#1")


def test_activations_are_swapped_at_the_sites_only(run):
    x, _ = batch()
    model = run.model
    expected = model.last(F.gelu(model.second(F.relu(model.first(x))))).sigmoid()

    with SwapActivation((HIDDEN,), "relu").apply(run):
        SwapActivation((site("act:tanh#0"),), "gelu").apply(run)

        assert torch.equal(model(x), expected)
        assert torch.equal(model(x), expected), "calls are counted anew in each pass"

    assert isinstance(model.act, nn.GELU)
    assert not torch.equal(model(x), expected), "a function is changed in the context only"


def test_a_dropped_activation_hands_on_what_entered_it(run):
    x, _ = batch()
    logits = torch.logit(run.model(x))

    with DropActivation(OUTPUT).apply(run):
        assert torch.allclose(run.model(x), logits, atol=1e-5)


def test_a_dropped_module_becomes_the_identity(run):
    DropActivation(site("act:tanh#0")).apply(run)

    assert isinstance(run.model.act, nn.Identity)


def test_an_activation_is_inserted_behind_a_layer(run):
    x, _ = batch()
    expected = run.model.first(x).relu()

    with InsertActivation(("first",)).apply(run):
        assert torch.equal(run.model.first(x), expected)


def test_a_norm_is_trained_in_the_same_way_as_the_rest(run):
    InsertNorm((site("act:tanh#0"),)).apply(run)

    norm, act = run.model.act
    assert isinstance(norm, nn.LayerNorm)
    assert isinstance(act, nn.Tanh)
    assert run.optimizer.param_groups[1]["params"] == [norm.weight, norm.bias]
    assert run.optimizer.param_groups[1]["lr"] == 0.1


def test_channels_are_normalised_over_the_batch():
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU())
    channels = Site("1", "relu", 0, Kind.ACTIVATION, (8, 3, 4, 4), unit_dim=1)

    InsertNorm((channels,)).apply(LiveRun(model))

    assert isinstance(model[1][0], nn.BatchNorm2d)
    assert model[1][0].num_features == 3


def test_a_norm_is_refused_where_a_function_is_called(run):
    assert "function" in InsertNorm((HIDDEN,)).apply(run).reason


def test_a_layer_is_led_around(run):
    h = torch.randn(3, 8)
    expected = h + run.model.second(h)

    with InsertResidual(("second",)).apply(run):
        assert torch.equal(run.model.second(h), expected)


def test_a_layer_that_changes_the_width_is_not_led_around(run):
    assert isinstance(InsertResidual(("first",)).apply(run), Refusal)


@pytest.mark.parametrize(("scheme", "spread"), [("he", 2 / 400), ("glorot", 2 / 800)])
def test_weights_are_drawn_with_the_spread_of_the_scheme(scheme, spread):
    model = nn.Sequential(nn.Linear(400, 400), nn.Conv1d(1, 1, 1))
    nn.init.zeros_(model[0].weight)
    kept = model[1].weight.clone()

    Initialise(scheme).apply(LiveRun(model))

    assert model[0].weight.var().item() == pytest.approx(spread, rel=0.02)
    assert not model[0].bias.any()
    assert torch.equal(model[1].weight, kept)


def test_a_softmax_runs_over_the_classes_as_module_and_in_calls():
    model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=0))
    x, _ = batch()
    logits = model[0](x)

    SoftmaxDim(site("1:softmax#0")).apply(LiveRun(model))
    with SoftmaxDim(site(":log_softmax#0")).apply(LiveRun(model)):
        made, outside = model(x), F.log_softmax(logits, 0)

    assert torch.equal(made, logits.softmax(1))
    assert torch.equal(outside, logits.log_softmax(1))


def test_scores_get_a_deviation_of_one_in_the_first_step_and_keep_their_scale():
    class Chooser(nn.Module):
        def __init__(self):
            super().__init__()
            self.by_module = nn.Softmax(1)

        def forward(self, x):
            return self.by_module(x), x.softmax(1)

    sites = tuple(Site(module, "softmax", 0, Kind.SOFTMAX, (64, 5)) for module in ("by_module", ""))
    model, scores = Chooser(), 30 * torch.randn(64, 5)
    deviation = (scores - scores.mean(1, keepdim=True)).square().mean().sqrt()
    masked = torch.cat([scores, torch.full((64, 1), -torch.inf)], 1)

    with ScaleScores(sites).apply(LiveRun(model)):
        first, later = model(masked), model(2 * masked)
    with ScaleScores(sites).apply(LiveRun(model)):
        small = model(scores / 100)

    assert all(torch.allclose(each, (masked / deviation).softmax(1)) for each in first)
    assert all(torch.allclose(each, (2 * masked / deviation).softmax(1)) for each in later)
    assert all(torch.equal(each, (scores / 100).softmax(1)) for each in small)

"""Edits of a live run: each does what it says, and nothing else."""

import copy

import pytest
import torch
from small_run import step
from torch import nn

from lifesigns.remedies import Both, LiveRun
from lifesigns.remedies.batch_first import BatchFirst
from lifesigns.remedies.clip_gradient import ClipGradient
from lifesigns.remedies.clip_less import ClipLess
from lifesigns.remedies.copy_data import CopyData
from lifesigns.remedies.create_graph import CreateGraph
from lifesigns.remedies.drop_activation import DropActivation
from lifesigns.remedies.eval_mode import EvalMode
from lifesigns.remedies.exchange_axes import ExchangeAxes
from lifesigns.remedies.give_probabilities import GiveProbabilities
from lifesigns.remedies.guard_domain import GuardDomain
from lifesigns.remedies.hold_rate import HoldRate
from lifesigns.remedies.ignore_shown import IgnoreShown
from lifesigns.remedies.initialise import Initialise
from lifesigns.remedies.insert_activation import InsertActivation
from lifesigns.remedies.insert_norm import InsertNorm
from lifesigns.remedies.insert_residual import InsertResidual
from lifesigns.remedies.invert_mask import InvertMask
from lifesigns.remedies.invert_weights import InvertWeights
from lifesigns.remedies.keep_precision import KeepPrecision
from lifesigns.remedies.log_input import LogInput
from lifesigns.remedies.match_shapes import MatchShapes
from lifesigns.remedies.mean_reduction import MeanReduction
from lifesigns.remedies.minimise import Minimise
from lifesigns.remedies.name_blank import NameBlank
from lifesigns.remedies.negate_scores import NegateScores
from lifesigns.remedies.optimize_all import OptimizeAll
from lifesigns.remedies.pick_own_class import PickOwnClass
from lifesigns.remedies.reattach import Reattach
from lifesigns.remedies.reparameterise import Reparameterise
from lifesigns.remedies.samples_first import SamplesFirst
from lifesigns.remedies.scale_rate import ScaleRate
from lifesigns.remedies.shift_input import ShiftInput
from lifesigns.remedies.shuffle import Shuffle
from lifesigns.remedies.shuffle_together import ShuffleTogether
from lifesigns.remedies.softmax_dim import SoftmaxDim
from lifesigns.remedies.standardise_inputs import StandardiseInputs
from lifesigns.remedies.standardise_targets import StandardiseTargets
from lifesigns.remedies.sum_of_sizes import SumOfSizes
from lifesigns.remedies.swap_activation import SwapActivation
from lifesigns.remedies.swap_loss import SwapLoss
from lifesigns.remedies.tell_mode import TellMode
from lifesigns.remedies.testing import site
from lifesigns.remedies.train_longer import TrainLonger
from lifesigns.remedies.train_mode import TrainMode
from lifesigns.remedies.train_parameters import TrainParameters
from lifesigns.remedies.transpose_target import TransposeTarget
from lifesigns.remedies.unscale_first import UnscaleFirst
from lifesigns.remedies.warm_up import WarmUp
from lifesigns.remedies.weigh_by_missing import WeighByMissing
from lifesigns.remedies.weigh_terms import WeighTerms
from lifesigns.remedies.zero_grad import ZeroGrad

HIDDEN, OUTPUT = site(":sigmoid#0"), site(":sigmoid#1")


EVERY = [
    SwapActivation((HIDDEN, site("act:tanh#0")), "relu"),
    DropActivation(OUTPUT),
    InsertActivation(("first",), "tanh"),
    InsertNorm((site("act:tanh#0"),)),
    InsertResidual(("second",)),
    Initialise("he"),
    ScaleRate(0.1),
    HoldRate(),
    BatchFirst(),
    GuardDomain("sqrt"),
    GuardDomain("exp"),
    KeepPrecision(),
    ClipLess(),
    WarmUp(5),
    ClipGradient(),
    ZeroGrad(),
    TrainMode(),
    EvalMode(),
    TellMode(),
    TrainParameters(("first.weight",)),
    OptimizeAll(),
    Reattach(),
    Shuffle(),
    StandardiseInputs(4),
    StandardiseTargets(),
    SwapLoss("mse_loss", "binary_cross_entropy"),
    MatchShapes((1,), ()),
    MeanReduction(),
    Minimise("loss"),
    LogInput("kl_div"),
    SoftmaxDim(site(":softmax#0")),
    WeighTerms("mse_loss", 0.1),
    SamplesFirst(),
    CopyData(),
    CreateGraph(),
    InvertMask(),
    InvertWeights(),
    SumOfSizes(),
    ExchangeAxes(),
    NameBlank(0),
    NegateScores(),
    TransposeTarget("mse_loss", 0, 0),
    Reparameterise(),
    PickOwnClass(),
    WeighByMissing(2.0),
    GiveProbabilities(),
    IgnoreShown(),
    Both(StandardiseInputs(4), ScaleRate(0.1)),
]


@pytest.mark.parametrize("edit", EVERY, ids=lambda edit: edit.name)
def test_other_parameters_and_the_random_numbers_stay(run, edit):
    before = copy.deepcopy(dict(run.model.named_parameters()))
    state = torch.get_rng_state()

    with edit.apply(run):
        assert torch.equal(torch.get_rng_state(), state)
        after = dict(run.model.named_parameters())
        assert before.keys() <= after.keys()
        for name in before:
            same = torch.equal(before[name], after[name])
            assert same or edit.name == "initialise", name
        step(run)

    assert all(torch.isfinite(p).all() for p in run.model.parameters())


@pytest.mark.parametrize("edit", EVERY, ids=lambda edit: edit.name)
def test_nothing_that_was_hooked_in_outlives_the_context(run, edit):
    with edit.apply(run):
        pass

    modules = list(run.model.modules())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in modules)
    assert not run.optimizer._optimizer_step_pre_hooks
    assert not run.optimizer._optimizer_step_post_hooks
    assert not nn.modules.module._global_forward_hooks
    assert not nn.modules.module._global_forward_pre_hooks
    assert not torch.overrides._get_current_function_mode_stack()


def test_what_only_the_source_can_say_is_refused(run):
    assert "source" in TrainLonger().apply(run).reason
    assert "source" in UnscaleFirst().apply(run).reason
    assert "source" in ShiftInput().apply(run).reason
    assert "source" in ShuffleTogether().apply(run).reason
    assert "source" in MeanReduction(handwritten=True).apply(run).reason


def test_a_run_without_what_is_to_be_changed_is_refused(run):
    bare = LiveRun(run.model)

    assert "optimizer" in ScaleRate(0.1).apply(bare).reason
    assert "DataLoader" in Shuffle().apply(bare).reason
    assert "no module 9" in SwapActivation((site("9:relu#0"),), "gelu").apply(bare).reason
    assert "no parameter" in TrainParameters(("9.weight",)).apply(bare).reason
    assert "Conv2d" in Initialise("he", ("Conv2d",)).apply(bare).reason
    assert "optimizer" in Both(StandardiseInputs(4), ScaleRate(0.1)).apply(bare).reason
    assert not run.model._forward_pre_hooks, "the first of both is undone"

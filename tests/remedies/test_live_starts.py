"""Edits of a live run: layers, embeddings, samplers and targets as they were meant."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

from lifesigns.remedies import LiveRun, Refusal
from lifesigns.remedies.binarise_targets import BinariseTargets
from lifesigns.remedies.detach_difference import DetachDifference
from lifesigns.remedies.draw_normal import DrawNormal
from lifesigns.remedies.log_each import LogEach
from lifesigns.remedies.make_boolean import MakeBoolean
from lifesigns.remedies.match_names import MatchNames
from lifesigns.remedies.move_classes import MoveClasses
from lifesigns.remedies.reset_start import ResetStart
from lifesigns.remedies.separate_layers import SeparateLayers
from lifesigns.remedies.size_embeddings import SizeEmbeddings
from lifesigns.remedies.sort_downwards import SortDownwards
from lifesigns.remedies.transpose_pairs import TransposePairs
from lifesigns.remedies.turn_plateau import TurnPlateau
from lifesigns.remedies.turn_returns import TurnReturns
from lifesigns.remedies.weigh_each_sample import WeighEachSample


def test_each_place_of_a_list_gets_a_layer_of_its_own_that_is_trained():
    model = nn.ModuleList([nn.Linear(4, 1)] * 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    with SeparateLayers().apply(LiveRun(model, optimizer)):
        pass

    trained = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert len(set(model)) == 3
    assert all(id(p) in trained for p in model.parameters())
    assert isinstance(SeparateLayers().apply(LiveRun(model)), Refusal)


def test_noise_is_normal_in_training_and_stays_where_nothing_is_trained(run):
    x = torch.zeros(1000)

    with DrawNormal().apply(run):
        noise = torch.rand_like(x)
        with torch.no_grad():
            between = torch.rand_like(x)

    assert noise.min() < -1
    assert (between.min() >= 0, between.max() <= 1) == (True, True)


def test_a_sampler_of_class_weights_draws_all_samples():
    labels = torch.tensor([0] * 90 + [1] * 10)
    data = TensorDataset(torch.arange(100.0), labels)
    sampler = WeightedRandomSampler([1 / 90, 1 / 10], 1000)
    run = LiveRun(nn.Linear(1, 2), loader=DataLoader(data, sampler=sampler))

    with WeighEachSample().apply(run):
        drawn = list(sampler)

    assert len(set(drawn)) > 50
    assert 0.4 < labels[drawn].float().mean() < 0.6
    assert "each sample" in WeighEachSample().apply(run).reason


def test_layers_start_as_torch_draws_them_and_the_run_draws_what_it_would_have():
    model = nn.ModuleList([nn.LSTM(4, 64), nn.Linear(64, 1)])
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    torch.manual_seed(1)
    expected = torch.rand(3)

    torch.manual_seed(1)
    with ResetStart().apply(LiveRun(model)):
        drawn = torch.rand(3)

    assert all(p.abs().max() <= 1 / 8 for p in model.parameters())
    assert torch.equal(drawn, expected)


def test_embeddings_are_drawn_small_but_for_their_padding():
    model = nn.ModuleList([nn.Embedding(100, 16, padding_idx=3)])

    with SizeEmbeddings(0.1).apply(LiveRun(model)):
        weight = model[0].weight

    assert 0.09 < weight.std() < 0.11
    assert not weight[3].any()


def test_a_mask_of_a_binary_loss_is_0_and_1(run):
    logits, mask = torch.randn(8), torch.tensor([0.0, 255.0] * 4)
    expected = F.binary_cross_entropy_with_logits(logits, mask / 255)

    with BinariseTargets().apply(run):
        assert torch.equal(F.binary_cross_entropy_with_logits(logits, mask), expected)
        assert torch.equal(nn.BCEWithLogitsLoss()(logits, mask), expected)


def test_rows_hold_the_classes_of_one_place(run):
    scores = torch.randn(2, 3, 5, requires_grad=True)
    expected = scores.movedim(1, -1).reshape(-1, 3)

    with MoveClasses().apply(run):
        assert torch.equal(scores.view(-1, 3), expected)
        assert torch.equal(scores.reshape(10, 3), expected)
        assert torch.equal(scores.detach().view(-1, 3), scores.detach().flatten().view(-1, 3))
        assert scores.view(-1, 5).shape == (6, 5)


def test_a_mask_of_integers_picks_the_rows_where_it_is_1_and_numbers_of_rows_stay(run):
    rows = torch.arange(4.0, requires_grad=True)

    with MakeBoolean().apply(run):
        assert rows[torch.tensor([0, 1, 0, 1])].tolist() == [1, 3]
        assert rows[torch.tensor([0, 1, 2, 1])].tolist() == [0, 1, 2, 1]
        assert rows[torch.tensor([0, 1])].tolist() == [0, 1]


def test_data_is_sorted_downwards_and_scores_and_metrics_are_left_alone(run):
    times, scores = torch.tensor([1.0, 3.0, 2.0]), torch.tensor([1.0, 3.0, 2.0], requires_grad=True)

    with SortDownwards().apply(run):
        assert torch.argsort(times).tolist() == times.sort()[1].tolist() == [1, 2, 0]
        assert torch.argsort(scores).tolist() == [0, 2, 1]
        with torch.no_grad():
            assert times.argsort().tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    ("joined", "slope"),
    [
        (lambda z, q: z + (q - z), 1),
        (lambda z, q: q - z + z, 1),
        (lambda z, q: z - (z - q), 1),
        (lambda z, q: z + 0.5 * (q - z), 0.5),
        (lambda z, q: z + (z - q), 2),
    ],
)
def test_a_sum_with_a_difference_from_itself_goes_straight_through(run, joined, slope):
    z, q = torch.tensor([0.3, -2.0], requires_grad=True), torch.tensor([1.0, -1.0])
    before = joined(z, q)

    with DetachDifference().apply(run):
        made = joined(z, q)

    assert torch.equal(made, before)
    assert torch.autograd.grad(made.sum(), z)[0].tolist() == [slope, slope]


@pytest.mark.parametrize(
    "edit",
    [MatchNames("module."), LogEach(), TurnReturns(), TurnPlateau("max"), TransposePairs()],
)
def test_what_is_past_or_lost_in_a_live_run_is_refused(run, edit):
    assert isinstance(edit.apply(run), Refusal)

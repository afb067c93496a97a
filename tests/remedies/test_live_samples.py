"""Edits of a live run: data that stay as they are, samples that stay apart, words that are read."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from lifesigns.records import Graph, Kind, Trace
from lifesigns.remedies import LiveRun, find_manual
from lifesigns.remedies.add_positions import AddPositions
from lifesigns.remedies.add_starts import AddStarts
from lifesigns.remedies.copy_data import CopyData
from lifesigns.remedies.drop_norm import DropNorm
from lifesigns.remedies.exchange_axes import ExchangeAxes
from lifesigns.remedies.invert_mask import InvertMask
from lifesigns.remedies.mask_later import MaskLater
from lifesigns.remedies.round_targets import RoundTargets
from lifesigns.remedies.samples_first import SamplesFirst
from lifesigns.remedies.turn_momentum import TurnMomentum
from lifesigns.rules.testing import chain, snapshot


def test_the_states_of_both_directions_belong_to_one_sample(run):
    states = torch.randn(2, 5, 3)
    expected = torch.cat([states[0], states[1]], dim=1)

    with SamplesFirst().apply(run):
        assert torch.equal(states.view(5, -1), expected)


def test_fields_are_moved_behind_those_before(run):
    seen = []
    run.model = nn.Module()
    run.model.forward = lambda x: seen.append(x) or x
    fields = torch.tensor([[3, 1], [0, 2]])

    with AddStarts((0, 4)).apply(run):
        run.model(fields)
        run.model(torch.randn(2, 3))
    run.model(fields)

    assert torch.equal(seen[0], fields + torch.tensor([0, 4]))
    assert seen[1].shape == (2, 3)
    assert torch.equal(seen[2], fields)


def test_axes_of_samples_are_exchanged_and_views_whose_sizes_leave_it_open_stay(run):
    signal, image = torch.randn(7, 5, 3), torch.randn(7, 5, 5, 3)

    with ExchangeAxes().apply(run):
        assert torch.equal(signal.view(7, 3, 5), signal.permute(0, 2, 1))
        assert torch.equal(signal.reshape(7, 15), signal.flatten(1))
        assert torch.equal(image.reshape(-1, 3, 5, 5), image.permute(0, 3, 1, 2))
        assert torch.equal(image.view(7, 5, 3, 5).flatten(), image.flatten())
        assert signal.view(torch.int32).dtype is torch.int32


def test_axes_in_another_order_are_permuted_and_other_views_stay(run):
    x = torch.randn(7, 5, 3)

    with SamplesFirst().apply(run):
        assert torch.equal(x.view(5, 3, 7), x.permute(1, 2, 0))
        assert torch.equal(x.reshape(7, 15), x.flatten(1))
        assert torch.equal(x.flatten().view(-1, 5), x.reshape(21, 5))
        assert x.view(torch.int32).dtype is torch.int32


class InPlace(Dataset):
    """Normalises its rows where they are stored."""

    def __init__(self):
        self.rows = torch.full((8, 2), 3.0)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        row.sub_(1)
        return row.div_(2)


def test_rows_that_are_normalised_stay_as_they_are_stored():
    data = InPlace()
    run = LiveRun(nn.Linear(2, 1), loader=DataLoader(data, batch_size=4))

    with CopyData().apply(run):
        assert torch.equal(data[0], torch.ones(2))
        assert torch.equal(data[0], torch.ones(2))
    assert torch.equal(data.rows[0], torch.full((2,), 3.0))
    assert (
        "processes"
        in CopyData().apply(LiveRun(run.model, loader=DataLoader(data, num_workers=1))).reason
    )


def test_noise_that_is_added_leaves_the_target(run):
    clean, counts = torch.zeros(4), torch.zeros(4)

    with CopyData().apply(run):
        noisy = clean
        noisy += 1
        counts.add_(1)

    assert not clean.any()
    assert noisy.all()
    assert counts.all(), "what nobody takes is done in place"


@pytest.mark.parametrize("kind", [torch.bool, torch.float32])
def test_attention_reads_the_words_and_not_the_padding(kind):
    torch.manual_seed(0)
    model = nn.MultiheadAttention(4, 1, batch_first=True)
    x, words = torch.randn(2, 3, 4), torch.tensor([[True, True, False]] * 2)
    mask = words if kind is torch.bool else torch.zeros(2, 3).masked_fill(words, -torch.inf)
    expected = model(x, x, x, key_padding_mask=~words)[0]

    with InvertMask().apply(LiveRun(model)):
        assert torch.allclose(model(x, x, x, key_padding_mask=mask)[0], expected)
        assert torch.isfinite(model(x, x, x)[0]).all()


def test_scores_are_filled_on_the_other_side(run):
    scores, words = torch.zeros(3), torch.tensor([True, False, False])

    with InvertMask().apply(run):
        assert scores.masked_fill(words, -torch.inf).isinf().tolist() == [False, True, True]
        assert scores.masked_fill(words, 2.0).tolist() == [2, 0, 0]


def test_a_norm_over_one_value_becomes_the_identity():
    model = nn.Sequential(nn.LayerNorm(1), nn.Linear(1, 1))

    DropNorm("0").apply(LiveRun(model))

    assert isinstance(model[0], nn.Identity)
    assert "function" in DropNorm("").apply(LiveRun(model)).reason


def test_no_attention_reads_what_comes_later():
    torch.manual_seed(0)
    model, x = nn.MultiheadAttention(4, 1, batch_first=True), torch.randn(2, 3, 4)
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    expected = model(x, x, x, attn_mask=mask)[0]
    fused = F.scaled_dot_product_attention(x, x, x, is_causal=True)

    with MaskLater().apply(LiveRun(model)):
        assert torch.allclose(model(x, x, x)[0], expected)
    with MaskLater().apply(LiveRun(nn.Linear(1, 1))):
        by_hand = (x @ x.transpose(1, 2) / 2).softmax(-1) @ x
        assert torch.equal(F.scaled_dot_product_attention(x, x, x), fused)
        assert torch.allclose(x[:, 0].softmax(-1).sum(), torch.tensor(2.0))

    assert torch.allclose(by_hand, fused)


def test_equal_tokens_differ_from_place_to_place():
    model = nn.Sequential(nn.Embedding(5, 8))
    tokens = torch.zeros(2, 6, dtype=torch.long)
    plain = model(tokens)

    with AddPositions("0", 8).apply(LiveRun(model)):
        rows = model(tokens)[0]
        assert torch.equal(model(tokens[:, 0]), plain[:, 0]), "no sequence"

    assert len(rows.unique(dim=0)) == len(rows)
    assert torch.equal(model(tokens), plain)


@pytest.mark.parametrize(
    ("operations", "made"),
    [
        (("embedding", "linear", "softmax", "linear"), 1),
        (("embedding", "lstm", "softmax", "linear"), 0),
        (("linear", "softmax", "linear"), 0),
        (("embedding", "linear"), 0),
    ],
)
def test_positions_are_added_where_nothing_else_tells_places_apart(operations, made):
    graph = chain(*operations, batch=4)
    sites = tuple(
        replace(each, shape=(4, 6, 8)) if each.kind is Kind.EMBEDDING else each
        for each in graph.sites
    )
    trace = Trace(snapshots=(snapshot(Graph(sites, graph.edges)),), steps=1)

    found = find_manual("add-positions").made_for(None, trace)

    assert [(each.embedding, each.width) for each in found] == [("0", 8)] * made


def test_a_momentum_that_was_read_backwards_is_turned_round():
    model = nn.Sequential(nn.BatchNorm1d(2, momentum=0.99), nn.BatchNorm1d(2))

    TurnMomentum().apply(LiveRun(model))

    assert [norm.momentum for norm in model] == [0.01, 0.1]
    assert "momentum" in TurnMomentum().apply(LiveRun(model)).reason


def test_what_is_nearly_a_class_is_that_class(run):
    masks = torch.tensor([254.0, 10.0])

    with RoundTargets().apply(run):
        assert (masks / 255).long().tolist() == [1, 0]
        assert torch.tensor([True]).int().tolist() == [1]
    assert (masks / 255).long().tolist() == [0, 0]
